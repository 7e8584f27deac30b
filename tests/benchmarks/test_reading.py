"""Recorded paths are read again, and compared with other code."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks import reading, record, recorded
from benchmarks.recorded import Playback, Reading, Readings, Text, Timing
from service.components import sandbox_pool
from service.evaluation.problems import LabeledProblem
from service.settings import Settings
from service.types import PathKind
from tests.support.components import fake_components
from tests.support.markdown import rows

COT, POT = PathKind.COT, PathKind.POT


def write(path: Path, *found: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in found), encoding="utf-8")
    return path


def path_row(id_: str, kind: str, index: int, text: str, *, complete: bool = True) -> dict[str, Any]:
    return {"id": id_, "kind": kind, "index": index, "text": text, "complete": complete, "gold": "7"}


def test_paths_are_read_in_the_fixed_order_whatever_the_order_of_the_rows(tmp_path: Path) -> None:
    found = recorded.load(
        write(
            tmp_path / "paths.jsonl",
            path_row("a", "pot", 5, "third"),
            path_row("b", "cot", 0, "other", complete=False),
            path_row("a", "cot", 2, "second"),
            path_row("a", "pot", 1, "first"),
            path_row("a", "cot", 0, "first"),
            path_row("a", "pot", 3, "second"),
        )
    )
    first, other = found
    assert [(text.kind, text.text) for text in first] == [
        (COT, "first"),
        (POT, "first"),
        (COT, "second"),
        (POT, "second"),
        (POT, "third"),
    ]
    assert other == [Text(COT, "other", False, "7")]


def test_only_right_outputs_are_read_and_as_both_kinds(tmp_path: Path) -> None:
    outputs = [{"id": "a", "text": f"{right}", "last_output": "3", "right": right} for right in (True, False, None)]
    found = recorded.load(write(tmp_path / "outputs.jsonl", *outputs))
    assert found == [[Text(COT, "True", True, "3")], [Text(POT, "True", True, "3")]]


async def test_the_solver_reads_recorded_paths_and_votes() -> None:
    engine = Playback()
    problem = [
        Text(COT, "The answer is 7.", True, "7"),
        Text(POT, "ans = 3 + 5", True, "7"),
        Text(COT, "3 + 4 = 7", False, "7"),  # cut off, so the equation is not an answer
        Text(POT, "ans = 9 - 1", True, "7"),
    ]
    async with fake_components(engine, sandbox_pool(Settings())) as components:
        found = await recorded.read(components, engine, [problem, problem[:1]])
    first, second, third, fourth, alone = found.paths
    assert (first, alone) == (Reading("cot", "7", True, "voted"), Reading("cot", "7", True, "voted"))
    assert (second, fourth) == (Reading("pot", "8", False, "voted"), Reading("pot", "8", False, "voted"))
    assert (third.answer, third.right) == (None, False)
    assert third.detail.startswith("unparsed: ")
    assert found.votes == [Reading("cot", "7", True), Reading("pot", "8", False), Reading("both", "8", False)]


async def test_the_time_of_a_hard_text_is_measured_for_each_kind_and_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "PATTERNS", ("1+", "ans = 1\n"))
    engine = Playback()
    async with fake_components(engine, sandbox_pool(Settings())) as components:
        found = await recorded.time_hard_texts(components, engine)
    lengths = [(kind, chars, pattern) for kind in ("cot", "pot") for chars in recorded.LENGTHS
               for pattern in ("1+", "ans = 1\n")]  # fmt: skip
    assert [(timing.name, timing.chars, timing.pattern) for timing in found] == lengths
    assert all(timing.cpu_ms > 0 for timing in found)


def test_the_code_of_a_checkout_reads_with_the_given_settings_only(tmp_path: Path) -> None:
    (tmp_path / "service").mkdir()
    code = """import os
