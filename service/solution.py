"""What goes into the solver and what comes out of it: a problem, its paths, its solution."""

from dataclasses import dataclass
from enum import StrEnum

from service.paths.answer import Answer
from service.types import PathKind, PathOutcome, Policy
from service.vote import Tally


class Status(StrEnum):
    """How a problem ended."""

    ANSWERED = "answered"
    ABSTAINED = "abstained"  # no valid vote, or a confidence under the caller's minimum
    DEADLINE = "deadline"  # time ran out; the answer is that of the votes so far


@dataclass(frozen=True, slots=True)
class Problem:
    """What is to be solved, and how.

    Args:
        text: the problem.
        cot: chain-of-thought paths at most.
        pot: program-of-thought paths at most; at least one path of either kind.
        policy: when the vote is decided.
        temperature: of every path; 0 is greedy.
        top_p: of every path.
        max_tokens: completion tokens of a path at most.
        deadline_s: seconds after which the votes so far answer.
        seed: fixes every path's samples.
        min_confidence: below it, the solution abstains.
    """

    text: str
    cot: int
    pot: int
    policy: Policy
    temperature: float
    top_p: float
    max_tokens: int
    deadline_s: float
    seed: int
    min_confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class PathResult:
    """What became of one path.

    Args:
        index: its place in the fixed order.
        kind: how it reasons.
        outcome: how it ended; `answer` is set exactly when it voted.
        text: what the model wrote, up to where the path was aborted.
        answer: what it votes for.
        repaired: the calculator changed a number of its text; `answer` is the repaired one.
        stated: the answer that a chain of thought stated itself, before repair.
        program: what the sandbox was given.
        detail: one line on what went wrong.
        prompt_tokens, completion_tokens: exact, of aborted paths too.
        seconds: from its start to its end, its program included.
        counted: false where the vote was decided without it.
    """

    index: int
    kind: PathKind
    outcome: PathOutcome
    text: str = ""
    answer: Answer | None = None
    repaired: bool = False
    stated: Answer | None = None
    program: str | None = None
    detail: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Timing:
    """Wall-clock seconds of one problem.

    Args:
        queue_s: until its first path was given to the engine.
        engine_s: from then until its last path was sampled.
        sandbox_s: the runs of its programs, summed; they overlap with the engine's time and with each other.
        total_s: all.
    """

    queue_s: float
    engine_s: float
    sandbox_s: float
    total_s: float


@dataclass(frozen=True, slots=True)
class Solution:
    """The answer and how it came about. `paths` holds the started paths in the fixed order.

    A `calibrated` confidence is the share of such answers that are right; any other, how likely the leader is the
    majority.
    """

    id: str
    status: Status
    answer: Answer | None
    confidence: float
    calibrated: bool
    votes: tuple[Tally, ...]
    planned: int
    paths: tuple[PathResult, ...]
    timing: Timing
    model: str
    seed: int
