"""The student in training: faster steps give the same numbers."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, Gemma3TextConfig, LlamaConfig
from transformers.models.gemma3.modeling_gemma3 import Gemma3RMSNorm

from training.learn.student import _fuse_norms, prepare
from training.recipe import Train
from training.rehearsal import models
from training.sample.local import GPU_BATCH, cache_bytes, gpu_batch


@pytest.fixture
def gemma(tmp_path: Path) -> Path:
    """Tiny Gemma 3 with random norms."""
    directory = models.random_model(tmp_path, Gemma3TextConfig)
    model = AutoModelForCausalLM.from_pretrained(directory)
    for name, weight in model.named_parameters():
        if "norm" in name:
            torch.nn.init.normal_(weight)
    model.save_pretrained(directory)
    return directory


def test_fused_norms_are_the_models_own(gemma: Path) -> None:
    ids = torch.arange(4, 36)[None]
    logits = []
    for fused in (False, True):
        model = AutoModelForCausalLM.from_pretrained(gemma)
        if fused:
            _fuse_norms(model)
            norms = [module for module in model.modules() if isinstance(module, Gemma3RMSNorm)]
            assert len(norms) == 13
            assert all("_fused_norm" in repr(norm.forward) for norm in norms)
        logits.append(model(input_ids=ids).logits)
    torch.testing.assert_close(*logits, atol=1e-5, rtol=1e-5)


def test_a_cast_that_autocast_undoes_is_left_out(gemma: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.learn.student.computes_bfloat16", lambda: True)
    ids = torch.arange(4, 36)[None]
    gradients = []
    for cast in (False, True):
        model = prepare(gemma, Train(rank=4, alpha=8), seed=1)
        for name, module in model.named_modules():
            if hasattr(module, "cast_input_dtype_enabled"):
                assert not module.cast_input_dtype_enabled, name
                module.cast_input_dtype_enabled = cast
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.1)
        with torch.autocast("cpu", torch.bfloat16):
            model(input_ids=ids, labels=ids).loss.backward()
        gradients.append({name: weight.grad for name, weight in model.named_parameters() if weight.requires_grad})
    assert any(gradient.abs().max() > 0 for gradient in gradients[0].values())
    torch.testing.assert_close(*gradients, atol=0, rtol=0)


def test_a_gpu_is_given_as_many_sequences_as_its_memory_holds() -> None:
    gemma = Gemma3TextConfig(num_hidden_layers=18, num_key_value_heads=1, num_attention_heads=4, head_dim=256)
    llama = LlamaConfig(num_hidden_layers=32, num_attention_heads=32, hidden_size=4096)
    assert cache_bytes(gemma, 100) == 18 * 256 * 100 * 2 * 2
    assert cache_bytes(llama, 1) == 512 * 1024
    assert gpu_batch(80 << 30, cache_bytes(gemma, 456)) == 3406
    assert gpu_batch(80 << 30, cache_bytes(gemma, 100)) == GPU_BATCH
    assert gpu_batch(64 << 30, cache_bytes(llama, 512)) == 85
    assert gpu_batch(1 << 30, cache_bytes(llama, 4096)) == 2
