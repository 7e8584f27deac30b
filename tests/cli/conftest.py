"""Fixtures of the commands."""

import io
import sys
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry

from service import components, logs
from service.cli.main import main
from service.metrics import Metrics

Run = Callable[..., tuple[int, str, str]]


class _Terminal(io.BytesIO):
    def isatty(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        pytest.fail("the command reads from the terminal")


@pytest.fixture
def twinpath(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs one command in this process, as if in one of its own: exit code, standard output, standard error.

    Its standard input is empty, unless bytes are given. None is a terminal.
    """
    monkeypatch.setattr(components, "Metrics", lambda: Metrics(CollectorRegistry()))
    monkeypatch.setattr(logs, "configure", lambda level: None)
    monkeypatch.setattr(components, "import_vllm", lambda settings: None)  # `main` would end the tests with it
    monkeypatch.setattr(components, "vllm_engine", _no_engine)

    def run(*arguments: object, stdin: bytes | None = b"") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(_Terminal() if stdin is None else io.BytesIO(stdin)))
        monkeypatch.setattr(sys, "argv", ["twinpath", *map(str, arguments)])
        with pytest.raises(SystemExit) as exited:
            main()
        out, err = capfd.readouterr()
        return int(exited.value.code or 0), out, err

    return run


def _no_engine(*_: object) -> None:
    pytest.fail("the command starts vLLM")
