"""Reading of a path: its vote, or the reason for its abstention.

`read_path` is the only way from a text to a `PathResult`, for the solver and for `twinpath read`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from service.errors import SandboxError
from service.paths.answer import answer_from_value
from service.paths.cot import parse_cot
from service.paths.pot import extract_program
from service.paths.thinking import thought_chars
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
    """
    thought = await reader.read(partial(thought_chars, opened=opened), text)
    result = await _read_answer(
        index, kind, text, complete=complete, run_program=run_program, reader=reader, opened=opened
    )
    return replace(result, thought_chars=thought or 0)


async def _read_answer(
    index: int,
    kind: PathKind,
    text: str,
    *,
    complete: bool,
    run_program: RunProgram,
    reader: TextReader,
    opened: bool,
) -> PathResult:
    """As `read_path`, without the length of the thought."""
    aborted = PathResult(index, kind, PathOutcome.ABORTED, text)
    if kind is PathKind.COT:
        rationale = await reader.read(partial(read_rationale, index, complete=complete, opened=opened), text)
        return rationale or aborted
    program = await reader.read(lambda text: extract_program(text, complete=complete, opened=opened) or "", text)
    if program is None:
        return aborted
    if not program:
        return PathResult(index, kind, PathOutcome.UNPARSED, text, detail="no program in the text")
    try:
        execution = await run_program(program)
    except SandboxError as error:
        return PathResult(index, kind, PathOutcome.CRASHED, text, program=program, detail=first_line(error))
    if execution is None:
        return replace(aborted, program=program)
    return read_execution(index, text, program, execution)


def read_rationale(index: int, text: str, *, complete: bool, opened: bool = False) -> PathResult:
    """Result of a chain of thought.

    Args:
        index: position in the fixed order.
        text: text of the model.
        complete: whether the model ended the text itself.
        opened: whether the prompt opened a thought.
    """
    path = parse_cot(text, complete=complete, opened=opened)
    if path.answer is None:
        return PathResult(index, PathKind.COT, PathOutcome.UNPARSED, text, detail=path.detail)
    return PathResult(
        index,
        PathKind.COT,
        PathOutcome.VOTED,
        path.text,
        answer=path.answer,
        repaired=path.repaired,
        stated=path.stated,
    )


def read_execution(index: int, text: str, program: str, execution: Execution) -> PathResult:
    """Result of a program of thought.

    Args:
        index: position in the fixed order.
        text: text of the model.
        program: program in the text.
        execution: run of the program.
    """
    if execution.outcome is not Outcome.OK or execution.value is None:
        outcome = PathOutcome(execution.outcome.value)  # both enums share the names of failures
        return PathResult(index, PathKind.POT, outcome, text, program=program, detail=execution.detail)
    answer = answer_from_value(execution.value)
    if answer is None:
        detail = "the result of the program is not an answer"
        return PathResult(index, PathKind.POT, PathOutcome.UNPARSED, text, program=program, detail=detail)
    return PathResult(index, PathKind.POT, PathOutcome.VOTED, text, answer=answer, program=program)


def first_line(error: Exception) -> str:
    """First line of an error message, or the name of the error if it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0][:_MAX_DETAIL_CHARS]
