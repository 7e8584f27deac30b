"""Command `twinpath grade --input F`: a file of responses."""

from service.cli.backend import grading
from service.cli.columns import EXPECTED, ID, PROBLEM, RESPONSE
from service.cli.row_task import ERROR, RowTask
from service.schemas import GradeResponse
from service.schemas.batch import GRADE
from service.types import GradeVerdict


def _cells(grade: GradeResponse) -> list[str]:
    """Cells of a response, in the order of the columns."""
    mistake = next((step for step in grade.steps if not step.holds), None)
    return [
        grade.verdict.value,
        grade.answer or "",
        grade.given or "",
        grade.basis.value,
        "" if grade.confidence is None else str(grade.confidence),
        "" if grade.calibrated is None else str(grade.calibrated).lower(),
        mistake.text if mistake else "",
        (mistake.should_be or "") if mistake else "",
        grade.reason or "",
        grade.model,
    ]


GRADING = RowTask(
    title="Grading",
    done="graded",
    roles=(PROBLEM, ID, RESPONSE, EXPECTED),
    format=GRADE,
    columns=(
        "verdict", "answer", "given", "basis", "confidence", "calibrated", "first_mistake", "should_be", "reason",
        "model",
    ),
    cells=_cells,
    backend=grading,
    labels={
        GradeVerdict.CORRECT: "correct", GradeVerdict.INCORRECT: "incorrect", GradeVerdict.UNDECIDED: "undecided",
        ERROR: "with an error",
    },
    doubtful=(GradeVerdict.UNDECIDED,),
    has_own_seeds=False,  # responses to one problem share a vote
)  # fmt: skip
