"""Teachers' rationales: repair leaves correct text unchanged."""

import pytest

from service.paths.cot import parse_cot
from service.paths.equality import matches
from service.paths.pot import extract_program
from tests.support.data import data_rows

# These texts state the gold answer after a false or garbled equation, and repair changes it.
CHANGED = {
    "svamp": {"svamp/chal-5", "svamp/chal-161", "svamp/chal-915"},
    "gsm8k": {"gsm8k/train-3715", "gsm8k/train-4963", "gsm8k/train-6229"},
}


@pytest.mark.parametrize("source", ["svamp", "gsm8k"])
def test_stated_answers_are_read_and_survive_repair(source: str) -> None:
    gold = {row["id"]: row["answer"] for row in data_rows(f"{source}_train")}
    paths = {row["id"]: parse_cot(row["text"]) for row in data_rows(f"{source}_teacher_cot")}
    assert len(paths) == 50
    unread = {id_ for id_, path in paths.items() if path.stated is None or not matches(path.stated, gold[id_])}
    assert unread == set()
    changed = {id_ for id_, path in paths.items() if path.answer is None or not matches(path.answer, gold[id_])}
    assert changed == CHANGED[source]


def test_teachers_programs_are_taken_whole() -> None:
    programs = [row["text"] for row in data_rows("svamp_teacher_pot")]
    assert len(programs) == 50
    for program in programs:
        assert extract_program(program) == program.strip("\n")
        assert extract_program(f"```python\n{program}\n```\nQuestion: another?") == program.strip("\n")
