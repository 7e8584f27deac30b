"""Command `twinpath solve --input F`: a file of problems."""

from service.cli.backend import solving
from service.cli.columns import ID, PROBLEM
from service.cli.row_task import ERROR, RowTask
from service.schemas import SolveResponse
from service.schemas.batch import SOLVE
from service.types import Verdict


def _cells(solution: SolveResponse) -> list[str]:
    """Cells of a response, in the order of the columns."""
    cot, program = solution.explanation.cot, solution.explanation.program
    return [
        solution.answer or "",
        solution.verdict.value,
        str(solution.confidence),
        str(solution.calibrated).lower(),
        cot.text if cot else "",
        program.code if program else "",
        ", ".join(f"{vote.answer}: {vote.cot + vote.pot}" for vote in solution.votes),
        solution.status.value,
        solution.model,
    ]


SOLVING = RowTask(
    title="Solving",
    done="solved",
    roles=(PROBLEM, ID),
    format=SOLVE,
    columns=("answer", "verdict", "confidence", "calibrated", "explanation", "program", "votes", "status", "model"),
    cells=_cells,
    backend=solving,
    labels={
        Verdict.LIKELY: "likely", Verdict.AGREED: "agreed", Verdict.UNSURE: "unsure", Verdict.TORN: "torn",
        Verdict.NONE: "without an answer", ERROR: "with an error",
    },
    doubtful=(Verdict.UNSURE, Verdict.TORN, Verdict.NONE),
    has_own_seeds=True,
)  # fmt: skip
