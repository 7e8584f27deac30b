"""Prompt format protocol, and the format of distilled students.

Training and serving share the format. A checkpoint names the version that it was trained on, and the service refuses
any other version. Other implementations: `chat.py` for instruct models, `fewshot.py` for base models.
"""

from typing import Protocol

from service.types import PathKind

FORMAT_VERSION = 1
"""Version of `FormatV1`. Any change of a prompt, even of one character, needs a new version."""

_MARKERS = {PathKind.COT: "Reasoning:", PathKind.POT: "Program:"}


class PathFormat(Protocol):
    """Builds the prompt of a path from a question."""

    @property
    def stop(self) -> tuple[str, ...]:
        """Strings that end a completion, besides the end-of-sequence token."""
        ...

    def prompt(self, kind: PathKind, question: str) -> str:
        """Complete prompt, with special tokens as text.

        Args:
            kind: kind of path. The prompt depends on it only after the question, so that both kinds share KV blocks.
            question: text of the word problem.
        """
        ...


class FormatV1:
    r"""Prompt format of Mixed Distillation students (arXiv 2312.10730).

    `{bos}Question: {question}\nReasoning:\n` is the prompt of prose that ends with `The answer is {answer}`.
    `{bos}Question: {question}\nProgram:\n` is the prompt of Python that leaves its result in `ans`.
    Both completions end with the end-of-sequence token.

    Args:
        bos: beginning-of-sequence token of the tokenizer as text, empty if the model has none.
    """

    stop: tuple[str, ...] = ()

    def __init__(self, bos: str = "") -> None:
        self._bos = bos

    def prompt(self, kind: PathKind, question: str) -> str:
        """See `PathFormat.prompt`."""
        return f"{self._bos}Question: {question}\n{_MARKERS[kind]}\n"
