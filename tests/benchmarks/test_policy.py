"""Which half of the problems is the easier one."""

from benchmarks.policy import easier
from service.calibration import Calibration
from service.types import PathKind
from training.sampling import Sampled, SampledPath


def _sampled(id_: str, *answers: str) -> Sampled:
    kinds = (PathKind.COT, PathKind.POT)
    paths = (
        SampledPath(kinds[i % 2], i // 2, "", 10, answer or None, None, repaired=False)
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
