"""Prompt format of instruct models: chat template and wording."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from service.paths.base import Thoughts
from service.types import PathKind

Render = Callable[[str], str]
"""Renders a user message as a complete prompt, with special tokens as text."""

QUESTION = "{question}"
"""Place of the question in a user message."""


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """Wording of the prompts.

    Args:
        name: name of the prompt.
        cot: user message of a chain of thought, with `QUESTION` once.
        pot: user message of a program of thought, likewise.
        system: system message. Empty for none.
        cot_stop: strings that end a chain of thought, but not the thought of a model before it.
        pot_stop: strings that end a program of thought, likewise.
    """

    name: str
    cot: str
    pot: str
    system: str = ""
    cot_stop: tuple[str, ...] = ()
    pot_stop: tuple[str, ...] = ()

    def message(self, kind: PathKind, question: str) -> str:
        """User message of a question."""
        return (self.cot if kind is PathKind.COT else self.pot).replace(QUESTION, question)

    @property
    def digest(self) -> str:
        """SHA-256 of the wording, without the name, in hexadecimal digits."""
        wording = [self.system, self.cot, self.pot, self.cot_stop, self.pot_stop]
        return hashlib.sha256(json.dumps(wording).encode()).hexdigest()


TWINPATH = ChatPrompt(
    name="twinpath",
    cot=f"{QUESTION}\n\nThink step by step. Write each calculation as an equation, such as 3 + 4 = 7. "
    "End with the sentence: The answer is <number>.",
    pot=f"{QUESTION}\n\nWrite a short Python program that computes the answer. It must leave the answer in the "
    "variable `ans`. Reply with the program alone, in a ```python block, without explanation.",
)
"""Prompt of any model without a better one."""


class ChatFormat:
    """Prompt format of instruct models.

    Args:
        render: applies the chat template of the model to one user message, and opens the reply.
        prompt: wording of the prompts.
        thinking_render: as `render`, for a model that thinks. Default: `render`.
        thoughts: thoughts of the model. Default: none.
    """

    def __init__(
        self,
        render: Render,
        prompt: ChatPrompt = TWINPATH,
        *,
        thinking_render: Render | None = None,
        thoughts: Thoughts | None = None,
    ) -> None:
        self._renders = {False: render, True: thinking_render or render}
        self._prompt = prompt
        self._thoughts = thoughts or Thoughts()

    @property
    def name(self) -> str:
        """See `PathFormat.name`."""
        return self._prompt.name

    @property
    def wording(self) -> str:
        """See `PathFormat.wording`. A template can render the date, so it is not a part."""
        return self._prompt.digest

    @property
    def thoughts(self) -> Thoughts:
        """See `PathFormat.thoughts`."""
        return self._thoughts

    def stop(self, kind: PathKind) -> tuple[str, ...]:
        """See `PathFormat.stop`."""
        return self._prompt.cot_stop if kind is PathKind.COT else self._prompt.pot_stop

    def prompt(self, kind: PathKind, question: str, *, thinking: bool = False) -> str:
        """See `PathFormat.prompt`."""
        return self._renders[thinking](self._prompt.message(kind, question))
