"""Votes, comparison and calibration over scripted samples: exact figures."""

from dataclasses import replace
from pathlib import Path

import pytest

from service.errors import ConfigurationError
from service.solve.calibration import Calibration, interpolate
from service.types import PathKind, Policy
from training.ablate import ablate, compared, parts, without
from training.ablate import table as ablation
from training.calibrate import (
    ENOUGH,
    best_stop,
    best_temperature,
    best_weights,
    calibrate,
    observed,
    repaired_worth,
    stops,
)
from training.compare import Students, compare, difference, mcnemar, table
from training.confidence import fit
from training.measure import measure
from training.measure import table as measured
from training.recipe import load
from training.sampling import Sampled, SampledPath
from training.votes import PLAIN, elected, first, is_right, replay

COT, POT = PathKind.COT, PathKind.POT


def _sampled(cot: list[str], pot: list[str], gold: str = "7", number: int = 0) -> Sampled:
    paths = [SampledPath(COT, i - 1, "", 10, answer, right=answer == gold) for i, answer in enumerate(cot)]
    paths += [SampledPath(POT, i - 1, "", 20, answer, right=answer == gold) for i, answer in enumerate(pot)]
    return Sampled(f"p{number}", gold, tuple(paths))


def _stop(samples: list[Sampled], paths: int) -> tuple[float, float]:
    best = best_stop(stops(samples, paths, PLAIN, seed=1))
    return best["threshold"], best["patience"]


def test_paths_alternate_as_the_service_plans_them() -> None:
    sampled = _sampled(["1", "2", "3"], ["4", "5", "6"])
    assert [path.answer for path in first(sampled, 2, 2)] == ["2", "5", "3", "6"]
    assert [path.answer for path in sampled.of(COT, greedy=True)] == ["1"]


def test_weights_move_a_vote() -> None:
    paths = first(_sampled(["7", "8", "8"], ["7", "7", "7"]), 2, 2)
    tied = elected(paths)
    assert tied is not None
    assert not is_right(tied, "7")  # two and two, and the 8 came first
    assert is_right(elected(paths, Calibration(weights={COT: 0.5})), "7")


def test_the_better_kind_gets_more_weight() -> None:
    samples = [_sampled(["8"] * 3, ["7"] * 3, number=i) for i in range(5)]
    assert best_weights(samples, 2) == Calibration(weights={COT: 0.8, POT: 1.0})
    assert best_weights([_sampled(["7"] * 3, ["7"] * 3)], 2) == PLAIN


def test_a_lead_that_may_be_luck_changes_no_weights() -> None:
    better = [_sampled(["8"] * 3, ["7"] * 3, number=i) for i in range(9)]
    worse = [_sampled(["7"] * 3, ["8"] * 3, number=i) for i in range(2)]
    assert best_weights(better + worse, 2).weights == {COT: 0.8, POT: 1.0}  # 7 ahead, of 11 that change
    assert best_weights(better + worse * 2, 2) == PLAIN  # 5 ahead, of 13


def test_the_threshold_is_the_lowest_that_loses_nothing() -> None:
    sure = [_sampled(["7"] * 11, ["7"] * 11, number=i) for i in range(9)]
    assert _stop(sure, 10) == (0.75, 1.0)
    # Two of two are sure enough at 0.85; two of the five 7s and three 8s are both 8 once in eight orders. Any seven of
    # the eight elect the 7.
    torn = _sampled(["", "8", "7", "7", "7"], ["", "8", "7", "7", "8"])
    assert _stop([*sure, torn], 4) == (0.9, 0.8)


def test_the_threshold_is_that_of_many_orders() -> None:
    """One early mistake of one order does not show what a threshold costs."""
    unlucky = _sampled(["", *"8777777777"], ["", *"8777777777"])  # the recorded order stops at two 8s of twenty
    sure = [_sampled(["7"] * 11, ["7"] * 11, number=i) for i in range(19)]
    assert _stop([*sure, unlucky], 10)[0] == 0.75


def test_a_stop_that_may_lose_is_not_chosen_for_its_mean() -> None:
    safe = {"threshold": 0.95, "patience": 1.0, "risk": 0.0, "tokens": 0.8}
    cheap = {"threshold": 0.9, "patience": 0.6, "risk": 0.012, "tokens": 0.5}
    assert best_stop([safe, cheap]) == safe
    assert best_stop([safe, cheap | {"risk": 0.004}])["tokens"] == 0.5
    assert best_stop([cheap, safe | {"risk": 0.1}]) == cheap  # none is sure: the one that risks least


