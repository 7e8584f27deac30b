"""Wire models of the response and the events of `/solve`."""

from pydantic import ConfigDict, Field

from service.schemas.request import Wire
from service.types import PathKind, PathOutcome, Status


class Vote(Wire):
    """Answer and the number of paths of each kind that voted for it."""

    answer: str
    cot: int
    pot: int


class PathCounts(Wire):
    """Numbers of paths: `voted` + `abstained` + `aborted` = `started`.

    `planned` is the number that the request allows. `aborted` paths were not needed, or the deadline cut them off.
    """

    planned: int
    started: int
    voted: int
    abstained: int
    aborted: int


class Usage(Wire):
    """Tokens of all paths, including aborted paths. The prompt of each path counts in full, cached or not."""

    prompt_tokens: int
    completion_tokens: int


class TimingReport(Wire):
    """Durations in seconds. `sandbox_s` is the sum over all programs, which overlap with the engine and each other."""

    queue_s: float
    engine_s: float
    sandbox_s: float
    total_s: float


class PathEvent(Wire):
    """Path that ended: its text, its answer and its outcome."""

    index: int
    kind: PathKind
    text: str
    answer: str | None
    outcome: PathOutcome
    repaired: bool = Field(
        description="Whether the calculator corrected a number in the text. `answer` is then the corrected answer."
    )
    stated: str | None = Field(description="Answer in the text of a chain of thought, before the correction.")
    program: str | None
    detail: str
    tokens: int
    seconds: float


class PathTrace(PathEvent):
    """Path that ended, and whether the vote counted it."""

    counted: bool
    vote: str | None = Field(
        default=None,
        description="Answer in `votes` that the path voted for: its own, or the answer of the class that it joined. "
        "Null if the path abstained or the vote did not count it.",
    )


class SolveResponse(Wire):
    """Answer, votes and costs of a problem."""

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
    answer: str | None = Field(description="Answer in canonical form. Null if the service abstains.")
    value: float | None = Field(description="Answer as a number. Null for yes, no and option letters.")
    confidence: float = Field(
        description="Confidence from 0 to 1. If calibrated: share of correct answers with such votes on held-out "
        "problems. If not: probability that the leader has the majority."
    )
    calibrated: bool = Field(description="Whether the checkpoint has a calibrated confidence.")
    votes: list[Vote] = Field(description="Votes, the winner first.")
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
    """Votes so far, the leader first."""

    votes: list[Vote]
    confidence: float
    decided: bool


def best_path(response: SolveResponse, kind: PathKind) -> PathTrace | None:
    """First path of a kind that voted for the answer, or None. Paths without repair come first.

    Args:
        response: a response with its trace.
        kind: kind of the path.
    """
    behind = [
        path
        for path in response.trace or []
        if path.kind is kind and path.vote is not None and path.vote == response.answer
    ]
    return min(behind, key=lambda path: path.repaired, default=None)
