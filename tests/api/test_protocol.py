"""Idle, slow, stuck and hostile connections on a real socket."""

import asyncio
import contextlib
import json
import resource
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import psutil
import pytest

from service.api import protocol
from service.api.connection_limits import raise_file_limit
from service.api.parser import MAX_READ_BYTES
from service.settings import Settings
from tests.conftest import Serve
from tests.support.engines import TurnEngine, computing_sandbox, cot, playing, pot

Raw = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Quick = Callable[..., Awaitable[httpx.AsyncClient]]
BODY = json.dumps({"problem": "How many?", "paths": {"cot": 1, "pot": 1}}).encode()
HEAD = b"POST /solve HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % len(BODY)


@asynccontextmanager
async def connected(client: httpx.AsyncClient) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def seconds_until_closed(reader: asyncio.StreamReader, content: bytes = b"") -> float:
    began = asyncio.get_running_loop().time()
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 10) == content
    return asyncio.get_running_loop().time() - began


def established(client: httpx.AsyncClient) -> int:
    """The server's ends of its protocol."""
    connections = psutil.Process().net_connections("tcp")
    return sum(c.status == psutil.CONN_ESTABLISHED and c.laddr.port == client.base_url.port for c in connections)


@pytest.fixture
def quick(live: Serve) -> Quick:
    """Serves with timeouts of a fraction of a second."""

    def start(engine: object = None, **settings: object) -> Awaitable[httpx.AsyncClient]:
        times = {"header_timeout_s": 0.3, "body_timeout_s": 0.3, "write_timeout_s": 0.3} | settings
        default = playing([cot(5)], [pot(5)])
        return live(engine or default, computing_sandbox(), settings=Settings(**times))  # type: ignore[arg-type]

    return start


@pytest.mark.parametrize("sent", [b"", b"G", b"POST /solve HTTP/1.1\r\nHost: x\r\n", HEAD])
async def test_a_head_that_does_not_end_is_closed(quick: Quick, sent: bytes) -> None:
    async with connected(await quick()) as (reader, writer):
        writer.write(sent)
        assert 0.2 < await seconds_until_closed(reader) < 5


async def test_slow_bytes_do_not_extend_the_timeout(quick: Quick) -> None:
    async with connected(await quick()) as (reader, writer):
        closed = asyncio.create_task(seconds_until_closed(reader))
        for byte in HEAD:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.05)
            if closed.done():
                break
        assert 0.2 < await closed < 2


async def test_the_next_head_of_a_connection_must_be_whole_in_time_too(quick: Quick) -> None:
    async with connected(await quick()) as (reader, writer):
        writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        writer.write(b"GET /hea")
        assert 0.2 < await seconds_until_closed(reader) < 5


async def answers(client: httpx.AsyncClient, sent: bytes) -> list[tuple[int, dict[str, object]]]:
    """Statuses and JSON bodies of all responses of one connection, until it is closed or silent for 0.1 s."""
    found: list[tuple[int, dict[str, object]]] = []
    async with connected(client) as (reader, writer):
        writer.write(sent)
        with contextlib.suppress(TimeoutError, asyncio.IncompleteReadError):
            while True:
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 0.1 if found else 5)
                fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
                body = await reader.readexactly(int(fields.get(b"content-length", b"0")))
                found.append((int(head.split()[1]), json.loads(body) if body else {}))
    return found