def test_a_stop_must_hold_in_every_set_of_problems() -> None:
    """Sets that lose nothing must not hide one that does, nor one in which stopping early was lucky."""
    sure = [replace(_sampled(["7"] * 11, ["7"] * 11), id=f"easy/{i}") for i in range(30)]
    torn = replace(_sampled(["", "8", "7", "7", "7"], ["", "8", "7", "7", "8"]), id="hard/0")
    lucky = replace(_sampled(["", "7", "8", "8", "8"], ["", "7", "8", "8", "7"]), id="lucky/0")
    first, *_ = stops([*sure, torn, lucky], 4, PLAIN, seed=1)
    assert abs(first["lost"]) < 0.01
    assert first["sets"]["easy"]["lost"] == 0.0
    assert first["sets"]["hard"]["lost"] == -first["sets"]["lucky"]["lost"] > 0.05
    assert first["risk"] == pytest.approx(1 / 8, abs=0.08)
    beside = replace(_sampled(["7"] * 5, ["7"] * 5), id="lucky/1")
    row = stops([lucky, beside], 4, PLAIN, seed=1)[0]
    assert row["lost"] < 0
    assert row["risk"] == pytest.approx(row["error"])


def test_votes_that_stay_open_are_given_up_where_that_loses_nothing() -> None:
    open_ = _sampled(["", *"8912345676"], ["", *"8912345676"])  # hardly ever right, however many paths
    sure = [_sampled(["7"] * 11, ["7"] * 11, number=i) for i in range(30)]
    assert _stop([*sure, open_], 10)[1] == 0.4


def test_what_each_threshold_costs() -> None:
    sure = [_sampled(["7"] * 5, ["7"] * 5, number=i) for i in range(2)]
    first, *_, last = stops(sure, 4, PLAIN, seed=1)
    assert (first["threshold"], first["patience"]) == (0.75, 1.0)
    assert (first["lost"], first["error"], first["tokens"]) == (0.0, 0.0, 0.25)  # one path of each kind, of four
    assert (last["threshold"], last["patience"], last["tokens"]) == (0.95, 0.4, pytest.approx(1 / 3))  # three of four
    torn = _sampled(["", "8", "7", "7", "7"], ["", "8", "7", "7", "8"])
    row = stops([*sure, torn], 4, PLAIN, seed=1)[0]
    assert row["lost"] == pytest.approx(1 / 8 / 3, abs=0.03)
    assert row["error"] == pytest.approx(row["lost"])  # of three problems one alone loses


@pytest.fixture
def few_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """For problems that every order answers alike."""
    monkeypatch.setattr("training.calibrate.ORDERS", 2)


@pytest.mark.usefixtures("few_orders")
def test_the_best_temperature_is_right_most_often_and_then_the_cheapest() -> None:
    sure = [_sampled(["7"] * 5, ["7"] * 5, number=i) for i in range(ENOUGH)]
    torn = [_sampled(["7", "7", "8", "7", "7"], ["7", "8", "7", "7", "7"], number=i) for i in range(ENOUGH)]
    wrong = [_sampled(["8"] * 5, ["8"] * 5, number=i) for i in range(ENOUGH)]
    facts = best_temperature({0.3: wrong, 0.5: torn, 0.7: sure}, 4, 10, seed=1)
    assert facts["temperature"] == 0.7
    assert [row["accuracy_fixed"] for row in facts["temperatures"]] == [0.0, 1.0, 1.0]
    assert facts["tokens"] == 30.0  # one path of each kind
    assert facts["tokens_fixed"] == 120.0


@pytest.mark.usefixtures("few_orders")
def test_few_problems_teach_no_stop() -> None:
    """A student that is never right loses nothing by stopping at once; of a handful of problems that is no finding."""
    lost = [_sampled(["8"] * 5, ["9"] * 5, number=i) for i in range(ENOUGH)]
    assert calibrate(lost, 4, 10, seed=1)["patience"] == 0.4
    few = calibrate(lost[1:], 4, 10, seed=1)
    assert (few["threshold"], few["patience"]) == (0.95, 1.0)


