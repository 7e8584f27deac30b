"""A solution in OpenAI's words: the text of a reply, why it ended, what it used; and a problem out of a prompt.

The reply is the best rationale behind the voted answer, and ends with that answer. Where no rationale voted for it,
the answer stands alone. A stop sequence cuts the reply, as OpenAI documents; the paths are sampled as ever.
"""

import re
from collections.abc import Sequence
from typing import Literal

from service.openai_api.response import UsageDetails, UsageReport
from service.solution import PathResult, Solution
from service.types import PathKind, PathOutcome

NO_ANSWER = "No answer: the paths gave none that could be relied on."
_LABELS = re.compile(r"\A\s*(?:(?:Question|Problem|Q):\s*)?(.*?)(?:\s*\n\s*(?:Answer|Solution|A):)?\s*\Z", re.DOTALL)


def bare_problem(prompt: str) -> str:
    """The prompt without the labels that harnesses put around a problem: the prompt format adds its own."""
    match = _LABELS.match(prompt)
    return match[1] if match else prompt


def best_rationale(solution: Solution) -> PathResult | None:
    """The first counted rationale behind the answer, one that needed no repair before one that did."""
    behind = [
        path
        for path in solution.paths
        if path.kind is PathKind.COT and path.counted and path.answer is not None and path.answer == solution.answer
    ]
    return min(behind, key=lambda path: path.repaired, default=None)


def reply_text(solution: Solution, stop: Sequence[str]) -> str:
    """The reply, cut before the first stop sequence."""
    if solution.answer is None:
        text = NO_ANSWER
    else:
        conclusion = f"The answer is {solution.answer.text}"
        rationale = best_rationale(solution)
        text = rationale.text.strip() if rationale else ""
        if not text.endswith(conclusion):
            text = f"{text}\n{conclusion}".lstrip()
    return text[: min((place for string in stop if (place := text.find(string)) >= 0), default=len(text))]


def finish_reason(solution: Solution, max_tokens: int) -> Literal["stop", "length"]:
    """`length` where there is no answer and a path was cut off by the limit; a reply with an answer is whole."""
    cut = any(
        path.completion_tokens >= max_tokens for path in solution.paths if path.outcome is not PathOutcome.ABORTED
    )
    return "length" if solution.answer is None and cut else "stop"


def usage_of(solutions: Sequence[Solution]) -> UsageReport:
    """Every token of every path."""
    prompt = sum(path.prompt_tokens for solution in solutions for path in solution.paths)
    completion = sum(path.completion_tokens for solution in solutions for path in solution.paths)
    shown = [path for solution in solutions if (path := best_rationale(solution))]
    return UsageReport(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        completion_tokens_details=UsageDetails(
            reasoning_tokens=completion - sum(path.completion_tokens for path in shown)
        ),
    )
