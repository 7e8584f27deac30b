"""From rationales to examples: mechanical programs, filter, split, leak check, augmentation, schedule, card."""

import json
import random
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from service.errors import ConfigurationError
from service.paths.answer import matches
from service.paths.cot import parse_cot
from service.types import PathKind
from tests.training import tiny
from training import dataset, importers, leak, mechanical, stories
from training.augment import augment, pairs, run_lines
from training.filter import Fate, filter_rationales, table
from training.judge import judge
from training.packs import Encoder, Example
from training.rationale import Problem, Rationale, read_problems, read_rationales, write_rows
from training.recipe import Dataset, Filter, Measure, Recipe, Source, Student, Teacher
from training.schedule import Plan, schedule
from training.sources import Sources
from training.split import split
from training.student import load_tokenizer
from training.teacher import estimate_text

DATA = Path(__file__).parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the data sets are not here")


def test_annotations_become_a_linked_program() -> None:
    solution = "100 / 2 = <<100/2=50>>50. 15 * 2 = <<15*2=30>>30. 100 - 50 - 30 - 15 = <<100-50-30-15=5>>5"
    made = mechanical.from_annotations(Problem("p", "?", "5", {"solution": solution}))
    assert made == Rationale("p", PathKind.POT, "annotation", "s1 = 100 / 2\ns2 = 15 * 2\nans = 100 - s1 - s2 - 15")


@pytest.mark.parametrize(
    ("solution", "answer"),
    [("<<1/0=0>>", "0"), ("<<2+2=4>>", "5"), ("", "1"), ("<<2+x=4>>", "4"), ("<<__import__('os')=1>>", "1")],
)
def test_what_does_not_give_gold_makes_no_program(solution: str, answer: str) -> None:
    assert mechanical.from_annotations(Problem("p", "?", answer, {"solution": solution})) is None


def test_an_equation_becomes_one_line() -> None:
    made = mechanical.from_equation(Problem("p", "?", "17", {"equation": "( 26.0 - 9.0 )"}))
    assert made is not None
    assert made.text == "ans = 26 - 9"
    assert made.teacher == "equation"


def test_a_cot_becomes_a_program_with_its_words_as_comments() -> None:
    problem = Problem("p", "Ann has 2 packs of 24 pens. She gives 8 pens away. How many are left?", "40")
    text = "First, 2 packs * 24 pens = 48 pens. Then we subtract what she gave away: 48 - 8 = 40. The answer is 40"
    made = mechanical.from_reasoning(problem, Rationale("p", PathKind.COT, "t", text))
    assert made is not None
    assert made.teacher == "reasoning"
    assert made.text == (
        "# First, 2 packs * 24 pens\npens = 2 * 24\n# Then we subtract what she gave away\nans = pens - 8"
    )
    assert run_lines(made.text) == 40


def test_a_result_that_the_question_gives_too_is_not_linked() -> None:
    problem = Problem("p", "Ann has 4 pens and 4 more. She loses 8. How many are left?", "0")
    made = mechanical.program_of("4 + 4 = 8. 8 - 8 = 0. The answer is 0", problem.question)
    assert made == "s1 = 4 + 4\nans = 8 - 8"


@pytest.mark.parametrize(
    "text",
    [
        "3 + 4 = 8. The answer is 8",
        "3 + 4 = 7. The answer is 8",
        "x + 3 = 7, so x = 4. The answer is 4",
        "There are seven. The answer is 7",
        "3 + 4 = 7",
    ],
)
def test_a_cot_that_is_not_plain_arithmetic_makes_no_program(text: str) -> None:
    assert mechanical.program_of(text, "What is 3 plus 4?") is None


def test_stories_are_right_distinct_and_the_same_for_a_seed() -> None:
    told = list(stories.stories(600, seed=3))
    assert told[:100] == list(stories.stories(100, seed=3))
    assert len({problem.question for problem, *_ in told}) == 600
    for problem, cot, pot in told:
        read = parse_cot(cot.text)
        assert read.answer is not None
        assert not read.repaired, cot.text
        assert str(read.answer.value) == problem.answer
        assert run_lines(pot.text) == Fraction(problem.answer) > 0
        assert "{" not in problem.question + cot.text + pot.text


def test_every_question_of_the_stories_can_be_told() -> None:
    book = stories._book()
    rng = random.Random(1)
    for story in book["story"]:
        for ask in story["asks"]:
            assert any(stories._tell(story, ask, book, rng) for _ in range(20)), ask


