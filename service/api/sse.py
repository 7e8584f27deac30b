"""Server-sent event streams: early errors, heartbeats, and cancellation on disconnect.

A stream opens after its first event or after `OPENING_S`. An error before that has its own HTTP status. A later error
is the last event of the stream.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, TypeVar

from asgi_correlation_id import correlation_id
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import AppStatus
from starlette.types import Receive, Scope, Send

from service.errors import TwinpathError
from service.json_lines import escaped
from service.schemas.problem_details import ProblemDetails, problem_details

logger = logging.getLogger(__name__)

HEARTBEAT_S = 5
OPENING_S = 1.0

# fastapi.sse splits data at U+2028 and U+0085, which JSON text may hold, and has a fixed heartbeat of 15 s.
_LINE_END = "\n"
# By default sse-starlette ends open streams at SIGTERM. Here they have the grace period of the server.
AppStatus.disable_automatic_graceful_drain()  # type: ignore[no-untyped-call]

_T = TypeVar("_T")
Event = tuple[str | None, str]
"""Name, or None, and data of an event."""
Publish = Callable[[str | None, str], None]
"""Appends an event to a stream: name, or None, and data."""


class EventStream(EventSourceResponse):
    """Response that streams the events of one task. The task ends with the response.

    Args:
        events: the events.
        task: the task. It is cancelled, and awaited, if the client disconnects.
    """

    def __init__(self, events: AsyncIterator[ServerSentEvent], task: "asyncio.Future[Any]") -> None:
        super().__init__(events, ping=HEARTBEAT_S, sep=_LINE_END)
        self._task = task

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


async def open_stream(
    work: Callable[[Publish], Awaitable[_T]],
    *,
    result: Callable[[_T], Iterable[Event]],
    failure: Callable[[ProblemDetails], Event],
    head: Iterable[Event] = (),
) -> EventStream:
    """Start the work, and open its stream after the first event or after `OPENING_S`.

    Args:
        work: publishes events while it runs, and returns its result.
        result: last events of the stream.
        failure: last event of a stream whose work raised an exception.
        head: first events of the stream.

    Raises:
        Exception: the work failed before the stream was open.
    """
    queue: asyncio.Queue[Event | None] = asyncio.Queue()
    task = asyncio.ensure_future(work(lambda name, data: queue.put_nowait((name, data))))
    task.add_done_callback(lambda _: queue.put_nowait(None))
    first = asyncio.create_task(queue.get())
    try:
        await asyncio.wait({first}, timeout=OPENING_S)
        if task.done():
            task.result()
    except BaseException:
        first.cancel()
        task.cancel()
        raise

    async def events() -> AsyncIterator[Event]:
        for event in head:
            yield event
        published = await first
        while published:
            yield published
            published = await queue.get()
        if task.cancelled():
            return
        if error := task.exception():
            if isinstance(error, TwinpathError):
                logger.warning("stream: %s", error)
            else:
                logger.error("stream failed", exc_info=error)
            yield failure(problem_details(error, correlation_id.get()))
            return
        for event in result(task.result()):
            yield event

    return EventStream(stream_events(events()), task)


async def stream_events(events: AsyncIterator[Event]) -> AsyncIterator[ServerSentEvent]:
    """Encode events, whose data is JSON, with line feeds as the only line ends."""
    async for name, data in events:
        yield ServerSentEvent(escaped(data), event=name, sep=_LINE_END)
