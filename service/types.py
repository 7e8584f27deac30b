"""The words that every part of a request shares. No behaviour lives here."""

from enum import StrEnum


class PathKind(StrEnum):
    """How a path reasons: in prose (chain of thought) or as a program (program of thought)."""

    COT = "cot"
    POT = "pot"


class Policy(StrEnum):
    """When a vote is decided; `stopping.py` has the rules."""

    FIXED = "fixed"
    LOSSLESS = "lossless"
    ADAPTIVE = "adaptive"


class PathOutcome(StrEnum):
    """What became of a path. Only `VOTED` counts in the vote; everything else abstains."""

    VOTED = "voted"
    UNPARSED = "unparsed"  # the text states no answer, or holds no program
    ERROR = "error"  # the program raised
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT = "output"  # the program's result or output is too large, or is no value
    DENIED = "denied"  # the policy or the kernel lock refused the program
    CRASHED = "crashed"  # the program's process died, or the sandbox cannot run
    ABORTED = "aborted"  # the vote was decided, or the deadline passed, before the path ended
