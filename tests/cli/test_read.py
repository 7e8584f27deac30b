"""The command `twinpath read`: rows of texts to rows of answers."""

import asyncio
import io
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from service.cli.main import main
from service.cli.read import EqualRow, Reader, ReadRow, Summary
from service.cli.rows import STANDARD_INPUT, file_rows, in_order, json_rows
from service.errors import ConfigurationError, InputError, SandboxError
from service.sandbox.base import Execution, Outcome
from service.sandbox.fake import FakeSandbox
from service.schemas import PathBudget, SolveRequest
from service.solve.problem_run import plan
from service.types import PathKind, PathOutcome, Policy
from tests.support.components import fake_components
from tests.support.engines import TurnEngine

CASES = [json.loads(line) for line in Path("tests/data/reading.jsonl").read_text(encoding="utf-8").splitlines()]
Read = Callable[[str], tuple[int, list[dict[str, Any]], str]]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Read:
    """Runs the command on a file in this process: exit code, rows, standard error."""

    def run(source: str) -> tuple[int, list[dict[str, Any]], str]:
        monkeypatch.setattr(sys, "argv", ["twinpath", "read", "--input", source])
        with pytest.raises(SystemExit) as exited:
            main()
        out, err = capfd.readouterr()
        return int(exited.value.code or 0), [json.loads(line) for line in out.splitlines()], err

    return run


