"""Reading of long prompts: turns of the keys, and callers that leave."""

import asyncio
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from fastapi import Request
from starlette.requests import ClientDisconnect

from service.api.api_key import ApiKey, KeyTable
from service.api.routes.openai_prompts import read_prompts

LONG = 9_000


class Caller:
    """Request of an API key whose client can leave."""

    def __init__(self, key: str) -> None:
        self.left = asyncio.Event()
        scope: dict[str, Any] = {"type": "http", "twinpath.key": ApiKey(KeyTable(name=key, sha256="0" * 64))}
        self.request = Request(scope, self._receive)

    async def _receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}


@pytest.fixture
def hold() -> Iterator[threading.Event]:
    """Event that the first read waits for."""
    event = threading.Event()
    yield event
    event.set()


async def test_keys_take_turns_and_a_caller_that_left_is_not_read(hold: threading.Event) -> None:
    read: list[str] = []
    callers = [Caller("bob") for _ in range(20)] + [Caller("ann")]

    def reading(name: str) -> str:
        hold.wait(5)
        read.append(name)
        return name

    names = [f"bob {number}" for number in range(20)] + ["ann"]
    tasks = [
        asyncio.create_task(read_prompts(caller.request, partial(reading, name), LONG, "prompt"))
        for caller, name in zip(callers, names, strict=True)
    ]
    await asyncio.sleep(0.01)
    for caller in callers[1:19]:
        caller.left.set()
    await asyncio.wait(tasks[1:19])
    hold.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert read == ["bob 0", "ann", "bob 19"]
    assert all(isinstance(result, ClientDisconnect) for result in results[1:19])
    assert (results[0], *results[19:]) == ("bob 0", "bob 19", "ann")


async def test_a_short_prompt_does_not_wait(hold: threading.Event) -> None:
    waiting = asyncio.create_task(read_prompts(Caller("bob").request, lambda: hold.wait(5), LONG, "prompt"))
    await asyncio.sleep(0.01)
    assert await read_prompts(Caller("ann").request, lambda: 7, 100, "prompt") == 7
    assert not waiting.done()
    hold.set()
    await waiting
