"""A problem as it comes over the wire. Unknown fields are refused; every limit is here and lands in the OpenAPI."""

import re
from typing import Annotated, Any

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

from service.errors import InputError
from service.types import Policy

MAX_PATHS = 64
TEXT_PATTERN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*[^\s\x00-\x20\x7f\x85\xa0][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
"""No control characters, and something besides spaces."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def _no_control_characters(text: str) -> str:
    found = _CONTROL.search(text)
    if found:
        raise ValueError(f"must hold no control characters; there is U+{ord(found[0]):04X} at {found.start()}")
    return text


def _integral(value: Any) -> Any:
    """JSON has one kind of number: 7.0 is an integer there."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Text = Annotated[
    str,
    StringConstraints(min_length=1, strip_whitespace=True),
    AfterValidator(_no_control_characters),
    WithJsonSchema({"type": "string", "minLength": 1, "pattern": TEXT_PATTERN}),
]
Integral = BeforeValidator(_integral)
PathCount = Annotated[int, Field(ge=0, le=MAX_PATHS), Integral]
TokenCount = Annotated[int, Field(ge=1, le=4096), Integral]
Seed = Annotated[int, Field(ge=0, lt=2**63), Integral]


class Wire(BaseModel):
    """What all wire models keep to."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)


class PathBudget(Wire):
    """Paths of each kind at most, at least one in all; a kind that is left out takes the service's settings."""

    model_config = ConfigDict(
        json_schema_extra={
            "not": {"properties": {"cot": {"const": 0}, "pot": {"const": 0}}, "required": ["cot", "pot"]}
        }
    )

    cot: PathCount | None = Field(default=None, description="Chain-of-thought paths.")
    pot: PathCount | None = Field(default=None, description="Program-of-thought paths.")

    @model_validator(mode="after")
    def _not_empty(self) -> "PathBudget":
        if self.cot == self.pot == 0:
            raise ValueError("at least one path is needed: give cot or pot")
        return self


class SolveRequest(Wire):
    """A problem. Only `problem` is required; what is left out takes the service's settings."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"problem": "A pen costs 3 dollars. How much do 7 pens cost?"}]}
    )

    problem: Text = Field(description="The word problem.")
    paths: PathBudget | None = Field(default=None, description="Paths of each kind at most.")
    policy: Annotated[Policy | None, Field(strict=False)] = Field(
        default=None,
        description="`fixed` counts every path; `lossless` stops when the leader cannot be overtaken; "
        "`adaptive` also when it is unlikely to be, and after a share of the paths that the checkpoint names.",
    )
    temperature: float | None = Field(default=None, ge=0, le=2, description="Sampling temperature; 0 is greedy.")
    top_p: float | None = Field(default=None, gt=0, le=1, description="Nucleus mass of every path.")
    max_tokens: TokenCount | None = Field(default=None, description="Completion tokens of a path at most.")
    deadline_s: float | None = Field(default=None, gt=0, le=600, description="Seconds until the votes so far answer.")
    seed: Seed | None = Field(default=None, description="Fixes the samples of every path.")
    min_confidence: float = Field(default=0.0, ge=0, le=1, description="Abstain below this confidence.")
    trace: bool = Field(default=False, description="Add every path to the response.")

    @classmethod
    def checked(cls, **fields: Any) -> "SolveRequest":
        """A request that is made here, of what a user wrote.

        Raises:
            InputError: a field is wrong; it names the first.
        """
        try:
            return cls(**fields)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise InputError(f"{field}: {first['msg']}", field) from None
