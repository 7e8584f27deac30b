"""Server-sent events: line ends, separators inside a text, and cancellation."""

import asyncio
import json

import httpx
import pytest

from service.api import sse
from service.api.sse import open_stream
from service.schemas.problem_details import ProblemDetails
from tests.conftest import Serve
from tests.support.engines import TurnEngine, computing_sandbox, cot, pot

BODY = {"problem": "How many?", "paths": {"cot": 1, "pot": 1}, "policy": "fixed"}
CHAT = {"model": "twinpath", "messages": [{"role": "user", "content": "How many?"}], "stream": True}


def failure(details: ProblemDetails) -> sse.Event:
    return "error", details.detail


@pytest.mark.parametrize(("path", "body"), [("/solve/stream", BODY), ("/v1/chat/completions", CHAT)])
async def test_lines_end_with_a_line_feed(
    live: Serve, path: str, body: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(sse, "OPENING_S", 0.01)
    client = await live(TurnEngine([cot(5)] * 20, order=[]))
    async with client.stream("POST", path, json=body) as response:
        content = b""
        async for chunk in response.aiter_raw():
            content += chunk
            if content.count(b": ping") > 1:
                break
    assert content.count(b"\n\n") > 1
    assert b"\r" not in content


async def test_separators_inside_a_text_do_not_end_a_line(live: Serve) -> None:
    text = "5\u2028\u2029\x85\r\n. The answer is 5"
    client = await live(TurnEngine([text, pot(5)]), computing_sandbox())
    content = (await client.post("/solve/stream", json=BODY)).content.decode()
    data = [json.loads(line.removeprefix("data: ")) for line in content.split("\n") if line.startswith("data: ")]
    assert data[0]["text"] == text
    assert data[-1]["answer"] == "5"
    assert len(content.splitlines()) == content.count("\n")  # also for readers that end a line at other separators


@pytest.mark.parametrize("status", [None, "http.disconnect"])
async def test_the_task_ends_with_the_response(status: str | None) -> None:
    """Also if the client disconnects before the first event, or if sending fails before the first byte."""
    cancelled = asyncio.Event()

    async def work(publish: sse.Publish) -> None:
        publish("path", "{}")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)  # an abort that is awaited
            cancelled.set()
            raise

    response = await open_stream(work, result=lambda _: [], failure=failure)

    async def receive() -> dict[str, object]:
        if status is None:
            await asyncio.Event().wait()
        return {"type": status}

    async def send(_: object) -> None:
        if status is None:
            raise OSError("gone")

    scope = {"type": "http", "method": "POST"}
    if status is None:
        with pytest.raises(OSError, match="gone"):
            await response(scope, receive, send)
    else:
        await response(scope, receive, send)
    assert cancelled.is_set()


async def test_an_early_error_is_raised() -> None:
    async def fails(publish: sse.Publish) -> None:
        raise httpx.ConnectError("early")

    with pytest.raises(httpx.ConnectError, match="early"):
        await open_stream(fails, result=lambda _: [], failure=failure)
