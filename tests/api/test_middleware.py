"""Body limits: the turns of large bodies."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from service.api.middleware import BodyLimitMiddleware


@pytest.mark.parametrize(("size_bytes", "most_per_turn"), [(4097, 1), (4096, 8)])
async def test_a_turn_of_the_loop_reads_one_large_body(size_bytes: int, most_per_turn: int) -> None:
    turn, read_in = 0, []

    async def count() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert len((await receive())["body"]) == size_bytes
        read_in.append(turn)

    async def receive() -> Message:
        return {"type": "http.request", "body": b" " * size_bytes, "more_body": False}

    async def send(message: Message) -> None:
        raise AssertionError(message)

    limited = BodyLimitMiddleware(app, max_bytes=10_000, max_s=1)
    counting = asyncio.create_task(count())
    scope = {"type": "http", "path": "/solve", "headers": []}
    await asyncio.gather(*(limited(scope, receive, send) for _ in range(8)))
    counting.cancel()
    assert max(read_in.count(one) for one in read_in) == most_per_turn
