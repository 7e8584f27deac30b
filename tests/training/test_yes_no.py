"""Yes/no questions and rationales of one kind, through every stage."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.errors import ConfigurationError
from service.evaluation.calibration.fit import calibrate
from service.evaluation.calibration.replay import first, replay, uses_all_numbers
from service.evaluation.calibration.samples import Sampled, SampledPath
from service.model.checkpoint import read_checkpoint
from service.solve.calibration import Calibration
from service.types import PathKind, Policy
from tests.support import yes_no
from tests.support.samples import sampled
from tests.support.training_recipes import recipe_text, write_recipe
from training.data.augment import augment, pairs
from training.data.contamination import contamination
from training.data.derived_programs import from_annotations, from_equation, from_reasoning
from training.data.filtered import FilterResult
from training.data.problem import Problem, Rationale, read_examples, read_problems, read_rationales, read_rows
from training.data.sources import split
from training.learn.callbacks import accuracies
from training.recipe import Dataset, Filter, Recipe, Source, Teacher, Train, load
from training.run import Run
from training.sample.sampling import answered, marked, write_samples
from training.stages import dataset, measure, teacher
from training.stages.compare import Students, compare
from training.stages.filter import filter_rationales
from training.stages.self_training import write_own
from training.stages.summaries import ending
from training.stages.train import masked_examples

COT, POT = PathKind.COT, PathKind.POT
ASKED = Problem("q", "Could 7 adults ride in a car with 5 seats?", "no")


def _recipe(tmp_path: Path, base: Path, *, kinds: tuple[PathKind, ...], text: str = "", count: int = 24) -> Recipe:
    yes_no.write(tmp_path, count, kinds)
    return load(write_recipe(tmp_path, recipe_text(base, tmp_path) + text))


@pytest.mark.parametrize(
    ("answer", "expected"), [("yes", "yes/no"), ("False", "yes/no"), ("12", "number"), ("?", "number")]
)
def test_the_kind_of_the_gold_answer_chooses_the_instructions(answer: str, expected: str) -> None:
    instructions = {"yes/no": teacher.YES_NO_INSTRUCTIONS, "number": teacher.INSTRUCTIONS}[expected]
    asked = Teacher(base_url="http://127.0.0.1:1", model="t", cot=1, pot=1)
    requests = teacher.requests_for(asked, replace(ASKED, answer=answer), seed=1)
    systems = [request.body["messages"][0]["content"] for request in requests]
    assert systems == [instructions[COT], instructions[POT]]


def test_the_instructions_do_not_tell_yes_from_no() -> None:
    asked = Teacher(base_url="http://127.0.0.1:1", model="t", cot=1, pot=1)
    bodies = [[r.body for r in teacher.requests_for(asked, replace(ASKED, answer=gold), 1)] for gold in ("yes", "no")]
    assert bodies[0] == bodies[1]


FILTERED = [
    (COT, "A car with 5 seats holds 5. The answer is no", FilterResult.KEPT),
    (COT, "7 - 5 = 2 have no seat. The answer is No.", FilterResult.KEPT),
    (COT, "They could. The answer is yes", FilterResult.WRONG),
    (COT, "7 - 5 = 3 have no seat. The answer is no", FilterResult.EQUATIONS),
    (COT, "The answer is yes or no", FilterResult.UNPARSED),
    (COT, "There are 2 too many. The answer is 2", FilterResult.WRONG),
    (POT, "ans = 7 <= 5", FilterResult.KEPT),
    (POT, "ans = 'no'", FilterResult.KEPT),
    (POT, "ans = ['No']", FilterResult.KEPT),
    (POT, "print(7 <= 5)", FilterResult.KEPT),
    (POT, "ans = 7 > 5", FilterResult.WRONG),
    (POT, "ans = 0", FilterResult.WRONG),
    (POT, "ans = None", FilterResult.FAILED),
    (POT, "ans = 7 / 0 > 1", FilterResult.FAILED),
]


def test_the_filter_compares_with_yes_or_no() -> None:
    problems = {gold: replace(ASKED, id=gold, answer=gold) for gold in ("no", "No", "False")}
    rationales = [
        Rationale(gold, kind, f"{gold} {number}", text)
        for gold in problems
        for number, (kind, text, _) in enumerate(FILTERED)
    ]
    report = filter_rationales(problems, (), rationales, Filter()).report
    found = {teacher_: next(iter(counts)) for (teacher_, _), counts in report.items()}
    assert found == {f"{gold} {i}": result for gold in problems for i, (_, _, result) in enumerate(FILTERED)}


def test_the_calculator_leaves_the_answer_beside_a_false_equation() -> None:
    (path,) = answered([SampledPath(COT, 0, "7 - 5 = 3 have no seat. The answer is no", 9)])
    assert (path.answer, path.stated, path.repaired) == ("no", "no", True)
    assert marked(ASKED, [path]).paths[0].right


def test_nothing_is_derived_and_no_number_is_changed() -> None:
    cot, pot = yes_no.examples(1)
    (problem,) = yes_no.problems(1)
    assert pairs([cot, pot]) == [(cot, pot)]
    assert augment(cot, pot, problem.answer, 3, seed=7) == []
    rationale = Rationale(problem.id, COT, "t", "12 - 7 = 5 are left. The answer is yes")
    columns = replace(problem, extra={"solution": "She has 12-7=<<12-7=5>>5", "equation": "12.0 - 7.0"})
    assert [from_reasoning(problem, rationale), from_annotations(columns), from_equation(columns)] == [None] * 3


def test_yes_no_questions_are_checked_for_twins() -> None:
    asked = "Are more people today related to Genghis Khan than Julius Caesar?"
    found = contamination([asked], [asked.lower(), "Did the Hopi use a symbol like the swastika?"])
    assert (found.questions, found.exact, found.masked, found.similar) == (2, 1, 1, 1)


@pytest.mark.parametrize("kind", PathKind)
def test_balance_refuses_a_data_set_of_one_kind(kind: PathKind) -> None:
    splits = {"yes-no": split(yes_no.problems(8), seed=7, dev=2, test=2)}
    rationales = yes_no.rationales(8, (kind,))
    with pytest.raises(ConfigurationError) as raised:
        dataset.unbalanced(splits, rationales, Dataset())
    assert str(raised.value) == (
        f"dataset.balance leaves out the sources whose verified rationales are of one kind: yes-no ({kind}); nothing is "
        f'left. To train on them, set dataset.balance = false and train.kinds = ["{kind}"]'
    )
    assert dataset.unbalanced(splits, rationales, Dataset(balance=False)) == ""
    assert dataset.unbalanced(splits, yes_no.rationales(8), Dataset()) == ""


def test_balance_names_the_source_of_one_kind_beside_others() -> None:
    numbers = [Problem(f"n/{i}", f"{i}?", str(i)) for i in range(4)]
    splits = {
        "yes-no": split(yes_no.problems(8), seed=7, dev=2, test=2),
        "numbers": split(numbers, seed=7, dev=1, test=1),
        "held out": split([Problem("h", "?", "1")], seed=7, dev=1, test=0),
    }
    both = [Rationale(p.id, kind, "t", f"ans = {p.answer}") for p in numbers for kind in PathKind]
    message = dataset.unbalanced(splits, yes_no.rationales(8, (COT,)) + both, Dataset())
    assert message == (
        "dataset.balance leaves out the sources whose verified rationales are of one kind: yes-no (cot). With "
        "dataset.balance = false they stay.\n"
    )
    with pytest.raises(ConfigurationError, match=r"yes-no \(cot\), numbers \(pot\); .* set dataset.balance = false$"):
        dataset.unbalanced(splits, yes_no.rationales(8, (COT,)) + both[1::2], Dataset())


def test_a_data_set_of_one_kind(tmp_path: Path) -> None:
    splits = {"s": split(yes_no.problems(8), seed=7, dev=2, test=2)}
    settings = Dataset(balance=False, augment=3)
    source = Source(name="s", problems="-")
    assert dataset.write_dataset(splits, yes_no.rationales(8, (COT,)), [source], settings, 7, tmp_path) == []
    assert [example.kind for example in read_examples(tmp_path / dataset.TRAIN)] == [COT] * 4
    assert {p.answer for p in read_problems(tmp_path / dataset.TRAIN_PROBLEMS)} <= {"yes", "no"}


def test_a_student_learns_only_kinds_that_the_data_set_has(tmp_path: Path, base: Path) -> None:
    text = "[dataset]\nbalance = false\n"
    with pytest.raises(ConfigurationError) as raised:
        Run(_recipe(tmp_path, base, kinds=(COT,), text=text), tmp_path / "run", report=lambda _: None).stage("train")
    assert str(raised.value) == (
        'train.kinds names pot, but the data set has no such rationale; add some, or set train.kinds = ["cot"]'
    )


def test_the_examples_of_one_kind_are_shown(tmp_path: Path, base: Path) -> None:
    text = "[dataset]\nbalance = false\n[train]\nkinds = ['cot']\n"
    run = Run(_recipe(tmp_path, base, kinds=(COT,), text=text), tmp_path / "run", report=lambda _: None)
    assert ["Reasoning:\n⟧She has " in text for text in masked_examples(run, 2)] == [True, True]


@pytest.mark.parametrize(("kinds", "paths"), [((COT, POT), {COT: 3, POT: 3}), ((POT,), {POT: 6}), ((COT,), {COT: 6})])
def test_one_kind_samples_twice_as_many_paths(kinds: tuple[PathKind, ...], paths: dict[PathKind, int]) -> None:
    assert Train(kinds=kinds).paths(3) == paths


def _yes_no_sample(cot: list[str], pot: list[str], gold: str, number: int, program: str = "") -> Sampled:
    plain = sampled(cot, pot, gold=gold, number=number)
    paths = tuple(replace(path, text=program if path.kind is POT else "") for path in plain.paths)
    return replace(plain, paths=paths, question=ASKED.question)


def test_the_numbers_of_a_question_do_not_shift_yes_or_no(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs that leave out the numbers are always wrong here, and the confidence must not learn it."""
    monkeypatch.setattr("service.evaluation.calibration.thresholds.ORDERS", 2)  # all orders agree
    samples = [_yes_no_sample(["yes"] * 3, ["yes"] * 3, "yes", i, "ans = 7 > 5") for i in range(20)]
    samples += [_yes_no_sample(["yes"] * 3, ["yes"] * 3, "no", 20 + i, "ans = True") for i in range(20)]
    end = replay(Policy.FIXED, first(samples[0], 2, 2))
    assert uses_all_numbers(end, ASKED.question) is None
    found = calibrate(samples, 2, 10, seed=1).report
    assert (found.accuracy, found.accuracy_fixed) == (0.5, 0.5)
    assert (found.calibration.all_numbers_shift, found.calibration.left_out_shift) == (0.0, 0.0)
    assert found.number_use == type(found.number_use)(0, 0.0, 0, 0.0)
    assert found.calibration.shifted(5 / 6, uses_all=None) == pytest.approx(0.5, abs=0.01)


