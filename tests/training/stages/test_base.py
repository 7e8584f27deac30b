"""The stage `base`: random models, whole and trimmed."""

from pathlib import Path

import pytest
from transformers import AutoConfig, AutoTokenizer

from tests.support.training_recipes import recipe_text, write_recipe
from training.recipe import Recipe, load
from training.run import Run
from training.stages.base import base_model


@pytest.fixture
def run(data: Path) -> Run:
    """Run with a data set."""
    return _run(data, "data", _recipe(data))


def _recipe(data: Path, student: str = "", seed: int = 7) -> Recipe:
    text = recipe_text("random:qwen2", data).replace("[[sources]]", f"{student}\n[[sources]]", 1)
    return load(write_recipe(data, f"seed = {seed}\n{text}"))


def _run(data: Path, name: str, recipe: Recipe, **shared: Run) -> Run:
    return Run(recipe, data / name, lambda _: None, shared)


def test_a_random_student_is_made_for_the_data_set(run: Run, data: Path) -> None:
    runs = {
        "again": _run(data, "again", _recipe(data), dataset=run),
        "seed": _run(data, "seed", _recipe(data, seed=8), dataset=run),
        "trimmed": _run(data, "trimmed", _recipe(data, "vocabulary = 300"), dataset=run),
    }
    digests = {name: found.stage("base").digest for name, found in runs.items()}
    assert digests["again"] == run.stage("base").digest
    assert len({*digests.values()}) == 3
    sizes = {}
    for name, found in runs.items():
        assert base_model(found) == str(data / name / "base")
        config, tokenizer = (kind.from_pretrained(base_model(found)) for kind in (AutoConfig, AutoTokenizer))
        assert config.vocab_size == len(tokenizer)
        sizes[name] = len(tokenizer)
    assert sizes["trimmed"] < sizes["again"] == sizes["seed"] <= 400
