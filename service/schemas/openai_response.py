"""Wire models of OpenAI responses. Each choice has the response of `/solve` in `twinpath`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from service.schemas import SolveResponse, VoteEvent


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid")


class UsageDetails(_Reply):
    """Tokens of paths that the replies do not show."""

    reasoning_tokens: int


class UsageReport(_Reply):
    """Exact token counts over all paths of all choices, including aborted paths."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    completion_tokens_details: UsageDetails


class ReplyMessage(_Reply):
    """Reply: the best explanation, then the answer of the vote."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class ChatChoice(_Reply):
    """Vote as a message. `twinpath` is the response of `/solve`."""

    index: int
    message: ReplyMessage
    finish_reason: Literal["stop", "length"]
    logprobs: None = None
    twinpath: SolveResponse


class ChatCompletion(_Reply):
    """Chat completion."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int = Field(description="Time in Unix seconds.")
    model: str
    system_fingerprint: str
    choices: list[ChatChoice]
    usage: UsageReport


class TextChoice(_Reply):
    """Vote as a text. `twinpath` is the response of `/solve`."""

    index: int
    text: str
    finish_reason: Literal["stop", "length"]
    logprobs: None = None
    twinpath: SolveResponse


class TextCompletion(_Reply):
    """Text completion of one or several prompts."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int = Field(description="Time in Unix seconds.")
    model: str
    system_fingerprint: str
    choices: list[TextChoice]
    usage: UsageReport


class Delta(_Reply):
    """Part of a message."""

    role: Literal["assistant"] | None = None
    content: str | None = None


class ChunkChoice(_Reply):
    """Part of a chunk for one choice: `delta` in a chat, `text` in a completion.

    `twinpath` holds the votes so far. Together with the `finish_reason` it holds the response of `/solve`.
    """

    index: int
    delta: Delta | None = None
    text: str | None = None
    finish_reason: Literal["stop", "length"] | None
    logprobs: None = None
    twinpath: VoteEvent | SolveResponse | None = None


class Chunk(_Reply):
    """Event of a streamed completion."""

    id: str
    object: Literal["chat.completion.chunk", "text_completion"]
    created: int = Field(description="Time in Unix seconds.")
    model: str
    system_fingerprint: str
    choices: list[ChunkChoice]
    usage: UsageReport | None = Field(
        default=None, description="Usage of all choices, only in the last chunk and only if requested."
    )


class ModelCard(_Reply):
    """Name of the served model."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["twinpath"] = "twinpath"


class ModelList(_Reply):
    """Names of the served model."""

    object: Literal["list"] = "list"
    data: list[ModelCard]
