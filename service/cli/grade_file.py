"""Command `twinpath grade --input F`: a file of responses."""

import json
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from service.cli.backend import Grade, grading_in_process, grading_over_http
from service.cli.columns import EXPECTED, ID, PROBLEM, RESPONSE
from service.cli.row_run import RunOptions, run_rows
from service.cli.row_task import ERROR, RowTask
from service.cli.table import Table
from service.schemas.batch import GRADE, GradeRow
from service.types import GradeVerdict


async def grade_file(table: Table, output: Path | None, options: RunOptions) -> int:
    """Grade every row that has no result yet. The arguments and errors are those of `run_rows`.

    Returns:
        Number of rows of this run that have an error.
    """

    def backend() -> AbstractAsyncContextManager[Grade]:
        if options.url:
            return grading_over_http(options.url, options.settings)
        return grading_in_process(options.settings, with_votes=any(_needs_vote(line) for _, line in table.rows()))

    return await run_rows(GRADING, table, output, backend, options)


def _needs_vote(line: bytes) -> bool:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(fields, dict) and fields.get("expected") is None


def _label(row: GradeRow) -> str:
    return row.grade.verdict.value if row.grade else ERROR


def _model(row: GradeRow) -> str:
    return row.grade.model if row.grade else ""


def _cells(row: GradeRow) -> list[str]:
    """Cells of a result, in the order of the columns."""
    grade = row.grade
    if grade is None:
        return []
    mistake = next((step for step in grade.steps if not step.holds), None)
    return [
        grade.verdict.value,
        grade.answer or "",
        grade.given or "",
        grade.basis.value,
        "" if grade.confidence is None else str(grade.confidence),
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
    columns=("verdict", "answer", "given", "basis", "confidence", "first_mistake", "should_be", "reason", "model"),
    cells=_cells,
    label=_label,
    model=_model,
    labels={
        GradeVerdict.CORRECT: "correct", GradeVerdict.INCORRECT: "incorrect", GradeVerdict.UNDECIDED: "undecided",
        ERROR: "with an error",
    },
    doubtful=(GradeVerdict.UNDECIDED,),
    has_own_seeds=False,  # responses to one problem share a vote
)  # fmt: skip
