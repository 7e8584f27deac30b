"""Wire models of the response and the events of `/solve`."""

from pydantic import ConfigDict, Field

from service.schemas.request import Wire
from service.types import PathKind, PathOutcome, Status, Verdict


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
    saved_tokens: int = Field(description="Estimate of the tokens that an early decision saved. 0 at the deadline.")


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


class CotExplanation(Wire):
    """Best chain of thought for the answer: without repair if there is one, then the first in the fixed order."""

    path: int = Field(description="Index of the path.", examples=[4])
    text: str = Field(
        description="Rationale of the path, without the thought of a thinking model and with the repairs written in.",
        examples=["7 pens cost 7 * 3 = 21 dollars. The answer is 21"],
    )
    repaired: bool = Field(description="Whether the calculator corrected a number in the text.", examples=[False])


class ProgramExplanation(Wire):
    """Best program for the answer: the first in the fixed order."""

    path: int = Field(description="Index of the path.", examples=[5])
    code: str = Field(description="Program in Python.", examples=["pens = 7\nans = pens * 3"])
    output: str = Field(description="Answer of the program.", examples=["21"])


class Explanation(Wire):
    """Best path of each kind behind the answer. Both are null without an answer."""

    cot: CotExplanation | None = Field(description="Best chain of thought. Null if none voted for the answer.")
    program: ProgramExplanation | None = Field(description="Best program. Null if none voted for the answer.")


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
                    "verdict": "agreed",
                    "explanation": {
                        "cot": {
                            "path": 0,
                            "text": "7 pens cost 7 * 3 = 21 dollars. The answer is 21",
                            "repaired": False,
                        },
                        "program": {"path": 1, "code": "pens = 7\nans = pens * 3", "output": "21"},
                    },
                    "votes": [{"answer": "21", "cot": 3, "pot": 3}, {"answer": "10", "cot": 0, "pot": 1}],
                    "paths": {"planned": 20, "started": 20, "voted": 7, "abstained": 1, "aborted": 12},
                    "usage": {"prompt_tokens": 860, "completion_tokens": 517, "saved_tokens": 280},
                    "timing": {"queue_s": 0.0002, "engine_s": 0.0036, "sandbox_s": 0.0057, "total_s": 0.0084},
                    "model": "demo",
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
    verdict: Verdict = Field(
        description="Trust in the answer. `likely`: the calibrated confidence is at least 0.7. `agreed`: the paths "
        "agree, and the model is not calibrated. `torn`: a tie, or less than half of the votes for the leader. "
        "`none`: no answer. `unsure`: all else."
    )
    explanation: Explanation = Field(description="Best chain of thought and best program for the answer.")
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

    def _repr_html_(self) -> str:
        """Return the HTML that a notebook shows."""
        from service.schemas.html import solution_html  # which imports this module

        return solution_html(self)


class VoteEvent(Wire):
    """Votes so far, the leader first."""

    votes: list[Vote]
    confidence: float
    decided: bool
