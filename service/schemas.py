"""The wire models of `/solve`. Unknown fields are refused; every limit is stated here and lands in the OpenAPI."""

import re
from collections.abc import Sequence
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
from service.solution import PathResult, Problem, Solution, Status
from service.types import PathKind, PathOutcome, Policy
from service.vote import Tally

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


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)


class PathBudget(_Wire):
    """Paths of each kind at most; at least one in all."""

    model_config = ConfigDict(
        json_schema_extra={
            "not": {"properties": {"cot": {"const": 0}, "pot": {"const": 0}}, "required": ["cot", "pot"]}
        }
    )

    cot: PathCount = Field(default=10, description="Chain-of-thought paths.")
    pot: PathCount = Field(default=10, description="Program-of-thought paths.")

    @model_validator(mode="after")
    def _not_empty(self) -> "PathBudget":
        if self.cot + self.pot == 0:
            raise ValueError("at least one path is needed: give cot or pot")
        return self


class SolveRequest(_Wire):
    """A problem. Only `problem` is required; what is left out takes the service's settings."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"problem": "A pen costs 3 dollars. How much do 7 pens cost?"}]}
    )

    problem: Text = Field(description="The word problem.")
    paths: PathBudget | None = Field(default=None, description="Paths of each kind at most.")
    policy: Annotated[Policy | None, Field(strict=False)] = Field(
        default=None,
        description="`fixed` counts every path; `lossless` stops when the leader cannot be overtaken; "
        "`adaptive` stops when it is unlikely to be.",
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
        """
        budget = self.paths or PathBudget(cot=settings.cot, pot=settings.pot)
        return Problem(
            text=self.problem,
            cot=budget.cot,
            pot=budget.pot,
            policy=self.policy or settings.policy,
            temperature=_first(self.temperature, settings.temperature, temperature),
            top_p=top_p,
            max_tokens=_first(self.max_tokens, settings.max_tokens),
            deadline_s=_first(self.deadline_s, settings.deadline_s),
            seed=_first(self.seed, seed),
            min_confidence=self.min_confidence,
        )


class Vote(_Wire):
    """One answer and the paths of each kind behind it."""

    answer: str
    cot: int
    pot: int


class PathCounts(_Wire):
    """`voted` + `abstained` + `aborted` = `started`. Aborted are those that the decision made unnecessary, and those
    that the deadline cut off.
    """

    planned: int
    started: int
    voted: int
    abstained: int
    aborted: int


class Usage(_Wire):
    """Tokens of every path, aborted ones too. A path's prompt counts in full, cached or not."""

    prompt_tokens: int
    completion_tokens: int


class TimingReport(_Wire):
    """Seconds. `sandbox_s` sums the programs' runs, which overlap with the engine's time and with each other."""

    queue_s: float
    engine_s: float
    sandbox_s: float
    total_s: float


class PathEvent(_Wire):
    """One path: what it wrote and what became of it."""

    index: int
    kind: PathKind
    text: str
    answer: str | None
    outcome: PathOutcome
    repaired: bool = Field(description="The calculator changed a number of its text; `answer` is the repaired one.")
    stated: str | None = Field(description="The answer that a chain of thought stated, before repair.")
    program: str | None
    detail: str
    tokens: int
    seconds: float


class PathTrace(PathEvent):
    """One path, and whether the decision rests on it."""

    counted: bool


