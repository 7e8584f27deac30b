"""Build of the components: the download of a model that is not on this machine."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from prometheus_client import CollectorRegistry

from service import components
from service.cli import engine_build
from service.errors import ConfigurationError, TwinpathError
from service.metrics import Metrics
from service.model.checkpoint import Checkpoint, Download
from service.settings import EngineKind, Settings

Steps = list[tuple[str, float]]
REMOTE: dict[str, Any] = {"engine": EngineKind.REMOTE, "worker_urls": ["http://h:1"]}


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the models that are downloaded. Nothing is built."""
    names: list[str] = []

    def download(name: str, parameters: Download, report: Callable[[int, int], None]) -> None:
        assert parameters == Download(revision="v2")
        names.append(name)
        report(1, 4)
        report(0, 0)

    monkeypatch.setattr(engine_build, "download_model", download)
    monkeypatch.setattr(engine_build, "local_checkpoint", lambda model, *_: object() if "here" in model else None)
    described = Checkpoint(Path(), "org/model", metadata=None, bos="", style="fewshot")
    monkeypatch.setattr(engine_build, "find_checkpoint", lambda *_, **__: described)
    monkeypatch.setattr(components, "build", lambda *arguments: arguments)
    return names


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"model": "org/model"}, ["org/model"]),
        ({"model": "org/here"}, []),
        ({"model": "org/model", "engine": EngineKind.REMOTE}, []),
        ({"model": "org/model", "engine": EngineKind.FAKE}, []),
        ({}, []),
    ],
)
def test_only_a_missing_model_is_downloaded(
    settings: dict[str, object], expected: list[str], downloads: list[str]
) -> None:
    given = Settings(revision="v2", **settings)  # type: ignore[arg-type]
    steps: Steps = []
    built: object = engine_build.build(given, lambda *step: steps.append(step), print)
    assert downloads == expected
    assert steps == [("download", 0.25), ("download", 1.0)] * len(expected)
    assert isinstance(built, tuple)
    assert (built[0], built[2]) == (given, print)


def test_wrong_options_are_refused_before_a_download(downloads: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(settings: Settings) -> None:
        raise ConfigurationError("unknown option")

    monkeypatch.setattr(components, "check_engine", refuse)
    with pytest.raises(ConfigurationError, match="unknown option"):
        engine_build.build(Settings(model="org/model"))
    assert downloads == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"calibration": "/nonexistent"}, "/nonexistent has no calibration.json"),
        ({"prompt": "qwn"}, "`prompt` 'qwn' is unknown; did you mean `qwen`?"),
        ({"prompt": "/nonexistent.toml"}, "The prompt file /nonexistent.toml"),
        ({"adapters": ["/nonexistent"]}, "--adapter /nonexistent: no such directory"),
        (REMOTE | {"worker_urls": ["nonsense"]}, "'nonsense' is not a worker address"),
        ({"calibration": "/nonexistent"} | REMOTE, "/nonexistent has no calibration.json"),
    ],
)
@pytest.mark.parametrize("builder", [engine_build, components])
def test_what_needs_no_model_is_checked_before_a_download(
    builder: Any, changes: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(*arguments: object, **options: object) -> NoReturn:
        pytest.fail("the download began")

    monkeypatch.setattr(engine_build, "download_model", download)
    monkeypatch.setattr(components, "find_checkpoint", download)
    monkeypatch.setattr(components, "Metrics", lambda: Metrics(CollectorRegistry()))
    with pytest.raises(TwinpathError, match=re.escape(reason)):
        builder.build(Settings(model="org/model", **changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"prompt": "nonsense"}, "`prompt` 'nonsense' is unknown"),
        ({"prompt": "qwen"}, "`prompt` is only for instruct models; demo has the prompts of a student. Leave it out."),
        ({"thinking": "on"}, "Invalid settings: `thinking` cannot be `on`, because the model does not think"),
    ],
)
def test_the_demo_refuses_what_other_engines_refuse(
    changes: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(components, "Metrics", lambda: Metrics(CollectorRegistry()))
    with pytest.raises(ConfigurationError, match=re.escape(reason)):
        components.build(Settings(engine=EngineKind.FAKE, **changes))


@pytest.mark.parametrize("setting", [{"thinking": "on"}, {"prompt": "qwen"}])
def test_settings_that_the_model_refuses_come_before_its_weights(
    setting: dict[str, object], downloads: list[str]
) -> None:
    with pytest.raises(TwinpathError):
        engine_build.build(Settings(model="org/model", **setting))  # type: ignore[arg-type]
    assert downloads == []