def test_the_written_problems_are_distinct_and_their_programs_right() -> None:
    files = {"written.jsonl": 300, "svamp-like.jsonl": 1793, "svamp-like-test.jsonl": 600}
    sets = [read_problems(Path(leak.__file__).with_name(name)) for name in files]
    assert [len(problems) for problems in sets] == [*files.values()]
    problems = [problem for problems in sets for problem in problems]
    assert len({leak._masked(problem.question) for problem in problems}) == len(problems)
    verdicts = judge([(PathKind.POT, problem.extra["program"]) for problem in problems])
    for problem, verdict in zip(problems, verdicts, strict=True):
        assert verdict.answer is not None, problem.id
        assert matches(verdict.answer, problem.answer), problem.id


def test_a_source_may_be_drawn(tmp_path: Path) -> None:
    recipe = Recipe(
        name="r", student=Student(model="m"), sources=(Source(name="s", problems="stories:20", dev=5, test=5),)
    )
    sources = Sources(recipe, lambda: tmp_path / "none")
    (source,) = recipe.sources
    assert len(sources.split(source).train) == 10
    assert [r.kind for r in sources.rationales(source)[:2]] == [PathKind.COT, PathKind.POT]
    parts = dataset.Parts({"s": sources.split(source)}, sources.rationales(source))
    dataset.build(parts, recipe.sources, Dataset(augment=2), 7, tmp_path)
    assert {example.source for example in dataset.read_examples(tmp_path / dataset.TRAIN)} == {"s"}
    with pytest.raises(ConfigurationError, match="stories:4000"):
        _ = Source(name="s", problems="stories:many").drawn


def test_a_source_may_be_a_part_of_its_problems(tmp_path: Path) -> None:
    problems = [Problem(f"p{i}", f"What is {i} plus 1?", str(i + 1)) for i in range(10)]
    write_rows(tmp_path / "problems.jsonl", (problem.row() for problem in problems))
    told = [Rationale(problem.id, PathKind.COT, "t", f"The answer is {problem.answer}") for problem in problems]
    write_rows(tmp_path / "told.jsonl", (rationale.row() for rationale in told))
    file = Source(
        name="s",
        problems=str(tmp_path / "problems.jsonl"),
        rationales=(str(tmp_path / "told.jsonl"),),
        teacher=True,
        skip=3,
        limit=4,
    )
    behind = file.model_copy(update={"name": "behind", "skip": 7, "limit": 0})
    drawn = Source(name="drawn", problems="stories:20", skip=15)
    teacher = Teacher(base_url="http://127.0.0.1:1", model="t", cot=1, pot=1)
    recipe = Recipe(
        name="r",
        student=Student(model="m"),
        sources=(file, behind, drawn),
        teacher=teacher,
        measure=Measure(enabled=False),
    )
    sources = Sources(recipe, lambda: tmp_path / "told.jsonl")
    assert sources.problems(file) == problems[3:7]
    assert sources.rationales(file) == told[3:7] * 2
    assert sources.problems(behind) == problems[7:]
    assert {r.id for r in sources.rationales(drawn)} == {problem.id for problem in sources.problems(drawn)}
    assert len(sources.problems(drawn)) == 5
    assert estimate_text(sources).startswith("14 requests")


def test_a_copy_of_a_cot_with_its_own_program_is_recomputed() -> None:
    question = "Ann has 3 packs of 24 pens and gives 8 pens away. How many are left?"
    cot = Example("p", PathKind.COT, question, "3 packs * 24 pens = 72 pens. 72 - 8 = 64. The answer is 64")
    pot = Example("p", PathKind.POT, question, mechanical.program_of(cot.text, question) or "")
    other = replace(pot, text="packs = 3\npens = 24\nans = packs * pens - 8")
    assert pairs([cot, other, pot]) == [(cot, pot)]
    copies = augment(cot, pot, "64", 3, seed=1)
    assert len(copies) == 3
    for answer, reasoning, program in copies:
        assert program.text == mechanical.program_of(reasoning.text, reasoning.question)
        assert run_lines(program.text) == Fraction(answer)


@needs_data
def test_mechanical_programs_of_the_public_sets() -> None:
    gsm8k, svamp = (read_problems(DATA / name / "train.jsonl") for name in ("gsm8k", "svamp"))
    assert sum(mechanical.from_annotations(problem) is not None for problem in gsm8k) == 6991
    assert sum(mechanical.from_equation(problem) is not None for problem in svamp) == 699
    known = {problem.id: problem for problem in svamp}
    told = read_rationales(DATA / "svamp" / "teacher_cot.jsonl")
    assert sum(mechanical.from_reasoning(known[cot.id], cot) is not None for cot in told) == 5588


