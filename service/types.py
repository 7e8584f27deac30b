"""Shared enums, and the name of the demo."""

from enum import StrEnum

DEMO_MODEL = "demo"
"""Name of the model in every response of the demo, the scripted engine."""

DEMO = "Demo: scripted answers, many of them wrong. No model is running."
"""Notice of the demo to its users."""


class PathKind(StrEnum):
    """Kind of reasoning: prose (chain of thought) or a program (program of thought)."""

    COT = "cot"
    POT = "pot"


class Policy(StrEnum):
    """Stopping policy. `solve/stopping.py` has the rules."""

    FIXED = "fixed"
    LOSSLESS = "lossless"
    ADAPTIVE = "adaptive"


class Thinking(StrEnum):
    """Whether the model thinks before its answer."""

    AUTO = "auto"  # no thoughts, unless the model cannot do without them
    OFF = "off"
    ON = "on"


class WorkerApi(StrEnum):
    """Server of a remote worker, by the `owned_by` of its models."""

    VLLM = "vllm"
    SGLANG = "sglang"
    LLAMACPP = "llamacpp"
    OTHER = "other"


class TokenLimit(StrEnum):
    """Limit that cut a path off before its answer, by the name of its setting."""

    MAX_TOKENS = "max_tokens"
    THINKING_TOKENS = "thinking_tokens"
    CONTEXT = "max_model_len"


class PathOutcome(StrEnum):
    """Outcome of a path. Only `VOTED` counts in the vote. Every other outcome abstains."""

    VOTED = "voted"
    UNPARSED = "unparsed"  # no answer or no program was found in the text
    ERROR = "error"  # the program raised an exception
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT = "output"  # the result or the output of the program is too large or has an unsupported type
    DENIED = "denied"  # the policy or the kernel lock refused the program
    CRASHED = "crashed"  # the process of the program died, or the sandbox cannot run programs
    ABORTED = "aborted"  # the vote was decided or the deadline passed before the path ended


class Status(StrEnum):
    """Status of a solution."""

    ANSWERED = "answered"
    ABSTAINED = "abstained"  # no valid vote, or a confidence below the caller's minimum
    DEADLINE = "deadline"  # the deadline passed; the answer is that of the votes so far


class Verdict(StrEnum):
    """Trust in the answer of a vote. `solve/verdict.py` has the rule."""

    LIKELY = "likely"  # calibrated, and right on most held-out problems with such votes
    AGREED = "agreed"  # not calibrated, but the paths agree
    UNSURE = "unsure"
    TORN = "torn"  # a tie, or a leader with less than half of the votes
    NONE = "none"  # no answer


class GradeVerdict(StrEnum):
    """Verdict on a response. `solve/grading.py` has the rule."""

    CORRECT = "correct"
    INCORRECT = "incorrect"
    UNDECIDED = "undecided"  # no answer is read from the response, or the answer of the problem is in doubt


class GradeBasis(StrEnum):
    """Source of the answer that a response is compared with."""

    VOTE = "vote"
    EXPECTED = "expected"
