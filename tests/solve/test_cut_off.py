"""Paths that a token limit cut off, and the warning about them."""

import logging
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine.base import Completion, Finish
from service.engine.fake import FakeEngine
from service.paths.answer import Answer
from service.paths.base import FormatV1, PathFormat
from service.solve import solver as solver_module
from service.solve.cut_off import limit_of, thinking_tokens, warning
from service.solve.problem import PathResult, Solution
from service.solve.solver import Solver
from service.types import PathKind, PathOutcome, TokenLimit
from tests.support.engines import computing_sandbox, problem
from tests.support.thinking import ALWAYS, SWITCHED, THOUGHT_TOKENS, thinks

COT = PathKind.COT
MAX_TOKENS, THINKING, CONTEXT = TokenLimit.MAX_TOKENS, TokenLimit.THINKING_TOKENS, TokenLimit.CONTEXT


def path(limit: TokenLimit | None = None, *, counted: bool = True, tokens: int = 0) -> PathResult:
    return PathResult(0, COT, PathOutcome.UNPARSED, limit=limit, counted=counted, thinking_tokens=tokens)


@pytest.mark.parametrize(
    ("finish", "tokens", "thought", "limit"),
    [
        (Finish.LENGTH, 100, 0, MAX_TOKENS),
        (Finish.LENGTH, 99, 0, CONTEXT),
        (Finish.LENGTH, 100, 50, MAX_TOKENS),
        (Finish.STOP, 60, 50, THINKING),
        (Finish.STOP, 60, 48, THINKING),
        (Finish.STOP, 60, 47, None),
        (Finish.STOP, 90, 70, THINKING),
        (Finish.STOP, 190, 150, THINKING),  # short tokens in the answer make the estimate too large
    ],
)
def test_the_limit_of_a_path_without_an_answer(
    finish: Finish, tokens: int, thought: int, limit: TokenLimit | None
) -> None:
    given = problem(max_tokens=100, thinking=True, thinking_tokens=50)
    completion = Completion("text", 10, tokens, finish)
    assert limit_of(given, completion, path(tokens=thought)) is limit
    answered = PathResult(0, COT, PathOutcome.VOTED, answer=Answer("5", Fraction(5)), thinking_tokens=thought)
    assert limit_of(given, completion, answered) is None
    aborted = PathResult(0, COT, PathOutcome.ABORTED, thinking_tokens=thought)
    assert limit_of(given, completion, aborted) is None
    failed = PathResult(0, PathKind.POT, PathOutcome.ERROR, program="ans = 1 / 0", thinking_tokens=thought)
    assert limit_of(given, completion, failed) is None


@pytest.mark.parametrize(("thinking_tokens", "limit"), [(None, None), (0, None), (1, THINKING)])
def test_a_budget_of_no_tokens_cuts_nothing_off(thinking_tokens: int | None, limit: TokenLimit | None) -> None:
    given = problem(thinking=True, thinking_tokens=thinking_tokens)
    assert limit_of(given, Completion("I cannot tell.", 10, 5, Finish.STOP), path(tokens=1)) is limit
    assert limit_of(given, Completion("I cannot tell.", 10, 5, Finish.STOP), path(tokens=0)) is None


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ([MAX_TOKENS] * 12 + [None] * 8, "12 of 20 paths reached the limit of 100 tokens; raise `max_tokens`."),
        ([MAX_TOKENS] * 10 + [None] * 10, ""),
        ([], ""),
        ([MAX_TOKENS], "1 of 1 path reached the limit of 100 tokens; raise `max_tokens`."),
        (
            [CONTEXT, CONTEXT, MAX_TOKENS],
            "2 of 3 paths reached the context length of the model; serve it with a longer one, or shorten the problem.",
        ),
        ([MAX_TOKENS] * 4 + [THINKING] * 3, "4 of 7 paths reached the limit of 100 tokens; raise `max_tokens`."),
        ([THINKING] * 2, "2 of 2 paths reached the limit of 2,000 tokens per thought; raise `thinking_tokens`."),
    ],
)
def test_the_warning_names_the_limit_of_most_paths(limits: list[TokenLimit | None], said: str) -> None:
    paths = [path(limit) for limit in limits]
    given = problem(max_tokens=100, thinking_tokens=2000)
    assert warning(given, paths) == said
    uncounted = [path(MAX_TOKENS, counted=False)] * 50
    assert warning(given, [*paths, *uncounted]) == said


@given(st.text(max_size=50), st.integers(0, 10_000), st.data())
def test_the_tokens_of_a_thought_are_a_part_of_the_tokens(text: str, tokens: int, data: st.DataObject) -> None:
    chars = data.draw(st.integers(0, len(text)))
    completion = Completion(text, 10, tokens, Finish.STOP)
    assert 0 <= thinking_tokens(completion, chars) <= tokens
    assert thinking_tokens(completion, len(text)) == (tokens if text else 0)
    assert thinking_tokens(completion, 0) == 0


async def solved(path_format: PathFormat = ALWAYS, **changes: Any) -> Solution:
    engine, sandbox = FakeEngine(thinks), computing_sandbox()
    await engine.start()
    await sandbox.start()
    return await Solver(engine, sandbox, path_format).solve(problem(**changes), "one")


async def test_a_limit_within_the_thoughts_leaves_no_vote_and_a_warning() -> None:
    solution = await solved(thinking=True, max_tokens=3000)
    assert (solution.answer, solution.cut_off, len(solution.paths)) == (None, 4, 4)
    assert solution.warning == "4 of 4 paths reached the limit of 3,000 tokens; raise `max_tokens`."
    assert {path.limit for path in solution.paths} == {MAX_TOKENS}
    assert [(path.thinking_tokens, path.completion_tokens) for path in solution.paths] == [(3000, 3000)] * 4


async def test_whole_thoughts_never_vote_and_are_counted() -> None:
    solution = await solved(thinking=True, max_tokens=7000)
    assert solution.answer is not None
    assert (solution.answer.text, solution.votes[0].votes, len(solution.votes)) == ("21", 4, 1)
    assert (solution.cut_off, solution.warning) == (0, "")
    for one in solution.paths:
        assert one.text[: one.thought_chars].endswith(" </think>")
        assert one.thinking_tokens == pytest.approx(THOUGHT_TOKENS, rel=0.005)
        assert one.thinking_tokens < one.completion_tokens


async def test_a_switch_that_is_off_makes_no_thought() -> None:
    solution = await solved(SWITCHED, thinking=False)
    assert [(path.thinking_tokens, path.thought_chars) for path in solution.paths] == [(0, 0)] * 4


async def test_the_log_has_one_line_a_minute(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, sandbox = FakeEngine(thinks, adapters=["algebra"]), computing_sandbox()
    await engine.start()
    await sandbox.start()
    solver = Solver(engine, sandbox, FormatV1(), adapter="algebra")
    given = problem(max_tokens=50)
    with caplog.at_level(logging.WARNING, logger="service.solve.solver"):
        for _ in range(3):
            await solver.solve(given, "one")
        assert [record.getMessage() for record in caplog.records] == [
            "algebra: most paths of a problem were cut off: 4 of 4 paths reached the limit of 50 tokens; "
            "raise `max_tokens`."
        ]
        monkeypatch.setattr(solver_module, "WARNING_INTERVAL_S", 0.0)
        solver = Solver(engine, sandbox, FormatV1())
        for _ in range(3):
            await solver.solve(given, "one")
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["algebra", *["demo"] * 3]
