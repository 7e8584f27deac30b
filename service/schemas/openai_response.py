"""What `/v1` answers: OpenAI's objects, each choice with Twinpath's own result in `twinpath`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from service.schemas import SolveResponse, VoteEvent


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid")


class UsageDetails(_Reply):
    """`reasoning_tokens` are those of every path but the shown one."""

    reasoning_tokens: int


class UsageReport(_Reply):
    """Exact: every token of every path of every choice, those of aborted paths too."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    completion_tokens_details: UsageDetails


class ReplyMessage(_Reply):
    """The reply: the best rationale, and at its end the voted answer."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class ChatChoice(_Reply):
    """One vote as a message; `twinpath` is what `/solve` answers."""

    index: int
    message: ReplyMessage
    finish_reason: Literal["stop", "length"]
    logprobs: None = None
    twinpath: SolveResponse


class ChatCompletion(_Reply):
    """The answer to a chat."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int = Field(description="Unix seconds.")
    model: str
    system_fingerprint: str
    choices: list[ChatChoice]
    usage: UsageReport


class TextChoice(_Reply):
    """One vote as a text; `twinpath` is what `/solve` answers."""

    index: int
    text: str
    finish_reason: Literal["stop", "length"]
    logprobs: None = None
    twinpath: SolveResponse


class TextCompletion(_Reply):
    """The answer to a prompt or several."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int = Field(description="Unix seconds.")
    model: str
    system_fingerprint: str
    choices: list[TextChoice]
    usage: UsageReport


class Delta(_Reply):
    """What a chunk adds to a message."""

    role: Literal["assistant"] | None = None
    content: str | None = None


class ChunkChoice(_Reply):
    """One choice's part of a chunk: `delta` of a chat, `text` of a completion. `twinpath` tells how the vote stands;
    with the `finish_reason` comes what `/solve` answers.
    """

    index: int
    delta: Delta | None = None
    text: str | None = None
    finish_reason: Literal["stop", "length"] | None
    logprobs: None = None
    twinpath: VoteEvent | SolveResponse | None = None


class Chunk(_Reply):
    """One event of a streamed completion."""

    id: str
    object: Literal["chat.completion.chunk", "text_completion"]
    created: int = Field(description="Unix seconds.")
    model: str
    system_fingerprint: str
    choices: list[ChunkChoice]
    usage: UsageReport | None = Field(default=None, description="Of the whole; in the last chunk, if asked for.")


class ModelCard(_Reply):
    """A name that requests may use."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["twinpath"] = "twinpath"


class ModelList(_Reply):
    """The names that requests may use."""

    object: Literal["list"] = "list"
    data: list[ModelCard]
