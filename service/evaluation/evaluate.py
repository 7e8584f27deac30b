"""Accuracy, the confidence's error, tokens and time over a file of problems, solved here or by a running service.

Every problem is solved twice: with the policy's vote, and with one greedy path of each kind. The votes of one kind
alone are counted from the first run's own paths, so they cost nothing and are paired with the vote of both; so is how
often one sampled path is right, which tells two models apart sooner than one greedy path a problem does.
"""

import asyncio
import json
import math
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from service.errors import ConfigurationError, InputError
from service.evaluation.calibration_error import coverage, error_if_perfect, expected_error
from service.paths.answer import matches, parse_answer
from service.schemas import PathBudget, PathTrace, SolveRequest, SolveResponse
from service.solve.solver import path_seed
from service.solve.vote import Ballot, count, winner
from service.types import PathKind, PathOutcome, Policy, Status

MEASURES = ("cot_greedy", "pot_greedy", "cot_vote", "pot_vote", "vote")
Z95 = 1.959964
BINS = 10
"""Of the calibration error."""

Solve = Callable[[SolveRequest], Awaitable[SolveResponse]]


@dataclass(frozen=True, slots=True)
class Question:
    """A problem with its gold answer, a decimal string."""

    id: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one problem: `right` by measure, the answers behind it, and what the vote cost.

    `paths_right` is, by kind, which share of the vote's paths that ended is right; a kind of which none ended has none.
    """

    id: str
    gold: str
    answer: str | None
    status: str
    confidence: float
    right: dict[str, bool]
    paths_right: dict[str, float]
    completion_tokens: int
    paths: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """Figures over `n` problems; `interval` holds the 95 % Wilson interval of each accuracy.

    `paths_right` is, by kind, the mean over the problems of their shares of right paths. `cut_off` counts the votes
    that the deadline ended: there the accuracy is that of a slow machine, not of the checkpoint.

    `calibration_error` is how far the votes' confidences are from the shares that were right, in ten bins;
    `calibration_error_if_perfect` what a perfect confidence would show on as many problems, by luck alone (its median
    and 95th percentile); `coverage` the accuracy if the surest tenth, two tenths … were answered and the rest declined.
    """

    n: int
    model: str
    policy: str
    seed: int
    accuracy: dict[str, float]
    interval: dict[str, tuple[float, float]]
    paths_right: dict[str, float]
    completion_tokens_per_problem: float
    paths_per_problem: float
    cut_off: int
    calibration_error: float
    calibration_error_if_perfect: dict[str, float]
    coverage: list[dict[str, float]]
    problems_per_s: float
    seconds: float
    rows: tuple[Row, ...]


def read_questions(path: Path, limit: int | None = None) -> list[Question]:
    """Read JSON Lines of `id`, `question` and `answer`; other fields are ignored.

    Raises:
        ConfigurationError: a row is wrong; the message names the line.
    """
    questions: list[Question] = []
    with path.open(encoding="utf-8", errors="surrogateescape") as lines:
        for number, line in enumerate(lines, 1):
            if limit is not None and len(questions) == limit:
                break
            try:
                row = json.loads(line)
                question = SolveRequest.checked(problem=row["question"]).problem
                questions.append(Question(str(row["id"]), question, str(row["answer"])))
            except (ValueError, KeyError, TypeError, InputError) as error:
                raise ConfigurationError(
                    f"{path}, line {number}: a row needs id, question and answer ({error!r})."
                ) from None
    if not questions:
        raise ConfigurationError(f"{path} holds no problem.")
    return questions


async def evaluate(
    solve: Solve,
    questions: Sequence[Question],
    *,
    policy: Policy,
    budget: PathBudget,
    seed: int,
    concurrency: int,
    tick: Callable[[], None] = lambda: None,
) -> Report:
    """Solve every problem and count.

    Args:
        solve: answers one request.
        questions: the problems.
        policy: when a vote is decided.
        budget: paths of each kind at most.
        seed: problem i gets its own seed, made of this and i.
        concurrency: problems solved at the same time.
        tick: called after each of the two runs of a problem.
    """
    voted = [
        SolveRequest(problem=q.question, paths=budget, policy=policy, seed=path_seed(seed, i), trace=True)
        for i, q in enumerate(questions)
    ]
    began = time.monotonic()
    votes = await _solve_all(solve, voted, concurrency, tick)
    seconds = time.monotonic() - began
    one_each = PathBudget(cot=1, pot=1)
    greedily = {"temperature": 0.0, "paths": one_each, "policy": Policy.FIXED}
    greedy = [request.model_copy(update=greedily) for request in voted]
    firsts = await _solve_all(solve, greedy, concurrency, tick)
    rows = tuple(_row(*three) for three in zip(questions, votes, firsts, strict=True))
    right = {measure: sum(row.right[measure] for row in rows) for measure in MEASURES}
    confidences, good = [row.confidence for row in rows], [row.right["vote"] for row in rows]
    n = len(rows)
    return Report(
        n=n,
        model=votes[0].model,
        policy=policy.value,
        seed=seed,
        accuracy={measure: right[measure] / n for measure in MEASURES},
        interval={measure: wilson(right[measure], n) for measure in MEASURES},
        paths_right=_means(share for row in rows for share in row.paths_right.items()),
        completion_tokens_per_problem=sum(row.completion_tokens for row in rows) / n,
        paths_per_problem=sum(row.paths for row in rows) / n,
        cut_off=sum(row.status == Status.DEADLINE for row in rows),
        calibration_error=expected_error(confidences, good, BINS),
        calibration_error_if_perfect=error_if_perfect(confidences, BINS, seed),
        coverage=coverage(confidences, good),
        problems_per_s=n / seconds,
        seconds=seconds,
        rows=rows,
    )


def wilson(right: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of `right` in `n` (Wilson, JASA 1927): sane at 0 and 1 and for small n."""
    share, z2 = right / n, Z95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    margin = Z95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, centre - margin), min(1.0, centre + margin)


