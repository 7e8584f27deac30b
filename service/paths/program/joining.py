"""Program in several blocks: continuations, corrections and alternatives."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from service.paths.program.fences import Block
from service.paths.program.source import Outline, Source

_OUTPUTS = frozenset({"output", "outputs", "llm-code-output", "result", "results", "stdout", "console", "text"})
_TAIL_CHARS = 160

_SUPPOSED = re.compile(
    r"\b(?:if|whether|in case|no|any|avoid\w*|prevent\w*|without|nothing|handle)\s[^.,;:\n]{0,40}?"
    r"\b(?:mistakes?|errors?|bugs?|wrong|incorrect|correct|right)\b",
    re.IGNORECASE,
)
"""Fault that a text supposes or excludes: "to see whether there is a mistake"."""
_CORRECTION = re.compile(
    r"\bcorrect(?:ed|ions?|ing)\b|(?:\bnot|n['’]t) (?:quite |actually |entirely )?(?:correct|right)\b"
    r"|\b(?:let me|let's|I(?:'ll| will| must| need to)) (?:fix|correct|redo|revise)\b|\bshould (?:be|have been)\b:?\Z"
    r"|\b(?:a|an|the|my|some|one) (?:\w+ )?(?:mistakes?|errors?|bugs?|slip|typo)\b|\b\w+Error\b|\bTraceback\b"
    r"|(?<!\bnot )\bwrong\b|\b(?:incorrect(?:ly)?|oops|whoops|apolog\w+|sorry)\b"
    r"|\bmis(?:read|count|calculat|underst)\w*|\b(?:that|this|it|i) (?:forgets?|forgot|miss(?:es|ed)|ignore[sd])\b"
    r"|\b(?:right|correct|proper|fixed|revised|updated|improved|final) "
    r"(?:version|program|code|solution|one|calculation)\b[^.,\n]{0,20}\Z",
    re.IGNORECASE,
)
_ALTERNATIVE = re.compile(
    r"\balternative(?:ly)?\b"
    r"|\b(?:another|other|different|second) (?:\w+ )?(?:way|approach|method|solution|version|option)\b"
    r"|^\W*or\b|\b(?:double-?\s?|cross-?)?check(?:s|ing)?\b|\b(?:verif(?:y|ies|ication|ying)|sanity|confirm)\b",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(slots=True)
class Joined:
    """Blocks of one program so far.

    Args:
        sources: their sources.
        assigned: names that they assign, define or import.
        states_answer: whether one of them assigns the answer.
        states_result: whether one of them states a result.
        is_broken: whether one of them does not parse.
        ended: whether the end of the last one is marked.
    """

    sources: list[Source] = field(default_factory=list)
    assigned: set[str] = field(default_factory=set)
    states_answer: bool = False
    states_result: bool = False
    is_broken: bool = False
    ended: bool = True

    def add(self, source: Source, outline: Outline, *, ended: bool) -> None:
        """Append a block."""
        self.sources.append(source)
        self.assigned |= outline.assigned
        self.states_answer |= outline.states_answer
        self.states_result |= outline.states_result
        self.is_broken |= source.tree is None
        self.ended = ended

    def take(self, passed: "Joined") -> None:
        """Append the blocks of another program."""
        self.sources += passed.sources
        self.assigned |= passed.assigned
        self.states_answer |= passed.states_answer
        self.states_result |= passed.states_result

    def is_replaced_by(self, outline: Outline, between: Sequence[Block], text: str) -> bool:
        """Whether a block is a whole program that corrects these.

        Args:
            outline: outline of the block.
            between: texts between the last block and this one.
            text: the block.
        """
        if not outline.states_result or outline.free & self.assigned:
            return False
        return self.is_broken or (self.states_result and _corrects(_prose(between, text)))

    def is_continued_by(self, outline: Outline, passed: "Joined", between: Sequence[Block], text: str) -> bool:
        """Whether a block belongs to this program.

        Args:
            outline: outline of the block.
            passed: blocks before it that do not belong to this program.
            between: texts between the last block and this one.
            text: the block.
        """
        if not self.states_result:
            return True
        prose = _prose(between, text)
        if _ALTERNATIVE.search(prose[-_TAIL_CHARS:]) and not _corrects(prose):
            return False
        reads = outline.free & self.assigned
        if outline.free & passed.assigned:
            return bool(reads - passed.assigned)
        return bool(reads) or (not self.states_answer and any(block.language in _OUTPUTS for block in between))


def _corrects(prose: str) -> bool:
    """Whether a text takes back the program before it."""
    return bool(_CORRECTION.search(_SUPPOSED.sub("", prose)))


def _prose(between: Sequence[Block], text: str) -> str:
    """Texts before a block, and the comment that it begins with."""
    first = text.lstrip().partition("\n")[0]
    comment = first.lstrip("# ") if first.startswith("#") else ""
    return "\n".join([*(block.text for block in between), comment]).strip()
