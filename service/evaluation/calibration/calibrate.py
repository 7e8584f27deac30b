"""Calibration of a model: the best prompt, the fit, and the figures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.errors import ConfigurationError
from service.evaluation.calibration.content import CalibrationContent, PromptResult, RatedProblem
from service.evaluation.calibration.fit import Fit, calibrate
from service.evaluation.calibration.replay import first, is_right, replay
from service.evaluation.calibration.sampling import LeftOut, ProblemSamples
from service.evaluation.calibration_error import error_if_perfect
from service.evaluation.report import BINS, VerdictCount
from service.model.calibration_file import MadeFor
from service.solve.verdict import verdict
from service.solve.vote import winner
from service.types import PathKind, Policy, Verdict

LEAST_PROBLEMS = 20
"""Fewest problems of a calibration. A map from fewer would be a guess."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One prompt with its samples.

    Args:
        made_for: model, prompt and decoding.
        found: samples of the problems.
    """

    made_for: MadeFor
    found: ProblemSamples

    def result(self) -> PromptResult:
        """Figures of the full vote."""
        samples, paths = self.found.samples, self.found.paths_per_kind
        votes = [replay(Policy.FIXED, first(sampled, paths, paths)) for sampled in samples]
        return PromptResult(
            name=self.made_for.prompt,
            problems=len(samples),
            right=sum(is_right(winner(vote.votes), one.gold) for vote, one in zip(votes, samples, strict=True)),
            tokens=sum(vote.tokens for vote in votes) / max(len(samples), 1),
            cot=self.found.right(PathKind.COT),
            pot=self.found.right(PathKind.POT),
        )


def calibrate_best(tried: Sequence[Tried], unread: Sequence[LeftOut], seed: int) -> CalibrationContent:
    """Calibrate on the samples of the best prompt. Its full vote is right most often, with the fewest tokens of equals.

    Args:
        tried: each prompt with its samples, at least one.
        unread: problems whose gold answers cannot be read.
        seed: seed of the samples, and of the orders and folds.

    Raises:
        ConfigurationError: too few problems have samples, or no path has an answer.
    """
    results = [one.result() for one in tried]
    best, _ = max(zip(tried, results, strict=True), key=lambda pair: _rank(pair[1]))
    check_number(len(best.found.samples))
    if best.found.abstained == 1:
        raise ConfigurationError(
            "No attempt had an answer, so that there is nothing to calibrate. Check the model and its prompt, or raise "
            "max_tokens."
        )
    fit = calibrate(best.found.samples, best.found.paths_per_kind, BINS, seed)
    report, rows = fit.report, tuple(_rated(best.found, fit))
    return CalibrationContent(
        made_for=best.made_for,
        calibration=report.calibration,
        seed=seed,
        problems=len(rows),
        accuracy=report.accuracy,
        accuracy_full=report.accuracy_fixed,
        tokens=report.tokens,
        tokens_full=report.tokens_fixed,
        abstained=best.found.abstained,
        calibration_error_before=report.ece_before,
        calibration_error=report.ece,
        calibration_error_if_perfect=error_if_perfect([row.confidence for row in rows], BINS, seed),
        by_verdict=_by_verdict(rows),
        number_use=report.number_use,
        thresholds=report.thresholds,
        prompts=tuple(results),
        left_out=(*unread, *best.found.left_out),
        rows=rows,
    )


def check_number(problems: int) -> None:
    """Refuse too few problems.

    Raises:
        ConfigurationError: there are fewer than `LEAST_PROBLEMS`.
    """
    if problems < LEAST_PROBLEMS:
        raise ConfigurationError(
            f"A calibration needs at least {LEAST_PROBLEMS} problems with readable answers, better 100 or 200; there "
            f"{'is' if problems == 1 else 'are'} {problems}."
        )


def _rank(result: PromptResult) -> tuple[float, float]:
    return result.right / max(result.problems, 1), -result.tokens


def _rated(found: ProblemSamples, fit: Fit) -> Iterator[RatedProblem]:
    paths, calibration = found.paths_per_kind, fit.report.calibration
    for row_id, sampled, before, after in zip(found.ids, found.samples, fit.before, fit.after, strict=True):
        votes = replay(Policy.ADAPTIVE, first(sampled, paths, paths), calibration).votes
        leader = winner(votes)
        yield RatedProblem(
            id=row_id,
            gold=sampled.gold,
            answer=leader.answer.text if leader else None,
            right=after[1],
            verdict=verdict(votes, after[0], calibrated=True),
            confidence=round(after[0], 4),
            before=round(before[0], 4),
            right_before=before[1],
        )


def _by_verdict(rows: Sequence[RatedProblem]) -> dict[str, VerdictCount]:
    """Counts in the order of `Verdict`."""
    right = {name: [row.right for row in rows if row.verdict is name] for name in Verdict}
    return {name.value: VerdictCount(len(found), sum(found)) for name, found in right.items() if found}
