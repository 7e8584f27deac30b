"""Calibration of a model from its samples: against known probabilities, and on degenerate problems."""

from dataclasses import replace
from math import comb

import pytest

from service.errors import ConfigurationError
from service.evaluation.calibration.calibrate import Tried, calibrate_best
from service.evaluation.calibration.content import CalibrationContent
from service.evaluation.calibration.notes import likely_words, notes
from service.evaluation.calibration.samples import Sampled
from service.evaluation.calibration.sampling import LeftOut, ProblemSamples
from service.evaluation.report import VerdictCount
from service.model.calibration_file import MadeFor
from service.model.metadata import Decoding
from service.types import Verdict
from tests.support.chance_samples import RATES, chance_samples
from tests.support.samples import sampled

MADE_FOR = MadeFor(
    model="m",
    files="",
    weights="",
    prompt="p",
    wording="w",
    decoding=Decoding(temperature=0.7, top_p=1.0),
    max_tokens=320,
    cot=3,
    pot=3,
)


@pytest.fixture(autouse=True)
def few_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.evaluation.calibration.thresholds.ORDERS", 2)


def tried(samples: list[Sampled], prompt: str = "p") -> Tried:
    ids = tuple(f"row {one.id}" for one in samples)
    return Tried(MADE_FOR.model_copy(update={"prompt": prompt}), ProblemSamples(tuple(samples), ids, ()))


def calibrated(samples: list[Sampled], unread: list[LeftOut] | None = None) -> CalibrationContent:
    return calibrate_best([tried(samples)], unread or [], seed=1)


def alike(right: int, wrong: int, split: int = 0) -> list[Sampled]:
    """Problems whose paths agree on the right answer, agree on a wrong one, or split evenly: each third is right."""
    votes = [["7"] * 4] * right + [["8"] * 4] * wrong
    agreed = [sampled(answers, answers, number=i) for i, answers in enumerate(votes)]
    thirds = (["", "7", "8", "9"], ["", "9", "7", "8"])
    torn = [sampled(*thirds, gold="789"[i % 3], number=right + wrong + i) for i in range(split)]
    return agreed + torn


def test_the_map_is_the_share_of_right_answers() -> None:
    """All paths agree on 100 problems, and nine in ten are right. On 50 problems each answer has a third."""
    found = calibrated(alike(90, 10, split=50))
    assert found.problems == 150
    unanimous = found.calibration.shifted(7 / 8, None)  # all three of each kind
    assert unanimous == pytest.approx(0.9, abs=0.02)
    assert found.calibration.shifted(3 / 8, None) == pytest.approx(1 / 3, abs=0.12)
    assert found.by_verdict == {"likely": VerdictCount(100, 90), "torn": VerdictCount(50, 17)}
    assert found.likely == VerdictCount(100, 90)
    assert found.calibration_error < found.calibration_error_before


def test_the_samples_have_their_known_probability() -> None:
    """Of six paths of a rate, the number of right ones is binomial."""
    samples = chance_samples(5000, 3, seed=5)
    for difficulty, rate in enumerate(RATES):
        counts = [sum(path.right for path in one.paths) for one in samples[difficulty :: len(RATES)]]
        all_right = comb(6, 6) * rate**6
        assert counts.count(6) / len(counts) == pytest.approx(all_right, abs=0.05)


def test_rows_are_rated_by_other_problems() -> None:
    found = calibrated(alike(20, 4))
    first, *_, last = found.rows
    assert (first.id, first.gold, first.answer, first.right, first.verdict) == (
        "row p0",
        "7",
        "7",
        True,
        Verdict.LIKELY,
    )
    assert (last.id, last.answer, last.right, last.right_before) == ("row p23", "8", False, False)
    assert first.before == 0.9688  # four to nothing
    assert found.accuracy == found.accuracy_full == 20 / 24
    assert {row.confidence for row in found.rows} != {found.calibration.shifted(5 / 6, None)}  # folds differ