def test_repaired_chains_of_thought_count_what_they_are_worth() -> None:
    wrong = SampledPath(COT, 0, "", 10, "8", "7", repaired=True)
    right = SampledPath(POT, 0, "", 10, "7")
    samples = [Sampled(f"p{i}", "7", (wrong, replace(wrong, index=1), right)) for i in range(5)]
    sure = [_sampled(["7"] * 3, ["8"] * 2, number=i) for i in range(5)]  # here prose of less than half a weight loses
    assert best_weights(samples + sure, 2) == Calibration(weights={COT: 0.5}, repaired=0.75)
    worth = repaired_worth(samples, 2, PLAIN)
    assert (worth["1.0"], worth["0.0"], worth["stated"]) == (0.0, 1.0, 1.0)


def test_a_replay_stops_and_starts_as_a_busy_service_does() -> None:
    paths = first(_sampled(["0"] + ["7"] * 10, ["0", "8"] + ["7"] * 9), 10, 10)
    end = replay(Policy.ADAPTIVE, paths)
    assert [(tally.answer.text, tally.cot, tally.pot) for tally in end.votes] == [("7", 4, 2), ("8", 0, 1)]
    assert (len(end.counted), len(end.started), end.tokens) == (7, 7, 4 * 10 + 3 * 20)
    assert len(replay(Policy.FIXED, paths).started) == 20
    assert replay(Policy.ADAPTIVE, []).votes == ()


def test_support_is_seen_where_a_policy_stops() -> None:
    samples = [_sampled(["7"] * 11, ["7"] * 11)]
    assert observed(samples, 10, Policy.ADAPTIVE, PLAIN) == [(5 / 6, True)]
    assert observed(samples, 10, Policy.FIXED, PLAIN) == [(21 / 22, True)]
    assert observed([_sampled([], [])], 10, Policy.FIXED, PLAIN) == [(0.0, False)]


def _seen(support: float, right: int, wrong: int) -> list[tuple[float, bool]]:
    return [(support, True)] * right + [(support, False)] * wrong


def test_the_confidence_map_finds_a_rise_that_is_not_even() -> None:
    """As where hard problems have little support and others some: steep, flat and rising again."""
    shares = {0.1: 0.05, 0.2: 0.3, 0.4: 0.35, 0.6: 0.5, 0.9: 0.8}
    many = [
        point for at, share in shares.items() for point in _seen(at, round(10000 * share), round(10000 - 10000 * share))
    ]
    found = fit(many)
    assert (found[0], len(found), found[-1][0]) == ((0.0, 0.0), 21, 1.0)
    for support, share in shares.items():
        assert interpolate(found, support) == pytest.approx(share, abs=0.01)


def test_few_problems_bend_the_confidence_map_little() -> None:
    few = [*_seen(0.2, 2, 8), *_seen(0.5, 2, 8), *_seen(0.8, 8, 2)]
    low, middle, high = (interpolate(fit(few), support) for support in (0.2, 0.5, 0.8))
    assert low < 0.25 < middle < 0.5 < high < 0.8
    assert interpolate(fit(few * 1000), 0.5) == pytest.approx(0.2, abs=0.01)


def test_the_confidence_map_never_falls_and_is_never_certain() -> None:
    falling = fit([*_seen(0.2, 3, 1), *_seen(0.8, 1, 3)])
    assert {round(share, 4) for support, share in falling if support} == {0.5}
    points = [*_seen(0.2, 0, 2), *_seen(0.8, 2, 0)]
    few = fit(points)
    assert interpolate(few, 0.8) == pytest.approx(3 / 4, abs=0.01)  # Platt's target for two that are right
    assert interpolate(few, 0.2) == pytest.approx(1 / 4, abs=0.01)
    assert interpolate(fit(points * 20, orders=20), 0.8) == pytest.approx(interpolate(few, 0.8), abs=0.001)


def test_a_student_that_never_voted_gets_a_confidence_map() -> None:
    assert interpolate(fit(_seen(0.0, 0, 5)), 0.5) == pytest.approx(1 / 2)
    facts = calibrate([_sampled([], [], number=i) for i in range(10)], 2, 10, seed=1)
    assert (facts["accuracy"], Calibration.model_validate(facts).calibrated) == (0.0, True)


@pytest.mark.usefixtures("few_orders")
def test_calibration_reports_what_it_found() -> None:
    samples = [_sampled(["7"] * 3, ["7"] * 3, gold="7" if i % 4 else "8", number=i) for i in range(200)]
    facts = calibrate(samples, 2, 10, seed=1)
    assert facts["accuracy"] == 0.75
    assert facts["ece"] < 0.1 < facts["ece_before"]
    assert facts["coverage"][-1] == {"coverage": 1.0, "accuracy": 0.75}
    Calibration.model_validate(facts)


