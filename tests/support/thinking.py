"""Scripted thinking model: long thoughts, and a format with a switch."""

from service.engine.base import Sampling
from service.paths.base import Thoughts
from service.paths.chat import ChatFormat
from service.types import PathKind

DELIMITERS = ("<think>", "</think>")
THOUGHT_WORDS = 3000
"""Words of a thought."""
THOUGHT_TOKENS = 2 * THOUGHT_WORDS + 4
"""Tokens of a thought: the fake engine counts words and spaces, and four in the closing delimiter."""
_WORDS = "Perhaps the answer is 9 although everything deserves reconsideration".split()
THOUGHT_CHARS = THOUGHT_WORDS * len(" ".join([*_WORDS, ""])) // len(_WORDS)
"""Characters of a thought, about 25,000."""
ANSWERS = {PathKind.COT: "3 * 7 = 21. The answer is 21", PathKind.POT: "```python\nans = 21\n```"}

SWITCHED = ChatFormat(
    lambda message: f"{message}<off>",
    thinking_render=lambda message: f"{message}<on>",
    thoughts=Thoughts((False, True), DELIMITERS),
)
"""Format of a model with a switch, such as Qwen3."""
ALWAYS = ChatFormat(lambda message: f"{message}<think>\n", thoughts=Thoughts((True,), DELIMITERS))
"""Format of a model that always thinks, such as an R1 distillation."""


def thinks(prompt: str, sampling: Sampling) -> str:
    """Text of a path. Its thought names other answers and ends at `thinking_tokens`, as vLLM ends it."""
    answer = ANSWERS[PathKind.POT if "Python" in prompt else PathKind.COT]
    if prompt.endswith("<off>"):
        return answer
    opening = "" if prompt.endswith("<think>\n") else "<think>"
    words = THOUGHT_WORDS if sampling.thinking_tokens is None else sampling.thinking_tokens // 2
    thought = _WORDS * (words // len(_WORDS) + 1)
    return f"{opening}{' '.join(thought[:words])} </think>{answer}"