@pytest.mark.parametrize(
    ("samples", "likely", "note", "low", "high"),
    [
        (alike(30, 0), VerdictCount(30, 30), "All answers were right", 0.9, 1.0),
        (alike(0, 30), VerdictCount(0, 0), "All answers were wrong", 0.0, 0.1),
    ],
)
def test_degenerate_problems_give_a_cautious_map(
    samples: list[Sampled], likely: VerdictCount, note: str, low: float, high: float
) -> None:
    found = calibrated(samples)
    values = [y for x, y in found.calibration.confidence_map if x > 0]
    assert low < min(values) <= max(values) < high  # never certain
    assert found.likely == likely
    assert notes(found)[1].startswith(f"{note}, so the confidence cannot separate good votes from bad ones.")


def test_words_for_likely() -> None:
    assert likely_words(calibrated(alike(30, 0))) == (
        "On held-out problems, 100 % of the likely answers were right (30 of 30, 95 % interval 89 to 100 %)."
    )
    assert likely_words(calibrated(alike(0, 30))) == (
        "No answer will be likely: no vote reached a confidence of 0.7. Use a stronger model, or more attempts."
    )


def test_few_problems_leave_the_threshold_and_say_so() -> None:
    few, many = calibrated(alike(90, 9)), calibrated(alike(90, 10))
    assert (few.calibration.threshold, many.calibration.threshold) == (0.95, 0.75)
    assert notes(few) == [
        "With 99 problems all figures are rough, and the stopping threshold stays 0.95. From 100 problems it is chosen "
        "too."
    ]
    assert notes(many) == []


@pytest.mark.parametrize(("number", "words"), [(0, "are 0"), (1, "is 1"), (19, "are 19")])
def test_too_few_problems_are_refused(number: int, words: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        calibrated(alike(number, 0))
    assert str(raised.value) == (
        f"A calibration needs at least 20 problems with readable answers, better 100 or 200; there {words}."
    )


def test_a_model_that_never_answers_is_refused() -> None:
    silent = [replace(one, paths=tuple(replace(path, answer=None) for path in one.paths)) for one in alike(20, 0)]
    with pytest.raises(ConfigurationError, match=r"^No attempt had an answer, so that there is nothing to calibrate\."):
        calibrated(silent)


def test_attempts_without_an_answer_and_left_out_problems_are_noted() -> None:
    often = [sampled(["", "7", "7"], ["", "", ""], number=i) for i in range(20)]
    often = [
        replace(one, paths=tuple(replace(path, answer=path.answer or None) for path in one.paths)) for one in often
    ]
    found = calibrated(often, [LeftOut(f"id {n}", "its answer cannot be read") for n in range(21)])
    assert found.abstained == 4 / 6
    assert notes(found)[2] == (
        "67 % of the attempts had no answer. If they were cut off, raise max_tokens and calibrate again."
    )
    assert notes(found)[3].startswith("Left out: 21 problems: id 0 (its answer cannot be read), id 1 (")
    assert notes(found)[3].endswith("id 19 (its answer cannot be read), ….")


def test_the_best_prompt_is_kept() -> None:
    found = calibrate_best(
        [tried(alike(20, 10), "a"), tried(alike(29, 1), "b"), tried(alike(29, 1)[::-1], "c")], [], seed=1
    )
    assert found.made_for.prompt == "b"
    assert [(one.name, one.problems, one.right) for one in found.prompts] == [
        ("a", 30, 20),
        ("b", 30, 29),
        ("c", 30, 29),
    ]
    assert [one.cot for one in found.prompts] == pytest.approx([20 / 30, 29 / 30, 29 / 30])
    assert found.prompts[0].tokens == 3 * 10 + 3 * 20


def test_the_content_is_kept_in_json() -> None:
    found = calibrated(alike(20, 4), [LeftOut("x", "its answer cannot be read")])
    assert CalibrationContent.model_validate_json(found.model_dump_json()) == found
