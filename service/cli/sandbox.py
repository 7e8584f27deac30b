"""Command `twinpath sandbox`: rows of programs to rows of outcomes."""

from collections.abc import AsyncIterator, Iterable
from functools import partial
from typing import TypedDict

from service.cli.rows import in_order
from service.errors import InputError
from service.sandbox.base import Sandbox, Value


class ProgramRow(TypedDict):
    """Program to run."""

    id: str | int
    program: str


class OutcomeRow(TypedDict):
    """Outcome of a program. `answer` is set if the outcome is "ok". Otherwise `detail` is the reason."""

    id: str | int
    outcome: str
    answer: str | None
    detail: str
    seconds: float


async def run_rows(rows: Iterable[object], sandbox: Sandbox, *, concurrency: int) -> AsyncIterator[OutcomeRow]:
    """Run the program of every row, and yield the outcomes in the order of the rows.

    Args:
        rows: rows with `id` and `program`.
        sandbox: a started sandbox.
        concurrency: programs that run at the same time.

    Raises:
        InputError: a row is not `{"id": str, "program": str}`. The rows before it have been yielded.
        SandboxError: the sandbox cannot run programs.
    """

    async def checked() -> AsyncIterator[ProgramRow]:
        for number, row in enumerate(rows, start=1):
            yield _check(row, number)

    async for outcome in in_order(checked(), partial(_run, sandbox=sandbox), concurrency):
        yield outcome


def answer_text(value: Value) -> str:
    """Text of a value. A string has no quotes, a list has brackets."""
    if isinstance(value, list):
        return "[" + ", ".join(answer_text(item) for item in value) + "]"
    return str(value)


async def _run(row: ProgramRow, sandbox: Sandbox) -> OutcomeRow:
    execution = await sandbox.run(row["program"])
    return OutcomeRow(
        id=row["id"],
        outcome=execution.outcome.value,
        answer=None if execution.value is None else answer_text(execution.value),
        detail=execution.detail,
        seconds=round(execution.seconds, 6),
    )


def _check(row: object, number: int) -> ProgramRow:
    if not isinstance(row, dict) or not isinstance(row.get("id"), str | int) or not isinstance(row.get("program"), str):
        raise InputError(f'Row {number} must be {{"id": "…", "program": "…"}}', field="input")
    return ProgramRow(id=row["id"], program=row["program"])
