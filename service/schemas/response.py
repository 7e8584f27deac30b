"""What `/solve` answers, and the events of `/solve/stream`: a solution as it goes over the wire."""

from collections.abc import Sequence
from typing import Any

from pydantic import ConfigDict, Field

from service.schemas.request import Wire
from service.solution import PathResult, Solution, Status
from service.types import PathKind, PathOutcome
from service.vote import Tally


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


class VoteEvent(Wire):
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
