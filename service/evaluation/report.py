"""Figures of an evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.evaluation.by_budget import BudgetPoint, by_budget
from service.evaluation.calibration_error import (
    CoveragePoint,
    ErrorByChance,
    SelectivePoint,
    coverage,
    error_if_perfect,
    error_words,
    expected_error,
    selective,
)
from service.evaluation.problems import LabeledProblem
from service.evaluation.scoring import MEASURES, ProblemResult, Solved, means_by_kind, score
from service.evaluation.statistics import wilson
from service.schemas import PathBudget
from service.types import Policy, Status, Verdict

BINS = 10
"""Number of bins of the calibration error."""
THRESHOLDS = tuple(tenth / 10 for tenth in range(1, 10))
"""Values of `min_confidence` in the report."""


@dataclass(frozen=True, slots=True)
class VerdictCount:
    """Problems whose votes have one verdict.

    Args:
        problems: number of problems.
        right: number of right answers among them.
    """

    problems: int
    right: int


@dataclass(frozen=True, slots=True)
class Report:
    """Figures over all problems whose gold answers can be read.

    Only `seconds`, `problems_per_s` and the seconds of the rows depend on the wall clock.

    Args:
        n: number of these problems.
        unread_golds: ids of the other problems, which are not solved.
        model: name of the model.
        calibrated: whether the model has a calibrated confidence.
        policy: stopping policy.
        seed: seed from which the seed of every problem is derived.
        accuracy: accuracy by measure.
        interval: 95 % confidence interval of each accuracy.
        paths_right: by kind, the mean over the problems of `ProblemResult.paths_right`.
        completion_tokens_per_problem: mean completion tokens of a vote.
        token_share: estimate of these tokens as a share of the tokens of votes over all paths, in [0, 1].
        paths_per_problem: mean number of started paths of a vote.
        cut_off: number of votes that the deadline ended. They lower the accuracy on a slow machine.
        warned: number of votes with a warning: a token limit cut off most of their paths.
        warning: the first of these warnings, else empty.
        calibration_error_before: expected calibration error of the agreement of the attempts, without any calibration.
        calibration_error: the same of the confidence, in `BINS` bins.
        calibration_error_if_perfect: calibration error of a perfect confidence, by chance.
        coverage: accuracy of the votes with the highest confidence.
        by_verdict: problems and right answers of each verdict that a vote has.
        by_min_confidence: answers that are left under each of `THRESHOLDS`.
        by_budget: accuracy, paths and tokens under smaller budgets.
        problems_per_s: votes per second.
        seconds: wall-clock seconds of all votes.
        wrong: ids of the problems without a right answer of the vote.
        rows: result of each problem, in the order of the file.
    """

    n: int
    unread_golds: tuple[str, ...]
    model: str
    calibrated: bool
    policy: str
    seed: int
    accuracy: dict[str, float]
    interval: dict[str, tuple[float, float]]
    paths_right: dict[str, float]
    completion_tokens_per_problem: float
    token_share: float
    paths_per_problem: float
    cut_off: int
    warned: int
    warning: str
    calibration_error_before: float
    calibration_error: float
    calibration_error_if_perfect: ErrorByChance
    coverage: list[CoveragePoint]
    by_verdict: dict[str, VerdictCount]
    by_min_confidence: list[SelectivePoint]
    by_budget: list[BudgetPoint]
    problems_per_s: float
    seconds: float
    wrong: tuple[str, ...]
    rows: tuple[ProblemResult, ...]


def report_of(
    solved: Sequence[Solved],
    unread: Sequence[LabeledProblem],
    *,
    policy: Policy,
    budget: PathBudget,
    seed: int,
    seconds: float,
) -> Report:
    """Compute the figures.

    Args:
        solved: the solved problems, at least one.
        unread: problems whose gold answers cannot be read.
        policy: stopping policy of the votes.
        budget: maximum number of paths of each kind.
        seed: seed of the evaluation.
        seconds: wall-clock seconds of all votes.
    """
    rows = tuple(map(score, solved))
    right = {measure: sum(row.right[measure] for row in rows) for measure in MEASURES}
    confidences, vote_right = [row.confidence for row in rows], [row.right["vote"] for row in rows]
    tokens, saved = sum(row.completion_tokens for row in rows), sum(row.saved_tokens for row in rows)
    found_warnings = [one.vote.warning for one in solved if one.vote.warning]
    n = len(rows)
    return Report(
        n=n,
        unread_golds=tuple(problem.id for problem in unread),
        model=solved[0].vote.model,
        calibrated=solved[0].vote.calibrated,
        policy=policy.value,
        seed=seed,
        accuracy={measure: right[measure] / n for measure in MEASURES},
        interval={measure: wilson(right[measure], n) for measure in MEASURES},
        paths_right=means_by_kind(share for row in rows for share in row.paths_right.items()),
        completion_tokens_per_problem=tokens / n,
        token_share=tokens / (tokens + saved) if tokens else 1.0,
        paths_per_problem=sum(row.paths for row in rows) / n,
        cut_off=sum(row.status == Status.DEADLINE for row in rows),
        warned=len(found_warnings),
        warning=found_warnings[0] if found_warnings else "",
        calibration_error_before=expected_error([row.agreement for row in rows], vote_right, BINS),
        calibration_error=expected_error(confidences, vote_right, BINS),
        calibration_error_if_perfect=error_if_perfect(confidences, BINS, seed),
        coverage=coverage(confidences, vote_right),
        by_verdict=_by_verdict(rows),
        by_min_confidence=selective(*answered(rows), THRESHOLDS),
        by_budget=by_budget(solved, budget, policy),
        problems_per_s=n / seconds,
        seconds=seconds,
        wrong=tuple(row.id for row in rows if not row.right["vote"]),
        rows=rows,
    )


def trust_words(report: Report) -> str:
    """Calibration error in words, before the calibration too if there is one."""
    before = report.calibration_error_before if report.calibrated else None
    return error_words(report.calibration_error, report.calibration_error_if_perfect, before)


def distinct(points: Sequence[SelectivePoint]) -> list[SelectivePoint]:
    """Points with answers, and of those with the same answers the one of the highest confidence."""
    highest = {point.answered: point for point in points if point.answered}
    return list(highest.values())


def answered(rows: Sequence[ProblemResult]) -> tuple[list[float], list[bool]]:
    """Confidence of each answer of the vote, and whether it is right."""
    answers = [row for row in rows if row.answer is not None]
    return [row.confidence for row in answers], [row.right["vote"] for row in answers]


def _by_verdict(rows: Sequence[ProblemResult]) -> dict[str, VerdictCount]:
    """Counts in the order of `Verdict`. Verdicts of a later version of the service come last."""
    right: dict[str, list[bool]] = {verdict.value: [] for verdict in Verdict}
    for row in rows:
        right.setdefault(row.verdict, []).append(row.right["vote"])
    return {verdict: VerdictCount(len(found), sum(found)) for verdict, found in right.items() if found}
