"""Route of OpenAI's API for responses: `/v1/responses`, for text.

The last user message is the problem, as in a chat. Nothing is stored.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, Literal

from fastapi import APIRouter, Depends, Request

from service.api.disconnect import while_connected
from service.api.routes.openai import Work, or_stream, solve_work, work_of_turns
from service.api.routes.openai_stream import event_error
from service.api.routes.solve import request_id, require_json
from service.api.sse import Event, EventStream, open_stream
from service.json_lines import is_encodable
from service.schemas import ProblemDetails, SolveResponse
from service.schemas.openai_reply import finish_reason, reply_text, usage_of
from service.schemas.openai_request import ResponseRequest, text_of
from service.schemas.openai_responses import (
    DeltaEvent,
    Incomplete,
    InputDetails,
    ItemEvent,
    OutputMessage,
    OutputText,
    PartEvent,
    PlainText,
    Response,
    ResponseEvent,
    ResponseUsage,
    TextEvent,
    TextSettings,
)

router = APIRouter(prefix="/v1", tags=["openai"])


@router.post(
    "/responses",
    response_model=Response,
    responses=or_stream("The response. With `stream`, its events."),
    dependencies=[Depends(require_json)],
)
async def responses(body: ResponseRequest, request: Request) -> Any:
    """Solve the input, or its last user message. The reply is the best explanation, and ends with the voted answer."""
    names = {"problem": "input", "max_tokens": "max_output_tokens"}
    work = await work_of_turns(body, request, _turns(body), names)
    begun = _begun(body, work)
    if body.stream:
        return await _stream(begun, work, request)
    solved = await while_connected(request, solve_work(work, request))
    return _ended(begun, solved[0])


def _turns(body: ResponseRequest) -> list[tuple[str, str]]:
    """Role and text of each item."""
    if isinstance(body.input, str):
        return [("user", body.input)]
    return [(item.role or "", text_of(item.content)) for item in body.input]


def _begun(body: ResponseRequest, work: Work) -> Response:
    """Response before the vote."""
    fields = ("instructions", "max_output_tokens", "temperature", "top_p")
    return Response(
        id=f"resp_{request_id()}",
        created_at=work.created,
        status="in_progress",
        model=work.model,
        text=TextSettings(format=PlainText()),
        metadata=_texts_of(body.metadata),  # type: ignore[attr-defined]
        **{name: getattr(body, name) for name in fields},
    )


def _texts_of(metadata: Any) -> dict[str, str] | None:
    """Texts of an object of any form. Deep nesting, NaN and lone surrogates have no place in a response."""
    if not isinstance(metadata, dict):
        return None
    return {name: text for name, text in metadata.items() if isinstance(text, str) and is_encodable(name + text)}


def _message(
    response: Response, status: Literal["in_progress", "completed", "incomplete"], *text: str
) -> OutputMessage:
    content = [OutputText(text=part) for part in text]
    return OutputMessage(id=response.id.replace("resp_", "msg_", 1), status=status, content=content)


def _ended(begun: Response, solved: SolveResponse) -> Response:
    """Response with the reply."""
    is_cut = finish_reason(solved) == "length"
    status: Literal["incomplete", "completed"] = "incomplete" if is_cut else "completed"
    usage = usage_of([solved])
    return begun.model_copy(
        update={
            "status": status,
            "incomplete_details": Incomplete() if is_cut else None,
            "output": [_message(begun, status, reply_text(solved, ()))],
            "usage": ResponseUsage(
                input_tokens=usage.prompt_tokens,
                input_tokens_details=InputDetails(),
                output_tokens=usage.completion_tokens,
                output_tokens_details=usage.completion_tokens_details,
                total_tokens=usage.total_tokens,
            ),
            "twinpath": solved,
        }
    )


async def _stream(begun: Response, work: Work, request: Request) -> EventStream:
    number = 0

    def event(kind: Callable[..., Any], **fields: Any) -> Event:
        nonlocal number
        made = kind(sequence_number=number, **fields)
        number += 1
        return made.type, made.model_dump_json()

    def head() -> Iterator[Event]:
        yield event(ResponseEvent, type="response.created", response=begun)
        yield event(ResponseEvent, type="response.in_progress", response=begun)

    def reply(solved: list[SolveResponse]) -> Iterator[Event]:
        ended = _ended(begun, solved[0])
        message = ended.output[0]
        text = message.content[0].text
        place = {"item_id": message.id}
        yield event(ItemEvent, type="response.output_item.added", item=_message(begun, "in_progress"))
        yield event(PartEvent, type="response.content_part.added", part=OutputText(), **place)
        for line in text.splitlines(keepends=True):
            yield event(DeltaEvent, delta=line, **place)
        yield event(TextEvent, text=text, **place)
        yield event(PartEvent, type="response.content_part.done", part=message.content[0], **place)
        yield event(ItemEvent, type="response.output_item.done", item=message)
        yield event(ResponseEvent, type=f"response.{ended.status}", response=ended)

    def failure(details: ProblemDetails) -> Event:
        error = event_error(details).model_dump()
        # Some clients read the fields of the event, and others those of `error`.
        return "error", json.dumps(error["error"] | error | {"type": "error", "sequence_number": number})

    return await open_stream(lambda _: solve_work(work, request), result=reply, failure=failure, head=head())
