"""Reading of a path: its vote, or the reason for its abstention.

`read_path` is the only way from a text to a `PathResult`, for the solver and for `twinpath read`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

from service.errors import SandboxError
from service.paths.answer import answer_from_value
from service.paths.cot import parse_rationale
from service.paths.pot import find_program
from service.paths.thinking import Split, split_thinking
from service.sandbox.base import Execution, Outcome
from service.solve.problem import PathResult
from service.solve.text_reader import TextReader
from service.types import PathKind, PathOutcome

RunProgram = Callable[[str], Awaitable[Execution | None]]
"""Runs one program. None means that the run was aborted. Raises `SandboxError` if no program can be run."""

_MAX_DETAIL_CHARS = 200


async def read_path(
    index: int,
    kind: PathKind,
    text: str,
    *,
    complete: bool,
    run_program: RunProgram,
    reader: TextReader,
    opened: bool = False,
    stop: Sequence[str] = (),
) -> PathResult:
    """Result of a path, which is aborted if the program or the reader is.

    Args:
        index: position in the fixed order.
        kind: kind of path.
        text: text of the model.
        complete: whether the model ended the text itself.
        run_program: runs the program of a program of thought.
        reader: runs the parsers.
        opened: whether the prompt opened a thought.
        stop: strings that end the answer.
    """
    aborted = PathResult(index, kind, PathOutcome.ABORTED, text)
    split = partial(_split, complete=complete, opened=opened, stop=stop)
    if kind is PathKind.COT:
        return await reader.read(lambda text: read_rationale(index, *split(text)), text) or aborted
    path = await reader.read(lambda text: _read_program(index, *split(text)), text)
    if path is None or not path.program:
        return path or aborted
    try:
        execution = await run_program(path.program)
    except SandboxError as error:
        return replace(path, outcome=PathOutcome.CRASHED, detail=first_line(error))
    if execution is None:
        return replace(aborted, program=path.program)
    return read_execution(path, execution)


def _split(text: str, *, complete: bool, opened: bool, stop: Sequence[str]) -> tuple[Split, bool]:
    """Split a text, and end its answer at a stop string, which completes it."""
    split = split_thinking(text, opened=opened)
    end = min((place for string in stop if (place := split.answer.find(string)) >= 0), default=None)
    return (split, complete) if end is None else (replace(split, answer=split.answer[:end]), True)


def read_rationale(index: int, split: Split, complete: bool) -> PathResult:
    """Result of a chain of thought.

    Args:
        index: position in the fixed order.
        split: text of the model.
        complete: whether the model ended the text itself.
    """
    path, thought_chars = parse_rationale(split, complete=complete), len(split.thought)
    if path.answer is None:
        outcome = PathOutcome.UNPARSED
        return PathResult(index, PathKind.COT, outcome, split.text, detail=path.detail, thought_chars=thought_chars)
    return PathResult(
        index,
        PathKind.COT,
        PathOutcome.VOTED,
        path.text,
        answer=path.answer,
        repaired=path.repaired,
        stated=path.stated,
        thought_chars=thought_chars,
    )


def _read_program(index: int, split: Split, complete: bool) -> PathResult:
    """Program of thought before its program runs, or its result without one."""
    program = find_program(split.answer, complete=complete)
    return PathResult(
        index,
        PathKind.POT,
        PathOutcome.UNPARSED,
        split.text,
        program=program,
        detail="" if program else "no program in the text",
        thought_chars=len(split.thought),
    )


def read_execution(path: PathResult, execution: Execution) -> PathResult:
    """Result of a program of thought.

    Args:
        path: the path before its program ran.
        execution: run of the program.
    """
    if execution.outcome is not Outcome.OK or execution.value is None:
        # both enums share the names of failures
        return replace(path, outcome=PathOutcome(execution.outcome.value), detail=execution.detail)
    answer = answer_from_value(execution.value)
    if answer is None:
        return replace(path, detail="the result of the program is not an answer")
    return replace(path, outcome=PathOutcome.VOTED, answer=answer)


def first_line(error: Exception) -> str:
    """First line of an error message, or the name of the error if it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0][:_MAX_DETAIL_CHARS]
