"""Streamed OpenAI completion: chunks with the votes so far, then the reply.

The reply exists only when the vote is decided. Until then the chunks have an empty delta, and their field `twinpath`
holds the votes so far.
"""

import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from service.api.routes.solve import vote_observer
from service.api.sse import Event, EventStream, Publish, open_stream
from service.schemas import ProblemDetails, SolveResponse, VoteEvent
from service.schemas.openai_errors import ErrorObject, error_object
from service.schemas.openai_reply import finish_reason, reply_text, usage_of
from service.solve.problem_run import Observer

_Solve = Callable[[Sequence[Observer]], Awaitable[list[SolveResponse]]]


@dataclass(frozen=True, slots=True)
class Frame:
    """Common part of the chunks of one completion.

    Args:
        head: fields of every chunk.
        is_chat: whether the completion is a chat completion.
    """

    head: dict[str, Any]
    is_chat: bool

    @classmethod
    def chat(cls, head: dict[str, Any]) -> "Frame":
        """Frame of a chat completion."""
        return cls(head | {"id": f"chatcmpl-{head['id']}"}, is_chat=True)

    @classmethod
    def text(cls, head: dict[str, Any]) -> "Frame":
        """Frame of a text completion."""
        return cls(head | {"id": f"cmpl-{head['id']}"}, is_chat=False)

    def chunk(self, choices: list[dict[str, Any]], **more: Any) -> str:
        """One chunk as JSON."""
        kind = "chat.completion.chunk" if self.is_chat else "text_completion"
        return json.dumps(self.head | {"object": kind, "choices": choices} | more)

    def choice(self, index: int, text: str = "", *, finish: str | None = None, **more: Any) -> dict[str, Any]:
        """Part of a chunk for one choice."""
        if self.is_chat:
            written: dict[str, Any] = {"delta": {"content": text} if text else {}}
        else:
            written = {"text": text}
        return {"index": index, **written, "logprobs": None, "finish_reason": finish, **more}

    def first_choice(self, index: int) -> dict[str, Any]:
        """Part of the first chunk of one choice, which names the role in a chat."""
        first = self.choice(index)
        return first | {"delta": {"role": "assistant", "content": ""}} if self.is_chat else first


async def stream_completion(
    frame: Frame,
    solve: _Solve,
    number: int,
    *,
    stop: tuple[str, ...],
    include_usage: bool,
) -> EventStream:
    """Solve the problems of a completion, and stream its chunks.

    Args:
        frame: common part of the chunks.
        solve: solves the problems of all choices, with an observer for each.
        number: number of choices.
        stop: stop sequences of the replies.
        include_usage: whether the last chunk holds the usage.

    Raises:
        Exception: the work failed before the stream was open.
    """
    usage = {"usage": None} if include_usage else {}
    choices = range(number)

    def work(publish: Publish) -> Awaitable[list[SolveResponse]]:
        def observer(index: int) -> Observer:
            def on_vote(vote: VoteEvent) -> None:
                note = frame.choice(index, twinpath=vote.model_dump(mode="json"))
                publish(None, frame.chunk([note], **usage))

            return vote_observer(on_vote)

        return solve([observer(index) for index in choices])

    def head() -> Iterator[Event]:
        for index in choices:
            yield None, frame.chunk([frame.first_choice(index)], **usage)

    def replies(responses: list[SolveResponse]) -> Iterator[Event]:
        for index, response in enumerate(responses):
            for line in reply_text(response, stop).splitlines(keepends=True):
                yield None, frame.chunk([frame.choice(index, line)], **usage)
            end = frame.choice(index, finish=finish_reason(response), twinpath=response.model_dump(mode="json"))
            yield None, frame.chunk([end], **usage)
        if include_usage:
            yield None, frame.chunk([], usage=usage_of(responses).model_dump())
        yield None, "[DONE]"

    return await open_stream(work, result=replies, failure=_failure, head=head())


def event_error(details: ProblemDetails) -> ErrorObject:
    """Error object of an event, which names the parameter as an error response does."""
    param = details.errors[0].field if details.errors else None
    return error_object(details.status, details.detail, param, "invalid_value" if param else None)


def _failure(details: ProblemDetails) -> Event:
    return None, event_error(details).model_dump_json()
