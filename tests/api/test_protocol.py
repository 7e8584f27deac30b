"""Idle, slow and stuck connections on a real socket."""

import asyncio
import contextlib
import json
import resource
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import httpx
import psutil
import pytest
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.api import protocol
from service.api.protocol import timeout_protocol
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


@pytest.fixture(params=[HttpToolsProtocol, H11Protocol])
def quick(request: pytest.FixtureRequest, live: Serve, monkeypatch: pytest.MonkeyPatch) -> Quick:
    """Serves with timeouts of a fraction of a second."""
    protocol = partial(timeout_protocol, parser=request.param)
    monkeypatch.setattr("tests.conftest.timeout_protocol", protocol)

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
    protocol.raise_file_limit(100)
    assert limits["now"] == (1124, 4096)
    protocol.raise_file_limit(10_000)
    assert limits["now"] == (4096, 4096)
    limits["now"] = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    protocol.raise_file_limit(10_000)
    assert limits["now"] == (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
