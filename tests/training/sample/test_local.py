"""The sampler on transformers."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from transformers import LlamaConfig

from service.types import PathKind
from training.learn.student import load_base, load_tokenizer
from training.rehearsal import models
from training.sample.local import LocalStudent

QUESTIONS = ["Ann has 3 pens and buys 14 more. How many pens does she have?", "Ann has 2 pens."]


def test_a_tokenizer_without_a_padding_token_samples_the_same(base: Path) -> None:
    found = []
    for pad in ("<pad>", None):  # LLaMA 2 and Mistral have none
        tokenizer = load_tokenizer(base)
        tokenizer.pad_token = pad
        sampler = LocalStudent(load_base(base, torch.float32), tokenizer, max_tokens=12)
        found.append(sampler.sample(QUESTIONS, paths=dict.fromkeys(PathKind, 1), temperature=0.0, seed=3))
    assert [len(paths) for paths in found[0]] == [4, 4]
    assert found[0] == found[1]


def test_a_gpu_s_batch_counts_memory_that_pytorch_keeps_unused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = LlamaConfig(num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=8)
    of_a_path = 2 * 2 * 2 * 2 * 8 * (256 + 44)  # bytes: keys and values, 16 bits, layers, heads, width, tokens
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (30 * of_a_path, 0))
    monkeypatch.setattr("torch.cuda.memory_reserved", lambda device: 70 * of_a_path)
    monkeypatch.setattr("torch.cuda.memory_allocated", lambda device: 40 * of_a_path)
    model = SimpleNamespace(device=torch.device("cuda"), config=config)
    assert LocalStudent(model, models.random_tokenizer(tmp_path), max_tokens=44).group == 60 // 3 // 2
