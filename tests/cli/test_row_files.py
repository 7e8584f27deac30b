"""Commands `twinpath solve` and `twinpath grade` over files: formats, resume, and reports."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from service import components
from service.cli.grade_file import GRADING
from service.cli.output_stream import STANDARD_OUTPUT
from service.cli.row_run import RunOptions, open_rows, run_rows
from service.cli.solve_file import SOLVING
from service.engine.fake import FakeEngine
from service.errors import ConfigurationError, EngineDeadError
from service.metrics import Metrics
from service.sandbox.fake import FakeSandbox
from service.schemas import PathBudget
from service.schemas.words import DEMO, DEMO_MODEL
from service.settings import EngineKind, Settings
from service.solve.problem import path_seed
from service.solve.solver import Solver
from service.types import Policy
from tests.conftest import Serve
from tests.support.engines import computing_sandbox, cot, lines, ok, playing, pot

Run = Callable[..., Awaitable[int]]

CLASS = """Nr,Question,Class
1,A pen costs 3 dollars. How much do 7 pens cost?,4b

2,"Ann had 12 apples
and gave 5 away; how many are left?",4b
3,,4c
"""
SCRIPT = [
    json.dumps({"problem": "pen", "kind": "cot", "text": "3 * 7 = 21. The answer is 21"}),
    json.dumps({"problem": "pen", "kind": "pot", "text": "ans = -21"}),
    json.dumps({"problem": "apples", "kind": "cot", "text": "=1+1 is ours. The answer is 7"}),
    json.dumps({"problem": "apples", "kind": "pot", "text": "ans = 12 - 5"}),
]


@pytest.fixture
def scripted(tmp_path: Path) -> Settings:
    script = lines(tmp_path / "script.jsonl", *SCRIPT)
    return Settings(engine=EngineKind.FAKE, fake_script=script, cot_paths=1, pot_paths=1, sandbox_workers=1)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Texts of the problems that the solver has solved."""
    monkeypatch.setattr(components, "Metrics", lambda: Metrics(CollectorRegistry()))
    programs = {"ans = -21": ok(-21), "ans = 12 - 5": ok(7)}
    monkeypatch.setattr(components, "sandbox_pool", lambda *_, **__: FakeSandbox(programs))
    texts: list[str] = []
    solve = Solver.solve

    async def recorded(self: Solver, problem: Any, *rest: Any, **named: Any) -> Any:
        texts.append(problem.text)
        return await solve(self, problem, *rest, **named)

    monkeypatch.setattr(Solver, "solve", recorded)
    return texts


@pytest.fixture
def run(tmp_path: Path, scripted: Settings, asked: list[str]) -> Run:
    async def run(
        source: str | Path, output: str | Path | None, *, task: Any = SOLVING, columns: Any = None, **changes: Any
    ) -> int:
        settings = changes.pop("settings", scripted)
        with open_rows(task, settings, tmp_path / source, columns or {}) as table:
            path = tmp_path / output if isinstance(output, str) else output
            return await run_rows(task, table, path, RunOptions(settings, **changes))

    return run


def table(path: Path, delimiter: str = ",") -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter=delimiter, strict=True))


SOLVED = [
    "answer",
    "verdict",
    "confidence",
    "calibrated",
    "explanation",
    "program",
    "votes",
    "status",
    "model",
    "error",
]
PENS = ["21", "torn", "0.5", "false", "3 * 7 = 21. The answer is 21", "", "21: 1, -21: 1", "answered", DEMO_MODEL, ""]
APPLES = [
    "7",
    "unsure",
    "0.875",
    "false",
    "'=1+1 is ours. The answer is 7",
    "ans = 12 - 5",
    "7: 2",
    "answered",
    DEMO_MODEL,
    "",
]


