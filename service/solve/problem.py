"""Data types: Problem, PathResult, Timing, Solution."""

import hashlib
from dataclasses import dataclass, replace

from service.paths.answer import Answer
from service.solve.verdict import verdict
from service.solve.vote import Tally
from service.types import PathKind, PathOutcome, Policy, Status, TokenLimit, Verdict


@dataclass(frozen=True, slots=True)
class Problem:
    """One word problem and its sampling parameters.

    Args:
        text: the word problem.
        cot: maximum number of chain-of-thought paths.
        pot: maximum number of program-of-thought paths. `cot + pot` is at least 1.
        policy: stopping policy.
        temperature: sampling temperature of every path. 0 is greedy.
        top_p: nucleus mass of every path.
        max_tokens: maximum number of completion tokens per path.
        deadline_s: time limit in seconds. The votes so far answer when it passes.
        seed: seed from which the seed of every path is derived.
        min_confidence: confidence below which the solution abstains.
        top_k: number of the most likely tokens that can be sampled. 0 means all.
        min_p: minimum probability of a token, as a share of the most likely one's.
        repetition_penalty: penalty of tokens that occurred. 1 means none.
        thinking: whether the model thinks.
        thinking_tokens: maximum number of tokens of each thought. None means no maximum.
        key: name of the caller's API key. Empty without keys.
        request: id of the HTTP request. Empty without one.
        model: name of the model that solves it. Empty for the default model.
        calibrated: whether the calibration of the model, if it has one, was made for this sampling.
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
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    thinking: bool = False
    thinking_tokens: int | None = None
    key: str = ""
    request: str = ""
    model: str = ""
    calibrated: bool = True


@dataclass(frozen=True, slots=True)
class PathResult:
    """Result of one path.

    Args:
        index: position in the fixed order, counted from 0.
        kind: kind of reasoning.
        outcome: outcome of the path. `answer` is set exactly when it is `VOTED`.
        text: text of the model, up to the abort of an aborted path.
        answer: answer that the path votes for.
        repaired: whether the calculator changed a number in the text. `answer` is the repaired answer.
        stated: answer that a chain of thought stated before repair.
        program: program that ran in the sandbox.
        detail: one line that describes a failure.
        prompt_tokens, completion_tokens: exact token counts, also for aborted paths.
        seconds: wall-clock time from start to end, the program included.
        counted: whether the decision rests on this path.
        thought_chars: length of the thought at the start of `text`.
        thinking_tokens: number of tokens of the thought, by its share of the characters.
        limit: limit that cut the path off before its answer.
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
    thought_chars: int = 0
    thinking_tokens: int = 0
    limit: TokenLimit | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """Wall-clock seconds of one problem.

    Args:
        queue_s: from the request to the first path in the engine.
        engine_s: from then until the last path was sampled.
        sandbox_s: sum over the program runs. Runs overlap with the engine and with each other.
        total_s: from the request to the solution.
    """

    queue_s: float
    engine_s: float
    sandbox_s: float
    total_s: float


@dataclass(frozen=True, slots=True)
class Solution:
    """Answer, votes and paths of one problem.

    Args:
        id: id of the solution.
        status: status of the solution.
        answer: voted answer, or None if the solution abstains.
        confidence: in [0, 1]. Calibrated: the share of held-out answers with such a vote that are right. Otherwise:
            the probability that the leader is the majority.
        calibrated: whether the confidence is calibrated.
        votes: one tally per answer, the leader first.
        planned: number of paths that the request asked for.
        paths: started paths in the fixed order.
        timing: wall-clock seconds.
        model: name of the model.
        seed: seed of the problem.
        left_out: numbers of the problem that no program of the leader uses. Empty without a program.
        warning: sentence on the limit that cut off most of the counted paths, else empty.
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
    left_out: tuple[str, ...] = ()
    warning: str = ""

    @property
    def cut_off(self) -> int:
        """Number of counted paths that a token limit cut off before their answer."""
        return sum(path.counted and path.limit is not None for path in self.paths)

    def without_paths(self) -> "Solution":
        """Copy without the paths, whose texts take much memory."""
        return replace(self, paths=())

    @property
    def verdict(self) -> Verdict:
        """Trust in the answer."""
        votes = self.votes if self.answer else ()
        return verdict(votes, self.confidence, calibrated=self.calibrated)

    @property
    def saved_tokens(self) -> int:
        """Estimate of the tokens that an early decision saved: none after the deadline.

        The estimate is the planned paths that did not end, times the mean length of the paths that ended, minus the
        tokens of aborted paths.
        """
        lengths = [path.completion_tokens for path in self.paths if path.outcome is not PathOutcome.ABORTED]
        if not lengths or self.status is Status.DEADLINE:
            return 0
        sampled = sum(path.completion_tokens for path in self.paths if path.outcome is PathOutcome.ABORTED)
        return max(0, round((self.planned - len(lengths)) * sum(lengths) / len(lengths)) - sampled)


def path_seed(seed: int, index: int) -> int:
    """Seed of one path, in [0, 2^63): a hash of the problem's seed and the path's index."""
    digest = hashlib.blake2b(f"{seed}/{index}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 1