CALIBRATED = Calibration(confidence_map=((0.0, 0.5), (1.0, 0.5)))


def test_yes_no_votes_are_measured_and_a_tie_goes_to_the_first_path() -> None:
    samples = [
        _yes_no_sample(["yes", "yes", "no"], ["no", "no", "yes"], "yes", 0),  # 2 to 2, the first path votes yes
        _yes_no_sample(["no", "no", "yes"], ["no", "yes", "no"], "yes", 1),  # 2 to 2, the first path votes no
        _yes_no_sample(["yes", "yes", "yes"], ["no", "no", "True"], "yes", 2),
    ]
    found = measure.measure(samples, 2, CALIBRATED, 10, seed=1)
    rows = {what: round(row.accuracy, 3) for what, row in found.sets["problems"].items()}
    assert rows == {
        "one CoT path, T = 0, as stated": 0.0,
        "one CoT path, T = 0, repaired": 0.667,
        "one PoT path, T = 0": 0.0,
        "2 CoT paths": 0.667,
        "2 PoT paths": 0.333,
        "2 + 2 paths": 0.667,
        "2 + 2 paths, adaptive": 0.667,
    }
    assert "uses every number" not in measure.table(found)


def test_a_student_of_one_kind_is_measured_on_its_own_paths() -> None:
    samples = [sampled(["yes", "yes", "no", "yes"], [], gold=gold, number=i) for i, gold in enumerate(["yes", "no"])]
    found = measure.measure(samples, 3, CALIBRATED, 10, seed=1)
    assert list(found.sets["problems"]) == [
        "one CoT path, T = 0, as stated", "one CoT path, T = 0, repaired", "3 CoT paths", "3 CoT paths, adaptive",
    ]  # fmt: skip
    programs = [sampled([], ["yes", "no", "no"], gold="no")]
    found = measure.measure(programs, 2, CALIBRATED, 10, seed=1)
    assert list(found.sets["problems"]) == ["one PoT path, T = 0", "2 PoT paths", "2 PoT paths, adaptive"]


