"""Evaluation: accuracy, calibration error, tokens and time over a file of problems.

Each problem is solved twice: with the vote of the policy, and with one greedy path of each kind. The first run also
gives the votes of one kind and the accuracy of single sampled paths, at no cost.
"""

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from service.errors import ConfigurationError, InputError, json_reason
from service.evaluation.calibration_error import (
    CoveragePoint,
    ErrorByChance,
    coverage,
    error_if_perfect,
    expected_error,
)
from service.evaluation.statistics import wilson
from service.paths.answer import parse_answer
from service.paths.equality import matches, parse_gold
from service.schemas import PathBudget, PathTrace, SolveRequest, SolveResponse
from service.solve.problem import path_seed
from service.solve.vote import Ballot, count, winner
from service.types import PathKind, PathOutcome, Policy, Status

MEASURES = ("cot_greedy", "pot_greedy", "cot_vote", "pot_vote", "vote")
BINS = 10
"""Number of bins of the calibration error."""

GOLD_FORMS = "Write each `answer` as one number, a time, yes, no or an option letter."
"""Advice for gold answers that cannot be read."""

Solve = Callable[[SolveRequest], Awaitable[SolveResponse]]


@dataclass(frozen=True, slots=True)
class LabeledProblem:
    """A problem with its gold answer.

    Args:
        id: id of the row.
        text: the word problem.
        answer: gold answer.
        line: line number in the file, counted from 1. 0 for a problem of no file.
    """

    id: str
    text: str
    answer: str
    line: int = field(default=0, compare=False)

    @property
    def is_readable(self) -> bool:
        """Whether an answer can match the gold answer."""
        return parse_gold(self.answer) is not None


