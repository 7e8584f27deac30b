"""Prompts on the same problems: rows, figures and their table."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.prompts import Run, drawn, figures, read_rows, row, table
from service.evaluation.problems import LabeledProblem
from service.paths.answer import parse_answer
from service.paths.chat import ChatPrompt
from service.solve.problem import PathResult, Solution, Timing
from service.types import PathKind, PathOutcome, Status
from tests.support.markdown import rows

RUN = Run(paths=1, temperature=0.7, max_tokens=9, seed=7)
OURS = ChatPrompt("ours", "{question}", "{question}")
THEIRS = ChatPrompt("theirs", "{question}!", "{question}!")
QUESTIONS = [LabeledProblem(str(number), f"{number}?", str(number)) for number in range(4)]


def solved(prompt: ChatPrompt, number: int, *, cot: str, pot: str, vote: str, tokens: int = 5, **changes: Any) -> Any:
    """Row of a vote. An empty answer is none."""
    paths = [
        {"kind": kind, "answer": answer or None, "tokens": tokens} for kind, answer in (("cot", cot), ("pot", pot))
    ]
    one = {"model": "qwen", "prompt": prompt.name, "digest": prompt.digest, "id": str(number), "gold": str(number)}
    return one | RUN._asdict() | {"answer": vote or None, "sampled": paths} | changes


ROWS = [
    solved(OURS, 0, cot="0", pot="0", vote="0"),
    solved(OURS, 1, cot="9", pot="1", vote="1"),
    solved(OURS, 2, cot="", pot="9", vote=""),
    solved(THEIRS, 0, cot="0", pot="", vote="0", tokens=9),
    solved(THEIRS, 1, cot="1", pot="", vote="9", tokens=9),
    solved(THEIRS, 2, cot="2", pot="2.0", vote="2"),
    solved(OURS, 3, cot="3", pot="3", vote="3"),  # without a row of the other prompt
]


def test_only_problems_that_every_prompt_has_answered_count() -> None:
    facts = figures(ROWS, [OURS, THEIRS], QUESTIONS, RUN)
    assert facts["models"]["qwen"]["problems"] == 3
    ours, theirs = (facts["models"]["qwen"]["prompts"][name] for name in ("ours", "theirs"))
    assert [ours[part]["right"] for part in ("cot", "pot", "vote")] == pytest.approx([1 / 3, 2 / 3, 2 / 3])
    assert [theirs[part]["right"] for part in ("cot", "pot", "vote")] == pytest.approx([1, 1 / 3, 2 / 3])
    assert (ours["cot"]["answered"], theirs["pot"]["answered"]) == pytest.approx((2 / 3, 1 / 3))
    assert (ours["cot"]["cut_off"], theirs["cot"]["cut_off"]) == pytest.approx((0, 2 / 3))
    assert theirs["vote"]["tokens"] == pytest.approx(23 / 3)
    assert theirs["cot"]["ahead"] == pytest.approx((2 / 3, 1.96 * (1 / 3) ** 0.5 / 3**0.5), rel=1e-4)
    assert theirs["vote"]["interval"] == pytest.approx((0.2077, 0.9385), abs=1e-4)  # Wilson's, of 2 of 3


def test_a_model_may_lack_prompts_but_not_the_first() -> None:
    small = [one | {"model": "small"} for one in ROWS if one["prompt"] == "ours"]
    other = [one | {"model": "other"} for one in ROWS if one["prompt"] == "theirs"]
    models = figures([*ROWS, *small, *other], [OURS, THEIRS], QUESTIONS, RUN)["models"]
    assert {name: (found["problems"], list(found["prompts"])) for name, found in models.items()} == {
        "qwen": (3, ["ours", "theirs"]),
        "small": (4, ["ours"]),
    }


@pytest.mark.parametrize("name", RUN._fields)
def test_rows_of_other_conditions_do_not_count(name: str) -> None:
    other = [one | {name: one[name] + 1} for one in ROWS[:3]]
    assert figures(other, [OURS], QUESTIONS, RUN)["models"] == {}


def test_rows_of_another_wording_do_not_count() -> None:
    changed = ChatPrompt("ours", "{question}?", "{question}")
    assert figures(ROWS, [changed], QUESTIONS, RUN)["models"] == {}


def test_the_table_has_a_row_for_each_model_and_prompt() -> None:
    more = [one | {"model": "hub/other"} for one in ROWS]
    ours, theirs, *others = rows(table(figures([*ROWS, *more], [OURS, THEIRS], QUESTIONS, RUN)))
    assert [line["model"] for line in others] == ["other", "other"]
    assert (ours["prompt"], ours["problems"], ours["CoT paths right (95 %)"]) == ("ours", "3", "33.3% (0.0% to 98.7%)")
    assert theirs["vote right (95 %)"] == "66.7% (20.8% to 93.9%)"
    assert "T = 0.7" in table(figures(ROWS, [OURS, THEIRS], QUESTIONS, RUN))


def test_a_row_has_all_paths_of_a_solution() -> None:
    paths = (
        PathResult(0, PathKind.COT, PathOutcome.VOTED, "so 1", answer=parse_answer("1"), completion_tokens=4),
        PathResult(1, PathKind.POT, PathOutcome.UNPARSED, "no", completion_tokens=2),
    )
    answer = parse_answer("1")
    solution = Solution("id", Status.ANSWERED, answer, 0.5, False, (), 2, paths, Timing(0, 0, 0, 0), "m", 7)
    found = json.loads(json.dumps(row("m", OURS, QUESTIONS[1], RUN, solution)))
    assert (found["answer"], found["gold"], found["digest"], found["max_tokens"]) == ("1", "1", OURS.digest, 9)
    assert found["sampled"] == [
        {"kind": "cot", "answer": "1", "outcome": "voted", "tokens": 4, "text": "so 1"},
        {"kind": "pot", "answer": None, "outcome": "unparsed", "tokens": 2, "text": "no"},
    ]


def test_a_row_that_was_cut_off_is_dropped_and_written_again(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    assert read_rows(path) == []
    path.write_text('{"id": "é"}\n{"id": "b"}\n{"id": "')
    assert read_rows(path) == [{"id": "é"}, {"id": "b"}]
    assert path.read_text() == '{"id": "é"}\n{"id": "b"}\n'
    assert read_rows(path) == [{"id": "é"}, {"id": "b"}]


def test_a_smaller_limit_draws_the_first_of_the_same_problems() -> None:
    assert drawn(QUESTIONS, 2, 7) == drawn(QUESTIONS, 4, 7)[:2]
    assert sorted(question.id for question in drawn(QUESTIONS, 9, 7)) == ["0", "1", "2", "3"]
