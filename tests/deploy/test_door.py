"""The shipped nginx configuration in front of a service that repeats what it gets."""

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.schemas.openai_errors import ErrorObject
from service.schemas.problem_details import ProblemDetails
from tests.deploy.native import door
from tests.support.servers import free_port


class Echo(BaseHTTPRequestHandler):
    """Replies with the path and the headers of a request, and with its request id as the service does."""

    def do_GET(self) -> None:
        self._reply()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._reply()

    def _reply(self) -> None:
        received = {name.lower(): value for name, value in self.headers.items()}
        body = json.dumps({"path": self.path, "headers": received}).encode()
        self.send_response(200)
        self.send_header("X-Request-ID", self.headers["X-Request-ID"])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("door")
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        with door(folder, server.server_port, below="/math") as url:
            yield url, folder
        server.shutdown()


def logged(folder: Path) -> dict[str, Any]:
    for _ in range(100):
        if lines := (folder / "access.log").read_text().splitlines():
            entry: dict[str, Any] = json.loads(lines[-1])
            (folder / "access.log").write_text("")
            return entry
        time.sleep(0.02)
    raise AssertionError("nothing is logged")


def test_the_service_gets_host_port_scheme_and_address_of_the_caller(behind: tuple[str, Path]) -> None:
    url, _ = behind
    received = httpx.post(
        f"{url}/solve?x=%2F", content=b"{}", headers={"Upgrade": "h2c", "Connection": "upgrade"}
    ).json()
    assert received["path"] == "/solve?x=%2F"
    headers = received["headers"]
    assert headers["host"] == url.removeprefix("http://")
    assert (headers["x-forwarded-for"], headers["x-forwarded-proto"]) == ("127.0.0.1", "http")
    assert not {"upgrade", "connection"} & set(headers)


def test_another_proxy_in_front_keeps_its_scheme_and_the_callers_address(behind: tuple[str, Path]) -> None:
    url, _ = behind
    outer = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "10.1.2.3", "Host": "solver.example"}
    headers = httpx.get(url, headers=outer).json()["headers"]
    assert headers["x-forwarded-for"] == "10.1.2.3, 127.0.0.1"
    assert (headers["x-forwarded-proto"], headers["host"]) == ("https", "solver.example")
    assert httpx.get(url, headers={"X-Forwarded-Proto": "javascript"}).json()["headers"]["x-forwarded-proto"] == "http"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("my-id.7", True),
        (None, False),
        ("", False),
        ("a b", False),
        ("x" * 65, False),
        ("<script>", False),
        ("tp_key", False),
    ],
)
def test_both_logs_and_the_response_have_one_request_id(behind: tuple[str, Path], sent: str | None, kept: bool) -> None:
    url, folder = behind
    (folder / "access.log").write_text("")
    response = httpx.get(f"{url}/health", headers={"X-Request-ID": sent} if sent is not None else {})
    id_ = response.json()["headers"]["x-request-id"]
    assert (id_ == sent) is kept
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", id_)
    assert response.headers.get_list("x-request-id") == [id_]
    assert logged(folder)["request_id"] == id_


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "//metrics", "/x/../metrics", "/%6detrics", "/math/metrics"])
def test_metrics_stay_inside(behind: tuple[str, Path], path: str) -> None:
    url, _ = behind
    response = httpx.get(httpx.URL(url).copy_with(raw_path=path.encode()))
    problem = ProblemDetails.model_validate_json(response.content)
    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
    assert (problem.title, problem.status, problem.detail) == ("Not Found", 404, "There is nothing at this address.")
    assert problem.request_id == response.headers["x-request-id"]


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ("/math/", "/"),
        ("/math/solve", "/solve"),
        ("/math/solve/batch?x=1", "/solve/batch?x=1"),
        ("/math/page/main.js", "/page/main.js"),
        ("/math/v1/models/", "/v1/models/"),
        ("/mathematics", "/mathematics"),
        ("/solve", "/solve"),
    ],
)
def test_a_path_below_is_served_too(behind: tuple[str, Path], asked: str, path: str) -> None:
    url, _ = behind
    assert httpx.post(f"{url}{asked}", content=b"x" * 100_000).json()["path"] == path


def test_the_path_below_without_its_slash_leads_to_the_page(behind: tuple[str, Path]) -> None:
    url, _ = behind
    response = httpx.get(f"{url}/math?x=1")
    assert (response.status_code, response.headers["location"]) == (301, "/math/?x=1")


def test_a_batch_may_be_larger_than_any_other_body(behind: tuple[str, Path]) -> None:
    url, _ = behind
    body = b"x" * (2 * 1024**2)
    for path in ("/solve/batch", "/solve/batch/", "/math/solve/batch", "/grade/batch"):
        assert httpx.post(f"{url}{path}", content=body).status_code == 200, path
    refused = httpx.post(f"{url}/solve", content=body)
    assert (refused.status_code, refused.json()["detail"]) == (413, "The body is too large.")
    refused = httpx.post(f"{url}/v1/completions", content=body)
    assert refused.headers["content-type"] == "application/json"
    error = ErrorObject.model_validate_json(refused.content).error
    assert (error.message, error.type) == ("The body is too large.", "invalid_request_error")


def test_what_nginx_refuses_has_the_form_of_the_services_errors(behind: tuple[str, Path]) -> None:
    url, _ = behind
    long = httpx.get(f"{url}/{'a' * 20_000}")
    assert (long.status_code, long.json()["detail"]) == (414, "The address is too long.")
    headers = httpx.get(url, headers={"x": "a" * 40_000})
    assert (headers.status_code, headers.json()["detail"]) == (431, "The headers are too large.")
    trace = httpx.request("TRACE", url)
    assert (trace.status_code, trace.json()["detail"]) == (405, "The method is not allowed.")
    inside = httpx.get(f"{url}/.error/problem")
    assert (inside.status_code, inside.json()["detail"]) == (404, "There is nothing at this address.")
    for refused in (long, headers, trace, inside):
        assert ProblemDetails.model_validate_json(refused.content).status == refused.status_code
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["server"] == "nginx"
    with socket.create_connection((httpx.URL(url).host, httpx.URL(url).port or 0)) as caller:
        caller.sendall(b"GET / HTTP/1.1\r\n\r\n")  # no Host
        status, _, body = caller.makefile("rb").read().partition(b"\r\n")
    assert status == b"HTTP/1.1 400 Bad Request"
    assert b'"detail":"The request is not valid HTTP."' in body


def test_a_caller_of_http_1_0_needs_no_host(behind: tuple[str, Path]) -> None:
    url, _ = behind
    with socket.create_connection((httpx.URL(url).host, httpx.URL(url).port or 0)) as caller:
        caller.sendall(b"GET /health HTTP/1.0\r\n\r\n")
        head, _, body = caller.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert json.loads(body)["headers"]["host"] == "localhost"


def test_without_a_replica_the_door_says_so(tmp_path: Path) -> None:
    with door(tmp_path, free_port()) as url:
        missing = httpx.post(f"{url}/solve", content=b"{}")
        problem = ProblemDetails.model_validate_json(missing.content)
        assert (missing.status_code, problem.status, problem.title) == (502, 502, "Bad Gateway")
        assert problem.detail == "No replica of the service answers. Try again later."
        assert problem.request_id == missing.headers["x-request-id"]
        error = ErrorObject.model_validate_json(httpx.post(f"{url}/v1/completions", content=b"{}").content).error
        assert (error.message, error.type) == (problem.detail, "server_error")
