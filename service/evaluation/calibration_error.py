"""Expected calibration error, reliability, coverage, and answers under a minimum confidence."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

_DRAWS = 1000


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """One bin of a reliability diagram.

    Args:
        confidence: mean confidence, in [0, 1].
        accuracy: share of right answers, in [0, 1].
        problems: number of problems, at least 1.
    """

    confidence: float
    accuracy: float
    problems: int


@dataclass(frozen=True, slots=True)
class ErrorByChance:
    """Distribution of the calibration error of a perfect confidence.

    Args:
        median: median of the draws.
        p95: 95th percentile of the draws.
    """

    median: float
    p95: float


@dataclass(frozen=True, slots=True)
class CoveragePoint:
    """Accuracy on the problems of the highest confidence.

    Args:
        coverage: share of the problems that are answered, in (0, 1].
        accuracy: share of right answers among them, in [0, 1].
    """

    coverage: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class SelectivePoint:
    """Answers that are left if only those of a minimum confidence count.

    Args:
        min_confidence: the minimum confidence, in [0, 1].
        answered: number of these answers.
        right: number of right answers among them.
    """

    min_confidence: float
    answered: int
    right: int


def reliability(confidences: Sequence[float], right: Sequence[bool], bins: int) -> list[ReliabilityBin]:
    """Non-empty bins of a reliability diagram.

    Args:
        confidences: confidence of each problem, in [0, 1].
        right: whether the answer of each problem is right.
        bins: number of bins of equal width.
    """
    members: list[list[int]] = [[] for _ in range(bins)]
    for index, value in enumerate(confidences):
        members[min(int(value * bins), bins - 1)].append(index)
    return [
        ReliabilityBin(
            confidence=sum(confidences[i] for i in indices) / len(indices),
            accuracy=sum(right[i] for i in indices) / len(indices),
            problems=len(indices),
        )
        for indices in members
        if indices
    ]


def expected_error(confidences: Sequence[float], right: Sequence[bool], bins: int) -> float:
    """Expected calibration error (Guo et al., arXiv 1706.04599).

    The mean gap between confidence and accuracy over bins of equal width, weighted by their problems. `reliability`
    takes the same arguments.
    """
    gaps = [abs(b.confidence - b.accuracy) * b.problems for b in reliability(confidences, right, bins)]
    return float(sum(gaps) / max(len(right), 1))


def error_if_perfect(confidences: Sequence[float], bins: int, seed: int) -> ErrorByChance:
    """Calibration error by chance, if each confidence were the exact probability of a right answer.

    Args:
        confidences: confidence of each problem, in [0, 1].
        bins: number of bins of equal width.
        seed: seed of the thousand draws.
    """
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    draws = sorted(expected_error(confidences, [rng.random() < c for c in confidences], bins) for _ in range(_DRAWS))
    return ErrorByChance(median=draws[_DRAWS // 2], p95=draws[_DRAWS * 95 // 100])


def error_words(error: float, perfect: ErrorByChance, before: float | None = None) -> str:
    """Calibration error in words, beside that of a perfect confidence.

    Args:
        error: calibration error of the confidence.
        perfect: calibration error of a perfect confidence, by chance.
        before: calibration error of the agreement of the attempts, or None to leave it out.
    """
    agreement = "" if before is None else f"; the agreement of the attempts has {before:.3f}"
    return (
        f"calibration error {error:.3f}{agreement}. By chance, a perfect confidence would have {perfect.median:.3f} "
        f"(median) and at most {perfect.p95:.3f} (95 %)."
    )


def coverage(confidences: Sequence[float], right: Sequence[bool]) -> list[CoveragePoint]:
    """Accuracy of the answers with the highest confidence, for each tenth of the problems.

    Args:
        confidences: confidence of each problem, in [0, 1].
        right: whether the answer of each problem is right.
    """
    order = sorted(range(len(right)), key=lambda i: (-confidences[i], i))
    points = []
    for tenth in range(1, 11):
        answered = order[: max(1, round(len(order) * tenth / 10))] if order else []
        if answered:
            points.append(CoveragePoint(tenth / 10, sum(right[i] for i in answered) / len(answered)))
    return points


def selective(confidences: Sequence[float], right: Sequence[bool], thresholds: Sequence[float]) -> list[SelectivePoint]:
    """Answers that are left under each minimum confidence.

    Args:
        confidences: confidence of each answer, in [0, 1].
        right: whether each answer is right.
        thresholds: values of the minimum confidence.
    """
    points = []
    for threshold in thresholds:
        left = [is_right for confidence, is_right in zip(confidences, right, strict=True) if confidence >= threshold]
        points.append(SelectivePoint(threshold, len(left), sum(left)))
    return points
