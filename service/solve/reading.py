"""Reading of a path: its vote, or the reason for its abstention."""

from service.paths.answer import answer_from_value
from service.paths.cot import parse_cot
from service.sandbox.base import Execution, Outcome
from service.solve.problem import PathResult
from service.types import PathKind, PathOutcome


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
