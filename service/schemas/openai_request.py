"""Wire models of OpenAI requests, with Twinpath's limits.

A parameter that is null is the same as one that is left out. Twinpath's own parameters are in the object `twinpath`.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from service.limits import MAX_DEADLINE_S, MAX_REPETITION_PENALTY, MAX_TEMPERATURE
from service.schemas import Integral, Text, TokenCount
from service.schemas.openai_base import NULLS, OpenAiPart
from service.schemas.openai_parameters import CountedLogprobs, Tolerated
from service.schemas.openai_thinking import ThinkingParameters
from service.schemas.request import (
    MAX_MODEL_CHARS,
    PATHS_EXAMPLES,
    Paths,
    ThinkingTokens,
    TopK,
)
from service.types import Policy, Thinking

MAX_CHOICES = 64
_MAX_PARTS = 256  # the validation of each takes time of the event loop

_First = Field(fail_fast=True)  # a list of many invalid items has the errors of one
_Stop = Annotated[str, StringConstraints(min_length=1)]
_Choices = Annotated[int, Field(ge=1, le=MAX_CHOICES), Integral]
_AnySeed = Annotated[int, Field(ge=-(2**63), lt=2**63), Integral]
_FROM_USER: JsonDict = {"contains": {"properties": {"role": {"const": "user"}}, "required": ["role", "content"]}}


class Options(OpenAiPart):
    """Twinpath's own parameters, as in `/solve`."""

    paths: Paths | None = Field(
        default=None,
        description="Maximum number of paths, as in `/solve`. At temperature 0 the default is one of each kind.",
        examples=PATHS_EXAMPLES,
    )
    policy: Annotated[Policy | None, Field(strict=False)] = Field(
        default=None, description="Stopping policy, as in `/solve`.", examples=["adaptive"]
    )
    deadline_s: float | None = Field(
        default=None, gt=0, le=MAX_DEADLINE_S, description="Seconds after which the votes so far decide.", examples=[30]
    )
    thinking: Annotated[Thinking | None, Field(strict=False)] = Field(
        default=None, description="Whether a thinking model thinks, as in `/solve`.", examples=["on"]
    )
    thinking_tokens: ThinkingTokens | None = Field(
        default=None, description="Maximum number of tokens of a thought, as in `/solve`.", examples=[2000]
    )
    min_confidence: float | None = Field(
        default=None, ge=0, le=1, description="Abstain if the confidence is lower. Default: 0.", examples=[0.7]
    )
    trace: bool | None = Field(default=None, description="Add every path to the choice's `twinpath`.", examples=[True])


class StreamOptions(OpenAiPart):
    """Options of a stream."""

    include_usage: bool | None = Field(default=None, description="Send a last chunk with the usage.", examples=[True])
    include_obfuscation: bool | None = Field(
        default=None, description="Ignored. Chunks are never padded.", examples=[False]
    )


class Sampled(OpenAiPart, Tolerated, ThinkingParameters):
    """Parameters of all routes."""

    model: str = Field(
        max_length=MAX_MODEL_CHARS,
        description="Name of the model: `twinpath`, or another name that `/v1/models` lists.",
        examples=["twinpath"],
    )
    temperature: float | None = Field(
        default=None,
        ge=0,
        le=MAX_TEMPERATURE,
        description="Sampling temperature. Default: the one of the checkpoint. At 0 all paths of a kind are equal, so "
        "only one path of each kind runs by default.",
        examples=[0.7],
    )
    top_p: float | None = Field(
        default=None, gt=0, le=1, description="Probability mass of nucleus sampling.", examples=[0.95]
    )
    top_k: TopK | None = Field(
        default=None, description="Number of the most likely tokens, as in `/solve`.", examples=[20]
    )
    min_p: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Minimum share of the largest probability, as in `/solve`.",
        examples=[0.05],
    )
    repetition_penalty: float | None = Field(
        default=None,
        gt=0,
        le=MAX_REPETITION_PENALTY,
        description="Penalty of tokens that occurred, as in `/solve`.",
        examples=[1.05],
    )
    seed: _AnySeed | None = Field(
        default=None, description="Seed of the samples of every path of every choice. Default: random.", examples=[7]
    )
    stream: bool | None = Field(default=None, description="Send server-sent events.", examples=[True])
    stream_options: StreamOptions | None = Field(
        default=None, description="Options of the stream. Only valid with `stream`."
    )
    twinpath: Options | None = Field(default=None, description="Twinpath's own parameters.")


class Completed(Sampled):
    """Parameters of both completions."""

    n: _Choices | None = Field(default=None, description="Number of choices. Each is a separate vote.", examples=[1])
    max_tokens: TokenCount | None = Field(
        default=None, description="Maximum number of completion tokens per path.", examples=[320]
    )
    stop: _Stop | Annotated[list[_Stop], Field(max_length=16), _First] | None = Field(
        default=None,
        description="Stop sequences, before which the reply ends. They do not affect the paths.",
        examples=["\n\n"],
    )


