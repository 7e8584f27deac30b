"""A problem as it comes over the wire. Unknown fields are refused; every limit is here and lands in the OpenAPI."""

import re
from typing import Annotated, Any, TypeVar

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
from service.settings import Settings
from service.solution import Problem
from service.types import Policy

MAX_PATHS = 64
_T = TypeVar("_T")
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

    def to_problem(self, settings: Settings, *, temperature: float, top_p: float, seed: int) -> Problem:
        """The problem as the solver takes it.

        Args:
            settings: what is taken for fields left out.
            temperature: the checkpoint's own, where neither request nor settings say otherwise.
            top_p: the checkpoint's own.
            seed: taken where the request names none.

        Raises:
            InputError: the budget and the settings together leave no path.
        """
        budget = self.paths or PathBudget()
        cot, pot = _first(budget.cot, settings.cot), _first(budget.pot, settings.pot)
        if cot + pot == 0:
            raise InputError("No path is left: the service samples none of the other kind. Give both.", "paths")
        return Problem(
            text=self.problem,
            cot=cot,
            pot=pot,
            policy=self.policy or settings.policy,
            temperature=_first(self.temperature, settings.temperature, temperature),
            top_p=top_p,
            max_tokens=_first(self.max_tokens, settings.max_tokens),
            deadline_s=_first(self.deadline_s, settings.deadline_s),
            seed=_first(self.seed, seed),
            min_confidence=self.min_confidence,
        )


def _first(*values: _T | None) -> _T:
    """The first value that is given."""
    return next(value for value in values if value is not None)
