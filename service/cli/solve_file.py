"""Command `twinpath solve --input F`: a file of problems."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from service.cli.backend import Solve, in_process, over_http
from service.cli.columns import ID, PROBLEM
from service.cli.row_run import RunOptions, run_rows
from service.cli.row_task import ERROR, RowTask
from service.cli.table import Table
from service.schemas.batch import SOLVE, BatchRow
from service.types import Verdict


async def solve_file(table: Table, output: Path | None, options: RunOptions) -> int:
    """Solve every row that has no result yet. The arguments and errors are those of `run_rows`.

    Returns:
        Number of rows of this run that have an error.
    """

    def backend() -> AbstractAsyncContextManager[Solve]:
        return over_http(options.url, options.settings) if options.url else in_process(options.settings)

    return await run_rows(SOLVING, table, output, backend, options)


def _label(row: BatchRow) -> str:
    return row.solution.verdict.value if row.solution else ERROR


def _model(row: BatchRow) -> str:
    return row.solution.model if row.solution else ""


def _cells(row: BatchRow) -> list[str]:
    """Cells of a result, in the order of the columns."""
    solution = row.solution
    if solution is None:
        return []
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
    label=_label,
    model=_model,
    labels={
        Verdict.LIKELY: "likely", Verdict.AGREED: "agreed", Verdict.UNSURE: "unsure", Verdict.TORN: "torn",
        Verdict.NONE: "without an answer", ERROR: "with an error",
    },
    doubtful=(Verdict.UNSURE, Verdict.TORN, Verdict.NONE),
    has_own_seeds=True,
)  # fmt: skip
