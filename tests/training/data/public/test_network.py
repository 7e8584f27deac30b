"""First request to a server."""

import socket
from collections.abc import Iterator
from threading import Event

import httpx
import pytest

from training.data.public import network
from training.data.public.network import connection_fault, reason


@pytest.fixture
def silent() -> Iterator[str]:
    """Server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_a_server_that_does_not_answer_is_a_fault_in_time(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "DEADLINE_S", 0.2)
    assert connection_fault(silent) in ("no answer within 0.2 s", "ReadTimeout: timed out")


def test_a_name_that_does_not_resolve_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def head(url: str, timeout: float) -> None:
        Event().wait(0.5)

    monkeypatch.setattr(httpx, "head", head)
    monkeypatch.setattr(network, "DEADLINE_S", 0.05)
    assert connection_fault("http://example.org") == "no answer within 0.05 s"


def test_a_closed_port_is_a_fault_at_once() -> None:
    assert connection_fault("http://127.0.0.1:1").startswith("ConnectError: ")


def test_a_wrong_proxy_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "nothing://user:secret@proxy")
    assert connection_fault("https://127.0.0.1:1") == "ValueError; check the proxy variables"


def test_reasons_have_one_line_without_a_full_stop() -> None:
    request = httpx.Request("GET", "http://h")
    assert reason(httpx.HTTPStatusError("", request=request, response=httpx.Response(404))) == "HTTP 404"
    assert reason(ValueError("Unknown\n split.")) == "ValueError: Unknown split"
    assert reason(TimeoutError()) == "TimeoutError"
