"""Prompt format of base models: worked examples, then the question.

All prompts share the examples, so an engine with a prefix cache computes them once. The examples were written for
Twinpath. No data set holds them.
"""

from collections.abc import Iterator

from service.paths.base import FormatV1, Thoughts
from service.types import PathKind

_EXAMPLES = (
    (
        "Mia had 23 stickers. She gave 8 stickers to her brother. How many stickers does she have left?",
        "Mia had 23 stickers and gave away 8. 23 - 8 = 15. The answer is 15",
        "stickers = 23\ngiven_away = 8\nans = stickers - given_away",
    ),
    (
        "A box holds 6 eggs. How many eggs are in 9 boxes?",
        "Each of the 9 boxes holds 6 eggs. 6 * 9 = 54. The answer is 54",
        "eggs_per_box = 6\nboxes = 9\nans = eggs_per_box * boxes",
    ),
    (
        "Tom read 14 pages on Monday and 19 pages on Tuesday. The book has 50 pages. How many pages are unread?",
        "Tom read 14 + 19 = 33 pages. The book has 50 pages, so 50 - 33 = 17 are unread. The answer is 17",
        "monday = 14\ntuesday = 19\npages = 50\nans = pages - (monday + tuesday)",
    ),
    (
        "A farmer shares 84 apples equally among 7 baskets and then adds 2 apples to each. "
        "How many apples are in a basket?",
        "Each basket gets 84 / 7 = 12 apples. Then 12 + 2 = 14. The answer is 14",
        "apples = 84\nbaskets = 7\nadded = 2\nans = apples / baskets + added",
    ),
    (
        "Sara has 31 coins. Ben has 12 coins more than Sara. There are 5 tables in the room. How many coins has Ben?",
        "Ben has 12 coins more than the 31 coins of Sara. 31 + 12 = 43. The answer is 43",
        "sara = 31\nmore = 12\nans = sara + more",
    ),
)


def worked_examples() -> Iterator[tuple[PathKind, str, str]]:
    """Kind, question and completion of five problems, each solved in both ways."""
    for question, cot, pot in _EXAMPLES:
        yield PathKind.COT, question, cot
        yield PathKind.POT, question, pot


class FewShotFormat:
    """Prompt format of base models: five problems solved in both ways come before the question.

    Args:
        bos: beginning-of-sequence token of the tokenizer as text, empty if the model has none.
    """

    name = "fewshot"
    thoughts = Thoughts()

    def __init__(self, bos: str = "") -> None:
        self._format = FormatV1()
        solved = (self._format.prompt(kind, question) + text for kind, question, text in worked_examples())
        self._examples = bos + "".join(f"{example}\n\n" for example in solved)

    @property
    def wording(self) -> str:
        """See `PathFormat.wording`."""
        return "".join(self.prompt(kind, "") for kind in PathKind)

    def stop(self, kind: PathKind) -> tuple[str, ...]:
        """See `PathFormat.stop`."""
        return ("\nQuestion:",)

    def prompt(self, kind: PathKind, question: str, *, thinking: bool = False) -> str:
        """See `PathFormat.prompt`."""
        return self._examples + self._format.prompt(kind, question)
