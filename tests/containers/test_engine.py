"""Machines without an engine, and data that killed runs left."""

import os
from pathlib import Path

import pytest

from tests.containers import engine
from tests.containers.engine import NoEngineError


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("bare_machine")
@pytest.mark.parametrize("user", [0, 1000])
def test_no_engine_is_installed_without_root_and_apt(user: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    with pytest.raises(NoEngineError, match="needs root, Debian's apt and /dev/net/tun"), engine.engine():
        pass


def test_only_data_of_ended_runs_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "CACHE", tmp_path)
    ended = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(ended, 0)
    for name in (f"run-{ended}-a", f"run-{os.getpid()}-b", "base-0123"):
        (tmp_path / name).mkdir()
    engine.remove_leftovers()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base-0123", f"run-{os.getpid()}-b"]