GET = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
MODELS = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "status", "detail"),
    [
        (b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 2**20, 431, "The head of the request is larger than 32768 bytes."),
        (GET[:-2] + b"a: b\r\n" * 10000 + b"\r\n", 431, "The head of the request is larger than 32768 bytes."),
        (GET[:-2] + b"X: " + b"a" * 32768 + b"\r\n\r\n", 431, "The head of the request is larger than 32768 bytes."),
        (GET[:-2] + b"a: b\r\n" * 100 + b"\r\n", 431, "The request has more than 100 header lines."),
        (b"GET /" + b"a" * 2**20, 414, "The request line is longer than 32768 bytes."),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "The request is not valid HTTP/1.1."),
        (GET[:-2] + b"Host: y\r\n\r\n", 400, "The request is not valid HTTP/1.1."),
        (GET[:-2] + b"no header\r\n\r\n", 400, "The request is not valid HTTP/1.1."),
        (GET[:-2] + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "The request is not valid HTTP/1.1."),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "The request is not valid HTTP/1.1."),
        (HEAD.partition(b"Content-L")[0] + b"Transfer-Encoding: gzip\r\n\r\n", 501, "The Transfer-Encoding must be chunked."),
        (HEAD.partition(b"Content-L")[0] + b"Transfer-Encoding: chunked\r\n\r\nz\r\n", 400, "The request is not valid HTTP/1.1."),
    ],
)  # fmt: skip
async def test_an_invalid_or_too_large_head_is_refused(
    quick: Quick, monkeypatch: pytest.MonkeyPatch, sent: bytes, status: int, detail: str
) -> None:
    monkeypatch.setattr("service.api.protocol._LINGER_S", 0.5)  # the largest heads are cut off after it
    ((found, document),) = await answers(await quick(header_timeout_s=5), sent + GET)
    assert (found, document["status"], document["detail"]) == (status, status, detail)
    assert len(str(document["request_id"])) == 32


async def test_a_refused_head_has_the_headers_of_every_response(quick: Quick) -> None:
    async with connected(await quick()) as (reader, writer):
        writer.write(b"GET /v1/" + b"a" * 40000)
        head, _, body = (await asyncio.wait_for(reader.read(), 5)).partition(b"\r\n\r\n")
    names = [line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:]]
    assert names == [
        b"date", b"content-type", b"content-length", b"connection", b"x-request-id", b"x-content-type-options",
        b"referrer-policy", b"cache-control",
    ]  # fmt: skip
    assert json.loads(body) == {
        "error": {
            "message": "The request line is longer than 32768 bytes.",
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        }
    }


ORIGIN = b"Origin: https://a.org\r\n"


@pytest.mark.parametrize(
    ("sent", "origins", "allowed"),
    [
        (GET[:-2] + ORIGIN + b"X: " + b"a" * 40_000, ["https://a.org"], b"https://a.org"),
        (GET[:-2] + b"X: " + b"a" * 40_000 + b"\r\n" + ORIGIN + b"\r\n", ["https://a.org"], b"https://a.org"),
        (GET[:-2] + ORIGIN.lower() + b"no header\r\n\r\n", ["https://b.org", "https://a.org"], b"https://a.org"),
        (HEAD.partition(b"Content-L")[0] + ORIGIN + b"Transfer-Encoding: chunked\r\n\r\nz\r\n", ["https://a.org"], b"https://a.org"),
        (GET[:-2] + ORIGIN + b"no header\r\n\r\n", ["*"], b"*"),
        (b"GET /" + b"a" * 40_000, ["*"], b"*"),
        (GET[:-2] + ORIGIN + b"no header\r\n\r\n", ["https://b.org"], None),
        (GET[:-2] + b"X-" + ORIGIN + b"no header\r\n\r\n", ["https://a.org"], None),
        (GET[:-2] + ORIGIN + b"no header\r\n\r\n", [], None),
    ],
)  # fmt: skip
async def test_a_page_of_an_allowed_origin_reads_a_refusal(
    quick: Quick, sent: bytes, origins: list[str], allowed: bytes | None
) -> None:
    async with connected(await quick(cors_origins=origins)) as (reader, writer):
        writer.write(sent)
        head = (await asyncio.wait_for(reader.read(), 5)).partition(b"\r\n\r\n")[0]
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    assert fields.get(b"access-control-allow-origin") == allowed
    assert fields.get(b"vary") == (b"origin" if origins not in ([], ["*"]) else None)
    assert fields.get(b"access-control-expose-headers") == (allowed and b"x-request-id, retry-after")


