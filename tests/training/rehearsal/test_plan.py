"""Rehearsals of recipes: the same stages, without any missing file."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.training_data import write_problems, write_rationales
from tests.support.training_recipes import recipe_text, write_recipe
from training.data.loaders import is_at_hand
from training.recipe import Recipe, load
from training.rehearsal.plan import rehearsed

ROOT = Path(__file__).parents[3]
RECIPES = sorted((ROOT / "training/recipes").glob("*.toml"))


def _rehearsed(tmp_path: Path, base: object, data: object, more: str = "") -> tuple[Recipe, list[str]]:
    lines: list[str] = []
    recipe = rehearsed(load(write_recipe(tmp_path, recipe_text(base, data) + more)), is_at_hand, lines.append)
    return Recipe.model_validate(recipe.model_dump()), lines


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_has_a_rehearsal_of_the_same_stages(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # without any file
    recipe = load(path)
    found = Recipe.model_validate(rehearsed(recipe, is_at_hand, lambda _: None).model_dump())
    assert found.name == f"{recipe.name}-rehearsal"
    assert found.student.family
    assert found.teacher is not None
    assert found.teacher.base_url == "scripted"
    for stage in ("self_training", "compare", "calibrate", "measure"):
        assert getattr(found, stage).enabled == getattr(recipe, stage).enabled
    assert (found.train.kinds, found.train.adapter, found.export.int8) == (
        recipe.train.kinds,
        recipe.train.adapter,
        recipe.export.int8,
    )
    assert found.train.max_steps <= 6
    assert {section.engine for section in (found.calibrate, found.compare, found.self_training)} == {"transformers"}
    names = [source.problems for source in found.sources]
    assert all(name.startswith("scripted:") for name in names)
    assert len(set(names)) == len(names)
    for before, after in zip(recipe.sources, found.sources, strict=True):
        assert bool(after.dev) == bool(before.dev)
        assert bool(after.test) == bool(before.test)
        assert (after.limit, after.rationales) == (40, ())


def test_a_source_keeps_the_files_that_exist(tmp_path: Path) -> None:
    write_problems(tmp_path / "problems.jsonl", 50)
    write_rationales(tmp_path / "rationales.jsonl", 50)
    more = (
        f'derived_programs = "reasoning"\n[dataset]\nevaluation_files = ["{tmp_path}/problems.jsonl", "nowhere.jsonl"]'
    )
    text = recipe_text("meta-llama/Llama-2-7b-hf", tmp_path).replace(
        '"]', f'", "{tmp_path}/missing.jsonl"]\nrepeat = 3'
    )
    lines: list[str] = []
    recipe = rehearsed(load(write_recipe(tmp_path, text + more)), is_at_hand, lines.append)
    (source,) = recipe.sources
    assert source.problems == f"{tmp_path}/problems.jsonl"
    assert source.rationales == (f"{tmp_path}/rationales.jsonl",)
    assert (source.limit, source.dev, source.test, source.repeat, source.teacher) == (40, 4, 4, 3, True)
    assert source.derived_programs == "reasoning"
    assert recipe.dataset.evaluation_files == (f"{tmp_path}/problems.jsonl",)
    assert lines == [
        "rehearsal: student.model is random:llama in place of meta-llama/Llama-2-7b-hf",
        "rehearsal: the teacher is a script, and the student trains for at most 6 steps",
    ]


def test_a_source_without_its_file_gets_scripted_problems_of_its_own(tmp_path: Path) -> None:
    more = "[[sources]]\nname = 'more'\nproblems = 'hf:svamp'\nskip = 4000\nlimit = 9\ndev = 300\n"
    recipe, lines = _rehearsed(tmp_path, "random:qwen2", "nowhere", more)
    first, second = recipe.sources
    assert (first.problems, first.skip, first.limit, first.teacher) == ("scripted:40", 0, 40, True)
    assert (second.problems, second.skip, second.limit, second.teacher) == ("scripted:80", 40, 40, False)
    assert (second.dev, second.test) == (6, 0)
    assert lines[0] == "rehearsal: tiny has 40 scripted problems in place of nowhere/problems.jsonl"


def test_a_public_set_that_was_brought_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_problems(tmp_path / "data/public/svamp/train.jsonl", 50)
    more = "[[sources]]\nname = 'more'\nproblems = 'hf:svamp'\n[[sources]]\nname = 'most'\nproblems = 'hf:gsm8k'\n"
    recipe, lines = _rehearsed(tmp_path, "random:qwen2", "data/public/svamp", more)
    assert [source.problems for source in recipe.sources] == ["scripted:40", "hf:svamp", "scripted:120"]
    assert [(source.skip, source.limit) for source in recipe.sources[1:]] == [(0, 40), (80, 40)]
    assert lines[1] == "rehearsal: most has 40 scripted problems in place of hf:gsm8k"


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("meta-llama/Llama-2-7b-hf", "llama"),
        ("codellama/CodeLlama-7b-hf", "codellama"),
        ("mistralai/Mistral-7B-v0.1", "mistral"),
        ("Qwen/Qwen2.5-Coder-1.5B", "qwen2"),
        ("Qwen/Qwen3-0.6B", "qwen3"),
        ("models/gemma-3-270m", "gemma3"),
        ("EleutherAI/pythia-1b", "llama"),
        ("random:mistral", "mistral"),
    ],
)
def test_the_family_is_in_the_name(model: str, family: str, tmp_path: Path) -> None:
    recipe, lines = _rehearsed(tmp_path, model, "nowhere")
    assert recipe.student.model == f"random:{family}"
    assert any("is unknown; the student is a LLaMA" in line for line in lines) == ("pythia" in model)


@pytest.mark.parametrize(
    ("config", "family"),
    [({"model_type": "gemma3_text"}, "gemma3"), ({"model_type": "mistral"}, "mistral"), ({}, "qwen2"), ([], "qwen2")],
)
def test_the_family_of_a_directory_is_in_its_configuration(config: Any, family: str, tmp_path: Path) -> None:
    directory = tmp_path / "qwen2-base"
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps(config))
    assert _rehearsed(tmp_path, directory, "nowhere")[0].student.model == f"random:{family}"


def test_synthetic_problems_are_those_after_the_skipped_ones(tmp_path: Path) -> None:
    templates = f'templates = "{ROOT}/data/stories.toml"\n'
    more = f"[[sources]]\nname = 'more'\nproblems = 'synthetic:4000'\nskip = 1000\n{templates}"
    more += f"[[sources]]\nname = 'few'\nproblems = 'synthetic:30'\nskip = 10\n{templates}"
    _, more_source, few = _rehearsed(tmp_path, "b", "nowhere", more)[0].sources
    assert (more_source.problems, more_source.skip, more_source.limit) == ("synthetic:1040", 1000, 40)
    assert (few.problems, few.skip) == ("synthetic:30", 10)


def test_a_rehearsal_reports_to_no_tracker(tmp_path: Path) -> None:
    assert _rehearsed(tmp_path, "b", "nowhere", "[watch]\nreport_to = ['wandb']\n")[0].watch.report_to == ()


def test_a_teacher_of_a_rehearsal_costs_nothing_and_reads_no_key(tmp_path: Path) -> None:
    more = (
        "teacher = true\n[teacher]\nbase_url = 'http://x'\nmodel = 'gpt-4o'\napi_key_file = 'k'\ncot = 9\npot = 0\n"
        "price_prompt = 9.0\ncap_dollars = 0.001\nstyle = 'solve'"
    )
    teacher = _rehearsed(tmp_path, "b", "nowhere", more)[0].teacher
    assert teacher is not None
    assert (teacher.base_url, teacher.api_key_file, teacher.cot, teacher.pot) == ("scripted", "", 2, 2)
    assert (teacher.price_prompt, teacher.cap_dollars, teacher.style) == (0.0, 0.0, "solve")
