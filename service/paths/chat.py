"""The prompt format of stock instruct models: their own chat template, one instruction for each kind of path.

Such a model was not distilled for two kinds of paths; it is told what a path must look like instead.
"""

from collections.abc import Callable

from service.types import PathKind

Render = Callable[[str], str]
"""A user message in, the whole prompt out, special tokens as text."""

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
    """Asks an instruct model through its chat template."""

    stop: tuple[str, ...] = ()

    def __init__(self, render: Render) -> None:
        """`render` applies the model's chat template to one user message and opens the reply."""
        self._render = render

    def prompt(self, kind: PathKind, question: str) -> str:
        """See `PathFormat.prompt`."""
        return self._render(f"{question}\n\n{_INSTRUCTIONS[kind]}")