def test_the_confidence_is_that_of_many_orders() -> None:
    """As they were recorded four paths agree at once; in most other orders they do not, and a wrong one leads in some."""
    samples = [_sampled(["", *"77888"], ["", *"77788"], number=i) for i in range(20)]
    recorded = fit([*observed(samples, 5, Policy.ADAPTIVE, PLAIN), *observed(samples, 5, Policy.FIXED, PLAIN)])
    facts = calibrate(samples, 5, 10, seed=1)
    found = [tuple(point) for point in facts["confidence_map"]]
    assert interpolate(recorded, 5 / 6) > 0.9
    assert interpolate(found, 5 / 6) < 0.85


def test_the_test_problems_are_measured_as_calibrated() -> None:
    repaired = SampledPath(COT, -1, "", 10, "7", "8", repaired=True)
    samples = [
        replace(_sampled(["7"] * 5, ["7"] * 5, number=i), id=f"{name}/{i}", gold=gold)
        for name, gold in (("a", "7"), ("b", "8"))
        for i in range(2)
    ]
    for number, path in enumerate([repaired, replace(repaired, stated="7", repaired=False)]):
        samples[number] = replace(samples[number], paths=(path, *samples[number].paths[1:]))
    facts = measure(samples, 4, Calibration(threshold=0.75, confidence_map=((0.0, 0.5), (1.0, 0.5))), 10, seed=1)
    accuracies = {name: {what: row["accuracy"] for what, row in rows.items()} for name, rows in facts["sets"].items()}
    assert accuracies["a"] == {
        "one CoT path, T = 0, as stated": 0.5,
        "one CoT path, T = 0, repaired": 1.0,
        "one PoT path, T = 0": 1.0,
        "4 CoT paths": 1.0,
        "4 PoT paths": 1.0,
        "4 + 4 paths": 1.0,
        "4 + 4 paths, adaptive": 1.0,
    }
    assert set(accuracies["b"].values()) == {0.0}
    assert (facts["tokens"], facts["tokens_fixed"], facts["ece"]) == (30.0, 120.0, 0.0)
    assert facts["coverage"][-1] == {"coverage": 1.0, "accuracy": 0.5}
    assert "| a (2) | one CoT path, T = 0, as stated | 50.0% | 9.5% to 90.5% |" in measured(facts)
    for line in ("| all problems | 4 | 0.000 | 0.000 |", "| a | 2 | 0.500 | 0.500 |", "| b | 2 | 0.500 | 0.500 |"):
        assert line in measured(facts)  # what is too much in one set and too little in the other cancels in all
    assert "| stop at | after at most | all | a | b |" in measured(facts)
    assert "| 0.75 | 100% of the paths | 0.0 ± 0.0, 0.25 | 0.0 ± 0.0, 0.25 | 0.0 ± 0.0, 0.25 |" in measured(facts)


def test_mcnemars_exact_test() -> None:
    a, b = [True] * 9 + [False], [False] * 8 + [True, True]
    assert mcnemar(a, b) == {"only_first": 8, "only_second": 1, "p": pytest.approx(20 / 512)}
    assert mcnemar([True], [True])["p"] == 1.0


def test_a_difference_is_paired() -> None:
    assert difference([0.2, 0.4, 0.9, 1.0], [0.1, 0.3, 0.8, 0.9]) == pytest.approx((0.1, 0.0))  # the same in each
    assert difference([0.6, 0.4, 0.9, 1.0], [0.2, 0.4, 0.9, 1.0]) == pytest.approx((0.1, 1.96 * 0.2 / 2), rel=1e-4)
    assert difference([0.5], [0.25]) == (0.25, 0.0)


def test_a_comparison_is_paired_and_counts_the_same_number_of_paths() -> None:
    mixed = [_sampled(["7", "7", "8"], ["7", "7", "7"], number=i) for i in range(4)]
    cot = [_sampled(["8", "8", "7", "8", "8"], [], number=i) for i in range(4)]
    pot = [_sampled([], ["7", "7", "7", "8", "7"], number=i) for i in range(4)]
    facts = compare(Students(mixed, cot, pot), 2)
    rows = {name: row["accuracy"] for name, row in facts["rows"].items()}
    assert rows["MD, vote"] == 1.0
    assert rows["CoT student, vote"] == 0.0
    assert rows["PoT student, vote"] == 1.0
    assert rows["ensemble, vote"] == 1.0
    assert facts["tests"]["MD, vote against CoT student, vote"]["only_first"] == 4
    assert facts["curves"]["CoT student"][-1] == {"paths": 4, "accuracy": 0.0, "tokens": 40.0}
    assert "| MD, vote | 100.0% | 51.0% to 100.0% |" in table(facts)


