"""The leak check: which training questions are, or nearly are, questions of an evaluation set.

Three tests, each wider than the one before: equal text; equal text with every number masked (the same story with other
numbers); at least 80 % of the words shared (Jaccard's index over word sets, numbers left out). It reports; whether a
near-twin matters is for the reader: number-masked twins of SVAMP are how that set was made.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

OVERLAP = 0.8

_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Leaks:
    """How many of `questions` evaluation questions have a twin in the training set, by the three tests."""

    questions: int
    exact: int
    masked: int
    similar: int

    def row(self) -> dict[str, int]:
        """For the data set's card."""
        return {"questions": self.questions, "exact": self.exact, "masked": self.masked, "similar": self.similar}


def check(train: Sequence[str], evaluation: Iterable[str]) -> Leaks:
    """Compare every evaluation question with every training question."""
    exact = {_exact(question) for question in train}
    masked = {_masked(question) for question in train}
    words = [frozenset(_WORD.findall(question.lower())) for question in train]
    holders: dict[str, list[int]] = defaultdict(list)
    for index, bag in enumerate(words):
        for word in bag:
            holders[word].append(index)
    counts = [0, 0, 0, 0]
    for question in evaluation:
        counts[0] += 1
        counts[1] += _exact(question) in exact
        counts[2] += _masked(question) in masked
        counts[3] += has_similar(frozenset(_WORD.findall(question.lower())), words, holders)
    return Leaks(*counts)


def has_similar(bag: frozenset[str], words: Sequence[frozenset[str]], holders: dict[str, list[int]]) -> bool:
    """Whether any training bag shares at least `OVERLAP` of the words; only those with a shared rare word are tried.

    Of a bag of n words, a similar one shares at least n · OVERLAP, so it has one of any ⌊n · (1 − OVERLAP)⌋ + 1.
    """
    rarest = sorted(bag, key=lambda word: (len(holders.get(word, ())), word))[: int(len(bag) * (1 - OVERLAP)) + 1]
    tried: set[int] = set()
    for word in rarest:
        for index in holders.get(word, ()):
            if index not in tried:
                tried.add(index)
                if len(bag & words[index]) >= OVERLAP * len(bag | words[index]):
                    return True
    return False


def _exact(question: str) -> str:
    return " ".join(question.lower().split())


def _masked(question: str) -> str:
    return _NUMBER.sub("#", _exact(question))
