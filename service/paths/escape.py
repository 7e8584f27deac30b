"""Questions as plain text: a special token that a caller writes out is never one.

Engines read special tokens in a prompt's text, since a prompt format writes its own so. One in the question would end
the prompt, open a turn, or speak for the model. It is broken by a space: the model reads the same signs as text.
"""

import re
from collections.abc import Collection

from service.paths.base import PathFormat
from service.types import PathKind


class EscapeSpecialTokens:
    """A prompt format whose questions hold no special token.

    Args:
        inner: the format.
        special: the tokenizer's special tokens, as text.
    """

    def __init__(self, inner: PathFormat, special: Collection[str]) -> None:
        self._inner = inner
        self._special = (
            re.compile("|".join(map(re.escape, sorted(special, key=len, reverse=True)))) if special else None
        )

    @property
    def stop(self) -> tuple[str, ...]:
        """See `PathFormat.stop`."""
        return self._inner.stop

    def prompt(self, kind: PathKind, question: str) -> str:
        """See `PathFormat.prompt`."""
        while self._special and self._special.search(question):  # what is left may be one anew
            question = self._special.sub(_broken, question)
        return self._inner.prompt(kind, question)


def _broken(token: re.Match[str]) -> str:
    """`<eos>` as `< eos>`; one of a single sign is left out."""
    return f"{token[0][0]} {token[0][1:]}" if len(token[0]) > 1 and token[0][1] != " " else " "
