"""A streamed completion: chunks that tell how the vote stands, then the reply, then its end.

OpenAI's clients see an ordinary stream. The reply can only be written when the vote is decided; until then a choice's
chunks have an empty delta, and their `twinpath` tells the votes so far.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from asgi_correlation_id import correlation_id
from sse_starlette import EventSourceResponse, ServerSentEvent

from service.api.routes.solve import HEARTBEAT_S, OPENING_S
from service.schemas import SolveResponse, VoteEvent
from service.schemas.from_solution import vote_event
from service.schemas.openai_errors import error_object
from service.schemas.openai_reply import finish_reason, reply_text, usage_of
from service.schemas.problem_details import problem_details
from service.solve.problem import PathResult
from service.solve.problem_run import Observer, ProblemRun

_Solve = Callable[[Sequence[Observer]], Awaitable[list[SolveResponse]]]


@dataclass(frozen=True, slots=True)
class Frame:
    """What every chunk of one completion repeats, and how a choice of it is written."""

    head: dict[str, Any]
    is_chat: bool

    @classmethod
    def chat(cls, head: dict[str, Any]) -> "Frame":
        """Of a chat completion."""
        return cls(head | {"id": f"chatcmpl-{head['id']}"}, is_chat=True)

    @classmethod
    def text(cls, head: dict[str, Any]) -> "Frame":
        """Of a completion."""
        return cls(head | {"id": f"cmpl-{head['id']}"}, is_chat=False)

    def chunk(self, choices: list[dict[str, Any]], **more: Any) -> str:
        """One chunk as JSON."""
        kind = "chat.completion.chunk" if self.is_chat else "text_completion"
        return json.dumps(self.head | {"object": kind, "choices": choices} | more)

    def choice(self, index: int, text: str = "", *, finish: str | None = None, **more: Any) -> dict[str, Any]:
        """One choice's part of a chunk."""
        if self.is_chat:
            written: dict[str, Any] = {"delta": {"content": text} if text else {}}
        else:
            written = {"text": text}
        return {"index": index, **written, "logprobs": None, "finish_reason": finish, **more}


async def open_stream(
    frame: Frame,
    solve: _Solve,
    max_tokens: Sequence[int],
    *,
    stop: tuple[str, ...],
    trace: bool,
    include_usage: bool,
) -> EventSourceResponse:
    """The response, once something is known; an error before that is raised and has its own status.

    Args:
        frame: how chunks are written.
        solve: solves the choices' problems, given an observer for each.
        max_tokens: of each choice's problem.
        stop: cut the replies.
        trace: add every path to the last `twinpath` of a choice.
        include_usage: end with a chunk of the whole usage.
    """
    votes: asyncio.Queue[tuple[int, VoteEvent] | None] = asyncio.Queue()
    task = asyncio.ensure_future(solve([vote_observer(index, votes) for index in range(len(max_tokens))]))
    task.add_done_callback(lambda _: votes.put_nowait(None))
    first = asyncio.create_task(votes.get())
    try:
        await asyncio.wait({first}, timeout=OPENING_S)
        if task.done():
            task.result()
    except BaseException:
        first.cancel()
        task.cancel()
        raise
    usage = {"usage": None} if include_usage else {}

    async def events() -> AsyncIterator[ServerSentEvent]:
        try:
            for index in range(len(max_tokens)):
                choice = frame.choice(index)
                if frame.is_chat:
                    choice["delta"] = {"role": "assistant", "content": ""}
                yield ServerSentEvent(frame.chunk([choice], **usage))
            told = await first
            while told:
                index, vote = told
                note = frame.choice(index, twinpath=vote.model_dump(mode="json"))
                yield ServerSentEvent(frame.chunk([note], **usage))
                told = await votes.get()
            if error := task.exception():
                document = problem_details(error, correlation_id.get())
                yield ServerSentEvent(error_object(document.status, document.detail).model_dump_json())
                return
            for index, response in enumerate(task.result()):
                for line in reply_text(response, stop).splitlines(keepends=True):
                    yield ServerSentEvent(frame.chunk([frame.choice(index, line)], **usage))
                yield ServerSentEvent(frame.chunk([_end(frame, index, response, max_tokens[index], trace)], **usage))
            if include_usage:
                yield ServerSentEvent(frame.chunk([], usage=usage_of(task.result()).model_dump()))
            yield ServerSentEvent("[DONE]")
        finally:
            first.cancel()
            task.cancel()

    return EventSourceResponse(events(), ping=HEARTBEAT_S)


def vote_observer(index: int, votes: "asyncio.Queue[tuple[int, VoteEvent] | None]") -> Observer:
    """Tells of every change of one choice's vote."""
    last: VoteEvent | None = None

    def observe(_: PathResult, run: ProblemRun) -> None:
        nonlocal last
        vote = vote_event(run.votes, run.confidence, decided=run.decided)
        if vote.votes and vote != last:
            last = vote
            votes.put_nowait((index, vote))

    return observe


def _end(frame: Frame, index: int, response: SolveResponse, max_tokens: int, trace: bool) -> dict[str, Any]:
    shown = response if trace else response.without_trace()
    return frame.choice(index, finish=finish_reason(response, max_tokens), twinpath=shown.model_dump(mode="json"))
