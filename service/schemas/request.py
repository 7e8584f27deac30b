"""Wire model of a request, with the limits of every field.

Unknown fields are errors.
"""

import re
from itertools import islice
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

from service.errors import InputError
from service.faults import faults
from service.limits import MAX_DEADLINE_S, MAX_PATHS, MAX_REPETITION_PENALTY, MAX_TEMPERATURE, MAX_TOKENS, MAX_TOP_K
from service.types import Policy, Thinking

MAX_MODEL_CHARS = 500
"""Maximum length of the name of a model in characters."""
MAX_ERRORS = 20
"""Maximum number of errors that are described. A near miss among them replaces a missing field."""
_CONTROLS = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f"  # C0 and C1, without white space
TEXT_PATTERN = rf"^[^{_CONTROLS}]*[^\s\x00-\x20\x7f-\xa0][^{_CONTROLS}]*$"
"""Pattern of a text: no control characters, and at least one character that is not a space."""
BLANK_TEXT_PATTERN = rf"^[^{_CONTROLS}]*$"
"""Pattern of a text that may be blank: no control characters."""
_CONTROL = re.compile(f"[{_CONTROLS}]")


def no_control_characters(text: str) -> str:
    """Text as it is.

    Raises:
        PydanticCustomError: the text has a control character other than tabs and line ends.
    """
    found = _CONTROL.search(text)
    if found:
        raise PydanticCustomError(
            "predicate",
            "must not contain control characters, but has {character} at position {position}",
            {"character": f"U+{ord(found[0]):04X}", "position": found.start()},
        )
    return text


def _integral(value: Any) -> Any:
    """Value as an integer if it is a whole number. In JSON, 7.0 and 7 are the same."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Text = Annotated[
    str,
    StringConstraints(min_length=1, strip_whitespace=True),
    AfterValidator(no_control_characters),
    WithJsonSchema({"type": "string", "minLength": 1, "pattern": TEXT_PATTERN}),
]
Integral = BeforeValidator(_integral)
PathCount = Annotated[int, Field(ge=0, le=MAX_PATHS), Integral]
TokenCount = Annotated[int, Field(ge=1, le=MAX_TOKENS), Integral]
ThinkingTokens = Annotated[int, Field(ge=0, le=MAX_TOKENS), Integral]
TopK = Annotated[int, Field(ge=-1, le=MAX_TOP_K), Integral]
Seed = Annotated[int, Field(ge=0, lt=2**63), Integral]


def with_few_unknown(fields: Any, model: type[BaseModel]) -> Any:
    """Known fields of an object, and the first unknown ones. Pydantic makes an error of each unknown field."""
    if not isinstance(fields, dict) or len(fields) <= MAX_ERRORS:
        return fields
    known = model.model_fields
    unknown = islice((name for name in fields if name not in known), MAX_ERRORS)
    return {name: fields[name] for name in (*filter(fields.__contains__, known), *unknown)}


class Wire(BaseModel):
    """Base of all wire models."""

    # The text of a request stays out of errors that are logged.
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _with_few_unknown(cls, fields: Any) -> Any:
        return with_few_unknown(fields, cls)

    @classmethod
    def checked(cls, **fields: Any) -> Self:
        """Validate fields from a user.

        Raises:
            InputError: a field is invalid. The error names the first invalid field.
        """
        try:
            return cls(**fields)
        except ValidationError as error:
            entries = error.errors(include_url=False, include_input=False)
            first = faults(entries[:MAX_ERRORS], cls)[0]
            raise InputError(first.sentence(), first.field) from None


class PathBudget(Wire):
    """Maximum number of paths of each kind, at least one in total. A missing kind takes the default of the service."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"cot": 10, "pot": 10}],
            "not": {"properties": {"cot": {"const": 0}, "pot": {"const": 0}}, "required": ["cot", "pot"]},
        }
    )

    cot: PathCount | None = Field(default=None, description="Maximum number of chain-of-thought paths.", examples=[10])
    pot: PathCount | None = Field(
        default=None, description="Maximum number of program-of-thought paths.", examples=[10]
    )

    @model_validator(mode="after")
    def _not_empty(self) -> "PathBudget":
        if self.cot == self.pot == 0:
            raise PydanticCustomError("predicate", "selects no path; set cot or pot")
        return self