def _filter(*rationales: Rationale, **settings: object) -> list[Fate]:
    problems = {"p": Problem("p", "What is 3 plus 4?", "7"), "held": Problem("held", "?", "1")}
    fates = []
    for rationale in rationales:
        found = filter_rationales(problems, ["held"], [rationale], Filter(**settings))  # type: ignore[arg-type]
        ((_, counts),) = found.report.items()
        (fate,) = counts
        fates.append(fate)
    return fates


def test_the_filter_gives_each_rationale_its_fate() -> None:
    texts = [
        (PathKind.COT, "3 + 4 = 7. The answer is 7", Fate.KEPT),
        (PathKind.COT, "3 + 4 = 8. The answer is 8", Fate.WRONG),
        (PathKind.COT, "3 + 4 = 9, which is 7. The answer is 7", Fate.EQUATIONS),
        (PathKind.COT, "I do not know", Fate.UNPARSED),
        (PathKind.POT, "```python\nans = 3 + 4\n```", Fate.KEPT),
        (PathKind.POT, "ans = 3 - 4", Fate.WRONG),
        (PathKind.POT, "ans = 1 / 0", Fate.FAILED),
        (PathKind.POT, "import os\nos.system('true')\nans = 7", Fate.FAILED),
        (PathKind.POT, "Sorry.", Fate.UNPARSED),
    ]
    rationales = [Rationale("p", kind, "t", text) for kind, text, _ in texts]
    assert _filter(*rationales) == [fate for _, _, fate in texts]
    assert _filter(Rationale("held", PathKind.COT, "t", "The answer is 1")) == [Fate.HELD_OUT]
    assert _filter(Rationale("q", PathKind.COT, "t", "The answer is 1")) == [Fate.ORPHAN]


def test_near_duplicates_and_what_is_over_the_cap_fall_out() -> None:
    long = "We add the two numbers of the question, so that three and four give seven: 3 + 4 = 7. The answer is 7"
    texts = [long, long.replace("We", "we"), "3 + 4 = 7. The answer is 7", "4 + 3 = 7 in all. The answer is 7"]
    found = filter_rationales(
        {"p": Problem("p", "?", "7")},
        (),
        [Rationale("p", PathKind.COT, "t", text) for text in texts],
        Filter(per_question=2),
    )
    assert [rationale.text for rationale in found.kept] == [texts[0], texts[2]]
    assert table(found.report) == (
        "| teacher | kind | rows | kept | near-duplicate | over the cap |\n|---|---|---:|---:|---:|---:|\n"
        "| t | cot | 4 | 2 | 1 | 1 |\n"
    )


def test_the_split_depends_on_ids_and_seed_alone() -> None:
    problems = [Problem(f"p{i}", "?", "1") for i in range(50)]
    one = split(problems, seed=7, dev=5, test=10)
    other = split([*problems[::-1], Problem("new", "?", "1")], seed=7, dev=5, test=10)
    assert (len(one.train), len(one.dev), len(one.test)) == (35, 5, 10)
    assert {p.id for p in one.test} - {p.id for p in other.test} <= {one.test[-1].id}
    assert {p.id for p in one.test} != {p.id for p in split(problems, seed=8, dev=5, test=10).test}


def test_leaks_by_text_numbers_and_words() -> None:
    train = ["Ann has 3 red pens and 4 blue pens. How many pens?", "A train goes 60 miles."]
    asked = [
        "ann has 3 red pens and 4 blue pens.  How many pens?",
        "Ann has 5 red pens and 9 blue pens. How many pens?",
        "Ann has 5 red pens and 9 blue pens. How many pens now?",
        "What is the capital of France?",
    ]
    assert leak.check(train, asked) == leak.Leaks(4, 1, 2, 3)


def test_numbers_are_drawn_anew_in_question_reasoning_and_program() -> None:
    cot, pot = tiny.examples(1)
    copies = augment(cot, pot, "15", 2, seed=1)
    assert len(copies) == 2
    for answer, reasoning, program in copies:
        assert reasoning.question == program.question != cot.question
        assert run_lines(program.text) == Fraction(answer)
        assert reasoning.text.endswith(f"The answer is {answer}")
        assert reasoning.source == "tiny+numbers"
    assert copies == augment(cot, pot, "15", 2, seed=1)


def test_an_ambiguous_problem_is_not_augmented() -> None:
    cot = Example("p", PathKind.COT, "Ann has 3 pens and 3 cups. How many things?", "3 + 3 = 6. The answer is 6")
    pot = Example("p", PathKind.POT, cot.question, "ans = 3 + 3")
    assert augment(cot, pot, "6", 2, seed=1) == []


