"""The wire models: strict, and exact about what they count."""

import json
from dataclasses import replace
from fractions import Fraction

import pytest
from pydantic import ValidationError

from service.errors import InputError
from service.paths.answer import Answer
from service.schemas import (
    CotExplanation,
    Explanation,
    PathBudget,
    ProgramExplanation,
    SolveRequest,
    SolveResponse,
)
from service.schemas.batch import SOLVE, Row
from service.schemas.from_solution import solve_response
from service.schemas.openai_request import Options
from service.solve.problem import PathResult, Solution, Timing
from service.solve.vote import Ballot, Tally, count
from service.types import PathKind, PathOutcome, Status, Verdict
from tests.support.answers import written

COT, POT = PathKind.COT, PathKind.POT


def solution(answer: Answer | None, *paths: PathResult) -> Solution:
    votes = (Tally(answer, 2, 1),) if answer else ()
    timing = Timing(0.00004, 0.12345, 0.00005, 1.0)
    return Solution("id", Status.ANSWERED, answer, 0.93756, False, votes, 4, paths, timing, "m", 7)


def path(index: int, outcome: PathOutcome, *, counted: bool = True) -> PathResult:
    return PathResult(index, COT, outcome, prompt_tokens=10, completion_tokens=index, seconds=0.12345, counted=counted)


def test_only_the_problem_is_required() -> None:
    request = SolveRequest(problem="  Why?\n")
    assert request.model_dump() == {
        "problem": "Why?",
        "model": None,
        "paths": None,
        "policy": None,
        "temperature": None,
        "top_p": None,
        "top_k": None,
        "min_p": None,
        "repetition_penalty": None,
        "max_tokens": None,
        "thinking": None,
        "thinking_tokens": None,
        "deadline_s": None,
        "seed": None,
        "min_confidence": 0.0,
        "trace": False,
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"paths": {"cot": 64, "pot": 0}}, {"paths": {"cot": 0, "pot": 64}}, {"paths": {}}, {"paths": None},
        {"temperature": 0}, {"temperature": 2}, {"max_tokens": 1}, {"max_tokens": 131_072}, {"deadline_s": 3600},
        {"deadline_s": 1e-9}, {"seed": 0}, {"seed": 2**63 - 1}, {"min_confidence": 0}, {"min_confidence": 1},
        {"policy": "lossless"}, {"policy": None}, {"problem": "tab\tand\nline\r\n"}, {"problem": "😀 é ½"},
    ],
)  # fmt: skip
def test_what_is_at_its_limit_fits(fields: dict[str, object]) -> None:
    SolveRequest.model_validate({"problem": "Why?"} | fields)


def test_checked_names_the_first_field_that_is_wrong() -> None:
    with pytest.raises(InputError, match=r"^`problem` must be a text that is not empty\.$") as raised:
        SolveRequest.checked(problem=" ", seed=-1)
    assert raised.value.field == "problem"
    with pytest.raises(InputError, match=r"^`paths\.cot` must be a whole number from 0 to 64\.$"):
        SolveRequest.checked(problem="Why?", paths={"cot": -1})


def test_a_budget_has_at_least_one_path() -> None:
    with pytest.raises(ValidationError, match="selects no path; set cot or pot"):
        PathBudget(cot=0, pot=0)


@pytest.mark.parametrize(
    ("number", "cot", "pot"), [(1, 1, 0), (2, 1, 1), (7, 4, 3), (10, 5, 5), (10.0, 5, 5), (127, 64, 63), (128, 64, 64)]
)
def test_a_number_of_paths_is_split_evenly(number: float, cot: int, pot: int) -> None:
    budget = PathBudget(cot=cot, pot=pot)
    assert SolveRequest.model_validate({"problem": "Why?", "paths": number}).paths == budget
    assert Options.model_validate({"paths": number}).paths == budget
    row = SOLVE.parse_line((1, json.dumps({"question": "Why?", "paths": number}).encode()), 1000)
    assert isinstance(row, Row)
    assert row.request.paths == budget


def test_every_path_is_counted_once() -> None:
    paths = (
        path(0, PathOutcome.VOTED),
        path(1, PathOutcome.TIMEOUT),
        path(2, PathOutcome.VOTED, counted=False),
        path(3, PathOutcome.ABORTED, counted=False),
    )
    response = solve_response(solution(Answer("5", Fraction(5)), *paths), trace=False)
    counts = response.paths
    assert (counts.planned, counts.started, counts.voted, counts.abstained, counts.aborted) == (4, 4, 1, 1, 2)
    assert (response.usage.prompt_tokens, response.usage.completion_tokens) == (40, 6)


