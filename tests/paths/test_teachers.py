"""Teachers' rationales: correct text is read as it stands. Skipped where the data is not there."""

import json
from pathlib import Path

import pytest

from service.paths.answer import matches
from service.paths.cot import parse_cot
from service.paths.pot import extract_program

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
STEP = 20  # every twentieth rationale: a second of work
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")


def rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.parametrize(("source", "most_harmed"), [("svamp", 0.003), ("gsm8k", 0.02)])
def test_stated_answers_are_read_and_survive_repair(source: str, most_harmed: float) -> None:
    """Harm is bounded by the share of texts with a false equation, 1.6 % of gsm8k's: `benchmarks/paths.py`."""
    gold = {row["id"]: row["answer"] for row in rows(f"{source}/train.jsonl")}
    paths = [(parse_cot(row["text"]), gold[row["id"]]) for row in rows(f"{source}/teacher_cot.jsonl")[::STEP]]
    stated = [(path, answer) for path, answer in paths if path.stated is not None and matches(path.stated, answer)]
    harmed = [path for path, answer in stated if path.answer is None or not matches(path.answer, answer)]
    assert len(stated) / len(paths) >= 0.998
    assert len(harmed) / len(paths) <= most_harmed


def test_teachers_programs_are_taken_whole() -> None:
    for row in rows("svamp/teacher_pot.jsonl"):
        assert extract_program(row["text"]) == row["text"].strip("\n")
        assert extract_program(f"```python\n{row['text']}\n```\nQuestion: another?") == row["text"].strip("\n")
