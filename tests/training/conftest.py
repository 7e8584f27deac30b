"""Fixtures of the training tests."""

from pathlib import Path

import pytest
from transformers import LlamaConfig

from tests.support import training_models


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random LLaMA with a byte-level tokenizer."""
    return training_models.model(tmp_path_factory.mktemp("base"), LlamaConfig)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Forty problems and a rationale of each kind for each."""
    training_models.write_lines(tmp_path / "problems.jsonl", training_models.problems(40))
    training_models.write_lines(tmp_path / "rationales.jsonl", training_models.rationales(40))
    return tmp_path