@pytest.fixture(scope="module")
def readings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Results of all cases by id, from one run of the command."""
    out = tmp_path_factory.mktemp("read") / "out.jsonl"
    with pytest.MonkeyPatch.context() as patch, out.open("w") as file:
        patch.setattr(sys, "argv", ["twinpath", "read", "--input", "tests/data/reading.jsonl"])
        patch.setattr(sys, "stdout", file)
        with pytest.raises(SystemExit) as exited:
            main()
    assert not exited.value.code
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["id"] for row in rows] == [case["id"] for case in CASES]
    return {row["id"]: row for row in rows}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_cases(case: dict[str, Any], readings: dict[str, dict[str, Any]]) -> None:
    row = readings[case["id"]]
    if case["kind"] == "equal":
        assert row == {"id": case["id"], "equal": case["right"]}
        return
    assert list(row) == ["id", "answer", "stated", "repaired", "outcome", "detail"]
    assert row["answer"] == case["right"]
    assert (row["outcome"] == "voted") == (row["answer"] is not None) == (row["detail"] == "")


def test_the_rows_of_the_command(read: Read, tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_text(
        '{"id": 1, "kind": "cot", "text": "6 * 7 = 41. The answer is 41", "question": "ignored"}\n'
        '{"id": "two", "kind": "pot", "text": "ans = 10 / 3"}\n\n'
        '{"id": 3, "kind": "pot", "text": "ans = 1 / 0"}\n'
        '{"id": 4, "kind": "cot", "text": "The answer is 15", "complete": false}\n'
        '{"id": 5, "kind": "equal", "answers": ["3.33", "10/3", "$3.33"]}\n'
    )
    code, rows, err = read(str(source))
    assert (code, err) == (0, "")
    assert rows[3]["detail"]
    assert rows == [
        {"id": 1, "answer": "42", "stated": "41", "repaired": True, "outcome": "voted", "detail": ""},
        {"id": "two", "answer": "10/3", "stated": None, "repaired": False, "outcome": "voted", "detail": ""},
        {
            "id": 3, "answer": None, "stated": None, "repaired": False, "outcome": "error",
            "detail": "ZeroDivisionError: division by zero",
        },
        {"id": 4, "answer": None, "stated": None, "repaired": False, "outcome": "unparsed", "detail": rows[3]["detail"]},
        {"id": 5, "equal": True},
    ]  # fmt: skip


def test_the_example_of_the_documentation(read: Read, tmp_path: Path) -> None:
    text = Path("docs/reading.md").read_text(encoding="utf-8")
    rows, session = (text.split(fence)[1].split("```\n")[0] for fence in ("```json\n", "```console\n"))
    command, printed = session.split("\n", 1)
    assert command == "$ twinpath read --input outputs.jsonl"
    source = tmp_path / "outputs.jsonl"
    source.write_text(rows)
    assert read(str(source))[1] == [json.loads(line) for line in printed.splitlines()]


GOOD = '{"id": 1, "kind": "equal", "answers": ["1", "1.0"]}\n'


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not valid JSON (Expecting property name enclosed in double quotes at column 2)."),
        ("[1]", "a row must be a JSON object."),
        ('{"kind": "cot", "text": ""}', "`id` must be a string or an integer."),
        ('{"id": true, "kind": "cot", "text": ""}', "`id` must be a string or an integer."),
        ('{"id": 2, "kind": "prose", "text": ""}', "`kind` must be one of cot, pot, equal."),
        ('{"id": 2, "kind": ["cot"], "text": ""}', "`kind` must be one of cot, pot, equal."),
        ('{"id": 2, "kind": "cot"}', "`text` must be a string."),
        ('{"id": 2, "kind": "pot", "text": "", "complete": 1}', "`complete` must be true or false."),
        ('{"id": 2, "kind": "equal", "answers": ["1"]}', "`answers` must be a list of two or more strings."),
        ('{"id": 2, "kind": "equal", "answers": ["1", 1]}', "`answers` must be a list of two or more strings."),
    ],
)
def test_a_bad_row_is_one_error_after_the_rows_before_it(line: str, reason: str, read: Read, tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_text(f"{GOOD}\n{line}\n{GOOD}")
    code, rows, err = read(str(source))
    assert (code, rows) == (2, [{"id": 1, "equal": True}])
    assert err == f"twinpath: {source}, line 3: {reason}\n"


def test_files_of_windows_and_halves_of_emojis_are_read(read: Read, tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    texts = [("cot", "\\ud83d The answer is 5"), ("pot", "ans = '\\ud83d'"), ("pot", "print('\\ud83d')\\nans = 5")]
    rows = [f'{{"id": "\\ud83d", "kind": "{kind}", "text": "{text}"}}\r\n\r\n' for kind, text in texts]
    source.write_bytes(b"\xef\xbb\xbf" + "".join(rows).encode())
    code, found, err = read(str(source))
    assert (code, err, [row["id"] for row in found]) == (0, "", ["\ud83d"] * 3)
    assert [(row["answer"], row["outcome"]) for row in found] == [("5", "voted"), (None, "error"), (None, "error")]


def test_a_file_that_cannot_be_read(read: Read, tmp_path: Path) -> None:
    assert read(str(tmp_path)) == (2, [], f"twinpath: {tmp_path} cannot be read: Is a directory.\n")
    missing = tmp_path / "no.jsonl"
    assert read(str(missing)) == (2, [], f"twinpath: {missing} cannot be read: No such file or directory.\n")


def test_standard_input(read: Read, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_text(f"{GOOD}{{")
    with source.open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        code, rows, err = read("-")
    assert (code, rows) == (2, [{"id": 1, "equal": True}])
    assert err.startswith("twinpath: standard input, line 2: not valid JSON")


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_a_source_without_rows_is_refused(
    content: str, read: Read, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_text(content)
    assert read(str(source)) == (2, [], f"twinpath: {source} has no rows.\n")
    with pytest.raises(ConfigurationError, match=r" has no rows\.$"):
        list(file_rows(source))
    with source.open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert read("-") == (2, [], "twinpath: standard input has no rows.\n")


async def test_rows_of_a_pipe_are_read_as_they_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    read_end, write_end = os.pipe()
    with os.fdopen(read_end) as reading, os.fdopen(write_end, "w") as writing:
        monkeypatch.setattr(sys, "stdin", reading)
        rows = json_rows(STANDARD_INPUT)
        for text in ("1\n", '"' + "x" * 100_000 + '"\n'):
            asyncio.get_running_loop().run_in_executor(None, lambda text=text: print(text, file=writing, flush=True))  # type: ignore[misc]
            place, row = await anext(rows)
            assert row == json.loads(text)
        assert place == "standard input, line 3"
        print("2", end="", file=writing, flush=True)
        writing.close()
        assert [row async for row in rows] == [("standard input, line 5", 2)]


async def read_all(reader: Reader, *rows: dict[str, Any]) -> list[ReadRow | EqualRow]:
    async def numbered() -> AsyncIterator[tuple[str, object]]:
        for number, row in enumerate(rows, 1):
            yield f"line {number}", row

    return [row async for row in reader.read(numbered(), concurrency=4)]


COT_ROW = {"id": 1, "kind": "cot", "text": "The answer is 15"}
POT_ROW = {"id": 2, "kind": "pot", "text": "ans = 15"}


class CountingSandbox(FakeSandbox):
    """Fake sandbox that counts its starts and ends."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__({"ans = 15": Execution(Outcome.OK, 15, "", 0.1)})
        self.error, self.starts, self.ends = error, 0, 0

    async def start(self) -> None:
        self.starts += 1
        if self.error:
            raise self.error
        await super().start()

    async def close(self) -> None:
        self.ends += 1
        await super().close()


