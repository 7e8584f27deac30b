"""Original files: downloads and mirrors."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from service.errors import ConfigurationError
from training.data.public import fetch, origins
from training.data.public.fetch import Fetch
from training.data.public.origins import Origin, blob_id

CONTENT = b'[{"ID": "chal-1"}]\n'
ORIGIN = Origin("arkilpatel/SVAMP", "a folder/SVAMP.json", blob_id(CONTENT), len(CONTENT))


class Server(ThreadingHTTPServer):
    """Server of prepared answers: status, body and declared length. The last one is repeated."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[int, bytes, int]] = [(200, CONTENT, len(CONTENT))]
        self.paths: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        status, body, length = self.server.answers[0]
        del self.server.answers[: len(self.server.answers) > 1]
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(fetch, "WAIT_S", 0.0)
    with Server() as running:
        monkeypatch.setattr(origins, "RAW", f"http://127.0.0.1:{running.server_port}")
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_a_blob_id_is_that_of_git(tmp_path: Path) -> None:
    git = shutil.which("git")
    assert git is not None
    (tmp_path / "file").write_bytes(CONTENT)
    found = subprocess.run([git, "hash-object", str(tmp_path / "file")], capture_output=True, text=True, check=True)
    assert blob_id(CONTENT) == found.stdout.strip()


def test_a_file_is_downloaded_once(server: Server, tmp_path: Path) -> None:
    lines: list[str] = []
    get = Fetch(tmp_path, report=lines.append)
    assert get(ORIGIN) == CONTENT == get(ORIGIN)
    path = f"/arkilpatel/SVAMP/{ORIGIN.commit}/a%20folder/SVAMP.json"
    assert server.paths == [path]
    assert lines == [f"downloading {origins.RAW}{path}"]
    cached = tmp_path / "arkilpatel/SVAMP/a folder/SVAMP.json"
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [cached]
    assert Fetch(tmp_path / "other", mirror=tmp_path)(ORIGIN) == CONTENT  # the cache of one machine is another's mirror
    cached.write_bytes(CONTENT[:-1])
    assert get(ORIGIN) == CONTENT
    assert len(server.paths) == 2


def test_a_broken_download_starts_again(server: Server, tmp_path: Path) -> None:
    whole = server.answers[0]
    server.answers = [(503, b"", 0), (200, CONTENT[:5], len(CONTENT)), whole]
    assert Fetch(tmp_path, report=lambda _: None)(ORIGIN) == CONTENT
    assert len(server.paths) == 3


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((404, b"", 0), "HTTP 404"),
        ((200, CONTENT[:5], len(CONTENT)), "RemoteProtocolError: peer closed connection"),
        ((200, b"<html>", 6), f"the content has the blob id {blob_id(b'<html>')} instead of {ORIGIN.blob}"),
    ],
)
def test_a_failed_download_leaves_no_file(
    server: Server, tmp_path: Path, answer: tuple[int, bytes, int], reason: str
) -> None:
    server.answers = [answer]
    with pytest.raises(ConfigurationError) as refusal:
        Fetch(tmp_path, report=lambda _: None)(ORIGIN)
    assert str(refusal.value).startswith(f"{ORIGIN.url} cannot be downloaded: {reason}")
    assert str(refusal.value).endswith("(`--urls` lists them) and name it with --from")
    assert len(server.paths) == fetch.ATTEMPTS
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_there_is_one_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origins, "RAW", "http://127.0.0.1:1")
    monkeypatch.setattr(fetch, "WAIT_S", 100.0)
    with pytest.raises(ConfigurationError, match="cannot be downloaded: ConnectError"):
        Fetch(tmp_path, report=lambda _: None)(ORIGIN)


@pytest.mark.parametrize(
    "place", ["arkilpatel/SVAMP/a folder/SVAMP.json", "SVAMP/a folder/SVAMP.json", "a folder/SVAMP.json", "SVAMP.json"]
)
def test_a_mirror_may_be_checkouts_or_one_folder(tmp_path: Path, place: str) -> None:
    file = tmp_path / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(CONTENT)
    assert Fetch(tmp_path / "cache", mirror=tmp_path)(ORIGIN) == CONTENT
    assert not (tmp_path / "cache").exists()
    file.write_bytes(CONTENT.replace(b"\n", b"\r\n"))
    with pytest.raises(ConfigurationError) as refusal:
        Fetch(tmp_path / "cache", mirror=tmp_path)(ORIGIN)
    assert str(refusal.value) == (
        f"{file} is another version of arkilpatel/SVAMP/a folder/SVAMP.json; check out commit {ORIGIN.commit}"
    )


def test_a_mirror_without_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        Fetch(tmp_path, mirror=tmp_path)(ORIGIN)
    assert str(refusal.value) == (
        f"the mirror {tmp_path} has no file arkilpatel/SVAMP/a folder/SVAMP.json; get it from {ORIGIN.url}"
    )
    with pytest.raises(ConfigurationError, match="is not a directory"):
        Fetch(tmp_path, mirror=tmp_path / "nothing")(ORIGIN)