def test_a_number_that_the_program_has_twice_may_be_two_numbers() -> None:
    question = "Ann runs up and down 40 stairs. Each stair burns 2 calories. How many does she burn?"
    cot = Example("p", PathKind.COT, question, "40 * 2 = 80 stairs. 80 * 2 = 160. The answer is 160")
    twice = Example("p", PathKind.POT, question, "s1 = 40 * 2\nans = s1 * 2")
    assert augment(cot, twice, "160", 2, seed=1) == []
    once = Example("p", PathKind.POT, question, "ans = 40 * 2")
    assert len(augment(replace(cot, text="40 * 2 = 80. The answer is 80"), once, "80", 2, seed=1)) == 2


def test_the_data_set_and_its_card(tmp_path: Path) -> None:
    problems = [Problem(row["id"], row["question"], row["answer"]) for row in tiny.problems(10)]
    parts = dataset.Parts(
        {"tiny": split(problems, seed=7, dev=2, test=2)},
        [Rationale(row["id"], PathKind(row["kind"]), row["teacher"], row["text"]) for row in tiny.rationales(10)][:-1],
    )
    dataset.build(parts, [Source(name="tiny", problems="-")], Dataset(), 7, tmp_path)
    examples = dataset.read_examples(tmp_path / dataset.TRAIN)
    held = {p.id for name in (dataset.DEV, dataset.TEST) for p in read_problems(tmp_path / name)}
    assert len(held) == 4
    assert not held & {example.id for example in examples}
    assert {example.kind for example in examples if example.id == examples[0].id} == set(PathKind)
    rows = json.loads((tmp_path / dataset.CARD).read_text())["rows"]
    assert [row["rows"] for row in rows] == [len(examples) / 2] * 2


def _plan(**changes: object) -> Plan:
    settings = {
        "seed": 1,
        "kinds": tuple(PathKind),
        "epochs": 1,
        "per_kind": 1,
        "batch_tokens": 256,
        "max_length": 256,
        "repeats": {"tiny": 1},
    }
    return Plan(**(settings | changes))  # type: ignore[arg-type]


def test_a_schedule_visits_each_question_and_keeps_to_its_budget(base: Path) -> None:
    encoder = Encoder(load_tokenizer(base))
    planned = schedule(tiny.examples(20), encoder, _plan(epochs=2))
    assert planned == schedule(tiny.examples(20), encoder, _plan(epochs=2))
    packs = [pack for batch in planned.batches for pack in batch]
    assert len(packs) == 40
    assert all(len(batch) * -(-max(map(len, batch)) // 16) * 16 <= 256 for batch in planned.batches)
    assert len(schedule(tiny.examples(20), encoder, _plan(repeats={"tiny": 3})).batches) > len(planned.batches)


def test_what_is_too_long_is_dropped_and_counted(base: Path) -> None:
    planned = schedule(tiny.examples(4), Encoder(load_tokenizer(base)), _plan(max_length=40))
    assert planned.dropped > 0
    assert all(len(pack) <= 40 for batch in planned.batches for pack in batch)


def test_one_kind_alone_has_the_same_budget(base: Path) -> None:
    more = [Example(e.id, e.kind, e.question, f"{e.text} ", e.source) for e in tiny.examples(8)]
    both = schedule([*tiny.examples(8), *more], Encoder(load_tokenizer(base)), _plan())
    alone = schedule([*tiny.examples(8), *more], Encoder(load_tokenizer(base)), _plan(kinds=(PathKind.COT,)))
    counts = [sum(len(pack.branches) for batch in s.batches for pack in batch) for s in (both, alone)]
    assert counts == [16, 16]


def test_public_sets_are_read_by_their_columns() -> None:
    rows = {
        "svamp": {"Body": "Ann has 3 pens. ", "Question": "How many?", "Answer": 3.0, "Equation": "3.0", "Type": ""},
        "gsm8k": {"question": "How many?", "answer": "3 = <<3=3>>3\n#### 1,003"},
        "asdiv": {"body": "Ann has 3 pens.", "question": "How many?", "answer": "9 (apples)", "formula": "9=9"},
        "strategyqa": {"question": "Is it?", "answer": True},
    }
    answers = {name: importers.rows_to_problems(name, [row])[0].answer for name, row in rows.items()}
    assert answers == {"svamp": "3", "gsm8k": "1003", "asdiv": "9", "strategyqa": "yes"}
    with pytest.raises(ConfigurationError, match="unknown data set"):
        importers.from_hub("nothing")
