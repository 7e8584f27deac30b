"""Fixtures of the training tests."""

from pathlib import Path

import pytest
from transformers import LlamaConfig

from tests.training import tiny


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random LLaMA with a byte-level tokenizer."""
    return tiny.model(tmp_path_factory.mktemp("base"), LlamaConfig)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Forty problems and a rationale of each kind for each."""
    tiny.write_lines(tmp_path / "problems.jsonl", tiny.problems(40))
    tiny.write_lines(tmp_path / "rationales.jsonl", tiny.rationales(40))
    return tmp_path
