"""Build of the components: the download of a model that is not on this machine."""

from collections.abc import Callable
from pathlib import Path

import pytest

from service import components
from service.cli import engine_build
from service.errors import ConfigurationError, TwinpathError
from service.model.checkpoint import Checkpoint, Download
from service.settings import EngineKind, Settings

Steps = list[tuple[str, float]]


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

    monkeypatch.setattr(engine_build, "check_engine", refuse)
    with pytest.raises(ConfigurationError, match="unknown option"):
        engine_build.build(Settings(model="org/model"))
    assert downloads == []


@pytest.mark.parametrize("model", [None, "org/model"])
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"adapters": ["/no/such"]}, "/no/such"),
        ({"prompt": "nope"}, "nope"),
        ({"calibration": "/no/such"}, "/no/such has no calibration.json"),
    ],
)
def test_wrong_settings_are_refused_before_a_download_or_a_build(
    setting: dict[str, object], message: str, model: str | None, downloads: list[str]
) -> None:
    steps: Steps = []
    with pytest.raises(TwinpathError, match=message):
        engine_build.build(Settings(model=model, **setting), lambda *step: steps.append(step))  # type: ignore[arg-type]
    assert (downloads, steps) == ([], [])


@pytest.mark.parametrize("setting", [{"thinking": "on"}, {"prompt": "qwen"}])
def test_settings_that_the_model_refuses_come_before_its_weights(
    setting: dict[str, object], downloads: list[str]
) -> None:
    with pytest.raises(TwinpathError):
        engine_build.build(Settings(model="org/model", **setting))  # type: ignore[arg-type]
    assert downloads == []
