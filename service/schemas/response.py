"""Wire models of the response and the events of `/solve`."""

from typing import Annotated

from pydantic import ConfigDict, Field

from service.schemas.later_values import LaterValues
from service.schemas.request import Wire
from service.types import PathKind, PathOutcome, Status, Verdict


class Vote(Wire):
    """Answer and the number of paths of each kind that voted for it."""

    answer: str = Field(description="Answer in canonical form.", examples=["21"])
    cot: int = Field(description="Number of chain-of-thought paths that voted for it.", examples=[3])
    pot: int = Field(description="Number of program-of-thought paths that voted for it.", examples=[3])


class PathCounts(Wire):
    """Numbers of paths: `voted` + `abstained` + `aborted` = `started`."""

    planned: int = Field(description="Maximum number of paths of the request.", examples=[20])
    started: int = Field(description="Number of paths that were started.", examples=[20])
    voted: int = Field(description="Number of paths whose vote counts.", examples=[7])
    abstained: int = Field(description="Number of paths that ended without an answer.", examples=[1])
    aborted: int = Field(
        description="Number of paths that were not needed, or that the deadline cut off.", examples=[12]
    )
    cut_off: int = Field(
        default=0,
        description="Number of abstaining paths that reached `max_tokens`, `thinking_tokens` or the context length.",
        examples=[0],
    )


class Usage(Wire):
    """Tokens of all paths, including aborted paths. The prompt of each path counts in full, cached or not."""

    prompt_tokens: int = Field(description="Number of prompt tokens.", examples=[860])
    completion_tokens: int = Field(description="Number of sampled tokens.", examples=[517])
    thinking_tokens: int = Field(
        default=0,
        description="Number of the sampled tokens that are thoughts, by their share of the characters of each path.",
        examples=[0],
    )
    saved_tokens: int = Field(
        description="Estimate of the tokens that an early decision saved. 0 at the deadline.", examples=[280]
    )


class TimingReport(Wire):
    """Durations in seconds."""

    queue_s: float = Field(
        description="Seconds in the queue: from the request to the first path in the engine.", examples=[0.0002]
    )
    engine_s: float = Field(
        description="Seconds in the engine: from the first path to the end of the last one.", examples=[1.2031]
    )
    sandbox_s: float = Field(
        description="Seconds in the sandbox, summed over all programs. They overlap with the engine and each other.",
        examples=[0.0357],
    )
    total_s: float = Field(description="Seconds from the request to the response.", examples=[1.2084])


class PathEvent(Wire):
    """Path that ended: its text, its answer and its outcome."""

    index: int = Field(description="Position in the fixed order, counted from 0.", examples=[0])
    kind: Annotated[PathKind, LaterValues()] = Field(
        description="`cot` for a chain of thought, `pot` for a program of thought.", examples=["cot"]
    )
    text: str = Field(
        description="Text of the model, with the repairs written in. That of an aborted path is incomplete.",
        examples=["7 pens cost 7 * 3 = 21 dollars. The answer is 21"],
    )
    thought_chars: int = Field(
        default=0,
        description="Length of the thought at the start of `text`, in Unicode code points.",
        examples=[0],
    )
    answer: str | None = Field(description="Answer in canonical form. Null if the path abstains.", examples=["21"])
    outcome: Annotated[PathOutcome, LaterValues()] = Field(
        description="`voted`, or the reason why the path abstains. `unparsed`: no answer or program in the text. "
        "`error`: the program raised an exception. `timeout`, `memory`, `output`: it exceeded a limit. `denied`: the "
        "policy or the kernel lock refused it. `crashed`: its process died. `aborted`: the path was stopped.",
        examples=["voted"],
    )
    repaired: bool = Field(
        description="Whether the calculator corrected a number in the text. `answer` is then the corrected answer.",
        examples=[False],
    )
    stated: str | None = Field(
        description="Answer in the text of a chain of thought, before the correction.", examples=["21"]
    )
    program: str | None = Field(
        description="Program that ran in the sandbox. Null for a chain of thought.", examples=["ans = 7 * 3"]
    )
    detail: str = Field(
        description="One line that describes a failure. Otherwise empty.",
        examples=["ZeroDivisionError: division by zero"],
    )
    tokens: int = Field(description="Number of sampled tokens.", examples=[25])
    thinking_tokens: int = Field(
        default=0, description="Number of them that are a thought, by its share of the characters.", examples=[0]
    )
    seconds: float = Field(description="Seconds from start to end, the program included.", examples=[0.4231])


class PathTrace(PathEvent):
    """Path that ended, and whether the vote counted it."""

    counted: bool = Field(description="Whether the decision rests on this path.", examples=[True])
    vote: str | None = Field(
        default=None,
        description="Answer in `votes` that the path voted for: its own, or the answer of the class that it joined. "
        "Null if the path abstained or the vote did not count it.",
        examples=["21"],
    )

    def without_thought(self) -> "PathTrace":
        """Copy without the thought."""
        return self.model_copy(update={"text": self.text[self.thought_chars :], "thought_chars": 0})


class CotExplanation(Wire):
    """Best chain of thought for the answer: without repair if there is one, then the first in the fixed order."""

    path: int = Field(description="Index of the path.", examples=[4])
    text: str = Field(
        description="Rationale of the path, without the thought of a thinking model and with the repairs written in.",
        examples=["7 pens cost 7 * 3 = 21 dollars. The answer is 21"],
    )
    repaired: bool = Field(description="Whether the calculator corrected a number in the text.", examples=[False])
    tokens: int = Field(
        default=0, description="Number of sampled tokens of the path, without its thought.", examples=[25]
    )


