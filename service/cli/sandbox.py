"""Programs in, outcomes out: rows of `{"id", "program"}` to rows of `{"id", "outcome", "answer", "seconds"}`.

It stands behind `twinpath sandbox`, for trying programs by hand and for reviewers. It promises one row out for each
row in, in the same order, as soon as the rows before it are done.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import TypedDict

from service.errors import InputError
from service.sandbox.base import Sandbox, Value


class ProgramRow(TypedDict):
    """A program to run."""

    id: str | int
    program: str


class OutcomeRow(TypedDict):
    """What came of it: `answer` is set exactly when `outcome` is "ok", `detail` says why it is not."""

    id: str | int
    outcome: str
    answer: str | None
    detail: str
    seconds: float


async def run_rows(rows: Iterable[object], sandbox: Sandbox, *, concurrency: int) -> AsyncIterator[OutcomeRow]:
    """Run every row's program, up to `concurrency` at a time, and yield the outcomes in the rows' order.

    Raises:
        InputError: a row is not `{"id": str, "program": str}`; the rows before it have been yielded.
        SandboxError: no program could be run.
    """
    running: deque[asyncio.Task[OutcomeRow]] = deque()
    try:
        for number, row in enumerate(rows, start=1):
            if len(running) == concurrency:
                yield await running.popleft()
            try:
                checked = _check(row, number)
            except InputError:
                while running:
                    yield await running.popleft()
                raise
            running.append(asyncio.create_task(_run(checked, sandbox)))
        while running:
            yield await running.popleft()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def answer_text(value: Value) -> str:
    """The value as a reader writes it: a string is itself, a list's items are in brackets."""
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
        raise InputError(f'row {number} is not {{"id": "…", "program": "…"}}', field="input")
    return ProgramRow(id=row["id"], program=row["program"])