def test_sampled_paths_are_compared_without_the_greedy_one() -> None:
    mixed = [_sampled(["8", "7", answer], ["7", "8", "8"], number=i) for i, answer in enumerate("7788")]
    cot = [_sampled(["7", "7", "8", "8", "8"], [], number=i) for i in range(4)]
    pot = [_sampled([], ["8", "7", "8", "8", "8"], number=i) for i in range(4)]
    facts = compare(Students(mixed, cot, pot), 2)
    assert facts["paths"]["CoT"]["MD"] == 0.75
    assert facts["paths"]["CoT"]["alone"] == 0.25
    assert "| CoT | 75.0% | 25.0% | +50.0 ± 28.3 |" in table(facts)
    assert "| PoT | 0.0% | 25.0% | -25.0 ± 0.0 |" in table(facts)


def test_what_a_recipe_can_do_without() -> None:
    recipe = load(Path(__file__).parents[2] / "training/recipes/llama-3-gemma-270m-ablation.toml")
    files = ["svamp/teacher_cot", "svamp/teacher_pot"]
    assert parts(recipe) == ["gsm8k", "stories", "mechanical", "numbers", *files]
    assert [source.name for source in without(recipe, "stories").sources] == ["svamp", "gsm8k"]
    assert {source.mechanical for source in without(recipe, "mechanical").sources} == {"none"}
    assert without(recipe, "numbers").dataset.augment == 0
    left = [[Path(file).name for file in source.rationales] for source in without(recipe, files[0]).sources]
    assert left == [["teacher_pot.jsonl"], ["teacher_cot.jsonl"], []]
    with pytest.raises(ConfigurationError, match="--without svamp: the recipe has no such part; it has gsm8k, stories"):
        without(recipe, "svamp")


def test_an_ablation_is_paired_with_the_student_that_has_all() -> None:
    def drawn(greedy: str, sampled: str, pot: str, number: int) -> Sampled:
        return _sampled([greedy, sampled], [pot, pot], number=number)

    samples = {
        "all": [drawn("7", "7", "7", 0), drawn("7", "7", "8", 1), drawn("8", "7", "7", 2)],
        "without numbers": [drawn("8", "8", "7", 0), drawn("8", "7", "8", 1), drawn("7", "7", "7", 2)],
    }
    facts = compared(samples, {"all": {COT: 1200, POT: 1100}, "without numbers": {COT: 600, POT: 500}}, 1)
    assert facts["students"]["without numbers"]["CoT, T = 0"]["all against it"] == {
        "only_first": 2, "only_second": 1, "p": 1.0,
    }  # fmt: skip
    lines = ablation(facts).splitlines()
    assert lines[0].startswith("| 3 problems | CoT + PoT examples | CoT, T = 0 | PoT, T = 0 | 1 + 1 paths |")
    assert lines[0].endswith("| all CoT paths | all PoT paths |")
    assert lines[2].startswith("| all | 1,200 + 1,100 | 66.7% | 66.7% |")
    assert lines[2].endswith("| 100.0% | 66.7% |")
    assert lines[3].startswith("| without numbers | 600 + 500 | 33.3% (2, 1, 1.00) | 66.7% (0, 0, 1.00) |")
    assert lines[3].endswith("| 66.7% (+33.3 ± 65.3) | 66.7% (+0.0 ± 0.0) |")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [({"max_steps": 0}, "give train.max_steps"), ({"start": "runs/x"}, "train.start has learnt from every part")],
)
def test_students_that_would_not_be_trained_alike_are_not_compared(
    changes: dict[str, object], complaint: str, tmp_path: Path
) -> None:
    recipe = load(Path(__file__).parents[2] / "training/recipes/llama-3-gemma-270m-ablation.toml")
    with pytest.raises(ConfigurationError, match=complaint):
        ablate(recipe.model_copy(update={"train": recipe.train.model_copy(update=changes)}), tmp_path, [])
