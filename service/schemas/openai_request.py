"""Wire models of OpenAI requests, with Twinpath's limits.

A parameter that Twinpath does not support accepts only its neutral value. Any other value is an error that names the
parameter. Twinpath's own parameters are in the object `twinpath`.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from service.schemas import Integral, Text, TokenCount
from service.schemas.request import PATHS_EXAMPLES, Paths
from service.types import Policy

MAX_CHOICES = 64


def _only_false(value: bool) -> bool:
    if value:
        raise PydanticCustomError("predicate", "must be false")
    return value


_Stop = Annotated[str, StringConstraints(min_length=1)]
_Choices = Annotated[int, Field(ge=1, le=MAX_CHOICES), Integral]
_AnySeed = Annotated[int, Field(ge=-(2**63), lt=2**63), Integral]
_Zero = Annotated[float | None, Field(ge=0, le=0)]
_No = Annotated[bool, AfterValidator(_only_false), WithJsonSchema({"type": "boolean", "const": False})]
_Empty = Annotated[list[Any] | None, Field(max_length=0)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)


class Options(_Request):
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
        default=None, gt=0, le=600, description="Seconds after which the votes so far decide.", examples=[30]
    )
    min_confidence: float = Field(
        default=0.0, ge=0, le=1, description="Abstain if the confidence is lower.", examples=[0.7]
    )
    trace: bool = Field(default=False, description="Add every path to the choice's `twinpath`.", examples=[True])


class StreamOptions(_Request):
    """Options of a stream."""

    include_usage: bool | None = Field(default=None, description="Send a last chunk with the usage.", examples=[True])
    include_obfuscation: bool | None = Field(
        default=None, description="Ignored. Chunks are never padded.", examples=[False]
    )


class Neutral(BaseModel):
    """Parameters of both routes that are not supported. Only their neutral values are valid."""

    presence_penalty: _Zero = Field(default=None, description="Not supported. Must be 0 or null.")
    frequency_penalty: _Zero = Field(default=None, description="Not supported. Must be 0 or null.")
    logit_bias: Annotated[dict[str, Any] | None, Field(max_length=0)] = Field(
        default=None, description="Not supported. Must be empty or null."
    )


class TextFormat(_Request):
    """The only supported format."""

    type: Literal["text"] = Field(description="Type of the format.")


class ChatNeutral(Neutral):
    """Parameters of chat completions that are not supported."""

    audio: None = Field(default=None, description="Not supported. Must be null.")
    function_call: Literal["none", "auto"] | None = Field(
        default=None, description="Not supported. Must be none, auto or null.", examples=["auto"]
    )
    functions: _Empty = Field(default=None, description="Not supported. Must be empty or null.")
    logprobs: _No | None = Field(default=None, description="Not supported. Must be false or null.")
    modalities: list[Literal["text"]] | None = Field(
        default=None, description="Must be text or null.", examples=[["text"]]
    )
    prediction: None = Field(default=None, description="Not supported. Must be null.")
    reasoning_effort: None = Field(default=None, description="Not supported. Must be null. Use `twinpath.paths`.")
    response_format: TextFormat | None = Field(default=None, description="Must be text or null.")
    tool_choice: Literal["none", "auto"] | None = Field(
        default=None, description="Not supported. Must be none, auto or null.", examples=["auto"]
    )
    tools: _Empty = Field(default=None, description="Not supported. Must be empty or null.")
    top_logprobs: Annotated[int, Field(ge=0, le=0), Integral] | None = Field(
        default=None, description="Not supported. Must be 0 or null."
    )
    verbosity: None = Field(default=None, description="Not supported. Must be null.")
    web_search_options: None = Field(default=None, description="Not supported. Must be null.")


class TextNeutral(Neutral):
    """Parameters of completions that are not supported."""

    best_of: Annotated[int, Field(ge=1, le=1), Integral] | None = Field(
        default=None, description="Not supported. Must be 1 or null."
    )
    echo: _No | None = Field(default=None, description="Not supported. Must be false or null.")
    logprobs: None = Field(default=None, description="Not supported. Must be null.")
    suffix: None = Field(default=None, description="Not supported. Must be null.")


class Sampled(_Request):
    """Parameters of both routes."""

    model: str = Field(
        max_length=500,
        description="Name of the model: `twinpath`, or another name that `/v1/models` lists.",
        examples=["twinpath"],
    )
    n: _Choices | None = Field(default=None, description="Number of choices. Each is a separate vote.", examples=[1])
    temperature: float | None = Field(
        default=None,
        ge=0,
        le=2,
        description="Sampling temperature. Default: the one of the checkpoint. At 0 all paths of a kind are equal, so "
        "only one path of each kind runs by default.",
        examples=[0.7],
    )
    top_p: float | None = Field(
        default=None, gt=0, le=1, description="Probability mass of nucleus sampling.", examples=[0.95]
    )
    max_tokens: TokenCount | None = Field(
        default=None, description="Maximum number of completion tokens per path.", examples=[320]
    )
    seed: _AnySeed | None = Field(
        default=None, description="Seed of the samples of every path of every choice. Default: random.", examples=[7]
    )
    stop: _Stop | Annotated[list[_Stop], Field(max_length=16)] | None = Field(
        default=None,
        description="Stop sequences, before which the reply ends. They do not affect the paths.",
        examples=["\n\n"],
    )
    stream: bool | None = Field(default=None, description="Send chunks as server-sent events.", examples=[True])
    stream_options: StreamOptions | None = Field(
        default=None, description="Options of the stream. Only valid with `stream`."
    )
    twinpath: Options | None = Field(default=None, description="Twinpath's own parameters.")
    user: str | None = Field(default=None, description="Ignored.", examples=["class-5b"])
    metadata: dict[str, str] | None = Field(default=None, description="Ignored.", examples=[{"class": "5b"}])


class TextPart(BaseModel):
    """Part of the content of a message. Text is the only type."""

    model_config = ConfigDict(extra="ignore", strict=True)

    type: Literal["text"] = Field(description="Type of the part.")
    text: str = Field(description="The text.", examples=["A pen costs 3 dollars. How much do 7 pens cost?"])


class Message(BaseModel):
    """Message of the chat. Only the last user message is read. Other fields are ignored."""

    model_config = ConfigDict(extra="ignore", strict=True)

    role: Literal["system", "developer", "user", "assistant", "tool", "function"] = Field(
        description="Role of the author.", examples=["user"]
    )
    content: str | list[TextPart] | None = Field(
        default=None,
        description="Content. That of the last user message is the problem.",
        examples=["A pen costs 3 dollars. How much do 7 pens cost?"],
    )


class ChatRequest(ChatNeutral, Sampled):
    """Chat whose last user message is a word problem."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "twinpath",
                    "messages": [{"role": "user", "content": "A pen costs 3 dollars. How much do 7 pens cost?"}],
                    "seed": 7,
                }
            ]
        }
    )

    messages: list[Message] = Field(
        min_length=1,
        max_length=1000,
        description="Messages of the chat, at least one of them from the user.",
        json_schema_extra={"contains": {"properties": {"role": {"const": "user"}}, "required": ["role", "content"]}},
    )
    max_completion_tokens: TokenCount | None = Field(
        default=None,
        description="Maximum number of completion tokens per path. Takes precedence over `max_tokens`.",
        examples=[320],
    )
    store: bool | None = Field(default=None, description="Ignored. Nothing is stored.", examples=[False])
    service_tier: str | None = Field(default=None, description="Ignored.", examples=["auto"])
    safety_identifier: str | None = Field(default=None, description="Ignored.", examples=["class-5b"])
    prompt_cache_key: str | None = Field(default=None, description="Ignored.", examples=["class-5b"])
    parallel_tool_calls: bool | None = Field(default=None, description="Ignored. There are no tools.", examples=[False])


class CompletionRequest(TextNeutral, Sampled):
    """One or several word problems."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"model": "twinpath", "prompt": "A pen costs 3 dollars. How much do 7 pens cost?", "seed": 7}]
        }
    )

    prompt: Text | Annotated[list[Text], Field(min_length=1, max_length=MAX_CHOICES)] = Field(
        description="One or several problems, with `n` choices each, in order. Token ids are not supported.",
        examples=["A pen costs 3 dollars. How much do 7 pens cost?"],
    )
