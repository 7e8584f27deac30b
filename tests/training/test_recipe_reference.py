"""Reference of the recipe, starter recipe and shipped recipes."""

import tomllib
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field
from typer.testing import CliRunner

from tests.support.training_recipes import write_recipe
from training.cli import app
from training.recipe import (
    Calibrate,
    Compare,
    Dataset,
    Export,
    Filter,
    Launch,
    Measure,
    SelfTraining,
    Source,
    Student,
    Teacher,
    Train,
    Watch,
    load,
)
from training.recipe.base import Section
from training.recipe.reference import Key, section, sections
from training.recipe.shipped import RECIPES, listing, shipped
from training.recipe.template import starter

KEYS = [(reference.name, key) for reference in sections() for key in reference.keys]


def test_every_key_of_the_recipe_has_a_meaning() -> None:
    assert [f"{table}.{key.name}" for table, key in KEYS if not key.meaning.endswith(".")] == []


def test_the_reference_has_each_key_of_each_table_once() -> None:
    tables = (
        Student, Source, Teacher, Filter, Dataset, Train, Launch, Watch, SelfTraining, Compare, Calibrate, Measure, Export,
    )  # fmt: skip
    found = [(table, key.name) for table, key in KEYS]
    assert len(set(found)) == len(found) == len(["name", "seed"]) + sum(len(table.model_fields) for table in tables)
    assert [reference.heading for reference in sections()][1:4] == ["[student]", "[[sources]]", "[teacher]"]
    assert [reference.name for reference in sections() if reference.optional] == ["teacher"]


class _Base(Section):
    """Base.

    Args:
        paths: number of paths.
    """

    paths: int = 2


class _Table(_Base):
    """Table of two lines,
    and more.

    Details.

    Args:
        kind: long text that continues
            on a second line.
        steps: number of steps.

    Raises:
        ValueError: never.
    """

    kind: Literal["a", "b"]
    steps: int = Field(default=3, ge=1, examples=[5], json_schema_extra={"unit": "steps"})


def test_a_table_is_read_from_its_types_and_docstrings() -> None:
    found = section("table", _Table)
    assert found.summary == "Table of two lines, and more."
    paths, kind, steps = found.keys
    assert (paths.name, paths.default, paths.unit, paths.meaning) == ("paths", 2, "", "number of paths.")
    assert (kind.required, kind.default, kind.choices) == (True, None, ("a", "b"))
    assert kind.meaning == "long text that continues on a second line."
    assert (steps.default, steps.example, steps.unit, steps.schema["minimum"]) == (3, 5, "steps", 1)


def test_the_starter_recipe_has_every_key_at_its_default_or_example(tmp_path: Path) -> None:
    recipe = load(write_recipe(tmp_path, starter())).model_dump(mode="json")
    assert recipe["teacher"]["model"] == "gpt-4o-mini"
    for table, key in KEYS:
        assert _values(recipe, table)[key.name] == _expected(key), (table, key.name)


def test_the_starter_recipe_writes_every_key() -> None:
    written = tomllib.loads(starter())
    assert {(table, name) for table in written for name in _keys(written, table)} == {
        (table or key.name, key.name) for table, key in KEYS
    }


def _values(recipe: dict[str, Any], table: str) -> dict[str, Any]:
    found = recipe[table] if table else recipe
    return found[0] if isinstance(found, list) else found


def _keys(written: dict[str, Any], table: str) -> list[str]:
    found = written[table]
    if isinstance(found, list):
        found = found[0]
    return list(found) if isinstance(found, dict) else [table]


def _expected(key: Key) -> Any:
    value = key.default if key.example is None else key.example
    return list(value) if isinstance(value, tuple) else value


def test_a_comment_explains_each_key_of_the_starter_recipe() -> None:
    lines = starter().splitlines()
    for number, line in enumerate(lines):
        if " = " in line and not line.startswith("#"):
            assert lines[number - 1].startswith("# "), line
    assert max(map(len, lines)) <= 120
    assert "# whether the teacher is sampled on these problems. (default: false)\nteacher = true" in starter()
    assert '# engine that samples the student. ("vllm" or "transformers")' in starter()


def test_the_command_prints_the_starter_recipe_and_the_shipped_ones() -> None:
    assert CliRunner().invoke(app, ["recipe", "--defaults"]).output == starter()
    assert CliRunner().invoke(app, ["recipe"]).output == listing(Path.cwd()) + "\n"


def test_the_shipped_recipes_are_listed_with_their_first_sentence(tmp_path: Path) -> None:
    assert list(shipped()) == sorted(RECIPES.glob("*.toml"))
    first, *_ = listing(RECIPES.parents[1]).splitlines()
    assert first.startswith("training/recipes/bundled-ablation.toml  ")
    assert first.endswith(
        "Short trainings for `twinpath train ablate`: each leaves out one part of the bundled student's data"
    )
    assert listing(tmp_path).startswith(str(RECIPES / "bundled-ablation.toml"))


@pytest.mark.parametrize("name", ["codellama-7b-paper", "mistral-7b-paper"])
def test_the_paper_s_recipes_differ_only_in_the_student(name: str) -> None:
    llama, other = (load(RECIPES / f"{file}.toml") for file in ("llama2-7b-paper", name))
    changed = {"name", "student", "export"}
    assert other.model_dump(exclude=changed) == llama.model_dump(exclude=changed)
    assert other.student.model != llama.student.model
    assert llama.train.cot_weight == 0.5
    assert llama.teacher is not None
    assert (llama.teacher.base_url, llama.teacher.model) == ("https://api.openai.com/v1", "gpt-3.5-turbo")


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_commented_alternatives_of_a_recipe_are_valid(path: Path) -> None:
    """Each commented key of the table `teacher` is a key of the table."""
    text = path.read_text(encoding="utf-8")
    named = {
        line.lstrip("# ").partition(" = ")[0] for line in text.splitlines() if line.startswith("# ") and ' = "' in line
    }
    assert named - set(Teacher.model_fields) - {"rationales"} == set()
