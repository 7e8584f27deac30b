"""The int8 variant: smoothing keeps logits and lowers the rounding error."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, Gemma3TextConfig, GPT2Config, StableLmConfig
from transformers.models.gemma3.modeling_gemma3 import Gemma3RMSNorm
from typer.testing import CliRunner

from service.errors import CheckpointError
from service.model.bundled import HASHES_FILE
from training.cli import app
from training.rehearsal import models
from training.ship.int8 import ALPHA, factors_of, rows_to_int8, smooth, write_int8

TEXT = "<bos>Question: Ann has 3 pens and buys 4. How many has she?\nReasoning:\n3 + 4 = 7. The answer is 7"


def test_int8_is_within_half_a_step_of_each_row(base: Path, tmp_path: Path) -> None:
    weight = torch.randn(8, 16)
    rounded, scale = rows_to_int8(weight)
    assert rounded.dtype == torch.int8
    assert bool(((rounded * scale - weight).abs() <= scale * 1.01).all())
    write_int8(base, tmp_path / "int8")
    tensors = load_file(tmp_path / "int8/model.safetensors")
    quantized = [name for name, tensor in tensors.items() if tensor.dtype == torch.int8]
    assert len(quantized) == 2 * 7
    assert all(f"{name}_scale" in tensors for name in quantized)


@pytest.mark.parametrize("name", models.ARCHITECTURES)
def test_int8_has_its_models_tensors_and_scales(name: str, tmp_path: Path) -> None:
    """A tied head is in neither file."""
    config, changes = models.ARCHITECTURES[name]
    base = models.random_model(tmp_path / "base", config, **changes)
    write_int8(base, tmp_path / "int8")
    names = load_file(tmp_path / "int8/model.safetensors").keys()
    assert {name for name in names if not name.endswith("_scale")} == load_file(base / "model.safetensors").keys()


def test_int8_copies_all_but_weights_and_their_hashes(base: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(base, model)
    (model / "twinpath.json").write_text('{"format_version": 1, "base_model": "tiny"}')
    (model / HASHES_FILE).write_text("{}")
    write_int8(model, tmp_path / "int8")
    files = {file.name for file in model.iterdir()}
    assert {file.name for file in (tmp_path / "int8").iterdir()} == files - {HASHES_FILE}


def test_int8_refuses_what_is_no_model_or_quantized_already(base: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    write_int8(base, tmp_path / "int8")
    for model, why in ((empty, "not a model directory"), (tmp_path / "int8", "already quantized")):
        with pytest.raises(CheckpointError, match=why):
            write_int8(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_quantize_leaves_what_is_there(base: Path, tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["quantize", str(base), str(tmp_path / "int8")]).exit_code == 0
    before = (tmp_path / "int8/model.safetensors").stat()
    refused = CliRunner().invoke(app, ["quantize", str(base), str(tmp_path / "int8")])
    assert refused.exit_code == 2
    assert (tmp_path / "int8/model.safetensors").stat() == before


@pytest.mark.parametrize(("config", "changes"), [*models.ARCHITECTURES.values(), (StableLmConfig, {})])
def test_a_smoothed_model_says_what_it_said(config: type, changes: dict[str, Any], tmp_path: Path) -> None:
    """StableLM has norms with biases."""
    base = models.random_model(tmp_path / "base", config, **changes)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(base), AutoTokenizer.from_pretrained(base)
    tokens = tokenizer(TEXT, return_tensors="pt").input_ids
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
        before = model(tokens).logits
        weights = {name: parameter.clone() for name, parameter in model.named_parameters()}
        smooth(model, tokenizer, [TEXT])
        torch.testing.assert_close(model(tokens).logits, before, rtol=1e-3, atol=1e-4)
    moved = [name for name, parameter in model.named_parameters() if not torch.equal(parameter, weights[name])]
    assert sum(name.endswith("proj.weight") for name in moved) == 2 * 7


def test_smoothing_gives_outliers_to_the_weights() -> None:
    """One channel is a hundred times the others, which get more of the eight bits after smoothing."""
    torch.manual_seed(0)
    tokens, weight = torch.randn(64, 32), torch.randn(16, 32)
    tokens[:, 3] *= 100
    errors = []
    for factors in (torch.ones(32), factors_of(tokens.abs().amax(0), weight.abs().amax(0), ALPHA)):
        (activations, steps), (rounded, scale) = rows_to_int8(tokens / factors), rows_to_int8(weight * factors)
        found = (activations * steps) @ (rounded * scale).T
        errors.append(float(((found - tokens @ weight.T) ** 2).mean()))
    assert errors[1] < errors[0] / 4


def test_a_model_that_smoothing_would_change_is_refused(tmp_path: Path) -> None:
    """A norm with gain 1 + weight under an unknown name."""

    class AnotherNorm(Gemma3RMSNorm):
        pass

    base = models.random_model(tmp_path / "base", Gemma3TextConfig, sliding_window=128)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(base), AutoTokenizer.from_pretrained(base)
    for module in model.modules():
        if isinstance(module, Gemma3RMSNorm):
            module.__class__ = AnotherNorm
    with pytest.raises(CheckpointError, match="Gemma3ForCausalLM has another"):
        smooth(model, tokenizer, [TEXT])


def test_int8_refuses_a_layout_that_it_does_not_know(tmp_path: Path) -> None:
    base = tmp_path / "gpt2"
    size = len(models.random_tokenizer(base))
    config = GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=size, bos_token_id=0, eos_token_id=0)
    AutoModelForCausalLM.from_config(config).save_pretrained(base)
    with pytest.raises(CheckpointError, match="GPT2LMHeadModel has another"):
        write_int8(base, tmp_path / "out")
    assert not (tmp_path / "out").exists()