def test_students_are_compared_on_yes_or_no() -> None:
    cot = [sampled(["yes"] * 3, [], gold="yes")]
    pot = [sampled([], ["no", "no", "no"], gold="yes")]
    mixed = [sampled(["yes", "yes"], ["no", "yes"], gold="yes")]
    found = compare(Students(mixed, cot, pot), 1)
    assert {name: row.accuracy for name, row in found.accuracies.items() if "vote" in name} == {
        "CoT student, vote": 1.0,
        "PoT student, vote": 0.0,
        "ensemble, vote": 1.0,  # a tie, which the first path decides
        "MD, CoT paths, vote": 1.0,
        "MD, PoT paths, vote": 1.0,
        "MD, vote": 1.0,
    }


def test_training_is_watched_by_the_learned_kinds() -> None:
    samples = [sampled(["yes", "no", "no"], [], gold="no")]
    assert accuracies(samples, {COT: 2}) == {"cot": 0.0, "vote": 1.0}


def test_own_paths_are_right_by_yes_or_no(tmp_path: Path) -> None:
    texts = ["There are 5 seats for 7. The answer is no", "There are seats for all. The answer is yes"]
    paths = [SampledPath(COT, i, text, 9, text.split()[-1], text.split()[-1]) for i, text in enumerate(texts)]
    paths.append(SampledPath(POT, 0, "ans = 7 <= 5", 9, "no"))
    write_samples(tmp_path / "samples.jsonl", [marked(ASKED, paths)])
    write_own(tmp_path / "samples.jsonl", [ASKED], Filter(), tmp_path)
    assert [row.text for row in read_rationales(tmp_path / "rationales.jsonl")] == [texts[0], "ans = 7 <= 5"]


