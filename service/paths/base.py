"""Prompt format protocol, and the format of distilled students.

Training and serving share the format. A checkpoint names the version that it was trained on, and the service refuses
any other version. Other implementations: `chat.py` for instruct models, `fewshot.py` for base models.
"""

import re
from dataclasses import dataclass
from typing import Protocol

from service.types import PathKind, Thinking

FORMAT_VERSION = 1
"""Version of `FormatV1`. Any change of a prompt, even of one character, needs a new version."""

_MARKERS = {PathKind.COT: "Reasoning:", PathKind.POT: "Program:"}


@dataclass(frozen=True, slots=True)
class Thoughts:
    """Thoughts of a model before its answers.

    Args:
        modes: whether the prompts can make it think, and whether they can prevent it. The default comes first.
        delimiters: opening and closing of a thought, or None if they are not known.
        leftovers: special tokens to remove from a completion. None if the engine removes them. It must not where the
            delimiters of a thought are special tokens.
        is_known: whether it is known that a mode thinks or not. Otherwise a model can think in each mode.
    """

    modes: tuple[bool, ...] = (False,)
    delimiters: tuple[str, str] | None = None
    leftovers: re.Pattern[str] | None = None
    is_known: bool = True

    def mode(self, asked: Thinking) -> bool:
        """Whether the model thinks.

        Raises:
            ValueError: the model cannot do so.
        """
        if asked is Thinking.AUTO:
            return self.modes[0]
        if (asked is Thinking.ON) not in self.modes:
            raise ValueError("the model does not think" if asked is Thinking.ON else "the model always thinks")
        return asked is Thinking.ON

    def cleaned(self, completion: str) -> str:
        """Completion without special tokens, other than the delimiters of a thought."""
        return self.leftovers.sub("", completion) if self.leftovers else completion


class PathFormat(Protocol):
    """Builds the prompt of a path from a question."""

    @property
    def name(self) -> str:
        """Name of the prompts."""
        ...

    @property
    def wording(self) -> str:
        """Text that changes with each prompt. It depends neither on a question nor on the date."""
        ...

    @property
    def thoughts(self) -> Thoughts:
        """Thoughts of the model."""
        ...

    def stop(self, kind: PathKind) -> tuple[str, ...]:
        """Strings that end a completion, besides the end-of-sequence token. They do not end a thought."""
        ...

    def prompt(self, kind: PathKind, question: str, *, thinking: bool = False) -> str:
        """Complete prompt, with special tokens as text.

        Args:
            kind: kind of path. The prompt depends on it only after the question, so that both kinds share KV blocks.
            question: text of the word problem.
            thinking: whether the model thinks, one of the modes of `thoughts`.
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

    name = "v1"
    thoughts = Thoughts()

    def __init__(self, bos: str = "") -> None:
        self._bos = bos

    @property
    def wording(self) -> str:
        """See `PathFormat.wording`."""
        return "".join(self.prompt(kind, "") for kind in PathKind)

    def stop(self, kind: PathKind) -> tuple[str, ...]:
        """See `PathFormat.stop`."""
        return ()

    def prompt(self, kind: PathKind, question: str, *, thinking: bool = False) -> str:
        """See `PathFormat.prompt`."""
        return f"{self._bos}Question: {question}\n{_MARKERS[kind]}\n"
