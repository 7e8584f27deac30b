"""`twinpath health`: exit codes, address and message, without a proxy."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from service.cli.health import local_url
from tests.cli.conftest import Run
from tests.support.engines import lines

DETAIL = "No worker \x1b[31manswers."


class _Service(BaseHTTPRequestHandler):
    """Runs, but does not accept problems."""

    def do_GET(self) -> None:
        is_bob = self.headers["Authorization"] == "Basic Ym9iOnB3Lw=="  # bob:pw/
        pages = {
            "/health": (200, b"{}"),
            "/bobs/health": (200 if is_bob else 401, b"{}"),
            "/ready": (503, json.dumps({"detail": DETAIL}).encode()),
        }
        status, body = pages.get(self.path, (404, b"no page"))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """No log."""


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Service) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")


def test_a_running_service_is_healthy_whatever_the_proxy(
    twinpath: Run, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert twinpath("health", "--url", f"http://127.0.0.1:{port}/") == (0, "healthy\n", "")
    config = lines(tmp_path / "twinpath.toml", f"port = {port}")
    assert twinpath("health", "--config", config) == (0, "healthy\n", "")
    monkeypatch.setenv("TWINPATH_PORT", str(port))
    monkeypatch.setenv("TWINPATH_HOST", "0.0.0.0")
    assert twinpath("health") == (0, "healthy\n", "")


def test_a_service_behind_a_password_is_healthy(twinpath: Run, port: int) -> None:
    assert twinpath("health", "--url", f"http://bob:pw%2F@127.0.0.1:{port}/bobs") == (0, "healthy\n", "")
    refused = f"twinpath: http://127.0.0.1:{port}/bobs/health responded 401\n"
    for user in ("", "bob@", "bob:no@"):
        assert twinpath("health", "--url", f"http://{user}127.0.0.1:{port}/bobs") == (1, "", refused)


def test_a_service_that_accepts_no_problem_is_not_ready(twinpath: Run, port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    said = f"twinpath: {url}/ready responded 503: No worker �[31manswers.\n"
    assert twinpath("health", "--ready", "--url", url) == (1, "", said)
    assert twinpath("health", "--url", f"{url}/no") == (1, "", f"twinpath: {url}/no/health responded 404\n")


def test_a_service_that_does_not_answer_is_not_healthy(twinpath: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        code, out, err = twinpath("health", "--url", url, "--timeout-s", 0.05)
        assert (code, out, err) == (1, "", f"twinpath: {url}/health does not answer: timed out\n")
    code, out, err = twinpath("health", "--url", url)
    assert (code, out) == (1, "")
    assert err.startswith(f"twinpath: {url}/health does not answer: ")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [["--url", "127.0.0.1:8000"], ["--url", "http://127.0.0.1:8791 x"], ["--url", "http://[::1"],
     ["--url", "http://127.0.0.1:99999999"], ["--url", "http://127.0.0.1:0"], ["--url", "http://"],
     ["--url", "http://a..b"], ["--url", "http://bob:pw@127.0.0.1:x"], ["--url", "http://127.0.0.1/\xe4"],
     ["--url", "http://127.0.0.1\t"], ["--timeout-s", 0], ["--timeout-s", "nan"],
     ["--config", "/nowhere.toml"]],
)  # fmt: skip
def test_wrong_options_are_refused(twinpath: Run, arguments: list[object]) -> None:
    code, out, err = twinpath("health", *arguments)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "pw" not in err


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:80"), ("", "http://127.0.0.1:80"), ("::", "http://[::1]:80"),
     ("fe80::1%eth0", "http://[fe80::1%eth0]:80"), ("10.0.0.7", "http://10.0.0.7:80"),
     ("localhost", "http://localhost:80")],
)  # fmt: skip
def test_the_address_of_the_settings_is_one_of_this_machine(host: str, url: str) -> None:
    assert local_url(host, 80) == url