def test_clocks_and_confidence_have_four_decimals() -> None:
    response = solve_response(solution(None, path(0, PathOutcome.VOTED)), trace=True)
    timing = response.timing
    assert (timing.queue_s, timing.engine_s, timing.sandbox_s, timing.total_s) == (0.0, 0.1235, 0.0001, 1.0)
    assert response.confidence == 0.9376
    assert response.trace is not None
    assert response.trace[0].seconds == 0.1235


def test_a_path_with_a_rounded_answer_explains_the_exact_one() -> None:
    def voted(index: int, kind: PathKind, text: str) -> PathResult:
        program = f"ans = {text}" if kind is POT else None
        return PathResult(index, kind, PathOutcome.VOTED, text, answer=written(text), program=program)

    paths = (voted(0, COT, "3.33"), voted(1, POT, "10/3"), voted(2, COT, "4"), path(3, PathOutcome.TIMEOUT))
    votes = count(Ballot(p.index, p.kind, p.answer) for p in paths if p.answer)
    response = solve_response(replace(solution(votes[0].answer, *paths), votes=votes), trace=True)
    assert [(vote.answer, vote.cot, vote.pot) for vote in response.votes] == [("10/3", 1, 1), ("4", 1, 0)]
    assert response.trace is not None
    assert [(p.answer, p.vote) for p in response.trace] == [
        ("3.33", "10/3"), ("10/3", "10/3"), ("4", "4"), (None, None),
    ]  # fmt: skip
    assert response.explanation == Explanation(
        cot=CotExplanation(path=0, text="3.33", repaired=False),
        program=ProgramExplanation(path=1, code="ans = 10/3", output="10/3"),
    )


def test_the_explanation_has_neither_thought_nor_following_task() -> None:
    thought = "<think>\nMaybe 6?\n</think>"
    text = f"{thought}\n2 + 3 = 5. The answer is 5\n\nQuestion: What is 1 + 1?"
    voter = PathResult(0, COT, PathOutcome.VOTED, text, answer=written("5"), repaired=True, thought_chars=len(thought))
    votes = count([Ballot(0, COT, written("5"))])
    response = solve_response(replace(solution(votes[0].answer, voter), votes=votes), trace=False)
    assert response.explanation.cot == CotExplanation(path=0, text="2 + 3 = 5. The answer is 5", repaired=True)
    assert response.explanation.program is None


def test_without_an_answer_there_is_no_explanation() -> None:
    voter = PathResult(0, COT, PathOutcome.VOTED, "The answer is 5", answer=written("5"))
    votes = count([Ballot(0, COT, written("5"))])
    response = solve_response(replace(solution(None, voter), votes=votes), trace=False)
    assert (response.verdict, response.explanation) == (Verdict.NONE, Explanation(cot=None, program=None))


def test_saved_tokens() -> None:
    ended = [replace(path(i, PathOutcome.VOTED), completion_tokens=10) for i in range(3)]
    aborted = replace(path(3, PathOutcome.ABORTED), completion_tokens=4)
    early = replace(solution(None, *ended, aborted), planned=6)
    assert solve_response(early, trace=False).usage.saved_tokens == 3 * 10 - 4
    assert solve_response(replace(early, status=Status.DEADLINE), trace=False).usage.saved_tokens == 0
    assert solve_response(solution(None), trace=False).usage.saved_tokens == 0


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (Answer("5", Fraction(5)), 5.0),
        (Answer("1/3", Fraction(1, 3)), 1 / 3),
        (Answer("yes", None), None),
        (Answer("big", Fraction(10**400)), None),
        (None, None),
    ],
)
def test_the_value_of_an_answer(answer: Answer | None, value: float | None) -> None:
    assert solve_response(solution(answer), trace=False).value == value


def test_the_trace_is_there_only_when_asked_for_and_a_response_reads_itself() -> None:
    plain = solve_response(solution(None, path(0, PathOutcome.VOTED)), trace=False)
    traced = solve_response(solution(None, path(0, PathOutcome.VOTED)), trace=True)
    assert "trace" not in plain.model_dump()
    assert len(traced.model_dump()["trace"]) == 1
    assert SolveResponse.model_validate_json(plain.model_dump_json()) == plain
    assert SolveResponse.model_validate_json(traced.model_dump_json()) == traced
