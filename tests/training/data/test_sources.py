"""Sources of a recipe and the held-out split."""

from pathlib import Path

import pytest

from service.errors import ConfigurationError
from service.types import PathKind
from training.artifact import file_digest
from training.data import loaders
from training.data.problem import Problem, Rationale, read_examples, read_problems, write_rows
from training.data.sources import Sources, split
from training.estimate.counts import sizes
from training.estimate.workload import teacher_cost
from training.recipe import Dataset, Measure, Recipe, Source, Student, Teacher
from training.stages import dataset

TEMPLATES = str(Path(__file__).parents[3] / "data" / "stories.toml")


def test_a_source_may_be_drawn(tmp_path: Path) -> None:
    stories = Source(name="s", problems="synthetic:20", templates=TEMPLATES, dev=5, test=5)
    recipe = Recipe(name="r", student=Student(model="m"), sources=(stories,))
    sources = Sources(recipe, lambda: tmp_path / "none")
    (source,) = recipe.sources
    assert len(sources.split(source).train) == 10
    assert [r.kind for r in sources.rationales(source)[:2]] == [PathKind.COT, PathKind.POT]
    found = sources.split(source)
    dataset.write_dataset({"s": found}, sources.rationales(source), recipe.sources, Dataset(augment=2), 7, tmp_path)
    assert {example.source for example in read_examples(tmp_path / dataset.TRAIN)} == {"s"}
    assert read_problems(tmp_path / dataset.TRAIN_PROBLEMS) == list(found.train)
    for count in ("many", "", "9" * 5000):
        with pytest.raises(ValueError, match="synthetic:4000"):
            Source(name="s", problems=f"synthetic:{count}", templates=TEMPLATES)
    with pytest.raises(ValueError, match="needs templates"):
        Source(name="s", problems="synthetic:20")


def test_templates_are_an_input_and_public_sets_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaders, "PUBLIC", tmp_path)  # the checkout can have the set
    stories = Source(name="s", problems="synthetic:20", templates=TEMPLATES)
    public = Source(name="p", problems="hf:svamp", test=1)
    recipe = Recipe(name="r", student=Student(model="m"), sources=(stories, public), measure=Measure(enabled=False))
    assert Sources(recipe, lambda: tmp_path).digests("problems", "rationales") == {
        TEMPLATES: file_digest(Path(TEMPLATES))
    }


def test_a_public_set_in_its_file_is_an_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = "data/public/svamp/train.jsonl"
    texts = "data/public/svamp/rationales-eit.jsonl"
    recipe = Recipe(
        name="r",
        student=Student(model="m"),
        sources=(Source(name="p", problems="hf:svamp", rationales=(texts,)),),
        measure=Measure(enabled=False),
    )
    sources = Sources(recipe, lambda: tmp_path)
    assert sources.digests("problems") == {}
    write_rows(Path(file), [Problem("svamp/1", "How many?", "3").row()])
    assert sources.digests("problems") == {file: file_digest(Path(file))}
    assert sources.problems(recipe.sources[0]) == [Problem("svamp/1", "How many?", "3")]
    with pytest.raises(ConfigurationError) as refusal:
        sources.digests("problems", "rationales")
    assert str(refusal.value) == (
        f"the file {texts} does not exist; `twinpath train data svamp --rationales` writes it, without a network from "
        "copies of the original files: `twinpath train data svamp --rationales --from DIR`"
    )


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
    drawn = Source(name="drawn", problems="synthetic:20", templates=TEMPLATES, skip=15)
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
    assert teacher_cost(recipe, sizes(recipe)).requests == 14


def test_the_split_depends_on_ids_and_seed_alone() -> None:
    problems = [Problem(f"p{i}", "?", "1") for i in range(50)]
    one = split(problems, seed=7, dev=5, test=10)
    other = split([*problems[::-1], Problem("new", "?", "1")], seed=7, dev=5, test=10)
    assert (len(one.train), len(one.dev), len(one.test)) == (35, 5, 10)
    assert {p.id for p in one.test} - {p.id for p in other.test} <= {one.test[-1].id}
    assert {p.id for p in one.test} != {p.id for p in split(problems, seed=8, dev=5, test=10).test}


@pytest.mark.parametrize(
    ("count", "skip", "dev", "reason"),
    [
        (0, 0, 0, "has 0 problems, but dev + test = 0"),
        (20, 0, 15, "has 20 problems, but dev + test = 25"),
        (20, 6, 5, "has 14 problems after skip = 6, but dev + test = 15"),
    ],
)
def test_a_source_with_too_few_problems_is_refused(
    count: int, skip: int, dev: int, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "own.jsonl"
    write_rows(path, (Problem(f"p{i}", f"What is {i} plus 1?", str(i + 1)).row() for i in range(count)))
    own = Source(name="own", problems=str(path), skip=skip, dev=dev, test=10 if dev else 0)
    recipe = Recipe(name="r", student=Student(model="m"), sources=(own,), measure=Measure(enabled=False))
    with pytest.raises(ConfigurationError) as refusal:
        Sources(recipe, lambda: tmp_path).split(own)
    assert str(refusal.value) == f"the source own ({path}) {reason}; add problems, or lower dev and test"