def _split(value: Any) -> Any:
    """Budget of a number of paths: half of them of each kind, and an odd one is a chain of thought."""
    number = _integral(value)
    if isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= 2 * MAX_PATHS:
        return {"cot": number - number // 2, "pot": number // 2}
    return value


class _NumberOfPaths:
    """JSON schema of `Paths`: a number, or the budget."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        number = {"type": "integer", "minimum": 1, "maximum": 2 * MAX_PATHS}
        return {"anyOf": [number, handler(schema)]}


Paths = Annotated[PathBudget, BeforeValidator(_split), _NumberOfPaths()]
"""Number of paths, which is split evenly between the kinds, or a `PathBudget`."""
PATHS_EXAMPLES: list[Any] = [20, {"cot": 10, "pot": 10}]


class ProblemText(Wire):
    """The one field that every request needs."""

    problem: Text = Field(
        description="The word problem, in English.", examples=["A pen costs 3 dollars. How much do 7 pens cost?"]
    )


class VoteOptions(Wire):
    """Options of a vote. Missing fields take the defaults of the service."""

    model: str | None = Field(
        default=None,
        max_length=MAX_MODEL_CHARS,
        description="Name of the model that solves the problem, as `/v1/models` lists it. Default: the base model.",
        examples=["twinpath"],
    )
    paths: Paths | None = Field(
        default=None,
        description="Maximum number of paths: one number from 1 to 128, split evenly, or a number of each kind. If the "
        "number is odd, the extra path is a chain of thought.",
        examples=PATHS_EXAMPLES,
    )
    policy: Annotated[Policy | None, Field(strict=False)] = Field(
        default=None,
        description="Stopping policy. `fixed` counts every path. `lossless` stops when no answer can overtake the "
        "leader. `adaptive` also stops when that is unlikely.",
        examples=["adaptive"],
    )
    temperature: float | None = Field(
        default=None, ge=0, le=MAX_TEMPERATURE, description="Sampling temperature. 0 is greedy.", examples=[0.7]
    )
    top_p: float | None = Field(
        default=None, gt=0, le=1, description="Probability mass of nucleus sampling.", examples=[0.95]
    )
    top_k: TopK | None = Field(
        default=None,
        description="Number of the most likely tokens that can be sampled. 0 and -1 mean all.",
        examples=[20],
    )
    min_p: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Minimum probability of a token, as a share of the most likely one's.",
        examples=[0.05],
    )
    repetition_penalty: float | None = Field(
        default=None,
        gt=0,
        le=MAX_REPETITION_PENALTY,
        description="Penalty of tokens that occurred in prompt or path. 1 means none.",
        examples=[1.05],
    )
    max_tokens: TokenCount | None = Field(
        default=None,
        description="Maximum number of completion tokens per path, thoughts included. The context length of the model "
        "limits it too.",
        examples=[320],
    )
    thinking: Annotated[Thinking | None, Field(strict=False)] = Field(
        default=None,
        description="Whether a thinking model thinks. `auto` is off for a model that has a switch.",
        examples=["on"],
    )
    thinking_tokens: ThinkingTokens | None = Field(
        default=None,
        description="Maximum number of tokens of a thought per path, after which the model must answer.",
        examples=[2000],
    )
    deadline_s: float | None = Field(
        default=None, gt=0, le=MAX_DEADLINE_S, description="Seconds after which the votes so far decide.", examples=[30]
    )
    seed: Seed | None = Field(
        default=None, description="Seed of the samples of every path. Default: random.", examples=[7]
    )


class SolveRequest(VoteOptions, ProblemText):
    """Problem to solve. Only `problem` is required. Missing fields take the defaults of the service."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"problem": "A pen costs 3 dollars. How much do 7 pens cost?"}]}
    )

    min_confidence: float = Field(
        default=0.0, ge=0, le=1, description="Abstain if the confidence is lower.", examples=[0.7]
    )
    trace: bool = Field(default=False, description="Add every path to the response.", examples=[True])