async def test_a_csv_file_comes_back_with_the_results_beside_each_row(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.csv").write_text(CLASS, encoding="utf-8")
    assert await run("in.csv", "out.csv") == 1
    rows = table(tmp_path / "out.csv")
    assert rows[0] == ["Nr", "Question", "Class", *SOLVED]
    assert [row[:3] for row in rows[1:]] == [
        ["1", "A pen costs 3 dollars. How much do 7 pens cost?", "4b"],
        ["", "", ""],
        ["2", "Ann had 12 apples\nand gave 5 away; how many are left?", "4b"],
        ["3", "", "4c"],
    ]
    assert [row[3:12] for row in rows[1:]] == [PENS[:-1], [""] * 9, APPLES[:-1], [""] * 9]
    error = rows[4][12]
    assert error == "`problem` must be a text that is not empty."
    assert [row[12] for row in rows[1:4]] == ["", "", ""]
    told = re.sub(r"after .* s\.$", "after 1 s.", capsys.readouterr().err, flags=re.MULTILINE).splitlines()
    assert told.count(DEMO) == 1
    assert [line for line in told if line != DEMO] == [
        "Columns: problem = Question, id = Nr",
        f"Journal: {tmp_path}/out.csv.journal.jsonl. With it, the same command resumes an interrupted run.",
        "Solving: 3 rows.",
        f"row 5: {error}",
        "Solving: 3 of 3 (100 %) after 1 s.",
        "2 solved, 1 with an error.",
        "Verdicts: 1 unsure, 1 torn, 1 with an error.",
        f"Results: {tmp_path}/out.csv",
        "Next: correct row 5 and run the same command again; check the results with the verdict unsure or torn.",
    ]


async def test_a_second_run_solves_only_the_rows_that_have_changed(
    run: Run, tmp_path: Path, asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.csv").write_text(CLASS, encoding="utf-8")
    await run("in.csv", "out.csv")
    whole = (tmp_path / "out.csv").read_bytes()
    (tmp_path / "out.csv").unlink()
    asked.clear()
    assert await run("in.csv", "out.csv") == 0
    assert ((tmp_path / "out.csv").read_bytes(), asked) == (whole, [])
    (tmp_path / "in.csv").write_text(CLASS.replace("3,,4c", "3,And 2 pens?,4d"), encoding="utf-8")
    capsys.readouterr()
    assert await run("in.csv", "out.csv") == 0
    assert asked == ["And 2 pens?"]
    rows = table(tmp_path / "out.csv")
    assert [row[2:4] for row in rows[1:]] == [["4b", "21"], ["", ""], ["4b", "7"], ["4d", "21"]]
    told = capsys.readouterr().err
    assert "1 solved, 0 with an error, 2 from earlier runs.\nIn all: 1 unsure, 2 torn.\n" in told


@pytest.mark.parametrize(
    "changes",
    [
        {"overrides": {"policy": Policy.LOSSLESS}},
        {"overrides": {"paths": PathBudget(cot=1, pot=0)}},
        {"seed": 5},
        {"temperature": 0.0},
        {"max_tokens": 5},
        {"deadline_s": 7.0},
        {"cot_paths": 2},
    ],
)
async def test_results_of_other_options_do_not_count(
    changes: dict[str, Any], run: Run, scripted: Settings, tmp_path: Path, asked: list[str]
) -> None:
    lines(tmp_path / "in.csv", "question", "And 2 pens?")
    for _ in range(2):
        await run("in.csv", "out.csv")
    if changes.keys() <= Settings.model_fields.keys():
        changes = {"settings": scripted.model_copy(update=changes)}
    await run("in.csv", "out.csv", **changes)
    assert asked == ["And 2 pens?"] * 2


async def test_results_of_another_script_or_service_do_not_count(
    run: Run, live: Serve, scripted: Settings, tmp_path: Path, asked: list[str]
) -> None:
    lines(tmp_path / "in.csv", "question", "And 2 pens?")
    await run("in.csv", "out.csv")
    assert scripted.fake_script
    lines(scripted.fake_script, *SCRIPT[:3])
    await run("in.csv", "out.csv")
    assert len(asked) == 2
    for count in (3, 4):
        server = await live(playing([cot(21)], [pot(21)]), computing_sandbox())
        await run("in.csv", "out.csv", url=str(server.base_url))
        assert len(asked) == count


async def test_a_run_that_stops_early_writes_what_it_has(
    run: Run, tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines(tmp_path / "in.csv", "question;id", "1 pen?;a", "2 pens?;b", "3 pens?;c")
    solve = Solver.solve

    async def dead(self: Solver, problem: Any, *rest: Any, **named: Any) -> Any:
        if problem.text == "2 pens?":
            raise EngineDeadError("The engine died.")
        return await solve(self, problem, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Solver, "solve", dead)
        with pytest.raises(EngineDeadError):
            await run("in.csv", "out.csv", concurrency=1)
    rows = table(tmp_path / "out.csv", ";")
    waiting = [*[""] * 9, "No result yet. Run the same command again."]
    assert [row[2:] for row in rows[1:]] == [PENS, waiting, waiting]
    told = capsys.readouterr().err
    assert "Stopped early: 2 of 3 rows have no result.\n" in told
    assert "Next: run the same command again to resume; check the results with the verdict torn.\n" in told
    assert await run("in.csv", "out.csv") == 0
    assert [row[2:] for row in table(tmp_path / "out.csv", ";")[1:]] == [PENS] * 3
    assert asked == ["1 pen?", "2 pens?", "3 pens?"]


@pytest.mark.slow
def test_a_killed_run_asks_no_problem_twice_and_ends_as_if_it_had_not_been_killed(tmp_path: Path) -> None:
    count = 200
    source = lines(tmp_path / "in.csv", "question,id", *(f"{n} pens at {n + 3} dollars?,q{n}" for n in range(count)))

    def command(output: str) -> list[str]:
        start = [sys.executable, "-m", "service.cli.main", "solve", "--engine", "fake", "--cot", "2", "--pot", "0"]
        return [*start, "--concurrency", "1", "--seed", "1", "--input", str(source), "--output", str(tmp_path / output)]

    journal = tmp_path / "out.csv.journal.jsonl"
    killed = subprocess.Popen(command("out.csv"), stderr=subprocess.DEVNULL)
    while not journal.exists() or journal.read_bytes().count(b"\n") < 20:
        assert killed.poll() is None
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    before = journal.read_bytes().count(b"\n")
    assert 20 <= before < count
    assert not (tmp_path / "out.csv").exists()
    again = subprocess.run(command("out.csv"), capture_output=True, text=True, timeout=120)
    assert again.returncode == 0
    assert f"{count - before} solved, 0 with an error, {before} from earlier runs." in again.stderr
    assert sorted(row["line"] for row in map(json.loads, journal.read_text().splitlines())) == list(range(2, count + 2))
    assert subprocess.run(command("whole.csv"), stderr=subprocess.DEVNULL, timeout=120).returncode == 0
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert [row[1] for row in table(tmp_path / "out.csv")[1:]] == [f"q{n}" for n in range(count)]


async def test_scripted_answers_and_hostile_names_are_shown_as_such(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(FakeEngine, "model", DEMO_MODEL)
    lines(tmp_path / "in.csv", "question,\x1b[31mred,trace", "2 pens?,x,", "3 pens?,x,")
    await run("in.csv", "out.csv", columns={"id": "\x1b[31mred"})
    told = capsys.readouterr().err
    assert told.count(f"{DEMO}\n") == 1
    assert "id = \ufffd[31mred" in told
    assert "\x1b" not in told


async def test_an_output_that_is_not_ours_is_left_alone(run: Run, tmp_path: Path) -> None:
    lines(tmp_path / "in.csv", "question", "2 pens?")
    (tmp_path / "out.csv").write_text("precious")
    with pytest.raises(ConfigurationError) as error:
        await run("in.csv", "out.csv")
    assert str(error.value) == (
        f"{tmp_path}/out.csv exists, and its journal {tmp_path}/out.csv.journal.jsonl does not. Choose another output "
        "file, or delete it."
    )
    assert [path.name for path in tmp_path.glob("out*")] == ["out.csv"]
    assert (tmp_path / "out.csv").read_text() == "precious"


async def test_names_of_the_input_are_kept_and_ours_get_a_prefix(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines(tmp_path / "in.csv", "question,answer,Verdict,twinpath_verdict,,", "2 pens?,6,x,y,z,")
    await run("in.csv", "out.csv")
    header, row = table(tmp_path / "out.csv")
    assert header[:8] == [
        "question",
        "answer",
        "Verdict",
        "twinpath_verdict",
        "",
        "",
        "twinpath_answer",
        "twinpath_twinpath_verdict",
    ]
    assert row[:8] == ["2 pens?", "6", "x", "y", "z", "", "21", "torn"]
    assert (
        "New columns with another name: twinpath_answer (the input has answer), twinpath_twinpath_verdict (the input has "
        "verdict).\n"
    ) in capsys.readouterr().err


async def test_a_result_has_the_form_of_its_input(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes("\ufefffrage;question\r\nä;2 pens?\r\n".encode())
    await run("in.csv", "out.csv")
    content = (tmp_path / "out.csv").read_bytes().decode()
    assert content.startswith("\ufefffrage;question;answer;")
    assert content.count("\r\n") == content.count("\n") == 2
    await run("in.csv", "out.tsv")
    assert (tmp_path / "out.tsv").read_bytes().startswith("\ufefffrage\tquestion\tanswer\t".encode())


async def test_json_lines_become_csv_and_csv_becomes_json_lines(run: Run, tmp_path: Path) -> None:
    lines(
        tmp_path / "in.jsonl",
        '{"id": 7, "question": "2 pens?", "tags": ["a"]}',
        "{bad",
        '{"problem": "=3 apples?", "id": true}',
    )
    assert await run("in.jsonl", "out.csv") == 2
    rows = table(tmp_path / "out.csv")
    assert rows[0][:4] == ["id", "question", "tags", "problem"]
    assert [row[:5] for row in rows[1:]] == [
        ["7", "2 pens?", '["a"]', "", "21"], ["", "", "", "", ""], ["true", "", "", "'=3 apples?", ""],
    ]  # fmt: skip
    assert [row[-1] for row in rows[1:]] == [
        "",
        "The line is not valid JSON: Expecting property name enclosed in double quotes at column 2",
        "`id` must be a string or an integer.",
    ]
    (tmp_path / "in.csv").write_text(CLASS, encoding="utf-8")
    assert await run("in.csv", "out.jsonl") == 1
    found = sorted(map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines()), key=lambda row: row["line"])
    assert [(row["line"], row["id"], row.get("solution", {}).get("answer")) for row in found] == [
        (2, "1", "21"), (4, "2", "7"), (5, "3", None),
    ]  # fmt: skip


async def test_no_cell_and_no_name_of_json_is_a_formula_in_csv(run: Run, tmp_path: Path) -> None:
    row = {"problem": "=cmd|/C calc!A0", "response": '=HYPERLINK("http://x")', "expected": "1/2", "@n": -3, "n": "+1"}
    lines(tmp_path / "in.jsonl", json.dumps(row))
    await run("in.jsonl", "out.csv", task=GRADING)
    header, cells = table(tmp_path / "out.csv")
    assert header[:5] == ["problem", "response", "expected", "'@n", "n"]
    assert cells[:5] == ["'=cmd|/C calc!A0", '\'=HYPERLINK("http://x")', "'1/2", "-3", "+1"]


async def test_an_answer_of_ours_is_no_answer_key(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines(tmp_path / "in.csv", "question,response", "2 pens?,21")
    await run("in.csv", "solved.csv")
    await run("solved.csv", "graded.csv", task=GRADING)
    header, cells = table(tmp_path / "graded.csv")
    assert cells[header.index("basis")] == "vote"
    assert (
        "Columns: problem = question, response = response (the column answer holds results of Twinpath, so it is no "
        "answer key)\n"
    ) in capsys.readouterr().err
    await run("solved.csv", "keyed.csv", task=GRADING, columns={"expected": "answer"})
    header, cells = table(tmp_path / "keyed.csv")
    assert cells[header.index("basis")] == "expected"
    assert "expected = answer\n" in capsys.readouterr().err
    lines(tmp_path / "key.csv", "question,response,answer", "2 pens?,21,21")
    await run("key.csv", "keyed_and_solved.csv")
    await run("keyed_and_solved.csv", "again.csv", task=GRADING)
    header, cells = table(tmp_path / "again.csv")
    assert cells[header.index("basis")] == "expected"


async def test_rows_with_one_id_are_an_error_only_where_ids_join_the_results(run: Run, tmp_path: Path) -> None:
    lines(tmp_path / "in.csv", "name,question,nr", "Ann,1 pen?,1", "Bob,2 pens?,1")
    assert await run("in.csv", "out.csv") == 0
    assert [row[3] for row in table(tmp_path / "out.csv")[1:]] == ["21", "21"]
    assert await run("in.csv", "out.jsonl") == 1
    found = sorted(map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines()), key=lambda row: row["line"])
    assert found[1]["error"]["detail"] == "Row 2 has the id '1' already; this row is not solved."


@pytest.mark.parametrize("by", ["nothing", "dash"])
async def test_standard_output_has_the_format_of_the_input(
    by: str, run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lines(tmp_path / "in.csv", "question,id", "2 pens?,a")
    output = None if by == "nothing" else STANDARD_OUTPUT
    await run("in.csv", output)
    out, err = capfd.readouterr()
    assert list(csv.reader(io.StringIO(out))) == [["question", "id", *SOLVED], ["2 pens?", "a", *PENS]]
    assert "Results: standard output\n" in err
    lines(tmp_path / "in.jsonl", '{"question": "2 pens?", "id": "a"}')
    await run("in.jsonl", output)
    row = json.loads(capfd.readouterr().out)
    assert (row["id"], row["line"], row["solution"]["answer"]) == ("a", 1, "21")


async def test_the_noise_of_an_engine_stays_out_of_the_results(
    run: Run, tmp_path: Path, asked: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    solve = Solver.solve

    async def noisy(self: Solver, *arguments: Any, **named: Any) -> Any:
        os.write(1, b"INFO noise\n")
        return await solve(self, *arguments, **named)

    monkeypatch.setattr(Solver, "solve", noisy)
    lines(tmp_path / "in.jsonl", '{"question": "2 pens?"}')
    await run("in.jsonl", None)
    out, err = capfd.readouterr()
    assert [json.loads(line)["line"] for line in out.splitlines()] == [1]
    assert "INFO noise\n" in err
    os.write(1, b"after\n")
    assert capfd.readouterr().out == "after\n"


async def test_a_pipe_is_solved_and_resumed(run: Run, tmp_path: Path, asked: list[str]) -> None:
    for _ in range(2):
        (tmp_path / "pipe").unlink(missing_ok=True)
        os.mkfifo(tmp_path / "pipe")
        writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=["question\n1 pen?\n2 pens?\n"])
        writer.start()
        assert await run("pipe", "out.csv") == 0
        writer.join()
        assert [row[:2] for row in table(tmp_path / "out.csv")] == [
            ["question", "answer"],
            ["1 pen?", "21"],
            ["2 pens?", "21"],
        ]
    assert sorted(asked) == ["1 pen?", "2 pens?"]


async def test_one_seed_gives_one_solution_in_every_format(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int]] = []
    solve = Solver.solve

    async def recorded(self: Solver, problem: Any, *rest: Any, **named: Any) -> Any:
        asked.append((problem.text, problem.seed))
        return await solve(self, problem, *rest, **named)

    monkeypatch.setattr(Solver, "solve", recorded)
    texts = [f"{n} pens and {n + 2} apples?" for n in range(6)]
    plain = Settings(engine=EngineKind.FAKE, cot_paths=2, pot_paths=2, sandbox_workers=1)
    lines(tmp_path / "one.csv", "question,Seed", *(f"{text},7" for text in texts))
    lines(tmp_path / "one.jsonl", *(json.dumps({"question": text, "seed": 7}) for text in texts))
    await run("one.csv", "from_csv.jsonl", settings=plain)
    await run("one.jsonl", "from_json.jsonl", settings=plain)
    assert sorted(asked) == sorted([(text, 7) for text in texts] * 2)
    assert solutions(tmp_path / "from_csv.jsonl") == solutions(tmp_path / "from_json.jsonl")
    asked.clear()
    lines(tmp_path / "none.csv", "question", *texts)
    lines(tmp_path / "none.jsonl", *(json.dumps({"question": text}) for text in texts))
    await run("none.csv", "none_csv.jsonl", settings=plain, seed=3)
    await run("none.jsonl", "none_json.jsonl", settings=plain, seed=3)
    assert sorted(asked) == sorted([(text, path_seed(3, n)) for n, text in enumerate(texts, 1)] * 2)


def solutions(path: Path) -> list[tuple[Any, ...]]:
    """Answers, votes and explanations by row."""
    rows = sorted(map(json.loads, path.read_text().splitlines()), key=lambda row: row["line"])
    return [(row["solution"]["answer"], row["solution"]["votes"], row["solution"]["explanation"]) for row in rows]


async def test_options_in_columns_hold_before_flags(run: Run, tmp_path: Path) -> None:
    lines(
        tmp_path / "in.csv",
        "question,paths,min_confidence",
        '2 pens?,"{""cot"": 1, ""pot"": 0}",',
        "2 pens?,,1",
        "3 pens?,,x",
    )
    assert await run("in.csv", "out.jsonl", overrides={"paths": PathBudget(cot=3, pot=0), "min_confidence": 0.1}) == 1
    rows = sorted(map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines()), key=lambda row: row["line"])
    assert [row["solution"]["paths"]["planned"] for row in rows[:2]] == [1, 3]
    assert [row["solution"]["status"] for row in rows[:2]] == ["answered", "abstained"]
    assert rows[2]["error"]["errors"][0]["field"] == "min_confidence"


GRADES = """Name;Question;Pupil's answer;Key
Ann;2 pens?;3 * 7 = 22, so 22;21
Bob;2 pens?;"=21";21
Cid;2 pens?;;21
Dan;2 pens?;about many;nonsense
Eve;2 apples?;7 apples;
"""
GRADED = [
    "verdict",
    "answer",
    "given",
    "basis",
    "confidence",
    "calibrated",
    "first_mistake",
    "should_be",
    "reason",
    "model",
    "error",
]


async def test_responses_are_graded_by_the_key_and_by_a_vote(
    run: Run, tmp_path: Path, asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.csv").write_text(GRADES, encoding="utf-8")
    assert await run("in.csv", "out.csv", task=GRADING, overrides={"paths": PathBudget(cot=5, pot=5)}) == 1
    header, *rows = table(tmp_path / "out.csv", ";")
    assert header == ["Name", "Question", "Pupil's answer", "Key", *GRADED]
    assert [row[4:13] for row in rows[:4]] == [
        ["incorrect", "21", "22", "expected", "", "", "3 * 7 = 22", "21", ""],
        ["correct", "21", "21", "expected", "", "", "", "", ""],
        ["undecided", "21", "", "expected", "", "", "", "", "No answer was read from the response: it is blank."],
        [""] * 9,
    ]
    assert rows[3][14].startswith("`expected` states no answer")
    assert [row[13] for row in rows] == ["none", "none", "none", "", DEMO_MODEL]
    assert rows[4][4:8] == ["correct", "7", "7", "vote"]
    assert float(rows[4][8]) > 0.9
    assert rows[4][9] == "false"
    assert asked == ["2 apples?"]
    told = capsys.readouterr().err
    assert "Columns: problem = Question, response = Pupil's answer, expected = Key\n" in told
    assert "4 graded, 1 with an error.\nVerdicts: 2 correct, 1 incorrect, 1 undecided, 1 with an error.\n" in told


async def test_no_engine_starts_where_every_row_has_an_expected_answer(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.cli.backend.build", lambda *_: pytest.fail("an engine starts"))
    lines(tmp_path / "in.jsonl", '{"problem": "2 pens?", "response": 6, "expected": "6.0"}')
    assert await run("in.jsonl", "out.jsonl", task=GRADING) == 0
    row = json.loads((tmp_path / "out.jsonl").read_text())
    assert (row["line"], row["grade"]["verdict"], row["grade"]["model"]) == (1, "correct", "none")


async def test_a_finished_run_starts_no_engine(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines(tmp_path / "in.csv", "question", "2 pens?")
    await run("in.csv", "out.csv")
    monkeypatch.setattr("service.cli.backend.build", lambda *_: pytest.fail("an engine starts"))
    assert await run("in.csv", "out.csv") == 0


async def test_a_resumed_grading_starts_an_engine_only_for_a_vote(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines(tmp_path / "in.csv", "question,response,key", "2 pens?,21,")
    await run("in.csv", "out.csv", task=GRADING)
    monkeypatch.setattr("service.cli.backend.build", lambda *_: pytest.fail("an engine starts"))
    lines(tmp_path / "in.csv", "question,response,key", "2 pens?,21,", "3 pens?,21,21")
    assert await run("in.csv", "out.csv", task=GRADING) == 0
    assert [row[-2] for row in table(tmp_path / "out.csv")[1:]] == [DEMO_MODEL, "none"]


async def test_an_engine_that_does_not_start_ends_the_run_once(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []

    def failing(*_: object) -> None:
        started.append(1)
        raise ConfigurationError("The model is damaged.")

    monkeypatch.setattr("service.cli.backend.build", failing)
    lines(tmp_path / "in.csv", "question,response,key", "3 pens?,21,21", *(f"{n} pens?,21," for n in range(5)))
    with pytest.raises(EngineDeadError, match=r"^The model is damaged\.$"):
        await run("in.csv", "out.csv", task=GRADING, concurrency=6)
    assert started == [1]
    assert table(tmp_path / "out.csv")[1][3] == "correct"


async def test_responses_to_one_problem_share_a_vote(run: Run, tmp_path: Path, asked: list[str]) -> None:
    lines(tmp_path / "in.csv", "question,response", *(f"2 pens?,{n}" for n in range(6)))
    assert await run("in.csv", "out.csv", task=GRADING, seed=4) == 0
    assert asked == ["2 pens?"]


async def test_a_running_service_grades_the_file(run: Run, live: Serve, tmp_path: Path) -> None:
    server = await live(playing([cot(21)], [pot(21)]), computing_sandbox(), settings=Settings(max_problem_chars=30))
    lines(tmp_path / "in.csv", "question,response,expected", "2 pens?,21,", "2 pens?,20,21", f"{'x' * 40}?,1,1")
    assert await run("in.csv", "out.csv", task=GRADING, url=str(server.base_url)) == 1
    rows = table(tmp_path / "out.csv")[1:]
    assert [(row[3], row[6]) for row in rows] == [("correct", "vote"), ("incorrect", "expected"), ("", "")]
    assert rows[2][-1] == "The problem has 41 characters; the maximum is 30."
