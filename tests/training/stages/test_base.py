"""The stage `base`: random models, whole and trimmed."""

from pathlib import Path
from unittest.mock import Mock

import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError
from transformers import AutoConfig, AutoTokenizer

from service.errors import CheckpointError
from service.model import bundled
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


@pytest.mark.parametrize("vocabulary", [0, 300])
def test_a_wrong_name_is_refused_before_any_other_stage(
    vocabulary: int, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", Mock(side_effect=LocalEntryNotFoundError("")))
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", Mock(side_effect=LocalEntryNotFoundError("")))
    text = recipe_text("nobody/some-7b", data).replace("[[sources]]", f"vocabulary = {vocabulary}\n[[sources]]", 1)
    run = _run(data, "run", load(write_recipe(data, text)))
    with pytest.raises(CheckpointError, match="nobody/some-7b cannot be downloaded"):
        run.stage("base")
    assert not (data / "run/filter").exists()


@pytest.mark.parametrize("vocabulary", [0, 300])
def test_a_student_starts_from_the_base_of_the_bundled_model(
    vocabulary: int, data: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is built in the service's cache directory. With a vocabulary, the stage trims it."""
    monkeypatch.setenv("TWINPATH_CACHE_DIR", str(data / "cache"))
    built = {(data / "cache", None): (base, "gemma")}
    monkeypatch.setattr(bundled, "build", lambda cache, bundle: built[cache, bundle])
    text = recipe_text("bundled:base", data).replace("[[sources]]", f"vocabulary = {vocabulary}\n[[sources]]", 1)
    run = _run(data, "bundled", load(write_recipe(data, text)))
    run.stage("base")
    assert base_model(run) == str(run.root / "base" if vocabulary else base)
    sizes = [len(AutoTokenizer.from_pretrained(directory)) for directory in (base_model(run), base)]
    assert (sizes[0] < sizes[1]) == bool(vocabulary)
