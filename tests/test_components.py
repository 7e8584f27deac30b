"""Parts of a service on odd machines."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

from service.engine.build import provide_home, vllm_engine
from service.errors import ConfigurationError
from service.settings import Settings
from tests.support.servers import described


def no_user(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("LOGNAME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)


def test_an_ordinary_home_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    provide_home(tmp_path / "cache")
    assert os.environ["HOME"] == str(tmp_path)


@pytest.mark.parametrize("home", ["/dev/null/home", "relative"])
def test_the_cache_takes_the_place_of_a_home_that_cannot_be_written(
    home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("relative").mkdir()
    monkeypatch.setenv("HOME", home)
    provide_home(tmp_path)
    assert os.environ["HOME"] == str(tmp_path)


def test_the_temporary_directory_takes_the_place_of_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_user(monkeypatch)
    provide_home(tmp_path / "none")
    assert (os.environ["HOME"], os.environ["LOGNAME"]) == (tempfile.gettempdir(), str(os.getuid()))


def test_without_vllm_the_remedy_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "service.engine.vllm", None)
    with pytest.raises(ConfigurationError) as raised:
        vllm_engine(Settings(), described(tmp_path), "m")
    assert str(raised.value) == (
        "vLLM cannot be imported (import of service.engine.vllm halted; None in sys.modules). Run `make setup`, install "
        "twinpath[cpu] or twinpath[gpu], or set --engine."
    )