class ProgramExplanation(Wire):
    """Best program for the answer: the first in the fixed order."""

    path: int = Field(description="Index of the path.", examples=[5])
    code: str = Field(description="Program in Python.", examples=["pens = 7\nans = pens * 3"])
    output: str = Field(description="Answer of the program.", examples=["21"])


class Explanation(Wire):
    """Best path of each kind behind the answer. Both are null without an answer."""

    cot: CotExplanation | None = Field(description="Best chain of thought. Null if none voted for the answer.")
    program: ProgramExplanation | None = Field(description="Best program. Null if none voted for the answer.")
    left_out: list[str] = Field(
        default_factory=list,
        description="Numbers of the problem that no program behind the answer uses. Empty without a program.",
        examples=[["12"]],
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
                    "verdict": "agreed",
                    "explanation": {
                        "cot": {
                            "path": 0,
                            "text": "7 pens cost 7 * 3 = 21 dollars. The answer is 21",
                            "repaired": False,
                            "tokens": 25,
                        },
                        "program": {"path": 1, "code": "pens = 7\nans = pens * 3", "output": "21"},
                    },
                    "votes": [{"answer": "21", "cot": 3, "pot": 3}, {"answer": "10", "cot": 0, "pot": 1}],
                    "paths": {"planned": 20, "started": 20, "voted": 7, "abstained": 1, "aborted": 12, "cut_off": 0},
                    "usage": {
                        "prompt_tokens": 860,
                        "completion_tokens": 517,
                        "thinking_tokens": 0,
                        "saved_tokens": 280,
                    },
                    "timing": {"queue_s": 0.0002, "engine_s": 0.0036, "sandbox_s": 0.0057, "total_s": 0.0084},
                    "model": "demo",
                    "seed": 7,
                }
            ]
        }
    )

    id: str = Field(description="Id of the request.", examples=["76889b74b4e7422fa6d55071d000db11"])
    status: Annotated[Status, LaterValues()] = Field(
        description="`answered`. `abstained`: no valid vote, or a confidence below `min_confidence`. `deadline`: time "
        "ran out, and `answer` is that of the votes so far.",
        examples=["answered"],
    )
    answer: str | None = Field(description="Answer in canonical form. Null if the service abstains.", examples=["21"])
    value: float | None = Field(
        description="Answer as a number. Null without an answer, and for yes, no and option letters.", examples=[21.0]
    )
    confidence: float = Field(
        description="Confidence from 0 to 1. If calibrated: share of correct answers with such votes on held-out "
        "problems. Those votes were complete: with the status `deadline` the figure is less exact. If not calibrated: "
        "probability that the leader has the majority.",
        examples=[0.9648],
    )
    calibrated: bool = Field(
        description="Whether the confidence is calibrated: the model has a calibration, which was made for this "
        "`temperature`, `top_p`, `top_k`, `min_p`, `repetition_penalty`, `thinking` and `thinking_tokens`, and for no "
        "more `max_tokens` (320 where a student's `twinpath.json` states none). Numbers and kinds of paths are not "
        "compared.",
        examples=[False],
    )
    verdict: Annotated[Verdict, LaterValues()] = Field(
        description="Trust in the answer. `likely`: the calibrated confidence is at least 0.7. `agreed`: the paths "
        "agree, and the model is not calibrated. `torn`: a tie, or less than half of the votes for the leader. "
        "`none`: no answer. `unsure`: all else.",
        examples=["agreed"],
    )
    explanation: Explanation = Field(description="Best chain of thought and best program for the answer.")
    warning: str | None = Field(
        default=None,
        exclude_if=lambda warning: warning is None,
        description="Sentence on the limit that cut off most of the counted paths. Left out if most are whole.",
        examples=["12 of 20 paths reached the limit of 320 tokens; raise `max_tokens`."],
    )
    votes: list[Vote] = Field(description="Votes, the winner first.")
    paths: PathCounts = Field(description="Numbers of paths.")
    usage: Usage = Field(description="Numbers of tokens.")
    timing: TimingReport = Field(description="Seconds in the queue, the engine and the sandbox.")
    model: str = Field(description="Name of the model. `demo` for scripted answers.", examples=["demo"])
    seed: int = Field(description="Seed of the samples: that of the request, or the drawn one.", examples=[7])
    trace: list[PathTrace] | None = Field(
        default=None,
        exclude_if=lambda trace: trace is None,
        description="Started paths in the fixed order. Only with `trace: true`.",
    )

    def without_thoughts(self) -> "SolveResponse":
        """Copy whose paths lack their thoughts."""
        trace = self.trace and [path.without_thought() for path in self.trace]
        return self.model_copy(update={"trace": trace})

    def _repr_html_(self) -> str:
        """Return the HTML that a notebook shows."""
        from service.schemas.html import solution_html  # which imports this module

        return solution_html(self)


class VoteEvent(Wire):
    """Votes so far, the leader first."""

    votes: list[Vote] = Field(description="Votes so far, the leader first.")
    confidence: float = Field(description="Confidence from 0 to 1, as in `SolveResponse`.", examples=[0.75])
    decided: bool = Field(
        description="Whether the vote is decided. Paths that end later do not count.", examples=[False]
    )
