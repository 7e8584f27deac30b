"""Paths that a token limit cut off, and their warning."""

from collections import Counter
from collections.abc import Sequence

from service.amounts import number
from service.engine.base import Completion, Finish
from service.solve.problem import PathResult, Problem
from service.types import PathOutcome, TokenLimit

_REACHED = 0.95  # the number of tokens of a thought is an estimate


def thinking_tokens(completion: Completion, thought_chars: int) -> int:
    """Number of tokens of a thought, by its share of the characters. It is exact for a thought without an answer.

    Args:
        completion: the sampled path.
        thought_chars: length of the thought, at the start of its text.
    """
    return round(completion.completion_tokens * thought_chars / len(completion.text)) if completion.text else 0


def limit_of(problem: Problem, completion: Completion, result: PathResult) -> TokenLimit | None:
    """Limit that cut a path off before its answer or its program, or None.

    Args:
        problem: the problem, with its limits.
        completion: the sampled path.
        result: the path as it was read, with the tokens of its thought.
    """
    if result.answer is not None or result.program is not None or result.outcome is PathOutcome.ABORTED:
        return None
    if completion.finish is Finish.LENGTH:
        is_whole = completion.completion_tokens >= problem.max_tokens
        return TokenLimit.MAX_TOKENS if is_whole else TokenLimit.CONTEXT
    budget = problem.thinking_tokens or 0  # one of 0 cuts no thought off
    return TokenLimit.THINKING_TOKENS if budget and result.thinking_tokens >= _REACHED * budget else None


def warning(problem: Problem, paths: Sequence[PathResult]) -> str:
    """Sentence on the limit that cut off the most paths. Empty if most of the counted paths were whole.

    Args:
        problem: the problem, with its limits.
        paths: paths of the problem.
    """
    counted = [path for path in paths if path.counted]
    limits = Counter(path.limit for path in counted if path.limit)
    if 2 * limits.total() <= len(counted):
        return ""
    limit, cut_off = limits.most_common(1)[0]
    thought = number(problem.thinking_tokens or 0, "token")
    reached = {
        TokenLimit.MAX_TOKENS: f"the limit of {number(problem.max_tokens, 'token')}; raise `max_tokens`",
        TokenLimit.THINKING_TOKENS: f"the limit of {thought} per thought; raise `thinking_tokens`",
        # The setting has another name on each engine, and a caller cannot change it.
        TokenLimit.CONTEXT: "the context length of the model; serve it with a longer one, or shorten the problem",
    }[limit]
    return f"{cut_off} of {number(len(counted), 'path')} reached {reached}."
