"""Easier half of the problems, and stopping rules replayed over recorded paths."""

import pytest

from benchmarks.policy import easier, replays
from service.evaluation.calibration.samples import Sampled, SampledPath
from service.solve.calibration import Calibration
from service.types import PathKind


def _sampled(id_: str, *answers: str) -> Sampled:
    kinds = (PathKind.COT, PathKind.POT)
    paths = (
        SampledPath(kinds[i % 2], i // 2, "", 10 + 10 * i, answer or None, None, repaired=False)
        for i, answer in enumerate(answers)
    )
    return Sampled(id_, "1", tuple(paths))


def test_the_easier_half_is_what_the_full_vote_is_surest_of() -> None:
    """Sure and wrong is easier than torn and right: which half it is must not rest on the gold answers."""
    recorded = [
        _sampled("torn", *"1234"),
        _sampled("wrong", *"2222"),
        _sampled("none", *[""] * 4),
        _sampled("right", *"1112"),
    ]
    assert easier(recorded, Calibration()) == {"wrong", "right"}


def test_what_a_rule_waits_for_and_what_it_costs() -> None:
    rows = {row["rule"]: row for row in replays([_sampled("sure", *"1111"), _sampled("late", *"2111")], Calibration())}
    fixed, hindsight = rows["fixed"], rows["hindsight: the fewest paths with the full vote's answer"]
    assert (fixed["longest_of_fixed"], fixed["tokens_of_fixed"], fixed["paths"]) == (1.0, 1.0, 4.0)
    # One path of 10 tokens, and three of 10, 20 and 30: the longest are 10 and 30 of 40, the tokens 70 of 200.
    assert hindsight["longest_of_fixed"] == pytest.approx(0.5)
    assert (hindsight["tokens_of_fixed"], hindsight["paths"]) == (pytest.approx(0.35), 2.0)
