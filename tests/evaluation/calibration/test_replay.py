"""Replays of recorded samples."""

from service.evaluation.calibration.replay import first, replay
from service.types import PathKind, Policy
from tests.support.samples import sampled

COT, POT = PathKind.COT, PathKind.POT


def test_paths_alternate_as_the_service_plans_them() -> None:
    recorded = sampled(["1", "2", "3"], ["4", "5", "6"])
    assert [path.answer for path in first(recorded, 2, 2)] == ["2", "5", "3", "6"]
    assert [path.answer for path in recorded.of(COT, greedy=True)] == ["1"]


def test_a_replay_stops_and_starts_as_a_busy_service_does() -> None:
    paths = first(sampled(["0"] + ["7"] * 10, ["0", "8"] + ["7"] * 9), 10, 10)
    end = replay(Policy.ADAPTIVE, paths)
    assert [(tally.answer.text, tally.cot, tally.pot) for tally in end.votes] == [("7", 4, 2), ("8", 0, 1)]
    assert (end.counted, len(end.started), end.tokens) == (7, 7, 4 * 10 + 3 * 20)
    assert len(replay(Policy.FIXED, paths).started) == 20
    assert replay(Policy.ADAPTIVE, []).votes == ()
