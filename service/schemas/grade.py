"""Wire models of `POST /grade`: a response to grade, and its grade."""

from hashlib import blake2b
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from service.schemas.later_values import LaterValues
from service.schemas.request import (
    BLANK_TEXT_PATTERN,
    ProblemText,
    Seed,
    SolveRequest,
    VoteOptions,
    Wire,
    no_control_characters,
)
from service.types import GradeBasis, GradeVerdict

MAX_RESPONSE_CHARS = 20_000
"""Maximum length of a response in characters."""

MAX_EXPECTED_CHARS = 400
"""Maximum length of an expected answer in characters."""


_UNUSED_BITS = 11  # a seed has the 53 bits that every JSON parser reads exactly


def _as_text(value: Any) -> Any:
    """Text of a number, because files of answers hold numbers."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _or_blank(value: Any) -> Any:
    return "" if value is None else _as_text(value)


def _or_null(value: Any) -> Any:
    text = _as_text(value)
    return None if isinstance(text, str) and not text.strip() else text


ResponseText = Annotated[
    str,
    BeforeValidator(_or_blank),
    StringConstraints(max_length=MAX_RESPONSE_CHARS, strip_whitespace=True),
    AfterValidator(no_control_characters),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "maxLength": MAX_RESPONSE_CHARS, "pattern": BLANK_TEXT_PATTERN},
                {"type": "number"},
                {"type": "null"},
            ]
        }
    ),
]
ExpectedText = Annotated[
    Annotated[
        str,
        StringConstraints(max_length=MAX_EXPECTED_CHARS, strip_whitespace=True),
        AfterValidator(no_control_characters),
    ]
    | None,
    BeforeValidator(_or_null),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "maxLength": MAX_EXPECTED_CHARS, "pattern": BLANK_TEXT_PATTERN},
                {"type": "number"},
                {"type": "null"},
            ]
        }
    ),
]


class GradedTexts(ProblemText):
    """Problem, response, and the expected answer if it is known."""

    response: ResponseText = Field(
        description="The response to grade: an answer, or a worked text that states one. A number is read as its "
        "text. A blank response is undecided.",
        examples=["92 - 68 = 26, so 26 more pastries"],
    )
    expected: ExpectedText = Field(
        default=None,
        description="Expected answer in any notation, if it is known. No path is sampled then. Null or a blank text "
        "grades by a vote.",
        examples=["24"],
    )


class GradeRequest(VoteOptions, GradedTexts):
    """Response to grade. `problem` and `response` are required. The options of the vote are those of `/solve`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "problem": "Baker made 54 cakes and 143 pastries. He sold 68 cakes and 92 pastries. How many more "
                    "pastries than cakes did he sell?",
                    "response": "92 - 68 = 26, so 26 more pastries",
                    "expected": "24",
                }
            ]
        }
    )

    seed: Seed | None = Field(
        default=None,
        description="Seed of the samples of every path. Default: derived from the problem, so that equal responses get "
        "equal grades.",
        examples=[7],
    )

    def solve_request(self) -> SolveRequest:
        """Request of the vote that finds the answer."""
        options = {name: getattr(self, name) for name in VoteOptions.model_fields}
        if self.seed is None:
            options["seed"] = int.from_bytes(blake2b(self.problem.encode(), digest_size=8).digest()) >> _UNUSED_BITS
        return SolveRequest(problem=self.problem, **options)


class GradeStep(Wire):
    """Equation of a response, judged on its own operands. An error counts only once."""

    text: str = Field(description="The equation as the response writes it.", examples=["92 - 68 = 26"])
    holds: bool = Field(
        description="Whether the equation is true by the standard order of operations. A quotient may be "
        "rounded to its decimals.",
        examples=[False],
    )
    should_be: str | None = Field(description="Correct result. Null if the equation holds.", examples=["24"])


class GradeResponse(Wire):
    """Grade of a response, with the compared answers and the checked equations."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "verdict": "undecided",
                    "answer": "24",
                    "given": "26",
                    "basis": "vote",
                    "confidence": 0.62,
                    "calibrated": True,
                    "steps": [{"text": "92 - 68 = 26", "holds": False, "should_be": "24"}],
                    "reason": "The model is unsure of its answer.",
                    "id": "76889b74b4e7422fa6d55071d000db11",
                    "model": "twinpath-gemma-3-270m",
                }
            ]
        }
    )

    verdict: Annotated[GradeVerdict, LaterValues()] = Field(
        description="Whether the response gives the answer. `undecided`: no answer is read from the response, the "
        "answers may be equal, or the vote is neither `likely` nor `agreed`. `reason` has the cause.",
        examples=["incorrect"],
    )
    answer: str | None = Field(
        description="The answer that the response is compared with, in canonical form: the expected one, or that of "
        "the vote. Null if the vote has none.",
        examples=["24"],
    )
    given: str | None = Field(
        description="Answer that the response states, in canonical form and without any correction. Null if none is "
        "read.",
        examples=["26"],
    )
    basis: Annotated[GradeBasis, LaterValues()] = Field(
        description="Source of `answer`: `expected` is from the request, `vote` from the model.", examples=["vote"]
    )
    confidence: float | None = Field(
        description="Confidence of the vote from 0 to 1, as in `/solve`. Null with `expected`.", examples=[0.62]
    )
    calibrated: bool | None = Field(
        default=None,
        description="Whether the confidence is calibrated, as in `/solve`. Null with `expected`.",
        examples=[True],
    )
    steps: list[GradeStep] = Field(
        description="Equations of the last 100 equals signs of the response, in order. Those that are not plain "
        "arithmetic, are ambiguous, rounded on purpose, taken back, or explained by units or words are left out."
    )
    reason: str | None = Field(
        description="Reason of `undecided` in one sentence. Null for the other verdicts.",
        examples=["The model is unsure of its answer."],
    )
    id: str = Field(description="Id of the request.", examples=["76889b74b4e7422fa6d55071d000db11"])
    model: str = Field(
        description="Name of the served model. `none` if no model was loaded, as for `expected` on the command line.",
        examples=["twinpath-gemma-3-270m"],
    )

    def _repr_html_(self) -> str:
        """Return the HTML that a notebook shows."""
        from service.schemas.html import grade_html  # which imports this module

        return grade_html(self)