@dataclass(frozen=True, slots=True)
class ProblemResult:
    """Result of one problem.

    Args:
        id: id of the row.
        gold: gold answer.
        answer: answer of the vote, or None if it abstains.
        status: status of the solution.
        confidence: confidence of the vote, in [0, 1].
        right: by measure, whether its answer is right.
        paths_right: by kind, the share of right paths among those that ended. Kinds without such a path are left out.
        completion_tokens: completion tokens of the vote.
        paths: number of started paths of the vote.
        seconds: wall-clock seconds of the vote.
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
    """Figures over all problems whose gold answers can be read.

    Args:
        n: number of these problems.
        unread_golds: ids of the other problems, which are not solved.
        model: name of the model.
        policy: stopping policy.
        seed: seed from which the seed of every problem is derived.
        accuracy: accuracy by measure.
        interval: 95 % confidence interval of each accuracy.
        paths_right: by kind, the mean over the problems of `ProblemResult.paths_right`.
        completion_tokens_per_problem: mean completion tokens of a vote.
        paths_per_problem: mean number of started paths of a vote.
        cut_off: number of votes that the deadline ended. They lower the accuracy on a slow machine.
        calibration_error: expected calibration error of the votes, in `BINS` bins.
        calibration_error_if_perfect: calibration error of a perfect confidence, by chance.
        coverage: accuracy of the votes with the highest confidence.
        problems_per_s: votes per second.
        seconds: wall-clock seconds of all votes.
        rows: result of each problem, in the order of the file.
    """

    n: int
    unread_golds: tuple[str, ...]
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
    calibration_error_if_perfect: ErrorByChance
    coverage: list[CoveragePoint]
    problems_per_s: float
    seconds: float
    rows: tuple[ProblemResult, ...]


def read_problems(path: Path, limit: int | None = None) -> list[LabeledProblem]:
    """Read JSON Lines of `id`, `question` and `answer`. Other fields are ignored.

    Args:
        path: the file.
        limit: maximum number of problems.

    Raises:
        ConfigurationError: a row is invalid, the file is empty, or no gold answer can be read.
    """
    problems: list[LabeledProblem] = []
    with path.open(encoding="utf-8", errors="surrogateescape") as lines:
        for number, line in enumerate(lines, 1):
            if limit is not None and len(problems) == limit:
                break
            try:
                problems.append(_read_problem(line, number))
            except InputError as error:
                raise ConfigurationError(f"{path}, line {number}: {error}") from None
    if not problems:
        raise ConfigurationError(f"{path} is empty; each line must be a JSON object with id, question and answer.")
    if not any(problem.is_readable for problem in problems):
        raise ConfigurationError(f"{path}: no `answer` can be read, such as {problems[0].answer!r}. {GOLD_FORMS}")
    return problems


def _read_problem(line: str, number: int) -> LabeledProblem:
    try:
        row = json.loads(line.rstrip("\r\n"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"the line is not valid JSON: {json_reason(error)}", "line") from None
    if not isinstance(row, dict):
        raise InputError("the line is not a JSON object.", "line")
    missing = [name for name in ("id", "question", "answer") if name not in row]
    if missing:
        raise InputError(f"`{missing[0]}` is missing; a row needs id, question and answer.", missing[0])
    try:
        text = SolveRequest.checked(problem=row["question"]).problem
    except InputError as error:
        raise InputError(f"`question` is invalid: {error}", "question") from None
    return LabeledProblem(str(row["id"]), text, str(row["answer"]), number)


async def evaluate(
    solve: Solve,
    problems: Sequence[LabeledProblem],
    *,
    policy: Policy,
    budget: PathBudget,
    seed: int,
    concurrency: int,
    tick: Callable[[], None] = lambda: None,
) -> Report:
    """Solve all problems and compute the figures.

    Args:
        solve: solves one request.
        problems: the problems, at least one of them with a readable gold answer.
        policy: stopping policy.
        budget: maximum number of paths of each kind.
        seed: seed from which the seed of every problem is derived.
        concurrency: maximum number of problems that are solved at the same time.
        tick: called after each of the two runs of a problem.
    """
    requests = [
        SolveRequest(problem=problem.text, paths=budget, policy=policy, seed=path_seed(seed, i), trace=True)
        for i, problem in enumerate(problems)
        if problem.is_readable
    ]
    readable = [problem for problem in problems if problem.is_readable]
    started = time.monotonic()
    votes = await _solve_all(solve, requests, concurrency, tick)
    seconds = time.monotonic() - started
    greedily = {"temperature": 0.0, "paths": PathBudget(cot=1, pot=1), "policy": Policy.FIXED}
    greedy_requests = [request.model_copy(update=greedily) for request in requests]
    greedy = await _solve_all(solve, greedy_requests, concurrency, tick)
    rows = tuple(_result(*three) for three in zip(readable, votes, greedy, strict=True))
    right = {measure: sum(row.right[measure] for row in rows) for measure in MEASURES}
    confidences, vote_right = [row.confidence for row in rows], [row.right["vote"] for row in rows]
    n = len(rows)
    return Report(
        n=n,
        unread_golds=tuple(problem.id for problem in problems if not problem.is_readable),
        model=votes[0].model,
        policy=policy.value,
        seed=seed,
        accuracy={measure: right[measure] / n for measure in MEASURES},
        interval={measure: wilson(right[measure], n) for measure in MEASURES},
        paths_right=_means(share for row in rows for share in row.paths_right.items()),
        completion_tokens_per_problem=sum(row.completion_tokens for row in rows) / n,
        paths_per_problem=sum(row.paths for row in rows) / n,
        cut_off=sum(row.status == Status.DEADLINE for row in rows),
        calibration_error=expected_error(confidences, vote_right, BINS),
        calibration_error_if_perfect=error_if_perfect(confidences, BINS, seed),
        coverage=coverage(confidences, vote_right),
        problems_per_s=n / seconds,
        seconds=seconds,
        rows=rows,
    )


def is_right(answer: str | None, gold: str) -> bool:
    """Whether an answer in wire format matches a gold answer."""
    parsed = parse_answer(answer) if answer is not None else None
    return parsed is not None and matches(parsed, gold)


async def _solve_all(
    solve: Solve, requests: Iterable[SolveRequest], concurrency: int, tick: Callable[[], None]
) -> list[SolveResponse]:
    places = asyncio.Semaphore(concurrency)

    async def solve_one(request: SolveRequest) -> SolveResponse:
        async with places:
            response = await solve(request)
        tick()
        return response

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(solve_one(request)) for request in requests]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


def _result(problem: LabeledProblem, vote: SolveResponse, greedy: SolveResponse) -> ProblemResult:
    answers = {
        "cot_greedy": _vote_of_kind(greedy, PathKind.COT),
        "pot_greedy": _vote_of_kind(greedy, PathKind.POT),
        "cot_vote": _vote_of_kind(vote, PathKind.COT),
        "pot_vote": _vote_of_kind(vote, PathKind.POT),
        "vote": vote.answer,
    }
    return ProblemResult(
        id=problem.id,
        gold=problem.answer,
        answer=vote.answer,
        status=vote.status.value,
        confidence=vote.confidence,
        right={measure: is_right(answer, problem.answer) for measure, answer in answers.items()},
        paths_right=_means(_scores(vote.trace or [], problem.answer)),
        completion_tokens=vote.usage.completion_tokens,
        paths=vote.paths.started,
        seconds=vote.timing.total_s,
    )


def _scores(trace: Iterable[PathTrace], gold: str) -> Iterable[tuple[str, float]]:
    """Kind and score of each path that ended: 1 if it is right, 0 if it is wrong or abstains."""
    return ((p.kind.value, float(is_right(p.answer, gold))) for p in trace if p.outcome is not PathOutcome.ABORTED)


def _means(values: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Mean of the values of each kind."""
    by_kind: dict[str, list[float]] = {}
    for kind, value in values:
        by_kind.setdefault(kind, []).append(value)
    return {kind: statistics.fmean(values) for kind, values in by_kind.items()}


def _vote_of_kind(response: SolveResponse, kind: PathKind) -> str | None:
    """Answer that wins the vote of the counted paths of one kind."""
    leader = winner(count(_ballots(response.trace or [], kind)))
    return leader.answer.text if leader else None


def _ballots(trace: Iterable[PathTrace], kind: PathKind) -> Iterable[Ballot]:
    for path in trace:
        answer = parse_answer(path.vote) if path.vote is not None else None
        if path.kind is kind and answer is not None:
            yield Ballot(path.index, kind, answer)