names = [name for name in os.environ if name.startswith("TWINPATH_")]
raise SystemExit(42 if names == ["TWINPATH_SANDBOX_LIBRARIES"] else 43)
"""
    (tmp_path / "service/__init__.py").write_text(code)
    assert "TWINPATH_CACHE_DIR" in os.environ
    with pytest.raises(subprocess.CalledProcessError) as error:
        reading.measure(tmp_path, tmp_path, TWINPATH_SANDBOX_LIBRARIES="true")
    assert error.value.returncode == 42


BEFORE = Readings(
    [Reading("cot", "7", True), Reading("cot", None, False), Reading("pot", "7", True), Reading("cot", "8", False)],
    [Reading("cot", "7", True), Reading("pot", "7", True), Reading("both", "8", False)],
)
NOW = Readings(
    [Reading("cot", None, False), Reading("cot", "7", True), Reading("pot", "7", True), Reading("cot", "7", True)],
    [Reading("cot", "7", True), Reading("pot", None, False), Reading("both", "7", True)],
)


def facts(before: Readings, now: Readings, *, compared: bool) -> dict[str, Any]:
    slow, fast = Timing("cot", 20_000, "(", 9.0), Timing("cot", 20_000, "1+", 1.0)
    return {
        "compared": compared,
        "files": {"qwen": reading.figures(before, now)},
        "times": reading.times([slow, fast], [fast, slow]),
    }


def test_both_checkouts_are_compared_path_by_path() -> None:
    cot, pot, votes, times = rows(reading.table(facts(BEFORE, NOW, compared=True)))
    assert list(cot.values()) == ["qwen", "cot", "3", "66.7% → 66.7%", "33.3% → 66.7%", "33.3% → 0.0%", "2", "1"]
    assert list(pot.values()) == ["qwen", "pot", "1", "100.0% → 100.0%", "100.0% → 100.0%", "0.0% → 0.0%", "0", "0"]
    assert list(votes.values()) == ["qwen", "1", "100.0% → 100.0%", "100.0% → 0.0%", "0.0% → 100.0%"]
    assert list(times.values())[:4] == ["20,000", "cot", "5.0 → 5.0", "9.0 → 9.0"]


def test_without_another_checkout_there_is_one_figure() -> None:
    cot, _, votes, _ = rows(reading.table(facts(NOW, NOW, compared=False)))
    assert list(cot.values()) == ["qwen", "cot", "3", "66.7%", "66.7%", "0.0%", "0", "0"]
    assert list(votes.values()) == ["qwen", "1", "100.0%", "0.0%", "100.0%"]


@pytest.mark.parametrize(("which", "numbers"), [("won", [1, 3]), ("lost", [0]), ("none", [0]), ("wrong", [])])
def test_texts_of_a_change_are_printed(which: str, numbers: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    texts = [Text(PathKind(path.name), f"text {number}", True, "7") for number, path in enumerate(NOW.paths)]
    reading.show(which, "qwen", texts, BEFORE, NOW)
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in printed if line.startswith("text")] == [f"text {number}" for number in numbers]


async def test_a_second_recording_samples_only_the_missing_paths(tmp_path: Path) -> None:
    components, out = fake_components(), tmp_path / "paths.jsonl"
    questions = [LabeledProblem(f"p{number}", f"Ann has {number} pens and buys 3.", "7") for number in (1, 2)]
    paths = list(record.planned(components, questions, 2, 7))
    assert [(path.question.id, path.place, path.kind) for path in paths[:5]] == [
        ("p1", 0, COT),
        ("p1", 1, POT),
        ("p1", 2, COT),
        ("p1", 3, POT),
        ("p2", 0, COT),
    ]
    with out.open("w", encoding="utf-8") as file:
        await record.sample(components, paths[:5], file, 2)
    assert record.recorded(out) == {("p1", 0), ("p1", 1), ("p1", 2), ("p1", 3), ("p2", 0)}
    first, second = recorded.load(out)
    assert [text.kind for text in first] == [COT, POT, COT, POT]
    assert (second[0].kind, second[0].complete, second[0].gold) == (COT, True, "7")


def test_a_missing_file_has_no_recorded_path(tmp_path: Path) -> None:
    assert record.recorded(tmp_path / "none.jsonl") == set()
