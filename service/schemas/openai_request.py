"""What `/v1` takes: OpenAI's names, Twinpath's limits.

A parameter that Twinpath cannot honour is still known: its neutral value is taken, any other is refused by name, so
that a client never believes in a setting that did nothing. Twinpath's own settings ride in `twinpath`.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from service.schemas import Integral, PathBudget, Text, TokenCount
from service.types import Policy

MAX_CHOICES = 64


def _only_false(value: bool) -> bool:
    if value:
        raise ValueError("must be false")
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
    """Twinpath's own settings; those of `/solve`."""

    paths: PathBudget | None = Field(
        default=None, description="Paths of each kind at most. At temperature 0 the default is one of each."
    )
    policy: Annotated[Policy | None, Field(strict=False)] = Field(
        default=None, description="When a vote is decided; see `/solve`."
    )
    deadline_s: float | None = Field(default=None, gt=0, le=600, description="Seconds until the votes so far answer.")
    min_confidence: float = Field(default=0.0, ge=0, le=1, description="Abstain below this confidence.")
    trace: bool = Field(default=False, description="Add every path to the choice's `twinpath`.")


class StreamOptions(_Request):
    """What a stream carries besides its chunks."""

    include_usage: bool | None = Field(default=None, description="End with a chunk of the whole usage.")
    include_obfuscation: bool | None = Field(default=None, description="Ignored: chunks are never padded.")


class Neutral(BaseModel):
    """Parameters that every endpoint knows and does not support: only their neutral values are taken."""

    presence_penalty: _Zero = Field(default=None, description="Not supported: 0 or null.")
    frequency_penalty: _Zero = Field(default=None, description="Not supported: 0 or null.")
    logit_bias: Annotated[dict[str, Any] | None, Field(max_length=0)] = Field(
        default=None, description="Not supported: empty or null."
    )


class TextFormat(_Request):
    """The only format there is."""

    type: Literal["text"]


class ChatNeutral(Neutral):
    """The same for chat completions."""

    audio: None = Field(default=None, description="Not supported: null.")
    function_call: Literal["none", "auto"] | None = Field(default=None, description="Not supported.")
    functions: _Empty = Field(default=None, description="Not supported: empty or null.")
    logprobs: _No | None = Field(default=None, description="Not supported: false or null.")
    modalities: list[Literal["text"]] | None = Field(default=None, description="Text alone.")
    prediction: None = Field(default=None, description="Not supported: null.")
    reasoning_effort: None = Field(default=None, description="Not supported: null; see `twinpath.paths`.")
    response_format: TextFormat | None = Field(default=None, description="Text alone.")
    tool_choice: Literal["none", "auto"] | None = Field(default=None, description="Not supported.")
    tools: _Empty = Field(default=None, description="Not supported: empty or null.")
    top_logprobs: Annotated[int, Field(ge=0, le=0), Integral] | None = Field(
        default=None, description="Not supported: 0 or null."
    )
    verbosity: None = Field(default=None, description="Not supported: null.")
    web_search_options: None = Field(default=None, description="Not supported: null.")


class TextNeutral(Neutral):
    """The same for completions."""

    best_of: Annotated[int, Field(ge=1, le=1), Integral] | None = Field(
        default=None, description="Not supported: 1 or null."
    )
    echo: _No | None = Field(default=None, description="Not supported: false or null.")
    logprobs: None = Field(default=None, description="Not supported: null.")
    suffix: None = Field(default=None, description="Not supported: null.")


class Sampled(_Request):
    """What both endpoints take."""

    model: str = Field(max_length=500, description="A name that `/v1/models` lists; `twinpath` is always one.")
    n: _Choices | None = Field(default=None, description="Choices: votes of their own, each in full.")
    temperature: float | None = Field(
        default=None,
        ge=0,
        le=2,
        description="Of every path; null takes the checkpoint's own. At 0 the paths of a kind are all alike, so one of "
        "each kind is asked unless `twinpath.paths` says otherwise.",
    )
    top_p: float | None = Field(default=None, gt=0, le=1, description="Nucleus mass of every path.")
    max_tokens: TokenCount | None = Field(default=None, description="Completion tokens of a path at most.")
    seed: _AnySeed | None = Field(default=None, description="Fixes the samples of every path of every choice.")
    stop: _Stop | Annotated[list[_Stop], Field(max_length=16)] | None = Field(
        default=None, description="The reply ends before the first of these. Paths are sampled as ever."
    )
    stream: bool | None = Field(default=None, description="Send chunks as server-sent events.")
    stream_options: StreamOptions | None = Field(default=None, description="Only with `stream`.")
    twinpath: Options | None = Field(default=None, description="Twinpath's own settings.")
    user: str | None = Field(default=None, description="Ignored.")
    metadata: dict[str, str] | None = Field(default=None, description="Ignored.")


class TextPart(BaseModel):
    """A part of a message's content; text is the only type."""

    model_config = ConfigDict(extra="ignore", strict=True)

    type: Literal["text"]
    text: str


class Message(BaseModel):
    """A message of the chat. Only the last of the user's is read; what else it carries is ignored."""

    model_config = ConfigDict(extra="ignore", strict=True)

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[TextPart] | None = Field(default=None, description="The last user message is the problem.")


class ChatRequest(ChatNeutral, Sampled):
    """A chat whose last user message is a word problem."""

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
        json_schema_extra={"contains": {"properties": {"role": {"const": "user"}}, "required": ["role", "content"]}},
    )
    max_completion_tokens: TokenCount | None = Field(default=None, description="Comes before `max_tokens`.")
    store: bool | None = Field(default=None, description="Ignored: nothing is stored.")
    service_tier: str | None = Field(default=None, description="Ignored.")
    safety_identifier: str | None = Field(default=None, description="Ignored.")
    prompt_cache_key: str | None = Field(default=None, description="Ignored.")
    parallel_tool_calls: bool | None = Field(default=None, description="Ignored: there are no tools.")


class CompletionRequest(TextNeutral, Sampled):
    """One word problem, or several."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"model": "twinpath", "prompt": "A pen costs 3 dollars. How much do 7 pens cost?", "seed": 7}]
        }
    )

    prompt: Text | Annotated[list[Text], Field(min_length=1, max_length=MAX_CHOICES)] = Field(
        description="The problem, or several; `n` choices for each, in order. Token ids are not taken."
    )