class TextPart(BaseModel):
    """Part of the content of a message. Text is the only type."""

    model_config = ConfigDict(extra="ignore", strict=True)

    type: Literal["text"] = Field(description="Type of the part.")
    text: str = Field(description="The text.", examples=["A pen costs 3 dollars. How much do 7 pens cost?"])


class Message(BaseModel):
    """Message of the chat. Only the last user message is solved. Other fields are ignored."""

    model_config = ConfigDict(extra="ignore", strict=True)

    role: Literal["system", "developer", "user", "assistant", "tool", "function"] = Field(
        description="Role of the author.", examples=["user"]
    )
    content: str | Annotated[list[TextPart], Field(max_length=_MAX_PARTS), _First] | None = Field(
        default=None,
        description="Content. That of the last user message is the problem.",
        examples=["A pen costs 3 dollars. How much do 7 pens cost?"],
    )


class ChatRequest(Completed):
    """Chat whose last user message is a word problem."""

    model_config = ConfigDict(
        json_schema_extra=NULLS
        | {
            "examples": [
                {
                    "model": "twinpath",
                    "messages": [{"role": "user", "content": "A pen costs 3 dollars. How much do 7 pens cost?"}],
                    "seed": 7,
                }
            ]
        }
    )

    messages: Annotated[list[Message], _First] = Field(
        min_length=1,
        max_length=1000,
        description="Messages of the chat, at least one of them from the user.",
        json_schema_extra=_FROM_USER,
    )
    max_completion_tokens: TokenCount | None = Field(
        default=None,
        description="Maximum number of completion tokens per path. Takes precedence over `max_tokens`.",
        examples=[320],
    )


class CompletionRequest(CountedLogprobs, Completed):
    """One or several word problems."""

    model_config = ConfigDict(
        json_schema_extra=NULLS
        | {"examples": [{"model": "twinpath", "prompt": "A pen costs 3 dollars. How much do 7 pens cost?", "seed": 7}]}
    )

    prompt: Text | Annotated[list[Text], Field(min_length=1, max_length=MAX_CHOICES), _First] = Field(
        description="One or several problems, with `n` choices each, in order. Token ids are not supported.",
        examples=["A pen costs 3 dollars. How much do 7 pens cost?"],
    )


class InputPart(BaseModel):
    """Part of the content of an input item."""

    model_config = ConfigDict(extra="ignore", strict=True)

    type: Literal["input_text", "output_text", "text", "reasoning_text", "summary_text", "refusal"] = Field(
        description="Type of the part. That of a user is `input_text`.", examples=["input_text"]
    )
    text: str = Field(default="", description="The text.", examples=["A pen costs 3 dollars. How much do 7 pens cost?"])


class InputItem(BaseModel):
    """Item of the input: a message, or another item, which is ignored."""

    model_config = ConfigDict(extra="ignore", strict=True)

    type: str | None = Field(default=None, description="Type of the item. Default: `message`.", examples=["message"])
    role: Literal["system", "developer", "user", "assistant"] | None = Field(
        default=None, description="Role of the author of a message.", examples=["user"]
    )
    content: str | Annotated[list[InputPart], Field(max_length=_MAX_PARTS), _First] | None = Field(
        default=None,
        description="Content. That of the last user message is the problem.",
        examples=["A pen costs 3 dollars. How much do 7 pens cost?"],
    )


class TextFormat(OpenAiPart):
    """The only supported format of a text."""

    type: Literal["text"] = Field(description="Type of the format.")


class TextOptions(OpenAiPart):
    """Options of the text of a response."""

    format: TextFormat | None = Field(default=None, description="Must be text or null.")
    verbosity: Literal["medium"] | None = Field(default=None, description="Not supported. Must be medium or null.")


class ResponseRequest(Sampled):
    """Input of `/v1/responses`. The text, or the last user message, is a word problem."""

    model_config = ConfigDict(
        json_schema_extra=NULLS
        | {"examples": [{"model": "twinpath", "input": "A pen costs 3 dollars. How much do 7 pens cost?", "seed": 7}]}
    )

    input: (
        Text | Annotated[list[InputItem], Field(min_length=1, max_length=1000, json_schema_extra=_FROM_USER), _First]
    ) = Field(
        description="The problem, or the messages of a conversation. The last user message is the problem.",
        examples=["A pen costs 3 dollars. How much do 7 pens cost?"],
    )
    max_output_tokens: TokenCount | None = Field(
        default=None, description="Maximum number of completion tokens per path.", examples=[320]
    )
    text: TextOptions | None = Field(default=None, description="Options of the text.")
    instructions: str | None = Field(default=None, description="Ignored.", examples=["Be brief."])
    truncation: Literal["auto", "disabled"] | None = Field(default=None, description="Ignored.", examples=["disabled"])


def text_of(content: str | Sequence[TextPart | InputPart] | None) -> str:
    """Text of the content of a message."""
    return content if isinstance(content, str) else "\n".join(part.text for part in content or ())
