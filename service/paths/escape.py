"""Escapes special tokens in a question.

Engines parse special tokens in the text of a prompt. A special token in a question could end the prompt or open a
turn. A space inside it makes it plain text with the same characters.
"""

import re
from collections.abc import Collection

from service.paths.base import PathFormat, Thoughts
from service.types import PathKind


class EscapeSpecialTokens:
    """Prompt format that escapes special tokens in the question.

    Args:
        inner: format that builds the prompt.
        special_tokens: special tokens of the tokenizer as text.
    """

    def __init__(self, inner: PathFormat, special_tokens: Collection[str]) -> None:
        self._inner = inner
        longest_first = sorted(special_tokens, key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, longest_first))) if special_tokens else None

    @property
    def name(self) -> str:
        """See `PathFormat.name`."""
        return self._inner.name

    @property
    def wording(self) -> str:
        """See `PathFormat.wording`."""
        return self._inner.wording

    @property
    def thoughts(self) -> Thoughts:
        """See `PathFormat.thoughts`."""
        return self._inner.thoughts

    def stop(self, kind: PathKind) -> tuple[str, ...]:
        """See `PathFormat.stop`."""
        return self._inner.stop(kind)

    def prompt(self, kind: PathKind, question: str, *, thinking: bool = False) -> str:
        """See `PathFormat.prompt`."""
        while self._special and self._special.search(question):  # the rest can form another token
            question = self._special.sub(_escaped, question)
        return self._inner.prompt(kind, question, thinking=thinking)


def _escaped(token: re.Match[str]) -> str:
    """`<eos>` as `< eos>`. A token of a single character becomes a space."""
    return f"{token[0][0]} {token[0][1:]}" if len(token[0]) > 1 and token[0][1] != " " else " "
