"""Batches, streams and logs of a running service, as hostile and careless callers use them."""

import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.support.engines import lines
from tests.support.served import started

pytestmark = pytest.mark.e2e

MIB = 1024**2
LINES = {"Content-Type": "application/x-ndjson"}
SECRET = "A secret number of pens, 7 and 3. How many?"
VOTE = {"paths": {"cot": 1, "pot": 1}, "policy": "fixed"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int, Path]]:
    """URL, process id and log of a service that logs all it can."""
    folder = tmp_path_factory.mktemp("rows")
    texts = [("cot", "\ud83d A secret sum: 7 + 3 = 10. The answer is 10"), ("pot", "secret = 7\nans = secret + 3")]
    script = [json.dumps({"problem": "secret", "kind": kind, "text": text}) for kind, text in texts]
    flags: list[object] = [
        "--engine",
        "fake",
        "--fake-script",
        lines(folder / "script", *script),
        "--log-level",
        "debug",
    ]
    flags += ["--max-batch-disk-bytes", 64 * MIB, "--batch-timeout-s", 5]
    with started(folder, *flags) as (process, url):
        yield url, process.pid, folder / "log"


def batch(url: str, content: bytes) -> list[dict[str, Any]]:
    response = httpx.post(f"{url}/solve/batch", content=content, headers=LINES, timeout=60)
    return [json.loads(line) for line in response.text.split("\n") if line]


def test_a_log_has_times_with_an_offset_and_no_text_of_a_request(service: tuple[str, int, Path]) -> None:
    url, _, log = service
    body = {"problem": SECRET, **VOTE, "trace": True}
    for path in ("/solve", "/solve/stream", "/grade"):
        answer = httpx.post(url + path, json=body | ({"response": "secret 10"} if path == "/grade" else {}))
        assert answer.status_code == (422 if path == "/grade" else 200)  # which has no trace
    chat = {"model": "twinpath", "messages": [{"role": "user", "content": SECRET}]}
    for stream in (True, False):
        assert httpx.post(f"{url}/v1/chat/completions", json=chat | {"stream": stream}).status_code == 200
    assert "solution" in batch(url, json.dumps(body).encode())[0]
    assert (
        httpx.post(f"{url}/grade", json={"problem": SECRET, "response": "a secret 10"}).json()["verdict"] != "incorrect"
    )
    records = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(records) > 5
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", record["time"]) for record in records)
    assert "secret" not in log.read_text()
    assert "color_message" not in log.read_text()


def test_hand_written_readers_of_events_work(service: tuple[str, int, Path]) -> None:
    for path, body in (
        ("/solve/stream", {"problem": SECRET, **VOTE}),
        (
            "/v1/chat/completions",
            {"model": "twinpath", "messages": [{"role": "user", "content": SECRET}], "stream": True},
        ),
    ):
        content = httpx.post(service[0] + path, json=body).content
        assert b"\r" not in content
        events = content.decode().removesuffix("\n\n").split("\n\n")
        assert len(events) > 2
        assert all(line.startswith(("event: ", "data: ")) for event in events for line in event.split("\n"))


def test_every_row_has_its_own_result_whatever_is_in_the_others(service: tuple[str, int, Path]) -> None:
    bad = [
        b'{"id": "\\ud83d", "problem": "p"}',
        b'{"id": [1]}',
        b"\xff\xfe",
        b"[" * 5000,
        b'{"id": ' + b"9" * 5000 + b"}",
    ]
    rows = [json.dumps({"id": n, "problem": SECRET, **VOTE}).encode() for n in range(len(bad) + 1)]
    content = b"\xef\xbb\xbf" + b"\r\n\r\n".join(part for pair in zip(rows, [*bad, b""], strict=True) for part in pair)
    results = {result["line"]: result for result in batch(service[0], content)}
    assert list(results) != []
    assert [results[line]["id"] for line in range(1, 4 * len(rows), 4)] == list(range(len(rows)))
    assert all(results[line]["solution"]["answer"] == "10" for line in range(1, 4 * len(rows), 4))
    assert [results[line]["error"]["status"] for line in range(3, 4 * len(bad), 4)] == [422] * len(bad)


@pytest.mark.alone
def test_bodies_that_are_held_back_take_bounded_disk_and_end(service: tuple[str, int, Path]) -> None:
    """Together 64 MiB. Small batches are answered meanwhile."""
    url, process_id, _ = service
    address = httpx.URL(url)
    head = b"POST /solve/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n"
    held: list[socket.socket] = []
    for _ in range(6):
        connection = socket.create_connection((address.host, address.port))
        connection.settimeout(2)
        held.append(connection)
        connection.sendall(head % (250 * MIB))
        with suppress(OSError):  # refused
            for _ in range(40):
                connection.sendall(b" " * MIB)
    assert spooled(process_id) <= 64 * MIB
    assert "solution" in batch(url, json.dumps({"problem": SECRET, **VOTE}).encode())[0]
    began = time.monotonic()
    while spooled(process_id) and time.monotonic() - began < 15:
        for connection in held:
            with suppress(OSError):
                connection.send(b" ")
        time.sleep(0.2)
    assert spooled(process_id) == 0
    for connection in held:
        connection.close()


def spooled(process_id: int) -> int:
    """Bytes of deleted files that a process holds open."""
    total = 0
    for descriptor in Path(f"/proc/{process_id}/fd").iterdir():
        with suppress(OSError):
            if str(descriptor.readlink()).endswith(" (deleted)"):
                total += descriptor.stat().st_size
    return total


@pytest.mark.alone
@pytest.mark.parametrize("content", [b"{}\n" * 1_400_000, b"\n" * 20_000_000, b" \r\n" * 5_000_000])
def test_a_batch_of_nothing_is_answered_soon_and_the_service_stays_there(
    service: tuple[str, int, Path], content: bytes
) -> None:
    url, process_id, _ = service
    before = psutil.Process(process_id).memory_info().rss
    with ThreadPoolExecutor(1) as caller:
        began = time.monotonic()
        answered = caller.submit(batch, url, content)
        longest = 0.0
        while not answered.done():
            asked = time.monotonic()
            assert httpx.get(f"{url}/health", timeout=10).status_code == 200
            longest = max(longest, time.monotonic() - asked)
            time.sleep(0.05)
        results = answered.result()
    assert time.monotonic() - began < 40
    assert len(results) in (0, 10_001)
    assert longest < 1
    assert psutil.Process(process_id).memory_info().rss - before < 32 * MIB


def test_clients_that_leave_take_no_room(service: tuple[str, int, Path]) -> None:
    url, process_id, _ = service
    address = httpx.URL(url)
    process = psutil.Process(process_id)
    httpx.get(f"{url}/health")
    before = process.num_fds()
    for number in range(100):
        with socket.create_connection((address.host, address.port)) as connection:
            length = b"Transfer-Encoding: chunked" if number % 2 else b"Content-Length: 100000"
            connection.sendall(
                b"POST /solve/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n" + length
            )
            connection.sendall(b"\r\n\r\n" + (b'64\r\n{"problem": "' if number % 2 else b'{"problem": "'))
    for _ in range(100):
        if process.num_fds() <= before and spooled(process_id) == 0:
            break
        time.sleep(0.05)
    assert process.num_fds() <= before
    assert spooled(process_id) == 0
