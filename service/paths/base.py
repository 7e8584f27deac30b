"""The prompt format: what a model is asked for each kind of path, and where its text ends.

Training and serving share it; a checkpoint names the version it was trained on, and the service refuses another.
Implementations: `FormatV1` below (distilled students), `chat.py` (stock instruct models), `fewshot.py` (base models).
"""

from typing import Protocol

from service.types import PathKind

FORMAT_VERSION = 1
"""The version of `FormatV1`. A change of a single character of a prompt is a new version."""

_MARKERS = {PathKind.COT: "Reasoning:", PathKind.POT: "Program:"}


class PathFormat(Protocol):
    """Turns a question into the prompt of a path of each kind."""

    @property
    def stop(self) -> tuple[str, ...]:
        """Strings that end a completion, besides the end-of-sequence token."""
        ...

    def prompt(self, kind: PathKind, question: str) -> str:
        """The whole prompt, special tokens as text. The question comes before anything that depends on the kind, so
        that both kinds of a problem share its KV blocks.
        """
        ...


class FormatV1:
    r"""The format of Mixed Distillation students.

    `{bos}Question: {question}\nReasoning:\n` is followed by prose that ends `The answer is {answer}`;
    `{bos}Question: {question}\nProgram:\n` by Python that leaves its result in `ans`. Both end with the
    end-of-sequence token.
    """

    stop: tuple[str, ...] = ()

    def __init__(self, bos: str = "") -> None:
        """`bos` is the tokenizer's beginning-of-sequence token as text, empty where the model has none."""
        self._bos = bos

    def prompt(self, kind: PathKind, question: str) -> str:
        """See `PathFormat.prompt`."""
        return f"{self._bos}Question: {question}\n{_MARKERS[kind]}\n"
