"""Command `twinpath evaluate`: its lines, its files, and its resume."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from service import components
from service.cli.evaluate import Outputs, evaluate_and_show
from service.errors import ConfigurationError
from service.metrics import Metrics
from service.settings import EngineKind, Settings
from tests.support.engines import cot, lines, pot

CAPTION = "2 problems, each solved twice: first by the vote, then by one greedy explanation and one greedy program."
COLUMNS = {"problem": None, "answer": None, "id": None}
ROWS = [
    {"id": "a", "question": "Ann had 9 pens and lost 4. How many are left?", "answer": "5"},
    {"id": "b", "question": "A box holds 6 cans. How many cans do 7 boxes hold?", "answer": "13"},
]
SCRIPT = [
    json.dumps({"problem": problem, "kind": kind, "text": write(answer)})
    for problem, answer in (("pens", 5), ("cans", 42))
    for kind, write in (("cot", cot), ("pot", pot))
]
WALL_CLOCK = {"seconds", "problems_per_s"}


@pytest.fixture(autouse=True)
def _own_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "Metrics", lambda: Metrics(CollectorRegistry()))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return lines(tmp_path / "data.jsonl", *map(json.dumps, ROWS))


def evaluated(
    data: Path, output: Path | None = None, report: Path | None = None, *, source: Path | None = None, **changes: Any
) -> None:
    chosen = {"columns": COLUMNS, "limit": None, "url": None, "concurrency": 1, "seed": 0} | changes
    script = lines(data.parent / "script.jsonl", *SCRIPT)
    settings = Settings(engine=EngineKind.FAKE, fake_script=script, cot_paths=2, pot_paths=2, sandbox_workers=1)
    evaluate_and_show(settings, source or data, outputs=Outputs(output, report), **chosen)


def figures(path: Path) -> dict[str, Any]:
    """Figures of a report that do not depend on the wall clock."""
    found = json.loads(path.read_text())
    rows = [{name: value for name, value in row.items() if name not in WALL_CLOCK} for row in found["rows"]]
    return {name: value for name, value in found.items() if name not in WALL_CLOCK} | {"rows": rows}


def test_progress_is_lines_without_a_terminal(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out.json"
    evaluated(data, output)
    told = capsys.readouterr().err.splitlines()
    assert (
        told[0] == f"{CAPTION} Journal: {tmp_path / 'out.journal.jsonl'}. A killed run resumes with the same options."
    )
    assert told[1] == "Vote: 2 rows."
    assert told[-1].startswith("Greedy: 2 of 2 (100 %) after ")
    evaluated(data, output)
    assert f"{CAPTION} Resuming: {tmp_path / 'out.journal.jsonl'} holds 2 votes and 2 greedy runs." in (
        capsys.readouterr().err
    )


def test_a_run_without_files_says_that_it_has_no_journal(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluated(data)
    told = capsys.readouterr()
    assert told.err.splitlines()[0] == (
        f"{CAPTION} Without --json or --report there is no journal: a killed run starts again."
    )
    assert sorted(tmp_path.iterdir()) == [data, tmp_path / "script.jsonl"]
    shown = " ".join(told.out.split())
    assert "when it says unsure: right 1 of 2 if you only take confidence ≥ 0.9: 2 of 2 answered, 50 % right" in shown
    assert "wrong b right 13, given 42 (0.94)" in shown


def test_a_report_is_one_page_with_its_journal(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "deep" / "report"
    evaluated(data, report=report)
    assert {path.name for path in report.iterdir()} == {"index.html", "journal.jsonl"}
    page = (report / "index.html").read_text()
    assert "1 problem without the right answer" in page
    assert str(report / "index.html") in capsys.readouterr().out.replace("\n", "").replace("  ", "")


def test_the_figures_are_replaced_only_at_the_end(data: Path, tmp_path: Path) -> None:
    output = lines(tmp_path / "out.json", "the old figures")
    with pytest.raises(ConfigurationError):
        evaluated(data, output, url="localhost:8000")
    assert output.read_text() == "the old figures\n"
    (tmp_path / "out.journal.jsonl").unlink()
    evaluated(data, output)
    assert figures(output)["wrong"] == ["b"]
    assert {path.name for path in tmp_path.iterdir()} == {
        "data.jsonl", "script.jsonl", "out.json", "out.journal.jsonl"
    }  # fmt: skip


def test_every_prefix_of_a_journal_gives_the_same_report(data: Path, tmp_path: Path) -> None:
    output, journal = tmp_path / "out.json", tmp_path / "out.journal.jsonl"
    evaluated(data, output)
    whole, written = figures(output), journal.read_bytes()
    output.unlink()
    for length in (len(written) // 3, len(written) // 2, len(written) - 1):
        journal.write_bytes(written[:length])
        evaluated(data, output)
        assert figures(output) == whole
        requests = [json.loads(line)["request"] for line in journal.read_bytes().splitlines()[1:]]
        assert len({json.dumps(request) for request in requests}) == len(requests) == 4


def test_the_formats_of_the_data_give_the_same_figures(data: Path, tmp_path: Path) -> None:
    rows = [f'{row["answer"]},"{row["question"]}",{row["id"]}' for row in ROWS]
    table = lines(tmp_path / "class.csv", "Lösung,Question,Nr", *rows)
    evaluated(data, tmp_path / "1.json")
    evaluated(table, tmp_path / "2.json", columns=COLUMNS | {"answer": "Lösung"})
    assert figures(tmp_path / "1.json") == figures(tmp_path / "2.json")
    without_ids = lines(
        tmp_path / "no ids.csv", "question,answer", *(row.rpartition(",")[0].partition(",")[2] + ",5" for row in rows)
    )
    evaluated(without_ids, tmp_path / "3.json")
    assert [row["id"] for row in figures(tmp_path / "3.json")["rows"]] == ["2", "3"]


@pytest.mark.parametrize(
    ("output", "report", "reason"),
    [
        ("no/out.json", None, "--json {0}/no/out.json cannot be written: No such file or directory."),
        (".", None, "--json {0} cannot be written: it is a directory."),
        (None, "data.jsonl", "--report {0}/data.jsonl cannot be made: File exists."),
        (None, "data.jsonl/x", "--report {0}/data.jsonl/x cannot be made: Not a directory."),
    ],
)
def test_files_that_cannot_be_written(
    output: str | None, report: str | None, reason: str, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        evaluated(data, tmp_path / output if output else None, tmp_path / report if report else None)
    assert str(raised.value) == reason.format(tmp_path)
    assert sorted(tmp_path.iterdir()) == [data, tmp_path / "script.jsonl"]


def test_a_pipe_is_read_once(data: Path, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, data.read_bytes())
    os.close(writing)
    try:
        evaluated(data, tmp_path / "file.json")
        evaluated(data, tmp_path / "pipe.json", source=Path(f"/dev/fd/{reading}"))
    finally:
        os.close(reading)
    assert figures(tmp_path / "pipe.json") == figures(tmp_path / "file.json")


def test_figures_to_a_device_have_no_journal_beside_it(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluated(data, Path("/dev/null"))
    assert "there is no journal" in capsys.readouterr().err


def test_another_script_is_another_run(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "out.json"
    evaluated(data, output)
    monkeypatch.setattr("tests.cli.test_evaluate.SCRIPT", SCRIPT[:3])
    with pytest.raises(ConfigurationError, match="belongs to another run: script was"):
        evaluated(data, output)
