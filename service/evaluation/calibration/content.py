"""Content of `calibration.json`: calibration, figures, and a row per problem."""

from dataclasses import dataclass

from pydantic import ConfigDict

from service import __version__
from service.evaluation.calibration.observed import NumberUse
from service.evaluation.calibration.sampling import LeftOut
from service.evaluation.calibration.thresholds import ThresholdCost
from service.evaluation.calibration_error import ErrorByChance
from service.evaluation.report import VerdictCount
from service.model.calibration_file import ModelCalibration
from service.types import Verdict


@dataclass(frozen=True, slots=True)
class RatedProblem:
    """Vote of one problem, rated by a calibration that other problems gave.

    Args:
        id: id of the row.
        gold: gold answer.
        answer: answer of the vote under the adaptive policy, or None.
        right: whether it is right.
        verdict: verdict on it.
        confidence: confidence in it.
        before: confidence by the agreement of the attempts only, without any calibration.
        right_before: whether that answer is right.
    """

    id: str
    gold: str
    answer: str | None
    right: bool
    verdict: Verdict
    confidence: float
    before: float
    right_before: bool


@dataclass(frozen=True, slots=True)
class PromptResult:
    """Samples of one prompt.

    Args:
        name: name of the prompt.
        problems: number of problems.
        right: number of right answers of the full vote.
        tokens: completion tokens per problem of the full vote.
        cot: share of right chains of thought. None if there are none.
        pot: the same of programs of thought.
    """

    name: str
    problems: int
    right: int
    tokens: float
    cot: float | None
    pot: float | None


class CalibrationContent(ModelCalibration):
    """Content of `calibration.json`.

    Args:
        twinpath: version of Twinpath.
        seed: seed of the samples, orders and folds.
        problems: number of problems.
        accuracy: share of right answers under the adaptive policy.
        accuracy_full: the same of the full vote.
        tokens: completion tokens per problem under the adaptive policy.
        tokens_full: the same of the full vote.
        abstained: share of paths without an answer.
        calibration_error_before: expected calibration error of the agreement of the attempts, without any calibration.
        calibration_error: the same of the confidence, cross-fitted.
        calibration_error_if_perfect: calibration error of a perfect confidence, by chance.
        by_verdict: problems and right answers of each verdict, cross-fitted.
        number_use: share of right answers by the use of the problem's numbers.
        thresholds: cost of each stopping threshold.
        prompts: result of each prompt.
        left_out: problems without samples, and those whose gold answer cannot be read.
        rows: vote of each problem.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    twinpath: str = __version__
    seed: int
    problems: int
    accuracy: float
    accuracy_full: float
    tokens: float
    tokens_full: float
    abstained: float
    calibration_error_before: float
    calibration_error: float
    calibration_error_if_perfect: ErrorByChance
    by_verdict: dict[str, VerdictCount]
    number_use: NumberUse
    thresholds: tuple[ThresholdCost, ...]
    prompts: tuple[PromptResult, ...]
    left_out: tuple[LeftOut, ...]
    rows: tuple[RatedProblem, ...]

    @property
    def token_share(self) -> float:
        """Share of the tokens of a full vote, over many orders of the same paths."""
        return next(row.cost.tokens for row in self.thresholds if row.threshold == self.calibration.threshold)

    @property
    def likely(self) -> VerdictCount:
        """Likely answers."""
        return self.by_verdict.get(Verdict.LIKELY, VerdictCount(0, 0))