class SolveResponse(_Wire):
    """The answer and how it came about."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "76889b74b4e7422fa6d55071d000db11",
                    "status": "answered",
                    "answer": "21",
                    "value": 21.0,
                    "confidence": 0.9648,
                    "calibrated": False,
                    "votes": [{"answer": "21", "cot": 3, "pot": 3}, {"answer": "10", "cot": 0, "pot": 1}],
                    "paths": {"planned": 20, "started": 20, "voted": 7, "abstained": 1, "aborted": 12},
                    "usage": {"prompt_tokens": 860, "completion_tokens": 517},
                    "timing": {"queue_s": 0.0002, "engine_s": 0.0036, "sandbox_s": 0.0057, "total_s": 0.0084},
                    "model": "fake",
                    "seed": 7,
                }
            ]
        }
    )

    id: str
    status: Status
    answer: str | None = Field(description="In canonical form; null where the service abstains.")
    value: float | None = Field(description="The answer as a number; null for yes, no and option letters.")
    confidence: float = Field(
        description="From 0 to 1. Calibrated: the share of answers with such votes that are right on held-out "
        "problems. Not calibrated: how likely the leader is the majority."
    )
    calibrated: bool = Field(description="Whether the checkpoint's confidence was calibrated.")
    votes: list[Vote] = Field(description="The winner first.")
    paths: PathCounts
    usage: Usage
    timing: TimingReport
    model: str
    seed: int
    trace: list[PathTrace] | None = Field(default=None, exclude_if=lambda trace: trace is None)

    @classmethod
    def of(cls, solution: Solution, *, trace: bool) -> "SolveResponse":
        """The solution as it goes over the wire."""
        timing = solution.timing
        return cls(
            id=solution.id,
            status=solution.status,
            answer=solution.answer.text if solution.answer else None,
            value=_number(solution),
            confidence=round(solution.confidence, 4),
            calibrated=solution.calibrated,
            votes=[vote_of(tally) for tally in solution.votes],
            paths=_counts(solution),
            usage=Usage(
                prompt_tokens=sum(path.prompt_tokens for path in solution.paths),
                completion_tokens=sum(path.completion_tokens for path in solution.paths),
            ),
            timing=TimingReport(
                queue_s=round(timing.queue_s, 4),
                engine_s=round(timing.engine_s, 4),
                sandbox_s=round(timing.sandbox_s, 4),
                total_s=round(timing.total_s, 4),
            ),
            model=solution.model,
            seed=solution.seed,
            trace=[trace_of(path) for path in solution.paths] if trace else None,
        )


class VoteEvent(_Wire):
    """How the vote stands: the winner first."""

    votes: list[Vote]
    confidence: float
    decided: bool

    @classmethod
    def of(cls, tallies: Sequence[Tally], confidence: float, *, decided: bool) -> "VoteEvent":
        """The votes counted so far as they go over the wire."""
        return cls(votes=[vote_of(tally) for tally in tallies], confidence=round(confidence, 4), decided=decided)


def vote_of(tally: Tally) -> Vote:
    """One answer's votes as they go over the wire."""
    return Vote(answer=tally.answer.text, cot=tally.cot, pot=tally.pot)


def path_event_of(path: PathResult) -> PathEvent:
    """One path as it goes over the wire when it ends."""
    return PathEvent(**_path_fields(path))


def trace_of(path: PathResult) -> PathTrace:
    """One path as it goes over the wire once all is decided."""
    return PathTrace(**_path_fields(path), counted=path.counted)


def _path_fields(path: PathResult) -> dict[str, Any]:
    return {
        "index": path.index,
        "kind": path.kind,
        "text": path.text,
        "answer": path.answer.text if path.answer else None,
        "outcome": path.outcome,
        "repaired": path.repaired,
        "stated": path.stated.text if path.stated else None,
        "program": path.program,
        "detail": path.detail,
        "tokens": path.completion_tokens,
        "seconds": round(path.seconds, 4),
    }


def _counts(solution: Solution) -> PathCounts:
    counted = [path for path in solution.paths if path.counted]
    voted = sum(path.outcome is PathOutcome.VOTED for path in counted)
    return PathCounts(
        planned=solution.planned,
        started=len(solution.paths),
        voted=voted,
        abstained=len(counted) - voted,
        aborted=len(solution.paths) - len(counted),
    )


def _number(solution: Solution) -> float | None:
    if solution.answer is None or solution.answer.value is None:
        return None
    try:
        return float(solution.answer.value)
    except OverflowError:
        return None


def _first(*values: _T | None) -> _T:
    """The first value that is given."""
    return next(value for value in values if value is not None)
