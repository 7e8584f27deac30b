"""Tiny random models of each architecture: train, resume, export and serve."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
)

from service.errors import CheckpointError
from service.model.build import add_bundle
from service.model.checkpoint import read_checkpoint
from service.model.metadata import CheckpointMetadata
from service.paths.base import FORMAT_VERSION
from service.types import PathKind
from tests.support import training_data
from training.artifact import tree_digest
from training.learn.student import merged
from training.learn.train import train
from training.learn.vocabulary import trim
from training.recipe import Train
from training.rehearsal import models
from training.sample.served import ServedStudent
from training.ship.checkpoint import write_adapter, write_model

SETTINGS = Train(
    epochs=2, per_kind=1, rank=4, lr=1e-3, batch_tokens=256, accumulation=1, precision="fp32", max_length=128
)
METADATA = CheckpointMetadata(format_version=FORMAT_VERSION, base_model="tiny", recipe="test", seed=3, commit="unknown")


def _student(base: Path, out: Path, **changes: object) -> Path:
    train(base, training_data.examples(12), SETTINGS.model_copy(update=changes), out, seed=3, repeats={})
    return out


@pytest.mark.engine
@pytest.mark.parametrize("name", models.ARCHITECTURES)
def test_an_architecture_trains_resumes_exports_and_is_served(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, changes = models.ARCHITECTURES[name]
    base = models.random_model(tmp_path / "base", config, **models.SERVABLE, **changes)
    whole = _student(base, tmp_path / "whole", save_steps=2)
    _stopped_then_resumed(base, tmp_path / "resumed", monkeypatch)
    assert tree_digest(whole) == tree_digest(tmp_path / "resumed")
    write_model(str(base), whole, tmp_path / "model", METADATA)
    checkpoint = read_checkpoint(tmp_path / "model", "tiny")
    assert (checkpoint.style, checkpoint.bos) == ("v1", "<bos>")
    exported = AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype=torch.float32)
    assert _moved(exported, AutoModelForCausalLM.from_pretrained(base)) > 1e-3
    torch.testing.assert_close(_logits(exported), _logits(merged(base, whole)), atol=0.02, rtol=0.05)
    with ServedStudent(tmp_path / "model", 16, tmp_path / "serve.log") as served:
        [paths] = served.sample(["Ann has 3 pens."], paths=dict.fromkeys(PathKind, 2), temperature=0.7, seed=3)
    assert [path.kind for path in paths] == [PathKind.COT, PathKind.POT] + [PathKind.COT, PathKind.POT] * 2
    assert all(path.tokens for path in paths)


def _stopped_then_resumed(base: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from training.learn.callbacks import MarkComplete

    class StoppedError(Exception):
        pass

    plain = MarkComplete.on_save

    def stop(self: MarkComplete, args: object, state: object, control: object, **kwargs: object) -> None:
        plain(self, args, state, control, **kwargs)
        raise StoppedError

    with monkeypatch.context() as patched:
        patched.setattr(MarkComplete, "on_save", stop)
        with pytest.raises(StoppedError):
            _student(base, out, save_steps=2)
    _student(base, out, save_steps=2)


def _logits(model: PreTrainedModel) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=torch.arange(4, 24)[None]).logits
    return found


def _moved(model: PreTrainedModel, base: PreTrainedModel) -> float:
    return float((_logits(model) - _logits(base)).abs().max())


def test_the_adapter_ships_alone_in_bf16(base: Path, tmp_path: Path) -> None:
    student = _student(base, tmp_path / "student", max_steps=1)
    assert write_adapter(str(base), student, tmp_path / "adapter", METADATA)
    tensors = load_file(tmp_path / "adapter/adapter_model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.bfloat16}
    config = json.loads((tmp_path / "adapter/adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "tiny"


def test_the_service_makes_the_same_model_of_base_and_bundle(tmp_path: Path) -> None:
    config, changes = models.ARCHITECTURES["gemma3"]
    base = models.random_model(tmp_path / "base", config, **changes)
    AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16).save_pretrained(base)
    trim(base, tmp_path / "trimmed", [example.text for example in training_data.examples(10)], size=0)
    student = _student(tmp_path / "trimmed", tmp_path / "student", max_steps=2)
    write_model(str(tmp_path / "trimmed"), student, tmp_path / "model", METADATA)
    write_adapter(str(tmp_path / "trimmed"), student, tmp_path / "adapter", METADATA, card="# Card")
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    AutoTokenizer.from_pretrained(base).save_pretrained(tmp_path / "built")
    add_bundle(model, tmp_path / "adapter", tmp_path / "built")
    model.save_pretrained(tmp_path / "built")
    exported, built = (load_file(tmp_path / name / "model.safetensors") for name in ("model", "built"))
    assert _bytes(built) == _bytes(exported)
    assert _bytes(built) != _bytes(load_file(tmp_path / "trimmed/model.safetensors"))
    for name in (
        "config.json",
        "generation_config.json",
        "vocabulary.json",
        "twinpath.json",
        "tokenizer.json",
    ):
        assert json.loads((tmp_path / "built" / name).read_text()) == json.loads(
            (tmp_path / "model" / name).read_text()
        )
    specials = [AutoTokenizer.from_pretrained(tmp_path / name).special_tokens_map for name in ("model", "built")]
    assert specials[0] == specials[1]
    assert (tmp_path / "built/README.md").read_text() == "# Card"
    assert not (tmp_path / "built/adapter_model.safetensors").exists()


def _bytes(tensors: dict[str, torch.Tensor]) -> dict[str, bytes]:
    return {name: tensor.view(torch.uint8).numpy().tobytes() for name, tensor in tensors.items()}


def test_another_format_version_is_refused(base: Path, tmp_path: Path) -> None:
    student = _student(base, tmp_path / "student", max_steps=1)
    write_model(str(base), student, tmp_path / "model", METADATA)
    path = tmp_path / "model/twinpath.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 99}))
    with pytest.raises(CheckpointError, match="format version 99"):
        read_checkpoint(tmp_path / "model", "tiny")
