"""Wire models of OpenAI responses. Each choice has the response of `/solve` in `twinpath`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from service.schemas import SolveResponse, VoteEvent


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid")


class UsageDetails(_Reply):
    """Tokens of thoughts, and of paths that the replies do not show."""

    reasoning_tokens: int = Field(description="Number of these tokens.", examples=[492])


class UsageReport(_Reply):
    """Exact token counts over all paths of all choices, including aborted paths."""

    prompt_tokens: int = Field(description="Number of prompt tokens.", examples=[860])
    completion_tokens: int = Field(description="Number of sampled tokens.", examples=[517])
    total_tokens: int = Field(description="Sum of both numbers.", examples=[1377])
    completion_tokens_details: UsageDetails = Field(description="Tokens that no reply shows.")


class ReplyMessage(_Reply):
    """Reply: the best explanation, then the answer of the vote."""

    role: Literal["assistant"] = Field(default="assistant", description="Role of the author.")
    content: str = Field(
        description="Best explanation, and the answer of the vote.",
        examples=["7 pens cost 7 * 3 = 21 dollars. The answer is 21"],
    )
    refusal: None = Field(default=None, description="Always null.")


class ChatChoice(_Reply):
    """Vote as a message. `twinpath` is the response of `/solve`."""

    index: int = Field(description="Position of the choice, counted from 0.", examples=[0])
    message: ReplyMessage = Field(description="The reply.")
    finish_reason: Literal["stop", "length"] = Field(
        description="`length` if there is no answer and a token limit cut a path off. Otherwise `stop`.",
        examples=["stop"],
    )
    logprobs: None = Field(default=None, description="Always null.")
    twinpath: SolveResponse = Field(description="Response of `/solve`, with its votes and its confidence.")


class ChatCompletion(_Reply):
    """Chat completion."""

    id: str = Field(description="Id of the completion.", examples=["chatcmpl-76889b74b4e7422fa6d55071d000db11"])
    object: Literal["chat.completion"] = Field(default="chat.completion", description="Type of the object.")
    created: int = Field(description="Time of the request, in Unix seconds.", examples=[1767225600])
    model: str = Field(description="Name of the model, as the request names it.", examples=["twinpath"])
    system_fingerprint: str = Field(description="Version of the service.", examples=["twinpath-0.1.0"])
    choices: list[ChatChoice] = Field(description="`n` choices, each of them a separate vote.")
    usage: UsageReport = Field(description="Numbers of tokens over all choices.")


class TextChoice(_Reply):
    """Vote as a text. `twinpath` is the response of `/solve`."""

    index: int = Field(description="Position of the choice, counted from 0.", examples=[0])
    text: str = Field(
        description="Best explanation, and the answer of the vote.",
        examples=["7 pens cost 7 * 3 = 21 dollars. The answer is 21"],
    )
    finish_reason: Literal["stop", "length"] = Field(
        description="`length` if there is no answer and a token limit cut a path off. Otherwise `stop`.",
        examples=["stop"],
    )
    logprobs: None = Field(default=None, description="Always null.")
    twinpath: SolveResponse = Field(description="Response of `/solve`, with its votes and its confidence.")


class TextCompletion(_Reply):
    """Text completion of one or several prompts."""

    id: str = Field(description="Id of the completion.", examples=["cmpl-76889b74b4e7422fa6d55071d000db11"])
    object: Literal["text_completion"] = Field(default="text_completion", description="Type of the object.")
    created: int = Field(description="Time of the request, in Unix seconds.", examples=[1767225600])
    model: str = Field(description="Name of the model, as the request names it.", examples=["twinpath"])
    system_fingerprint: str = Field(description="Version of the service.", examples=["twinpath-0.1.0"])
    choices: list[TextChoice] = Field(description="`n` choices for each prompt, each of them a separate vote.")
    usage: UsageReport = Field(description="Numbers of tokens over all choices.")


class Delta(_Reply):
    """Part of a message."""

    role: Literal["assistant"] | None = Field(
        default=None, description="Role of the author, in the first chunk of a choice.", examples=["assistant"]
    )
    content: str | None = Field(
        default=None, description="Next part of the reply.", examples=["7 pens cost 7 * 3 = 21 dollars."]
    )


class ChunkChoice(_Reply):
    """Part of a chunk for one choice: a `delta`, or a `text`."""

    index: int = Field(description="Position of the choice, counted from 0.", examples=[0])
    delta: Delta | None = Field(default=None, description="Next part of the message of a chat.")
    text: str | None = Field(
        default=None, description="Next part of the text of a completion.", examples=["7 pens cost 7 * 3 = 21 dollars."]
    )
    finish_reason: Literal["stop", "length"] | None = Field(
        description="As in a whole completion. Null before the last chunk of the choice.", examples=["stop"]
    )
    logprobs: None = Field(default=None, description="Always null.")
    twinpath: VoteEvent | SolveResponse | None = Field(
        default=None, description="Votes so far. With the `finish_reason`: the response of `/solve`."
    )


class Chunk(_Reply):
    """Event of a streamed completion."""

    id: str = Field(description="Id of the completion.", examples=["chatcmpl-76889b74b4e7422fa6d55071d000db11"])
    object: Literal["chat.completion.chunk", "text_completion"] = Field(
        description="Type of the object: chunk of a chat, or of a completion.", examples=["chat.completion.chunk"]
    )
    created: int = Field(description="Time of the request, in Unix seconds.", examples=[1767225600])
    model: str = Field(description="Name of the model, as the request names it.", examples=["twinpath"])
    system_fingerprint: str = Field(description="Version of the service.", examples=["twinpath-0.1.0"])
    choices: list[ChunkChoice] = Field(description="The choice of this chunk. Empty in the chunk with the usage.")
    usage: UsageReport | None = Field(
        default=None, description="Usage of all choices, only in the last chunk and only if requested."
    )


class ModelCard(_Reply):
    """Name of a served model."""

    id: str = Field(description="Name that a request may give as `model`.", examples=["twinpath"])
    object: Literal["model"] = Field(default="model", description="Type of the object.")
    created: int = Field(description="Time of the start of the service, in Unix seconds.", examples=[1767225600])
    owned_by: Literal["twinpath"] = Field(default="twinpath", description="Owner of the model.")
    calibrated: bool = Field(description="Whether the confidence is calibrated by default.", examples=[True])
    parent: str | None = Field(
        description="Name of the base model of a LoRA adapter, else null.", examples=["llama-7b"]
    )


class ModelList(_Reply):
    """Names of the served models."""

    object: Literal["list"] = Field(default="list", description="Type of the object.")
    data: list[ModelCard] = Field(description="Names of the served models, the base model first.")
