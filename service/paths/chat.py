"""Prompt format of instruct models: chat template and one instruction per kind."""

from collections.abc import Callable

from service.types import PathKind

Render = Callable[[str], str]
"""Renders a user message as a complete prompt, with special tokens as text."""

_INSTRUCTIONS = {
    PathKind.COT: (
        "Think step by step. Write each calculation as an equation, such as 3 + 4 = 7. "
        "End with the sentence: The answer is <number>."
    ),
    PathKind.POT: (
        "Write a short Python program that computes the answer. It must leave the answer in the variable `ans`. "
        "Reply with the program alone, in a ```python block, without explanation."
    ),
}


class ChatFormat:
    """Prompt format of instruct models.

    Args:
        render: applies the chat template of the model to one user message, and opens the reply.
    """

    stop: tuple[str, ...] = ()

    def __init__(self, render: Render) -> None:
        self._render = render

    def prompt(self, kind: PathKind, question: str) -> str:
        """See `PathFormat.prompt`."""
        return self._render(f"{question}\n\n{_INSTRUCTIONS[kind]}")
