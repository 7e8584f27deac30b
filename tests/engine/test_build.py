"""Checks of the engine's settings before a model is found."""

from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from service import components
from service.components import build, download_of
from service.errors import CheckpointError, ConfigurationError
from service.metrics import Metrics
from service.model.checkpoint import Download
from service.settings import EngineKind, load_settings
from tests.support.servers import described


@pytest.fixture(autouse=True)
def own_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "Metrics", lambda: Metrics(CollectorRegistry()))


@pytest.mark.parametrize(
    ("name", "value"), [("engine_options", {"max_loras": 2}), ("quantization", "fp8"), ("tensor_parallel_size", 2)]
)
def test_options_of_a_worker_are_set_on_the_worker(name: str, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "find_checkpoint", lambda *_, **__: pytest.fail("a model is looked for"))
    settings = load_settings(None, engine="remote", worker_urls=["http://127.0.0.1:1"], **{name: value})
    with pytest.raises(ConfigurationError) as raised:
        build(settings)
    assert str(raised.value) == (f"Invalid settings: `{name}` has no effect with --engine remote; set it on the worker")


def test_a_limit_beyond_the_context_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "find_checkpoint", lambda *_, **__: pytest.fail("a model is looked for"))
    with pytest.raises(ConfigurationError) as raised:
        build(load_settings(max_tokens=8192))
    assert str(raised.value) == (
        "Invalid settings: `max_tokens` is 8192, but prompt and path have room for 2048 tokens; raise `max_model_len`"
    )
    with pytest.raises(pytest.fail.Exception, match="a model is looked for"):
        build(load_settings(max_tokens=8192, max_model_len=16_384))


def test_the_demo_takes_the_settings_of_an_engine() -> None:
    settings = load_settings(engine="fake", engine_options={"max_loras": 2})
    assert build(settings).settings.engine is EngineKind.FAKE


def test_a_download_has_the_options_of_vllm(tmp_path: Path) -> None:
    options = {"download_dir": str(tmp_path), "trust_remote_code": True}
    assert download_of(load_settings(revision="v2", engine_options=options)) == Download("v2", tmp_path, True)
    assert download_of(load_settings()) == Download()


@pytest.mark.engine
def test_wrong_options_are_refused_before_a_model_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "find_checkpoint", lambda *_, **__: pytest.fail("a model is looked for"))
    with pytest.raises(ConfigurationError) as raised:
        build(load_settings(model="org/large", engine_options={"max_lora": 2}))
    assert str(raised.value) == (
        "Invalid settings: `engine_options.max_lora` is an unknown field; did you mean `engine_options.max_loras`?"
    )


@pytest.mark.parametrize(("engine", "steps"), [("vllm", ["engine", "vLLM", "model"]), ("remote", [])])
def test_vllm_is_imported_before_the_tokenizer(
    engine: str, steps: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tokenizer's library imports torch, and an engine of a process that has torch cannot be a fork."""
    taken: list[str] = []

    def load_tokenizer(*_: object) -> None:
        raise CheckpointError("the tokenizer is loaded")

    monkeypatch.setattr(components, "import_vllm", lambda settings: taken.append("vLLM"))
    monkeypatch.setattr(components, "models_of", load_tokenizer)
    workers: dict[str, Any] = {"worker_urls": ["http://127.0.0.1:1"]} if engine == "remote" else {}
    with pytest.raises(CheckpointError, match="the tokenizer is loaded"):
        build(load_settings(engine=engine, model=str(described(tmp_path)), **workers), on_step=taken.append)
    assert taken == steps