BAD = b"HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "is_openai"),
    [
        (b"GET /v1/models " + BAD, True),
        (b"GET http://x/v1/models?a " + BAD, True),
        (b"GET /%76%31//models " + BAD, True),
        (b"GET /math/v1/models " + BAD, True),
        (b"POST /chat/completions " + BAD, True),
        (b"GET /math/v1/models HTTP/1.1\r\nX: " + b"a" * 40_000, True),
        (b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", True),
        (b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n" + GET, True),
        (b"GET /health " + BAD + MODELS, False),
        (b"GET /maths/v1/x " + BAD, False),
        (b"GET /health?/v1/models " + BAD, False),
        (b"\x16\x03\x01\r\n", False),
    ],
)
async def test_the_path_decides_the_form_of_a_refusal(quick: Quick, sent: bytes, is_openai: bool) -> None:
    client = await quick(header_timeout_s=5, root_path="/math")
    ((status, document),) = await answers(client, sent)
    assert status in (400, 431, 501)
    assert set(document) == ({"error"} if is_openai else {"type", "title", "status", "detail", "request_id", "errors"})


async def test_another_major_version_is_refused(quick: Quick) -> None:
    client = await quick(header_timeout_s=5)
    for version, status in ((b"1.0", 200), (b"1.2", 200), (b"2.0", 505), (b"3.0", 505), (b"0.9", 505)):
        ((found, _),) = await answers(client, GET.replace(b"1.1", version))
        assert found == status, version


async def test_the_limits_of_a_head_are_settings(quick: Quick) -> None:
    client = await quick(max_head_bytes=1024, max_headers=20)
    most = GET[:-2] + b"a: b\r\n" * 19 + b"\r\n"
    assert [status for status, _ in await answers(client, most)] == [200]
    assert [status for status, _ in await answers(client, most[:-2] + b"a: b\r\n\r\n")] == [431]
    full = GET[:-2] + b"X: " + b"a" * (1024 - len(GET) - 5) + b"\r\n\r\n"
    assert (len(full), [status for status, _ in await answers(client, full)]) == (1024, [200])
    assert [status for status, _ in await answers(client, full.replace(b"aa", b"aaa", 1))] == [431]


async def test_requests_of_one_connection_are_answered_in_order_and_one_at_a_time(quick: Quick) -> None:
    engine = playing([cot(5)], [pot(5)], tokens_per_s=100)
    client = await quick(engine, header_timeout_s=5)
    async with connected(client) as (reader, writer):
        writer.write((HEAD + b"\r\n" + BODY) * 3 + MODELS)
        await asyncio.sleep(0.05)
        assert engine.running == 2
        text = b""
        while text.count(b"HTTP/1.1 200") < 4:
            text += await asyncio.wait_for(reader.read(65536), 5)
    assert text.rpartition(b"HTTP/1.1 ")[2].partition(b"\r\n\r\n")[2].startswith(b'{"object":"list"')


def noted_connections(monkeypatch: pytest.MonkeyPatch) -> list[protocol.Connection]:
    """List to which every new connection is added."""
    connections: list[protocol.Connection] = []
    made = protocol.Connection.connection_made

    def connection_made(self: protocol.Connection, transport: asyncio.BaseTransport) -> None:
        connections.append(self)
        made(self, transport)

    monkeypatch.setattr(protocol.Connection, "connection_made", connection_made)
    return connections


async def test_a_flood_of_requests_is_held_in_bounded_memory(quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service reads no further than the next head while it answers."""
    connections = noted_connections(monkeypatch)
    client = await quick(TurnEngine([cot(5), pot(5)], order=[]), header_timeout_s=5, deadline_s=1)
    async with connected(client) as (_, writer):
        writer.write(HEAD + b"\r\n" + BODY + GET * 500_000)
        for _ in range(10):
            await asyncio.sleep(0.05)
        (connection,) = connections
        assert len(connection._held) <= MAX_READ_BYTES
        assert writer.transport.get_write_buffer_size() > 10_000_000
        writer.transport.abort()


async def test_a_next_head_that_drips_during_a_response_is_closed(quick: Quick) -> None:
    client = await quick(TurnEngine([cot(5), pot(5)], order=[]), header_timeout_s=0.3)
    async with connected(client) as (reader, writer):
        writer.write(HEAD.replace(b"/solve ", b"/solve/stream ") + b"\r\n" + BODY)
        began = asyncio.get_running_loop().time()
        closed = asyncio.create_task(reader.read())
        for byte in GET[:-4] * 3:
            await asyncio.sleep(0.05)
            with contextlib.suppress(ConnectionError):
                writer.write(bytes([byte]))
            if closed.done():
                break
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(closed, 5)
        assert 0.2 < asyncio.get_running_loop().time() - began < 2


@pytest.mark.parametrize("empty", [b"\r\n", b"\n", b"\r\n" * 50])
async def test_empty_lines_before_a_request_are_ignored(quick: Quick, empty: bytes) -> None:
    assert [status for status, _ in await answers(await quick(), empty + GET + empty + GET)] == [200, 200]


async def test_endless_empty_lines_are_closed(quick: Quick) -> None:
    async with connected(await quick()) as (reader, writer):
        closed = asyncio.create_task(seconds_until_closed(reader))
        while not closed.done():
            with contextlib.suppress(ConnectionError):
                writer.write(b"\r\n")
            await asyncio.sleep(0.05)
        assert 0.2 < await closed < 5


UPGRADES = [
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n",
    b"Connection: keep-alive, Upgrade\r\nUpgrade: x\r\n",
]


@pytest.mark.parametrize("offer", UPGRADES)
@pytest.mark.parametrize("pieces", [1, 2])
async def test_an_offer_to_upgrade_is_ignored_and_its_body_read(quick: Quick, offer: bytes, pieces: int) -> None:
    client = await quick(header_timeout_s=5)
    head = HEAD + offer + b"\r\n"
    async with connected(client) as (reader, writer):
        for sent in [head + BODY] if pieces == 1 else [head, BODY]:
            writer.write(sent)
            await asyncio.sleep(0.02)
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("offer", [*UPGRADES, b""])
@pytest.mark.parametrize("path", [b"/solve", b"/solve/batch", b"/health", b"/nowhere", b"/v1/completions"])
async def test_a_body_is_never_taken_for_a_request(quick: Quick, offer: bytes, path: bytes) -> None:
    client = await quick(header_timeout_s=5, body_timeout_s=5, max_batch_bytes=1024)
    body = b"\r\n" * 50_000 + GET
    head = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n"
    found = await answers(client, head % (path, offer, len(body)) + body)
    assert len(found) == 1
    assert found[0][0] >= 400


async def test_chunks_of_one_byte_do_not_hold_the_loop(quick: Quick) -> None:
    client = await quick(header_timeout_s=5, body_timeout_s=5)
    head = HEAD.partition(b"Content-L")[0] + b"Transfer-Encoding: chunked\r\n\r\n"
    async with connected(client) as (_, writer):
        writer.write(head + b"1\r\n \r\n" * 100_000)
        longest = 0.0
        for _ in range(100):
            began = asyncio.get_running_loop().time()
            await asyncio.sleep(0)
            longest = max(longest, asyncio.get_running_loop().time() - began)
    assert longest < 0.25  # at once, they would take more than a second


@pytest.mark.slow
async def test_a_client_that_still_sends_gets_its_refusal(quick: Quick) -> None:
    """The connection is not reset while the refused request is on its way."""
    client = await quick(header_timeout_s=5)
    async with connected(client) as (reader, writer):
        writer.write(GET[:-2] + b"X: " + b"a" * 500_000)
        await writer.drain()
        await asyncio.sleep(0.2)
        assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 431 ")


@pytest.mark.slow
async def test_a_refused_client_that_sends_on_is_cut(quick: Quick) -> None:
    client = await quick(header_timeout_s=5)
    async with connected(client) as (reader, writer):
        writer.write(GET[:-2] + b"X: ")
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 100_000_000:
                writer.write(b"a" * 100_000)
                sent += 100_000
                await writer.drain()
        assert sent < 50_000_000
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), 5)


@pytest.mark.parametrize("keep_alive_s", [1, 75])
@pytest.mark.slow
async def test_an_idle_connection_stays_open_as_long_as_the_setting(quick: Quick, keep_alive_s: int) -> None:
    async with connected(await quick(keep_alive_s=keep_alive_s)) as (reader, writer):
        for _ in range(2):
            writer.write(GET)
            await reader.readuntil(b"}}")
            await asyncio.sleep(0.5)  # longer than a head may take
        closed = asyncio.create_task(reader.read())
        await asyncio.wait({closed}, timeout=1.0)
        assert closed.done() is (keep_alive_s == 1)
        closed.cancel()


@pytest.mark.slow
async def test_callers_that_leave_during_pipelined_requests_leave_no_error(
    quick: Quick, caplog: pytest.LogCaptureFixture
) -> None:
    client = await quick(playing([cot(5)], [pot(5)], tokens_per_s=200), header_timeout_s=5)
    for moment in range(20):
        async with connected(client) as (_, writer):
            writer.write((HEAD + b"\r\n" + BODY) * 20 + GET * 2000)
            await asyncio.sleep(0.005 * moment)
            writer.transport.abort()
    await asyncio.sleep(0.3)
    assert [record.getMessage() for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []


@pytest.mark.slow
async def test_a_solve_may_take_longer_than_a_head(quick: Quick) -> None:
    client = await quick(TurnEngine([cot(5), pot(5)], order=[]))
    body = {"problem": "How many?", "paths": {"cot": 1, "pot": 1}, "deadline_s": 0.5}
    for _ in range(2):
        assert (await client.post("/solve", json=body)).json()["status"] == "deadline"


async def test_a_body_that_does_not_end_gets_408(quick: Quick) -> None:
    async with connected(await quick()) as (reader, writer):
        writer.write(HEAD + b"\r\n" + BODY[:10])
        for byte in BODY[10:14]:
            await asyncio.sleep(0.05)
            writer.write(bytes([byte]))
        answer = await asyncio.wait_for(reader.read(), 2)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close" in head.lower()
        assert json.loads(body)["detail"] == "The body did not arrive within 0.3 s."


@pytest.mark.slow
async def test_a_batch_that_goes_silent_is_cut(quick: Quick) -> None:
    """Its lines take longer together than it may be silent, and each comes well within that time."""
    client = await quick(body_timeout_s=0.6)

    async def rows() -> AsyncIterator[bytes]:
        for number in range(10):
            yield json.dumps({"id": number, "problem": "How many?", "paths": {"cot": 1, "pot": 1}}).encode() + b"\n"
            await asyncio.sleep(0.08)
        await asyncio.sleep(1.2)
        yield b"\n"

    headers = {"Content-Type": "application/x-ndjson"}
    response = await client.post("/solve/batch", content=rows(), headers=headers)
    lines = [json.loads(line) for line in response.text.splitlines()]
    assert [line["id"] for line in lines] == [*range(10), None]
    assert lines[-1]["error"]["detail"] == "The batch is cut: no data arrived for 0.6 s."


@pytest.mark.slow
async def test_a_reader_who_takes_nothing_is_dropped_and_its_problem_ends(quick: Quick) -> None:
    """A stream that is larger than what the socket's buffers hold."""
    engine = playing([cot("5" + " " * 500_000)], [pot(5)])
    client = await quick(engine, max_tokens=4096)
    body = json.dumps({"problem": "How?", "paths": {"cot": 64, "pot": 0}, "policy": "fixed", "trace": True}).encode()
    head = HEAD.replace(b"/solve ", b"/solve/stream ").replace(b"%d" % len(BODY), b"%d" % len(body))
    async with connected(client) as (_, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(head + b"\r\n" + body)
        us = psutil.Process().pid
        for _ in range(100):
            await asyncio.sleep(0.05)
            here = [
                c
                for c in psutil.Process(us).net_connections()
                if c.status == "ESTABLISHED" and c.laddr.port == client.base_url.port
            ]
            if not here:
                break
        assert here == []
    assert engine.running == 0


@pytest.mark.parametrize("ending", [b"", b"Connection: close\r\n", b"bad header\r\n"])
@pytest.mark.slow
async def test_a_small_response_that_is_not_read_is_dropped(
    quick: Quick, monkeypatch: pytest.MonkeyPatch, ending: bytes
) -> None:
    """The kernel's buffers are full, and the rest is less than what stops the writing."""
    connections = noted_connections(monkeypatch)
    client = await quick(header_timeout_s=5, write_timeout_s=0.5, keep_alive_s=1)
    loop = asyncio.get_running_loop()
    with socket.socket() as unread:
        unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        unread.setblocking(False)
        await loop.sock_connect(unread, ("127.0.0.1", client.base_url.port))
        await asyncio.sleep(0.05)
        (connection,) = connections
        while not connection._channel.unsent_bytes:
            await loop.sock_sendall(unread, GET.replace(b"/health", b"/"))
            await asyncio.sleep(0.01)
        assert connection._channel.unsent_bytes < 65536
        if ending:
            await loop.sock_sendall(unread, GET[:-2] + ending + b"\r\n")
        async with asyncio.timeout(5):
            while established(client):
                await asyncio.sleep(0.1)


@pytest.mark.slow
async def test_a_response_that_is_read_slowly_arrives(quick: Quick) -> None:
    """Each part takes less than the timeout, and all of them take longer."""
    client = await quick(header_timeout_s=5, write_timeout_s=0.5)
    async with connected(client) as (reader, writer):
        writer.write(GET.replace(b"/health", b"/openapi.json") * 60)
        received = 0
        for _ in range(20):
            await asyncio.sleep(0.1)
            received += len(await reader.read(2**18))
    assert received > 2_000_000


async def test_half_closed_connections_cost_nothing(quick: Quick) -> None:
    client = await quick(header_timeout_s=30)
    async with connected(client) as (reader, writer):  # closed before a request
        writer.write_eof()
        assert await seconds_until_closed(reader) < 5
    async with connected(client) as (reader, writer):  # in the midst of a head
        writer.write(HEAD)
        writer.write_eof()
        assert await seconds_until_closed(reader) < 5
    engine = TurnEngine([cot(5), pot(5)], order=[])
    client = await quick(engine)
    async with connected(client) as (_, writer):  # gone for good while its problem is solved
        writer.write(HEAD + b"\r\n" + BODY)
        while engine.running < 2:
            await asyncio.sleep(0.01)
        writer.transport.abort()
        async with asyncio.timeout(2):
            while engine.running:
                await asyncio.sleep(0.01)


async def test_one_connection_too_many_gets_503_and_places_come_back(quick: Quick) -> None:
    client = await quick(max_connections=2, header_timeout_s=1.0)
    async with connected(client), connected(client):
        await asyncio.sleep(0.05)
        async with connected(client) as (reader, _):
            answer = await asyncio.wait_for(reader.read(), 1)
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["detail"] == "Too many connections are open."
    await asyncio.sleep(0.05)
    assert (await client.get("/health")).status_code == 200


async def test_thousands_of_slow_heads_leave_nothing_behind(quick: Quick) -> None:
    client = await quick(header_timeout_s=0.5)
    before = psutil.Process().num_fds()
    async with contextlib.AsyncExitStack() as stack:
        raws = [await stack.enter_async_context(connected(client)) for _ in range(200)]
        for _, writer in raws:
            writer.write(b"POST /solve HTTP/1.1\r\n")
        assert (await client.get("/health")).status_code == 200
        await asyncio.gather(*(seconds_until_closed(reader) for reader, _ in raws))
    await client.aclose()
    await asyncio.sleep(0.05)
    assert psutil.Process().num_fds() <= before + 2


def test_the_limit_on_files_is_raised_where_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"now": (256, 4096)}
    monkeypatch.setattr(resource, "getrlimit", lambda which: limits["now"])
    monkeypatch.setattr(resource, "setrlimit", lambda which, new: limits.update(now=new))
    raise_file_limit(100)
    assert limits["now"] == (1224, 4096)
    raise_file_limit(10_000)
    assert limits["now"] == (4096, 4096)
    limits["now"] = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    raise_file_limit(10_000)
    assert limits["now"] == (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
