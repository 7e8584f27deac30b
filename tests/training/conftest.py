"""Fixtures of the training tests."""

from pathlib import Path

import pytest
from transformers import LlamaConfig

from tests.support import training_data
from training.rehearsal import models


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random LLaMA with a byte-level tokenizer."""
    return models.random_model(tmp_path_factory.mktemp("base"), LlamaConfig)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Forty problems and a rationale of each kind for each."""
    training_data.write_problems(tmp_path / "problems.jsonl", 40)
    training_data.write_rationales(tmp_path / "rationales.jsonl", 40)
    return tmp_path
