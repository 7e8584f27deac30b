"""Reading of a path: one split, and the end of an answer."""

from typing import Any

import pytest

from service.engine.fake import FakeEngine
from service.model.prompts import known_prompts
from service.paths import cot, pot
from service.paths.base import Thoughts
from service.paths.chat import QUESTION, ChatFormat, ChatPrompt
from service.paths.thinking import Split, split_thinking
from service.schemas.from_solution import solve_response
from service.solve import reading
from service.solve.problem import PathResult
from service.solve.reading import read_path
from service.solve.solver import Solver
from service.solve.text_reader import TextReader
from service.types import PathKind, PathOutcome
from tests.support.engines import TurnEngine, computing_sandbox, problem

COT, POT = PathKind.COT, PathKind.POT
PROGRAM = "```python\nans = 7\n```\n"
OUTPUT = "```output\n7\n```\nThe answer is 9."
THOUGHT = f"I could run it:\n{PROGRAM}{OUTPUT}\n</think>"
STOPPING = ChatPrompt("s", f"{QUESTION} Reason.", f"{QUESTION} Write.", cot_stop=("```o",), pot_stop=("```output",))
DELIMITERS = ("<think>", "</think>")


async def read(kind: PathKind, text: str, **settings: Any) -> PathResult:
    sandbox = computing_sandbox()
    await sandbox.start()
    fields = {"complete": True, "opened": True} | settings
    return await read_path(0, kind, text, run_program=sandbox.run, reader=TextReader(), **fields)


@pytest.mark.parametrize("kind", PathKind)
@pytest.mark.parametrize("answer", ["", "The answer is 7", PROGRAM, "```python\nans = 7 / 0\n```", "word " * 300])
async def test_a_text_is_split_once(kind: PathKind, answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    splits = []

    def counted(text: str, *, opened: bool = False) -> Split:
        splits.append(text)
        return split_thinking(text, opened=opened)

    for module in (reading, cot, pot):
        monkeypatch.setattr(module, "split_thinking", counted)
    path = await read(kind, THOUGHT + answer)
    assert splits == [THOUGHT + answer]
    assert path.thought_chars == len(THOUGHT)


@pytest.mark.parametrize(
    ("kind", "answer", "complete"),
    [
        (COT, "The answer is 7", True),
        (COT, "3 + 4 = 7.\nSo he has 7 pens", False),  # a stop string ends a text as the model does
        (POT, PROGRAM, True),
        (POT, "ans = 7", False),
    ],
)
async def test_a_stop_string_ends_the_answer_but_not_the_thought(kind: PathKind, answer: str, complete: bool) -> None:
    path = await read(kind, f"{THOUGHT}{answer}```output\nThe answer is 9.\nans = 9", complete=complete, stop=["```o"])
    assert (path.outcome, path.answer and path.answer.text) == (PathOutcome.VOTED, "7")
    assert (path.text, path.thought_chars) == (THOUGHT + answer, len(THOUGHT))


@pytest.mark.parametrize("opens", [False, True])
async def test_a_thought_with_a_stop_string_votes(opens: bool) -> None:
    opening, written = ("<think>", "") if opens else ("", "<think>")
    path_format = ChatFormat(lambda message: message + opening, STOPPING, thoughts=Thoughts((False, True), DELIMITERS))
    engine = FakeEngine(lambda *_: f"{written}{THOUGHT}{PROGRAM}The answer is 7.\n{OUTPUT}")
    sandbox = computing_sandbox()
    await engine.start()
    await sandbox.start()
    solution = await Solver(engine, sandbox, path_format).solve(problem(thinking=True, max_tokens=1000), "p")
    assert solution.answer is not None
    assert (solution.answer.text, [tally.votes for tally in solution.votes]) == ("7", [4])
    assert [path.text for path in solution.paths] == [f"{written}{THOUGHT}{PROGRAM}The answer is 7.\n"] * 4


@pytest.mark.parametrize(("thinking", "stops"), [(False, [STOPPING.cot_stop, STOPPING.pot_stop]), (True, [(), ()])])
async def test_stop_strings_reach_the_engine_unless_the_model_thinks(
    thinking: bool, stops: list[tuple[str, ...]]
) -> None:
    path_format = ChatFormat(str, STOPPING, thoughts=Thoughts((False, True), DELIMITERS))
    engine = TurnEngine(["The answer is 7", "ans = 7"])
    await Solver(engine, computing_sandbox(), path_format).solve(problem(cot=1, pot=1, thinking=thinking), "p")
    assert [sampling.stop for _, _, sampling in engine.sampled] == stops


@pytest.mark.parametrize("name", ["qwen", "qwen-math"])
async def test_an_output_block_ends_a_program_but_not_an_explanation(name: str) -> None:
    text = f"{PROGRAM}```output\n9\n```\nHe has \\boxed{7} pens."
    engine, sandbox = FakeEngine(lambda *_: text), computing_sandbox()
    await engine.start()
    await sandbox.start()
    solver = Solver(engine, sandbox, ChatFormat(str, known_prompts()[name]))
    solution = await solver.solve(problem(cot=1, pot=1, max_tokens=1000), "p")
    assert [path.answer and path.answer.text for path in solution.paths] == ["7", "7"]
    assert [path.text for path in solution.paths] == [text, text[: text.index("```output")]]


async def test_the_explanation_begins_after_the_thought_that_the_prompt_opened() -> None:
    path_format = ChatFormat(lambda message: f"{message}<think>\n", thoughts=Thoughts((True,), DELIMITERS))
    text = "Hm.\n<analysis>\n3 + 4 = 7\n</think>\nAdd: 3 + 4 = 7. The answer is 7"
    solver = Solver(TurnEngine([text]), computing_sandbox(), path_format)
    response = solve_response(await solver.solve(problem(cot=1, pot=0, thinking=True), "p"), trace=False)
    assert response.explanation.cot is not None
    assert (response.answer, response.explanation.cot.text) == ("7", "Add: 3 + 4 = 7. The answer is 7")
