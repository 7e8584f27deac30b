"""Contamination check: training questions that repeat an evaluation question.

Three tests, each wider than the one before:

1. equal text,
2. equal text with every number masked,
3. at least 80 % of the words shared (Jaccard index of the word sets, without numbers).

The check only reports. SVAMP itself was made by varying numbers, so masked twins are normal there.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

OVERLAP = 0.8

_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Contamination:
    """Evaluation questions with a twin in the training set.

    Args:
        questions: number of evaluation questions.
        exact: number of them with a twin of equal text.
        masked: number of them with a twin of equal text but for numbers.
        similar: number of them with a twin that shares at least 80 % of the words.
    """

    questions: int
    exact: int
    masked: int
    similar: int


def contamination(train: Sequence[str], evaluation: Iterable[str]) -> Contamination:
    """Compare every evaluation question with every training question."""
    exact = {_normalized(question) for question in train}
    masked = {mask_numbers(question) for question in train}
    words = [frozenset(_WORD.findall(question.lower())) for question in train]
    holders: dict[str, list[int]] = defaultdict(list)
    for index, bag in enumerate(words):
        for word in bag:
            holders[word].append(index)
    counts = [0, 0, 0, 0]
    for question in evaluation:
        counts[0] += 1
        counts[1] += _normalized(question) in exact
        counts[2] += mask_numbers(question) in masked
        counts[3] += _has_similar(frozenset(_WORD.findall(question.lower())), words, holders)
    return Contamination(*counts)


def mask_numbers(question: str) -> str:
    """Lower-case text with one space between words and `#` for each number."""
    return _NUMBER.sub("#", _normalized(question))


def _has_similar(bag: frozenset[str], words: Sequence[frozenset[str]], holders: dict[str, list[int]]) -> bool:
    """Whether a training question shares at least `OVERLAP` of the words."""
    # A similar bag shares at least n · OVERLAP of n words, so it has one of any ⌊n · (1 − OVERLAP)⌋ + 1 of them.
    # Only the bags that have one of the rarest are compared.
    rarest = sorted(bag, key=lambda word: (len(holders.get(word, ())), word))[: int(len(bag) * (1 - OVERLAP)) + 1]
    tried: set[int] = set()
    for word in rarest:
        for index in holders.get(word, ()):
            if index not in tried:
                tried.add(index)
                if len(bag & words[index]) >= OVERLAP * len(bag | words[index]):
                    return True
    return False


def _normalized(question: str) -> str:
    return " ".join(question.lower().split())
