"""Command `twinpath solve --input`: results, messages, and resume."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from service.cli.results_file import ResultsFile
from service.cli.row_digest import row_digest
from service.cli.row_run import RunOptions, open_rows, run_rows
from service.cli.solve_file import SOLVING
from service.errors import ConfigurationError, ServiceError
from service.schemas import PathBudget
from service.schemas.batch import BatchRow
from service.schemas.problem_details import ProblemDetails
from service.settings import EngineKind, Settings
from service.solve.problem import path_seed
from service.types import Policy
from tests.conftest import Serve
from tests.support.engines import computing_sandbox, cot, lines, playing, pot

Run = Callable[..., Any]


def problem(row_id: object, **fields: object) -> str:
    return json.dumps({"id": row_id, "question": f"{row_id} and 4 pens?", "answer": "1"} | fields)


def read(path: Path) -> list[dict[str, Any]]:
    return sorted((json.loads(line) for line in path.read_text().splitlines()), key=lambda row: row["line"])


def failed(row_id: str | int | None, line: int, status: int) -> str:
    document = ProblemDetails(title="t", status=status, detail="d", request_id=None, errors=[])
    return BatchRow(id=row_id, line=line, error=document).model_dump_json()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    from prometheus_client import CollectorRegistry

    from service import components
    from service.metrics import Metrics

    monkeypatch.setattr(components, "Metrics", lambda: Metrics(CollectorRegistry()))

    async def solve(*rows: str, **changes: Any) -> int:
        values = {"cot_paths": 2, "pot_paths": 0, "sandbox_workers": 1, "max_body_bytes": 1024}
        settings = Settings(engine=EngineKind.FAKE, **values | changes.pop("settings", {}))
        task = changes.pop("task", SOLVING)
        with open_rows(task, settings, lines(tmp_path / "in.jsonl", *rows), {}) as table:
            return await run_rows(task, table, tmp_path / "out", RunOptions(settings, **changes))

    return solve


async def test_every_line_has_a_result_and_bad_lines_are_told(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [problem("a"), "{bad", "", problem("b", seed=5), '{"id": "c"}', "x" * 5000, problem(7)]
    assert await run(*rows, seed=1) == 3
    done = read(tmp_path / "out")
    assert [(row["line"], row["id"], "error" in row) for row in done] == [
        (1, "a", False), (2, None, True), (4, "b", False), (5, "c", True), (6, None, True), (7, 7, False),
    ]  # fmt: skip
    assert [row["solution"]["seed"] for row in done if "solution" in row] == [path_seed(1, 1), 5, path_seed(1, 7)]
    told = capsys.readouterr().err
    assert all(f"line {number}:" in told for number in (2, 5, 6))
    assert "3 solved, 3 with an error." in told
    assert "Solving: 6 of 6 (100 %) after " in told


async def test_the_limit_that_cut_off_rows_is_named_once(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(problem("a", max_tokens=2), problem("b"), problem("c", max_tokens=3), concurrency=1) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "line 1: 2 of 2 paths reached the limit of 2 tokens; raise `max_tokens`." in said
    assert "the limit of 3 tokens" not in said
    assert "A token limit cut off most paths of 2 lines." in said


async def test_a_line_whose_id_was_there_before_is_told_and_not_solved(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [problem("a"), problem(1), problem("1"), problem("a"), problem(8)]
    rows += ['{"question": "Mine is 6?"}', problem("a"), '{"question": "Mine would be 8?"}']
    assert await run(*rows) == 3
    done = read(tmp_path / "out")
    assert [(row["line"], row["id"]) for row in done if "solution" in row] == [
        (1, "a"), (2, 1), (3, "1"), (5, 8), (6, 6),
    ]  # fmt: skip
    said = {4: "Line 1 has the id 'a'", 7: "Line 1 has the id 'a'", 8: "Line 5 has the id 8"}
    assert {row["line"]: row["error"]["detail"] for row in done if "error" in row} == {
        line: f"{what} already; this line is not solved." for line, what in said.items()
    }
    assert all(row["id"] is None and row["error"]["status"] == 422 for row in done if "error" in row)
    told = capsys.readouterr().err
    assert all(f"line {line}: {what}" in told for line, what in said.items())

    whole = (tmp_path / "out").read_bytes().splitlines(keepends=True)
    for kept in (0, 3, 6):
        (tmp_path / "out").write_bytes(b"".join(whole[:kept]) + whole[kept][:20])
        await run(*rows)
        again = read(tmp_path / "out")
        assert [(row["line"], row["id"], "error" in row) for row in again] == [
            (row["line"], row["id"], "error" in row) for row in done
        ]


async def test_a_row_that_cannot_be_written_is_an_error_and_the_rest_is_solved(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [problem("a"), '{"id": "\\ud83d", "question": "Why?"}', '{"id": "c", "question": "\\ud83d?"}', problem("d")]
    assert await run(*rows) == 2
    done = read(tmp_path / "out")
    assert [(row["line"], row["id"], "error" in row) for row in done] == [
        (1, "a", False), (2, None, True), (3, "c", True), (4, "d", False),
    ]  # fmt: skip
    assert "line 2: `id` must be valid Unicode, without lone surrogates." in capsys.readouterr().err
    assert await run(*rows) == 0  # the file is finished
    assert read(tmp_path / "out") == done


async def test_rows_of_a_data_frame_are_solved(run: Run, tmp_path: Path) -> None:
    rows = [
        '{"id": 7.0, "question": "1 and 2?", "problem": null, "seed": 5.0, "trace": NaN, "min_confidence": null}\r',
        '\ufeff{"id": null, "question": "1 and 2?", "seed": NaN, "note": {"a": [NaN, Infinity]}}',
        '{"id": NaN, "problem": NaN}',
    ]
    assert await run(*rows, seed=1) == 1
    first, second, third = read(tmp_path / "out")
    assert (first["id"], first["solution"]["seed"]) == (7, 5)
    assert (second["id"], second["solution"]["seed"]) == (2, path_seed(1, 2))
    assert (third["id"], third["error"]["errors"][0]["field"]) == (3, "problem")


async def test_flags_hold_for_rows_that_leave_them_out(run: Run, tmp_path: Path) -> None:
    rows = [problem("a"), problem("b", paths={"cot": 1, "pot": 0})]
    assert await run(*rows, overrides={"paths": PathBudget(cot=3, pot=0), "policy": Policy.FIXED}) == 0
    assert [row["solution"]["paths"]["planned"] for row in read(tmp_path / "out")] == [3, 1]


async def test_a_killed_run_is_gone_on_with(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [problem(n) for n in range(6)]
    assert await run(*rows) == 0
    whole = (tmp_path / "out").read_bytes().splitlines(keepends=True)
    (tmp_path / "out").write_bytes(b"".join(whole[:3]) + whole[3][:40])
    assert await run(*rows) == 0
    again = (tmp_path / "out").read_bytes().splitlines(keepends=True)
    assert again[:3] == whole[:3]
    assert [row["id"] for row in read(tmp_path / "out")] == list(range(6))
    assert "3 solved, 0 with an error, 3 from earlier runs." in capsys.readouterr().err
    assert await run(*rows) == 0
    assert (tmp_path / "out").read_bytes() == b"".join(again)


async def test_lines_added_to_the_input_are_solved(run: Run, tmp_path: Path) -> None:
    await run(problem("a"))
    await run(problem("a"), problem("b"))
    assert [row["id"] for row in read(tmp_path / "out")] == ["a", "b"]


async def test_failures_of_ours_are_tried_again_and_bad_lines_are_not(run: Run, tmp_path: Path) -> None:
    rows = problem("a"), problem("b"), problem("c")
    await run(*rows)
    kept = failed("b", 2, 422)
    lines(tmp_path / "out", failed("a", 1, 503), kept, failed("c", 3, 500))
    assert await run(*rows) == 0
    done = (tmp_path / "out").read_text().splitlines()
    assert done[0] == kept
    assert sorted((row["id"], "error" in row) for row in map(json.loads, done)) == [
        ("a", False),
        ("b", True),
        ("c", False),
    ]
    assert list(tmp_path.glob(".out*")) == []


async def test_where_a_result_cannot_be_written_open_rows_end_before_the_engine(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, left_at_close = [], []

    @asynccontextmanager
    async def endless(*_: object) -> AsyncIterator[Callable[..., Any]]:
        ended = []

        async def solve(_: object) -> None:
            opened.append(1)
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(1)

        try:
            yield solve
        finally:
            left_at_close.append(len(opened) - len(ended))

    def full(*_: object) -> NoReturn:
        raise ConfigurationError("no room")

    monkeypatch.setattr(ResultsFile, "write", full)
    with pytest.raises(ConfigurationError, match="no room"):
        await run(problem("a"), problem("b"), "{bad", task=replace(SOLVING, backend=endless))
    assert (len(opened), left_at_close) == (2, [0])


async def test_the_output_of_another_input_is_refused(run: Run, tmp_path: Path) -> None:
    await run(problem("a"), problem("b"))
    with pytest.raises(
        ConfigurationError, match=r"line 2, an option or the model has changed\. Choose another output file\.$"
    ):
        await run(problem("a"), problem("x"))


async def test_a_row_inserted_before_a_result_is_refused_before_any_work(run: Run, tmp_path: Path) -> None:
    plain = '{"question": "4 pens?"}'
    await run(plain)
    before = (tmp_path / "out").read_bytes()
    with pytest.raises(ConfigurationError) as error:
        await run(
            '{"question": "5 pens?"}', plain, task=replace(SOLVING, backend=lambda *_: pytest.fail("work starts"))
        )
    assert str(error.value) == (
        f"{tmp_path}/out holds results of another input: line 1, an option or the model has changed. Choose another "
        "output file."
    )
    assert (tmp_path / "out").read_bytes() == before


async def test_a_shorter_input_is_refused(run: Run, tmp_path: Path) -> None:
    await run(problem("a"), problem("b"))
    with pytest.raises(ConfigurationError, match=r"another input: it has no line 2\. Choose another output file\.$"):
        await run(problem("a"))


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 2},
        {"overrides": {"paths": PathBudget(cot=1, pot=0)}},
        {"url": "http://127.0.0.1:9"},
        {"settings": {"temperature": 0.0}},
        {"settings": {"max_tokens": 1}},
        {"settings": {"cot_paths": 3}},
    ],
)
async def test_results_of_other_options_are_refused(changes: dict[str, Any], run: Run) -> None:
    await run(problem("a"), seed=1)
    with pytest.raises(ConfigurationError, match="line 1, an option or the model has changed"):
        await run(problem("a"), **{"seed": 1} | changes)


async def test_an_output_without_its_journal_is_refused(run: Run, tmp_path: Path) -> None:
    await run(problem("a"))
    (tmp_path / "out.journal.jsonl").unlink()
    with pytest.raises(ConfigurationError, match=r"its journal .*/out\.journal\.jsonl does not\. Choose another"):
        await run(problem("a"))


def test_a_line_end_after_the_last_row_changes_no_digest() -> None:
    digest = row_digest({"seed": 1})
    assert digest(b"{}\n") == digest(b"{}\r\n") == digest(b"{}")
    assert len({digest(b"{}"), digest(b"[]"), row_digest({"seed": 2})(b"{}")}) == 3


@pytest.mark.parametrize("row", ['{"id": [1], "line": 1}', '{"id": 1, "line": 1, "error": "boom"}', "[]", "1"])
async def test_a_row_of_another_form_is_refused(row: str, run: Run, tmp_path: Path) -> None:
    lines(tmp_path / "out", row)
    with pytest.raises(ConfigurationError, match="line 1: not a result of a batch"):
        await run(problem("a"))


async def test_a_complete_output_needs_no_second_file(run: Run, tmp_path: Path) -> None:
    await run(problem("a"))
    (tmp_path / ".out.new").mkdir()  # a temporary file could not be written here
    await run(problem("a"), problem("b"))
    assert [row["id"] for row in read(tmp_path / "out")] == ["a", "b"]


async def test_a_file_that_holds_no_results_is_left_alone(run: Run, tmp_path: Path) -> None:
    lines(tmp_path / "out", '{"id": "a", "question": "precious"}')
    with pytest.raises(ConfigurationError, match="line 1: not a result of a batch"):
        await run(problem("a"))
    assert (tmp_path / "out").read_text() == '{"id": "a", "question": "precious"}\n'


async def test_two_runs_do_not_write_one_file(run: Run, tmp_path: Path) -> None:
    with (
        ResultsFile(tmp_path / "out", BatchRow, str),
        pytest.raises(ConfigurationError, match="is in use by another process"),
    ):
        await run(problem("a"))


async def test_a_running_service_solves_the_file(run: Run, live: Serve, tmp_path: Path) -> None:
    server = await live(playing([cot(21)], [pot(21)]), computing_sandbox(), settings=Settings(max_problem_chars=30))
    rows = [problem("a"), problem("b", question="long " * 30)]
    assert await run(*rows, url=str(server.base_url)) == 1
    first, second = read(tmp_path / "out")
    assert first["solution"]["answer"] == "21"
    assert (second["error"]["status"], second["error"]["errors"][0]["field"]) == (422, "problem")


async def test_a_service_that_is_gone_ends_the_run(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.client.protocol.Retries.wait_s", lambda *_: None)
    with pytest.raises(ServiceError, match="does not answer"):
        await run(problem("a"), url="http://127.0.0.1:9")
    assert (tmp_path / "out").read_bytes() == b""
