"""Command `twinpath read`: rows of texts to rows of answers.

A row is one text, or answers to compare. `service.solve.reading` reads the texts, as it does for `/solve`.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypedDict, final

from service.cli.rows import in_order, json_rows
from service.components import sandbox_pool
from service.errors import InputError
from service.paths.answer import Answer
from service.paths.equality import are_equal
from service.sandbox.base import Execution, Sandbox
from service.settings import Settings
from service.solve.problem import PathResult
from service.solve.reading import read_path
from service.solve.text_reader import TextReader
from service.types import PathKind, PathOutcome

_EQUAL = "equal"
_ROWS_PER_WORKER = 4  # one slow program does not keep the other processes idle
_KINDS = (*(kind.value for kind in PathKind), _EQUAL)


@final
class ReadRow(TypedDict):
    """Reading of a text. `answer` is set if the outcome is "voted". Otherwise `detail` is the reason."""

    id: str | int
    answer: str | None
    stated: str | None
    repaired: bool
    outcome: str
    detail: str


@final
class EqualRow(TypedDict):
    """Comparison of answers: whether all of them are one class of the vote."""

    id: str | int
    equal: bool


@dataclass(frozen=True, slots=True)
class _Text:
    id: str | int
    kind: PathKind
    text: str
    complete: bool


@dataclass(frozen=True, slots=True)
class _Answers:
    id: str | int
    answers: tuple[str, ...]


async def read_and_print(settings: Settings, source: Path) -> None:
    """Read the rows of a file, and print one result per line. A terminal also gets a summary.

    Args:
        settings: settings of the sandbox.
        source: JSON Lines file, or `STANDARD_INPUT`.
    """
    summary = Summary()
    async with Reader(sandbox_pool(settings)) as reader:
        async for row in reader.read(json_rows(source), _ROWS_PER_WORKER * settings.sandbox_workers):
            print(json.dumps(row), flush=True)
            summary.add(row)
    if sys.stderr.isatty():
        print(summary, file=sys.stderr)


class Reader:
    """Reads rows. A context manager that starts the sandbox with the first program.

    Args:
        sandbox: sandbox for the programs, not started.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._start: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._start:
            await self._sandbox.close()

    async def read(
        self, rows: AsyncIterator[tuple[str, object]], concurrency: int
    ) -> AsyncIterator[ReadRow | EqualRow]:
        """Read every row, and yield the results in the order of the rows.

        Args:
            rows: place and content of each row, from `json_rows`.
            concurrency: maximum number of rows in progress.

        Raises:
            InputError: a row is invalid. The rows before it have been yielded.
            SandboxError: the sandbox cannot contain programs on this machine.
        """

        async def checked() -> AsyncIterator[_Text | _Answers]:
            async for place, row in rows:
                yield _check(row, place)

        async for result in in_order(checked(), self._read_row, concurrency):
            yield result

    async def _read_row(self, row: _Text | _Answers) -> ReadRow | EqualRow:
        if isinstance(row, _Answers):
            return EqualRow(id=row.id, equal=are_equal(row.answers))
        if row.kind is PathKind.POT:
            await self._started()  # raises if the sandbox does not start, which is not the program's failure
        path = await read_path(
            0, row.kind, row.text, complete=row.complete, run_program=self._run_program, reader=TextReader()
        )
        return _read_row(row, path)

    async def _run_program(self, program: str) -> Execution:
        return await self._sandbox.run(program)

    async def _started(self) -> None:
        if self._start is None:
            self._start = asyncio.create_task(self._sandbox.start())
        await asyncio.shield(self._start)


class Summary:
    """Counts of the results, for a person at a terminal."""

    def __init__(self) -> None:
        self._texts = self._pairs = self._equal = 0
        self._reasons: Counter[str] = Counter()

    def add(self, row: ReadRow | EqualRow) -> None:
        """Count one result."""
        if "equal" in row:
            self._pairs += 1
            self._equal += row["equal"]
            return
        self._texts += 1
        if row["answer"] is None:
            self._reasons[row["detail"] if row["outcome"] == PathOutcome.UNPARSED else row["outcome"]] += 1

    def __str__(self) -> str:
        """One line: number of rows, outcomes of the texts, and results of the comparisons."""
        parts = [f"Rows: {self._texts + self._pairs}."]
        if self._texts:
            reasons = ", ".join(f"{number} {reason}" for reason, number in self._reasons.most_common())
            abstained = self._reasons.total()
            listed = f" ({reasons})" if reasons else ""
            parts.append(f"Texts: {self._texts - abstained} voted, {abstained} abstained{listed}.")
        if self._pairs:
            parts.append(f"Comparisons: {self._equal} equal, {self._pairs - self._equal} not equal.")
        return " ".join(parts)


def _read_row(row: _Text, path: PathResult) -> ReadRow:
    return ReadRow(
        id=row.id,
        answer=_text(path.answer),
        stated=_text(path.stated),
        repaired=path.repaired,
        outcome=path.outcome.value,
        detail=path.detail,
    )


def _text(answer: Answer | None) -> str | None:
    return answer.text if answer else None


def _check(row: object, place: str) -> _Text | _Answers:
    if not isinstance(row, dict):
        raise InputError(f"{place}: a row must be a JSON object.", field="input")
    id_, kind, complete = row.get("id"), row.get("kind"), row.get("complete", True)
    if not isinstance(id_, str | int) or isinstance(id_, bool):
        raise InputError(f"{place}: `id` must be a string or an integer.", field="id")
    if kind not in _KINDS:
        raise InputError(f"{place}: `kind` must be one of {', '.join(_KINDS)}.", field="kind")
    if kind == _EQUAL:
        answers = row.get("answers")
        if not isinstance(answers, list) or len(answers) < 2 or not all(isinstance(text, str) for text in answers):
            raise InputError(f"{place}: `answers` must be a list of two or more strings.", field="answers")
        return _Answers(id_, tuple(answers))
    if not isinstance(row.get("text"), str):
        raise InputError(f"{place}: `text` must be a string.", field="text")
    if not isinstance(complete, bool):
        raise InputError(f"{place}: `complete` must be true or false.", field="complete")
    return _Text(id_, PathKind(kind), row["text"], complete)