TINY = """
[dataset]
balance = false
[train]
{kinds}epochs = 2
per_kind = 1
rank = 4
alpha = 8
batch_tokens = 512
accumulation = 1
precision = "fp32"
max_length = 256
max_steps = 4
[watch]
every = 2
problems = 2
paths = 1
max_tokens = 8
[self_training]
enabled = {own}
steps = 2
paths = 1
problems = 4
max_tokens = 8
[compare]
enabled = {compare}
steps = 2
paths = 2
max_tokens = 8
[calibrate]
paths = 2
max_tokens = 8
"""


@pytest.mark.slow
@pytest.mark.timeout(900)  # trains and samples up to three tiny students
@pytest.mark.parametrize("kinds", [(COT,), (COT, POT)])
def test_every_stage_makes_a_yes_no_student(kinds: tuple[PathKind, ...], tmp_path: Path, base: Path) -> None:
    named = "" if len(kinds) == 2 else 'kinds = ["cot"]\n'
    is_both = len(kinds) == 2  # then two more students are trained for `compare`
    text = TINY.format(kinds=named, compare=str(is_both).lower(), own=str(not is_both).lower())
    made = Run(_recipe(tmp_path, base, kinds=kinds, text=text), tmp_path / "run", report=lambda _: None)
    model = made.stage("export").path / "model"
    content: dict[str, Any] = json.loads((model / "twinpath.json").read_text())
    assert content.get("kinds") == (None if len(kinds) == 2 else ["cot"])
    assert read_checkpoint(model, "m").kinds == kinds
    whole = "2 + 2 paths" if len(kinds) == 2 else "4 CoT paths"
    assert content["accuracy"][f"yes-no, {whole}"]["problems"] == 4
    card = (model / "README.md").read_text()
    assert card.startswith("# tiny\n\nA student for yes/no questions, distilled from ")
    assert ("one kind of rationale, chain-of-thought, and its paths vote" in card) == (len(kinds) == 1)
    assert "Yes/no questions in English, of which a guess answers half rightly." in card
    assert ending(made, took_s=1).startswith("Result   yes-no: vote ")
    (watched, *_) = read_rows(tmp_path / "run/train/log/watch.jsonl")
    assert watched.keys() == {"step", "vote", *(kind.value for kind in kinds)}