async def test_the_sandbox_starts_once_with_the_first_program() -> None:
    sandbox = CountingSandbox()
    async with Reader(sandbox) as reader:
        await read_all(reader, COT_ROW, {"id": 3, "kind": "equal", "answers": ["1", "2"]})
        assert sandbox.starts == 0
        await read_all(reader, POT_ROW, COT_ROW, POT_ROW)
        assert (sandbox.starts, sandbox.ends) == (1, 0)
    assert sandbox.ends == 1


async def test_a_sandbox_that_cannot_contain_programs_is_an_error() -> None:
    async with Reader(CountingSandbox(SandboxError("no kernel lock"))) as reader:
        with pytest.raises(SandboxError, match="no kernel lock"):
            await read_all(reader, COT_ROW, POT_ROW)


async def test_texts_are_read_as_the_solver_reads_them() -> None:
    texts = {
        PathKind.COT: ["6 + 9 = 16. The answer is 16", "Hm.", "The answer is 3.33"],
        PathKind.POT: ["ans = 15", "Hm.", "```python\nans = 15\n```"],
    }
    given = [texts[kind][index // 2] for index, kind in enumerate(plan(3, 3))]
    async with fake_components(TurnEngine(given), CountingSandbox()) as components:
        request = SolveRequest(problem="How many?", paths=PathBudget(cot=3, pot=3), policy=Policy.FIXED)
        solution = await components.solve(components.problem(request), "id")
    async with Reader(CountingSandbox()) as reader:
        rows = await read_all(
            reader,
            *({"id": index, "kind": kind.value, "text": given[index]} for index, kind in enumerate(plan(3, 3))),
        )
    assert [path.outcome for path in solution.paths].count(PathOutcome.VOTED) == 4
    assert rows == [
        {
            "id": path.index,
            "answer": path.answer.text if path.answer else None,
            "stated": path.stated.text if path.stated else None,
            "repaired": path.repaired,
            "outcome": path.outcome.value,
            "detail": path.detail,
        }
        for path in solution.paths
    ]


async def test_results_come_in_order_and_at_most_so_many_rows_are_in_progress() -> None:
    most = running = 0

    async def process(row: int) -> int:
        nonlocal most, running
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02 / row)
        running -= 1
        return row

    async def rows() -> AsyncIterator[int]:
        for row in range(1, 30):
            yield row
        raise InputError("line 30", "input")

    results: list[int] = []

    async def collect() -> None:
        async for row in in_order(rows(), process, 5):
            results.append(row)  # noqa: PERF401 - the error would lose a comprehension

    with pytest.raises(InputError, match="line 30"):
        await collect()
    assert results == list(range(1, 30))
    assert most == 5


def test_the_summary_counts_reasons() -> None:
    summary = Summary()
    assert str(summary) == "Rows: 0."
    summary.add(ReadRow(id=1, answer="5", stated="5", repaired=False, outcome="voted", detail=""))
    assert str(summary) == "Rows: 1. Texts: 1 voted, 0 abstained."
    for outcome, detail in [("unparsed", "no answer in the text"), ("error", "NameError: x"), ("error", "KeyError")]:
        summary.add(ReadRow(id=1, answer=None, stated=None, repaired=False, outcome=outcome, detail=detail))
    summary.add(EqualRow(id=2, equal=False))
    assert str(summary) == (
        "Rows: 5. Texts: 1 voted, 3 abstained (2 error, 1 no answer in the text). Comparisons: 0 equal, 1 not equal."
    )


def test_a_terminal_gets_the_summary(read: Read, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    source = tmp_path / "rows.jsonl"
    source.write_text(GOOD)
    code, rows, _ = read(str(source))
    assert (code, rows) == (0, [{"id": 1, "equal": True}])
    assert terminal.getvalue() == "Rows: 1. Comparisons: 1 equal, 0 not equal.\n"
