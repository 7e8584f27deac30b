"""What votes weigh and what a confidence is, with and without a calibration."""

from fractions import Fraction

import pytest
from pydantic import ValidationError

from service.paths.answer import Answer
from service.solve.calibration import Calibration, interpolate, support
from service.solve.vote import EQUAL_WEIGHTS, Tally
from service.types import PathKind

COT, POT = PathKind.COT, PathKind.POT


def tally(number: int, cot: int, pot: int, weight: float | None = None) -> Tally:
    return Tally(Answer(str(number), Fraction(number)), cot, pot, float(cot + pot) if weight is None else weight)


def test_without_one_all_weigh_the_same_and_the_confidence_is_the_beta_rule() -> None:
    plain = Calibration()
    assert [plain.weight(kind, repaired=repaired) for kind in PathKind for repaired in (False, True)] == [1.0] * 4
    assert not plain.calibrated
    assert plain.confidence([tally(5, 2, 2)], (COT, POT) * 2) == 31 / 32
    assert plain.confidence([tally(5, 2, 2), tally(6, 1, 0)], (COT, POT, COT, POT, COT)) == 57 / 64
    assert plain.confidence([], (COT,)) == 0.0


def test_weights_by_kind_and_repair() -> None:
    weighed = Calibration(weights={COT: 0.5}, repaired=0.5)
    assert (weighed.weights[POT], weighed.weight(COT, repaired=False), weighed.weight(COT, repaired=True)) == (
        1,
        0.5,
        0.25,
    )


def test_a_calibrated_confidence_goes_by_the_leaders_support() -> None:
    calibrated = Calibration(confidence_map=((0.5, 0.2), (0.75, 0.6), (1.0, 1.0)))
    assert calibrated.calibrated
    assert calibrated.confidence([tally(5, 1, 1)], (COT, POT)) == pytest.approx(0.6)  # 3 of 4
    assert calibrated.confidence([tally(5, 1, 0)], (COT, POT)) == pytest.approx(0.2)  # 2 of 4
    assert calibrated.confidence([tally(5, 1, 0)], (COT, POT, COT, POT)) == 0.2  # below the map
    assert calibrated.confidence([], (COT, POT)) == 0.0


def test_support_grows_with_the_votes_and_falls_with_those_who_abstain() -> None:
    assert support(tally(5, 2, 2), (COT, POT) * 2, EQUAL_WEIGHTS) == 5 / 6
    assert support(tally(5, 10, 10), (COT, POT) * 10, EQUAL_WEIGHTS) == 21 / 22
    assert support(tally(5, 2, 2), (COT, POT) * 3, EQUAL_WEIGHTS) == 5 / 8
    assert support(tally(5, 2, 2, weight=3.0), (COT, POT) * 2, {COT: 0.5, POT: 1.0}) == 4 / 5


def test_interpolation() -> None:
    points = ((0.2, 0.1), (0.4, 0.5), (0.4, 0.6), (0.8, 0.6))
    assert [interpolate(points, x) for x in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)] == [0.1, 0.1, 0.5, 0.6, 0.6, 0.6]
    assert interpolate(points, 0.3) == pytest.approx(0.3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"weights": {"cot": 0.0}},
        {"weights": {"cot": 1.5}},
        {"weights": {"tot": 1.0}},
        {"repaired": 2.0},
        {"threshold": 1.0},
        {"patience": 0},
        {"patience": 16},
        {"confidence_map": [[0.5, 0.5], [0.4, 0.6]]},
        {"confidence_map": [[0.4, 0.6], [0.5, 0.5]]},
        {"confidence_map": [[0.4, 1.6]]},
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Calibration.model_validate(wrong)