async def _solve_all(
    solve: Solve, requests: Iterable[SolveRequest], concurrency: int, tick: Callable[[], None]
) -> list[SolveResponse]:
    places = asyncio.Semaphore(concurrency)

    async def one(request: SolveRequest) -> SolveResponse:
        async with places:
            response = await solve(request)
        tick()
        return response

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(request)) for request in requests]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


def _row(question: Question, vote: SolveResponse, first: SolveResponse) -> Row:
    answers = {
        "cot_greedy": _alone(first, PathKind.COT),
        "pot_greedy": _alone(first, PathKind.POT),
        "cot_vote": _alone(vote, PathKind.COT),
        "pot_vote": _alone(vote, PathKind.POT),
        "vote": vote.answer,
    }
    return Row(
        id=question.id,
        gold=question.answer,
        answer=vote.answer,
        status=vote.status.value,
        confidence=vote.confidence,
        right={measure: is_right(answer, question.answer) for measure, answer in answers.items()},
        paths_right=_means(_rights(vote.trace or [], question.answer)),
        completion_tokens=vote.usage.completion_tokens,
        paths=vote.paths.started,
        seconds=vote.timing.total_s,
    )


def is_right(answer: str | None, gold: str) -> bool:
    """Whether a wire answer is the gold one."""
    parsed = parse_answer(answer) if answer is not None else None
    return parsed is not None and matches(parsed, gold)


def _rights(trace: Iterable[PathTrace], gold: str) -> Iterable[tuple[str, float]]:
    """The kind of each path that ended, and 1 if it is right, 0 if it is wrong or abstains."""
    return ((p.kind.value, float(is_right(p.answer, gold))) for p in trace if p.outcome is not PathOutcome.ABORTED)


def _means(shares: Iterable[tuple[str, float]]) -> dict[str, float]:
    """The mean of each kind's values."""
    by_kind: dict[str, list[float]] = {}
    for kind, share in shares:
        by_kind.setdefault(kind, []).append(share)
    return {kind: statistics.fmean(values) for kind, values in by_kind.items()}


def _alone(response: SolveResponse, kind: PathKind) -> str | None:
    """The answer that the counted paths of one kind elect by themselves."""
    leader = winner(count(_ballots(response.trace or [], kind)))
    return leader.answer.text if leader else None


def _ballots(trace: Iterable[PathTrace], kind: PathKind) -> Iterable[Ballot]:
    for path in trace:
        answer = parse_answer(path.answer) if path.answer is not None else None
        if path.kind is kind and path.counted and answer is not None:
            yield Ballot(path.index, kind, answer)
