"""The fake engine: scripted texts in turn, and plausible, deterministic improvised ones."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine.base import Finish, Sampling
from service.engine.fake import FakeEngine, improvise, scripted
from service.errors import ConfigurationError, EngineDeadError
from service.paths.base import FormatV1
from service.paths.cot import parse_cot
from service.paths.pot import extract_program
from service.types import PathKind
from tests.support.engines import lines

COT, POT = PathKind.COT, PathKind.POT
GREEDY = Sampling(temperature=0.0)


def prompt(question: str, kind: PathKind = COT) -> str:
    return FormatV1().prompt(kind, question)


@pytest.mark.parametrize(
    ("question", "answer", "program"),
    [
        ("A pen costs 3 dollars. What do 7 of them cost each?", "21", "first = 3\nsecond = 7\nans = first * second"),
        ("He had 9 pens and lost 4.", "5", "first = 9\nsecond = 4\nans = first - second"),
        ("Split 12 pens among 4 children.", "3", "first = 12\nsecond = 4\nans = first / second"),
        ("He has 2 pens and 2.5 books.", "4.5", "first = 2\nsecond = 2.5\nans = first + second"),
    ],
)
def test_greedy_improvisation_reads_the_problem_in_the_simplest_way(question: str, answer: str, program: str) -> None:
    path = parse_cot(improvise(prompt(question), GREEDY))
    assert path.answer is not None
    assert (path.answer.text, path.repaired) == (answer, False)
    assert extract_program(improvise(prompt(question, POT), GREEDY)) == program


def test_improvisation_is_the_same_for_a_seed_and_greedily_for_every_seed() -> None:
    asked = prompt("He had 9 pens and lost 4.")
    sampled = [improvise(asked, Sampling(seed=seed)) for seed in range(100)]
    assert sampled == [improvise(asked, Sampling(seed=seed)) for seed in range(100)]
    assert len({improvise(asked, Sampling(temperature=0.0, seed=seed)) for seed in range(100)}) == 1
    answers = [path.answer.text if path.answer else None for path in map(parse_cot, sampled)]
    assert answers.count("5") > 60
    assert len(set(answers)) >= 3
    assert None in answers


def test_without_two_numbers_there_is_no_answer() -> None:
    assert improvise(prompt("How many of the 5 pens?"), GREEDY) == "I do not know."


@settings(max_examples=50)
@given(st.text(max_size=200), st.sampled_from(PathKind), st.floats(0, 2))
def test_improvisation_accepts_any_problem(question: str, kind: PathKind, temperature: float) -> None:
    assert improvise(prompt(question, kind), Sampling(temperature=temperature, seed=1))


def row(problem: object = "pens", kind: object = "cot", text: object = "a") -> str:
    return json.dumps({"problem": problem, "kind": kind, "text": text})


def test_rows_are_played_in_turn_and_others_improvised(tmp_path: Path) -> None:
    script = scripted(lines(tmp_path / "s.jsonl", row(text="a"), row(text="b"), row(kind="pot", text="p\u2028q")))
    assert [script(prompt("3 pens"), GREEDY) for _ in range(3)] == ["a", "b", "a"]
    assert [script(prompt("3 pens", POT), GREEDY) for _ in range(2)] == ["p\u2028q"] * 2
    assert script(prompt("3 books and 4 books"), GREEDY) == improvise(prompt("3 books and 4 books"), GREEDY)


def test_a_line_separator_in_a_text_does_not_end_the_line(tmp_path: Path) -> None:
    raw = json.dumps({"problem": "pens", "kind": "cot", "text": "a\u2028b"}, ensure_ascii=False)
    assert scripted(lines(tmp_path / "s.jsonl", raw))(prompt("pens"), GREEDY) == "a\u2028b"


def test_a_script_of_windows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(b"\xef\xbb\xbf\r\n" + row().encode() + b"\r\n \r\n\n")
    assert scripted(path)(prompt("pens"), GREEDY) == scripted(lines(tmp_path / "t.jsonl", row()))(
        prompt("pens"), GREEDY
    )


@pytest.mark.parametrize(
    "wrong",
    ["[" * 100_000, "{", "[]", "5", "{}", row(kind="both"), row(kind=["cot"]), row(problem=5), row(text=None),
     '{"problem": "pens", "kind": "cot"}'],
)  # fmt: skip
def test_a_wrong_row_is_named_by_its_line(wrong: str, tmp_path: Path) -> None:
    path = lines(tmp_path / "s.jsonl", row(), wrong, row())
    with pytest.raises(ConfigurationError) as raised:
        scripted(path)
    assert str(raised.value).startswith(f"{path}, line 2: a row needs `problem`, `kind` (cot or pot) and `text` (")


def latin(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\n")


def missing(path: Path) -> None:
    assert not path.exists()


@pytest.mark.parametrize("make", [latin, missing, Path.mkdir])
def test_a_script_that_cannot_be_read(make: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    make(path)
    with pytest.raises(ConfigurationError) as raised:
        scripted(path)
    assert str(raised.value).startswith(f"The script {path} cannot be read: ")


async def test_a_text_is_cut_at_the_token_limit() -> None:
    engine = FakeEngine(lambda prompt, sampling: "one two three")
    await engine.start()
    cut = await engine.sample("a", "one two", Sampling(max_tokens=3))
    assert (cut.text, cut.finish, cut.prompt_tokens, cut.completion_tokens) == ("one two", Finish.LENGTH, 3, 3)
    whole = await engine.sample("b", "one two", Sampling(max_tokens=6))
    assert (whole.text, whole.finish, whole.completion_tokens) == ("one two three", Finish.STOP, 5)


async def test_an_engine_that_does_not_run_is_dead() -> None:
    engine = FakeEngine()
    with pytest.raises(EngineDeadError):
        await engine.sample("a", "x", GREEDY)
    await engine.start()
    await engine.close()
    await engine.close()
    with pytest.raises(EngineDeadError):
        await engine.probe()
