"""What `/solve` answers, and the events of `/solve/stream`: a solution as it goes over the wire."""

from pydantic import ConfigDict, Field

from service.schemas.request import Wire
from service.types import PathKind, PathOutcome, Status


class Vote(Wire):
    """One answer and the paths of each kind behind it."""

    answer: str
    cot: int
    pot: int


class PathCounts(Wire):
    """`voted` + `abstained` + `aborted` = `started`. Planned are those of the request, of which `adaptive` may leave a
    part. Aborted are those that the decision made unnecessary, and those that the deadline cut off.
    """

    planned: int
    started: int
    voted: int
    abstained: int
    aborted: int


class Usage(Wire):
    """Tokens of every path, aborted ones too. A path's prompt counts in full, cached or not."""

    prompt_tokens: int
    completion_tokens: int


class TimingReport(Wire):
    """Seconds. `sandbox_s` sums the programs' runs, which overlap with the engine's time and with each other."""

    queue_s: float
    engine_s: float
    sandbox_s: float
    total_s: float


class PathEvent(Wire):
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


class SolveResponse(Wire):
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

    def without_trace(self) -> "SolveResponse":
        """Copy without the paths."""
        return self.model_copy(update={"trace": None})


class VoteEvent(Wire):
    """How the vote stands: the winner first."""

    votes: list[Vote]
    confidence: float
    decided: bool


def best_path(response: SolveResponse, kind: PathKind) -> PathTrace | None:
    """First counted path of a kind that voted for the answer. Paths without repair come first.

    Args:
        response: a response with its trace.
        kind: kind of the path.
    """
    behind = [
        path
        for path in response.trace or []
        if path.kind is kind and path.counted and path.answer is not None and path.answer == response.answer
    ]
    return min(behind, key=lambda path: path.repaired, default=None)
