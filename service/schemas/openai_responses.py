"""Wire models of OpenAI's responses and of their streamed events."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.schemas import SolveResponse
from service.schemas.openai_response import UsageDetails


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OutputText(_Part):
    """Text of the reply."""

    type: Literal["output_text"] = Field(default="output_text", description="Type of the part.")
    text: str = Field(
        default="",
        description="Best explanation, and the answer of the vote.",
        examples=["7 pens cost 7 * 3 = 21 dollars. The answer is 21"],
    )
    annotations: list[Any] = Field(default=[], max_length=0, description="Always empty.")
    logprobs: list[Any] = Field(default=[], max_length=0, description="Always empty.")


class OutputMessage(_Part):
    """Reply of a response."""

    id: str = Field(description="Id of the message.", examples=["msg_76889b74b4e7422fa6d55071d000db11"])
    type: Literal["message"] = Field(default="message", description="Type of the item.")
    role: Literal["assistant"] = Field(default="assistant", description="Role of the author.")
    status: Literal["in_progress", "completed", "incomplete"] = Field(
        description="State of the message.", examples=["completed"]
    )
    content: list[OutputText] = Field(description="The text.")


class InputDetails(_Part):
    """Prompt tokens by their place."""

    cached_tokens: Literal[0] = Field(default=0, description="Always 0.")
    cache_write_tokens: Literal[0] = Field(default=0, description="Always 0.")


class ResponseUsage(_Part):
    """Exact token counts over all paths, including aborted paths."""

    input_tokens: int = Field(description="Number of prompt tokens.", examples=[860])
    input_tokens_details: InputDetails = Field(description="Tokens from a cache.")
    output_tokens: int = Field(description="Number of sampled tokens.", examples=[517])
    output_tokens_details: UsageDetails = Field(description="Tokens that the reply does not show.")
    total_tokens: int = Field(description="Sum of both numbers.", examples=[1377])


class Incomplete(_Part):
    """Reason of an incomplete response."""

    reason: Literal["max_output_tokens"] = Field(
        default="max_output_tokens", description="The limit cut a path off, and there is no answer."
    )


class PlainText(_Part):
    """The format of a text."""

    type: Literal["text"] = Field(default="text", description="Type of the format.")


class TextSettings(_Part):
    """Settings of a text."""

    format: PlainText = Field(description="Format of the reply.")


class Response(_Part):
    """Vote in the form of OpenAI's responses. `twinpath` is the response of `/solve`."""

    id: str = Field(description="Id of the response.", examples=["resp_76889b74b4e7422fa6d55071d000db11"])
    object: Literal["response"] = Field(default="response", description="Type of the object.")
    created_at: int = Field(description="Time of the request, in Unix seconds.", examples=[1767225600])
    status: Literal["in_progress", "completed", "incomplete"] = Field(
        description="`incomplete` if there is no answer and a token limit cut a path off.", examples=["completed"]
    )
    model: str = Field(description="Name of the model, as the request gives it.", examples=["twinpath"])
    output: list[OutputMessage] = Field(default=[], description="The reply.")
    usage: ResponseUsage | None = Field(default=None, description="Numbers of tokens. Null before the end.")
    incomplete_details: Incomplete | None = Field(default=None, description="Reason of the status `incomplete`.")
    instructions: str | None = Field(default=None, description="As in the request.", examples=["Be brief."])
    max_output_tokens: int | None = Field(default=None, description="As in the request.", examples=[320])
    temperature: float | None = Field(default=None, description="As in the request.", examples=[0.7])
    top_p: float | None = Field(default=None, description="As in the request.", examples=[0.95])
    metadata: dict[str, str] | None = Field(
        default=None, description="Texts of the request's object.", examples=[{"class": "5b"}]
    )
    text: TextSettings = Field(description="Settings of the reply.")
    tools: list[Any] = Field(default=[], max_length=0, description="Always empty.")
    tool_choice: Literal["none"] = Field(default="none", description="There are no tools.")
    parallel_tool_calls: bool = Field(default=False, description="There are no tools.", examples=[False])
    truncation: Literal["disabled"] = Field(default="disabled", description="A long problem is an error.")
    store: Literal[False] = Field(default=False, description="Nothing is stored.")
    background: Literal[False] = Field(default=False, description="A response is never made in the background.")
    previous_response_id: None = Field(default=None, description="Always null.")
    error: None = Field(default=None, description="Always null. An error has its own status.")
    twinpath: SolveResponse | None = Field(default=None, description="Response of `/solve`. Null before the end.")


class _Event(_Part):
    sequence_number: int = Field(description="Position of the event, counted from 0.", examples=[0])


class ResponseEvent(_Event):
    """Event with the response: `response.created` and `response.in_progress` first, one of the others last."""

    type: Literal["response.created", "response.in_progress", "response.completed", "response.incomplete"] = Field(
        description="Type of the event.", examples=["response.completed"]
    )
    response: Response = Field(description="The response as it is now.")


class ItemEvent(_Event):
    """Event of the message."""

    type: Literal["response.output_item.added", "response.output_item.done"] = Field(
        description="Type of the event.", examples=["response.output_item.done"]
    )
    output_index: int = Field(default=0, description="Always 0.", examples=[0])
    item: OutputMessage = Field(description="The message as it is now.")


class _TextEvent(_Event):
    item_id: str = Field(description="Id of the message.", examples=["msg_76889b74b4e7422fa6d55071d000db11"])
    output_index: int = Field(default=0, description="Always 0.", examples=[0])
    content_index: int = Field(default=0, description="Always 0.", examples=[0])


class PartEvent(_TextEvent):
    """Event of the text as a whole."""

    type: Literal["response.content_part.added", "response.content_part.done"] = Field(
        description="Type of the event.", examples=["response.content_part.done"]
    )
    part: OutputText = Field(description="The text as it is now.")


class DeltaEvent(_TextEvent):
    """Event of the next part of the text."""

    type: Literal["response.output_text.delta"] = Field(
        default="response.output_text.delta", description="Type of the event."
    )
    delta: str = Field(description="Next part of the text.", examples=["7 pens cost 7 * 3 = 21 dollars."])
    logprobs: list[Any] = Field(default=[], max_length=0, description="Always empty.")


class TextEvent(_TextEvent):
    """Event of the whole text."""

    type: Literal["response.output_text.done"] = Field(
        default="response.output_text.done", description="Type of the event."
    )
    text: str = Field(description="The text.", examples=["7 pens cost 7 * 3 = 21 dollars. The answer is 21"])
    logprobs: list[Any] = Field(default=[], max_length=0, description="Always empty.")
