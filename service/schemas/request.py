"""Wire model of a request, with the limits of every field. Unknown fields are errors."""

import re
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from service.errors import InputError, field_reason
from service.types import Policy

MAX_PATHS = 64
TEXT_PATTERN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*[^\s\x00-\x20\x7f\x85\xa0][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
"""Pattern of a text: no control characters, and at least one character that is not a space."""
BLANK_TEXT_PATTERN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
"""Pattern of a text that may be blank: no control characters."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def no_control_characters(text: str) -> str:
    """Text as it is.

    Raises:
        ValueError: the text has a control character other than tabs and line ends.
    """
    found = _CONTROL.search(text)
    if found:
        raise ValueError(
            f"must not contain control characters, but has U+{ord(found[0]):04X} at position {found.start()}"
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
TokenCount = Annotated[int, Field(ge=1, le=4096), Integral]
Seed = Annotated[int, Field(ge=0, lt=2**63), Integral]


class Wire(BaseModel):
    """Base of all wire models."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)

    @classmethod
    def checked(cls, **fields: Any) -> Self:
        """Validate fields from a user.

        Raises:
            InputError: a field is invalid. The error names the first invalid field.
        """
        try:
            return cls(**fields)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise InputError(f"{field}: {field_reason(first)}", field) from None


class PathBudget(Wire):
    """Maximum number of paths of each kind, at least one in total. A missing kind takes the default of the service."""

    model_config = ConfigDict(
        json_schema_extra={
            "not": {"properties": {"cot": {"const": 0}, "pot": {"const": 0}}, "required": ["cot", "pot"]}
        }
    )

    cot: PathCount | None = Field(default=None, description="Maximum number of chain-of-thought paths.")
    pot: PathCount | None = Field(default=None, description="Maximum number of program-of-thought paths.")

    @model_validator(mode="after")
    def _not_empty(self) -> "PathBudget":
        if self.cot == self.pot == 0:
            raise ValueError("selects no path; set cot or pot")
        return self


class ProblemText(Wire):
    """The one field that every request needs."""

    problem: Text = Field(description="The word problem.")


class VoteOptions(Wire):
    """Options of a vote. Missing fields take the defaults of the service."""

    paths: PathBudget | None = Field(default=None, description="Maximum number of paths of each kind.")
    policy: Annotated[Policy | None, Field(strict=False)] = Field(
        default=None,
        description="Stopping policy. `fixed` counts every path. `lossless` stops when no answer can overtake the "
        "leader. `adaptive` also stops when that is unlikely.",
    )
    temperature: float | None = Field(default=None, ge=0, le=2, description="Sampling temperature. 0 is greedy.")
    top_p: float | None = Field(default=None, gt=0, le=1, description="Probability mass of nucleus sampling.")
    max_tokens: TokenCount | None = Field(default=None, description="Maximum number of completion tokens per path.")
    deadline_s: float | None = Field(
        default=None, gt=0, le=600, description="Seconds after which the votes so far decide."
    )
    seed: Seed | None = Field(default=None, description="Seed of the samples of every path. Default: random.")


class SolveRequest(VoteOptions, ProblemText):
    """Problem to solve. Only `problem` is required. Missing fields take the defaults of the service."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"problem": "A pen costs 3 dollars. How much do 7 pens cost?"}]}
    )

    min_confidence: float = Field(default=0.0, ge=0, le=1, description="Abstain if the confidence is lower.")
    trace: bool = Field(default=False, description="Add every path to the response.")
