"""Reply, finish reason and usage of an OpenAI completion."""

from collections.abc import Sequence
from typing import Literal

from service.schemas.openai_response import UsageDetails, UsageReport
from service.schemas.response import SolveResponse

NO_ANSWER = "No answer: no path gave an answer with enough confidence."


def reply_text(response: SolveResponse, stop: Sequence[str]) -> str:
    """Reply: the best explanation for the answer, then the answer, cut before the first stop sequence.

    Without an explanation for the answer, the reply is the answer. A stop sequence cuts the reply, not the paths.
    """
    if response.answer is None:
        text = NO_ANSWER
    else:
        conclusion = f"The answer is {response.answer}"
        explanation = response.explanation.cot
        text = explanation.text if explanation else ""
        if not text.endswith(conclusion):
            text = f"{text}\n{conclusion}".lstrip()
    return text[: min((place for string in stop if (place := text.find(string)) >= 0), default=len(text))]


def finish_reason(response: SolveResponse) -> Literal["stop", "length"]:
    """`length` if there is no answer and a token limit cut a path off, else `stop`."""
    return "length" if response.answer is None and response.paths.cut_off else "stop"


def usage_of(responses: Sequence[SolveResponse]) -> UsageReport:
    """Token usage over all paths. Thoughts, and paths that the replies do not show, are reasoning tokens."""
    prompt = sum(response.usage.prompt_tokens for response in responses)
    completion = sum(response.usage.completion_tokens for response in responses)
    shown = [response.explanation.cot.tokens for response in responses if response.explanation.cot]
    return UsageReport(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        completion_tokens_details=UsageDetails(reasoning_tokens=completion - sum(shown)),
    )
