"""The data set and its card."""

import json
from pathlib import Path

import pytest

from service.errors import ConfigurationError
from service.types import PathKind
from tests.support import training_data
from tests.support.training_recipes import recipe_text, write_recipe
from training.data.card import DataCard
from training.data.problem import Problem, read_examples, read_problems
from training.data.sources import split
from training.recipe import Dataset, Source, load
from training.run import Run
from training.stages import dataset


def test_held_out_problems_without_a_readable_gold_answer_are_left_out(tmp_path: Path) -> None:
    problems = [Problem(str(number), f"Question {number}?", "Ann" if number % 2 else "7") for number in range(8)]
    parts = split(problems, seed=7, dev=4, test=4)
    unread = dataset.write_dataset({"s": parts}, [], [Source(name="s", problems="-")], Dataset(), 7, tmp_path)
    assert [problem.id for problem in unread] == [p.id for p in (*parts.dev, *parts.test) if p.answer == "Ann"]
    held = [p for name in (dataset.DEV, dataset.TEST) for p in read_problems(tmp_path / name)]
    assert sorted(problem.id for problem in held) == ["0", "2", "4", "6"]


def test_a_data_set_without_an_example_is_refused_with_the_results_of_the_filter(data: Path) -> None:
    lines = (data / "rationales.jsonl").read_text().splitlines()
    rows = [row | {"text": "The answer is 999999."} for line in lines if (row := json.loads(line))["kind"] == "cot"]
    (data / "rationales.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = load(write_recipe(data, recipe_text("nowhere/base", data)))
    run = Run(recipe, data / "run", report=lambda _: None)
    with pytest.raises(ConfigurationError) as raised:
        run.stage("dataset")
    assert str(raised.value) == (
        "no training example is left of 32 training problems. The filter found: 8 held-out problem, 32 wrong answer. "
        f"See {data}/run/filter/report.md. Give a source rationales or teacher = true, and problems beside dev and test"
    )
    assert not (data / "run/dataset").exists()


def test_the_data_set_and_its_card(tmp_path: Path) -> None:
    problems, rationales = training_data.problems(10), training_data.rationales(10)[:-1]
    splits = {"tiny": split(problems, seed=7, dev=2, test=2)}
    dataset.write_dataset(splits, rationales, [Source(name="tiny", problems="-")], Dataset(), 7, tmp_path)
    examples = read_examples(tmp_path / dataset.TRAIN)
    held = {p.id for name in (dataset.DEV, dataset.TEST) for p in read_problems(tmp_path / name)}
    assert len(held) == 4
    assert not held & {example.id for example in examples}
    assert {example.kind for example in examples if example.id == examples[0].id} == set(PathKind)
    card = DataCard.read(tmp_path / dataset.CARD)
    assert [row.rows for row in card.rows] == [len(examples) / 2] * 2
    assert {name: found.questions for name, found in card.contamination.items()} == {"dev": 2, "test": 2}
    assert {p.id for p in read_problems(tmp_path / dataset.TRAIN_PROBLEMS)} == {p.id for p in problems} - held
