"""Score of one problem: its answers against the gold answer."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from service.evaluation.problems import LabeledProblem, is_right, read_wire
from service.schemas import PathTrace, SolveResponse
from service.solve.vote import Ballot, beta_confidence, count, winner
from service.types import PathKind, PathOutcome

MEASURES = ("cot_greedy", "pot_greedy", "cot_vote", "pot_vote", "vote")
MEASURE_TITLES = {
    "vote": "vote of both kinds",
    "cot_vote": "vote, explanations only",
    "pot_vote": "vote, programs only",
    "cot_greedy": "one explanation, greedy",
    "pot_greedy": "one program, greedy",
}
"""Titles of the measures, in the order of reports."""
PATH_TITLES = {"cot": "one explanation, sampled", "pot": "one program, sampled"}
"""Titles of the shares of right paths, by kind."""


@dataclass(frozen=True, slots=True)
class Solved:
    """Problem and the responses of its two runs.

    Args:
        problem: the problem.
        vote: response of the vote, with its trace.
        greedy: response of one greedy path of each kind, with its trace.
    """

    problem: LabeledProblem
    vote: SolveResponse
    greedy: SolveResponse


@dataclass(frozen=True, slots=True)
class ProblemResult:
    """Result of one problem.

    Args:
        id: id of the row.
        gold: gold answer.
        answer: answer of the vote, or None if it abstains.
        status: status of the solution.
        verdict: verdict on the answer.
        confidence: confidence of the vote, in [0, 1].
        agreement: confidence by the agreement of the attempts only, without any calibration.
        right: by measure, whether its answer is right.
        paths_right: by kind, the share of right paths among those that ended. Kinds without such a path are left out.
        completion_tokens: completion tokens of the vote.
        saved_tokens: estimate of the tokens that an early decision saved.
        paths: number of started paths of the vote.
        seconds: wall-clock seconds of the vote.
    """

    id: str
    gold: str
    answer: str | None
    status: str
    verdict: str
    confidence: float
    agreement: float
    right: dict[str, bool]
    paths_right: dict[str, float]
    completion_tokens: int
    saved_tokens: int
    paths: int
    seconds: float


def score(solved: Solved) -> ProblemResult:
    """Result of a solved problem."""
    vote, gold = solved.vote, solved.problem.answer
    answers = {
        "cot_greedy": _vote_of_kind(solved.greedy, PathKind.COT),
        "pot_greedy": _vote_of_kind(solved.greedy, PathKind.POT),
        "cot_vote": _vote_of_kind(vote, PathKind.COT),
        "pot_vote": _vote_of_kind(vote, PathKind.POT),
        "vote": vote.answer,
    }
    return ProblemResult(
        id=solved.problem.id,
        gold=gold,
        answer=vote.answer,
        status=vote.status.value,
        verdict=vote.verdict.value,
        confidence=vote.confidence,
        agreement=_agreement(vote),
        right={measure: is_right(answer, gold) for measure, answer in answers.items()},
        paths_right=means_by_kind(_scores(vote.trace or [], gold)),
        completion_tokens=vote.usage.completion_tokens,
        saved_tokens=vote.usage.saved_tokens,
        paths=vote.paths.started,
        seconds=vote.timing.total_s,
    )


def _agreement(vote: SolveResponse) -> float:
    leader, runner_up, *_ = (*(tally.cot + tally.pot for tally in vote.votes), 0, 0)
    return beta_confidence(leader, runner_up) if leader else 0.0


def means_by_kind(values: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Mean of the values of each kind."""
    by_kind: dict[str, list[float]] = {}
    for kind, value in values:
        by_kind.setdefault(kind, []).append(value)
    return {kind: statistics.fmean(values) for kind, values in by_kind.items()}


def _scores(trace: Iterable[PathTrace], gold: str) -> Iterable[tuple[str, float]]:
    """Kind and score of each path that ended: 1 if it is right, 0 if it is wrong or abstains."""
    return ((p.kind.value, float(is_right(p.answer, gold))) for p in trace if p.outcome is not PathOutcome.ABORTED)


def _vote_of_kind(response: SolveResponse, kind: PathKind) -> str | None:
    """Answer that wins the vote of the counted paths of one kind."""
    leader = winner(count(_ballots(response.trace or [], kind)))
    return leader.answer.text if leader else None


def _ballots(trace: Iterable[PathTrace], kind: PathKind) -> Iterable[Ballot]:
    for path in trace:
        answer = read_wire(path.vote)
        if path.kind is kind and answer is not None:
            yield Ballot(path.index, kind, answer)
