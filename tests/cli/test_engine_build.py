"""Build of the components: the download of a model that is not on this machine."""

from collections.abc import Callable

import pytest

from service import components
from service.cli import engine_build
from service.errors import ConfigurationError
from service.model.checkpoint import Download
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
