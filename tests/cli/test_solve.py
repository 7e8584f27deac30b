"""Command `twinpath solve PROBLEM`: problem, options, exit codes, and the vote while it runs."""

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from service import components
from service.cli import solve
from service.cli.answer_view import VoteInProgress
from service.schemas import SolveRequest
from service.settings import EngineKind, Settings
from service.solve.solver import Solver
from service.types import Policy
from tests.cli.conftest import Run
from tests.conftest import Serve
from tests.support.adapters import STUDENT, adapter_directory
from tests.support.engines import computing_sandbox, cot, lines, playing, pot

Drawn = list[tuple[VoteInProgress, int | None, bool]]
"""Votes that were to be drawn, with the number of planned attempts and whether they are shown."""

PENS = "He had 9 pens and lost 4."


@pytest.fixture(autouse=True)
def quick_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "sandbox_pool", lambda *_, **__: computing_sandbox())


def script(folder: Path, cots: list[str], pots: list[str]) -> Path:
    """Settings that play texts for each problem about pens."""
    rows = [{"problem": "pens", "kind": "cot", "text": text} for text in cots]
    rows += [{"problem": "pens", "kind": "pot", "text": text} for text in pots]
    played = lines(folder / "script.jsonl", *map(json.dumps, rows))
    return lines(folder / "twinpath.toml", 'engine = "fake"', f'fake_script = "{played}"', "sandbox_workers = 1")


@pytest.mark.parametrize("argument", [[], ["-"]])
def test_the_problem_comes_from_standard_input(argument: list[str], twinpath: Run) -> None:
    content = f"\ufeff{PENS}\r\nHow many are left? ½\n".encode()
    code, out, _ = twinpath("solve", *argument, "--engine", "fake", "--json", "--seed", 1, stdin=content)
    assert (code, json.loads(out)["answer"]) == (0, "5")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"caf\xe9", "Standard input is not UTF-8 text: byte 3 is invalid."),
        (b"x" * 2049, "Standard input has over 2048 bytes. Give a file with --input."),
    ],
)
def test_a_wrong_standard_input_is_told_in_one_line(content: bytes, said: str, twinpath: Run, tmp_path: Path) -> None:
    config = lines(tmp_path / "t.toml", 'engine = "fake"', "max_body_bytes = 2048")
    assert twinpath("solve", "--config", config, stdin=content) == (2, "", f"twinpath: {said}\n")


def test_without_a_problem_a_terminal_is_not_read(twinpath: Run) -> None:
    code, _, err = twinpath("solve", "--engine", "fake", stdin=None)
    assert code == 2
    assert "give a problem, or --input" in err


@pytest.mark.parametrize("argument", [[], ["-"]])
def test_an_empty_standard_input_is_wrong_usage(argument: list[str], twinpath: Run) -> None:
    code, _, err = twinpath("solve", *argument, "--engine", "fake", stdin=b" \n")
    assert code == 2
    assert "give a problem, or --input" in err


def test_the_options_reach_the_problem(twinpath: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    real = Solver.solve

    async def record(self: Solver, problem: Any, *rest: Any) -> Any:
        asked.append(problem)
        return await real(self, problem, *rest)

    monkeypatch.setattr(Solver, "solve", record)
    options = ["--deadline-s", 7.5, "--temperature", 0, "--top-p", 0.5, "--max-tokens", 99, "--min-confidence", 0.25]
    assert twinpath("solve", PENS, "--engine", "fake", *options, "--cot", 2, "--pot", 1, "--policy", "fixed")[0] == 0
    (problem,) = asked
    assert (problem.deadline_s, problem.temperature, problem.top_p, problem.max_tokens) == (7.5, 0, 0.5, 99)
    assert (problem.min_confidence, problem.cot, problem.pot, problem.policy) == (0.25, 2, 1, Policy.FIXED)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--top-p", 0, "twinpath: `top_p` must be a number above 0 and up to 1."),
        ("--deadline-s", 0, "twinpath: `deadline_s` must be a number above 0 and up to 3600."),
        ("--temperature", 3, "twinpath: `temperature` must be a number from 0 to 2."),
        ("--temperature", "warm", "twinpath: `temperature` must be a number from 0 to 2."),
        ("--temperature", "nan", "twinpath: `temperature` must be a number from 0 to 2."),
        ("--max-tokens", 0, "twinpath: `max_tokens` must be a whole number from 1 to 131072."),
        ("--max-tokens", 1.5, "twinpath: `max_tokens` must be a whole number from 1 to 131072."),
        ("--min-confidence", 70, "twinpath: `min_confidence` must be a number from 0 to 1."),
        ("--cot", 65, "twinpath: `paths.cot` must be a whole number from 0 to 64."),
        ("--seed", -1, "twinpath: `seed` must be a whole number from 0 to 9223372036854775807."),
        ("--policy", "x", "twinpath: `policy` must be `fixed`, `lossless` or `adaptive`."),
        ("--engine", "x", "twinpath: Invalid settings: `engine` must be `vllm`, `remote` or `fake`"),
    ],
)
@pytest.mark.parametrize("of_file", [False, True])
def test_a_value_out_of_range_is_told_before_the_model_is_loaded(
    option: str, value: object, said: str, of_file: bool, twinpath: Run, tmp_path: Path
) -> None:
    rows = lines(tmp_path / "in.jsonl", json.dumps({"problem": PENS}))
    what = ["--input", rows, "--output", tmp_path / "out"] if of_file else [PENS]
    code, out, err = twinpath("solve", *what, option, value)
    assert (code, out) == (2, "")
    assert err == f"{said}\n"


def test_the_first_adapter_answers(twinpath: Run, tmp_path: Path) -> None:
    algebra = adapter_directory(tmp_path / "algebra", student=STUDENT)
    units = adapter_directory(tmp_path / "u")
    engine = ["--engine", "fake", "--seed", 1, "--json"]
    code, out, _ = twinpath("solve", PENS, *engine, "--adapter", algebra, "--adapter", f"units={units}")
    assert (code, json.loads(out)["model"], json.loads(out)["calibrated"]) == (0, "algebra", True)
    code, out, _ = twinpath("solve", PENS, *engine, "--adapter", f"units={units}")
    assert (code, json.loads(out)["model"], json.loads(out)["calibrated"]) == (0, "units", False)
    assert json.loads(twinpath("solve", PENS, *engine)[1])["model"] == "demo"
    missing = twinpath("solve", PENS, *engine, "--adapter", tmp_path / "none")
    assert missing == (2, "", f"twinpath: --adapter {tmp_path}/none: no such directory; write NAME=DIR, or DIR.\n")


def test_rows_choose_between_the_adapters_of_the_settings(twinpath: Run, tmp_path: Path) -> None:
    algebra, units = adapter_directory(tmp_path / "algebra"), adapter_directory(tmp_path / "units")
    config = lines(tmp_path / "t.toml", 'engine = "fake"', f'adapters = ["{algebra}", "{units}"]')
    rows = [{"problem": PENS, "model": model} for model in (None, "units", "algebra", "x")]
    source, output = lines(tmp_path / "in.jsonl", *map(json.dumps, rows)), tmp_path / "out.jsonl"
    assert twinpath("solve", "--input", source, "--output", output, "--config", config)[0] == 1
    results = sorted(map(json.loads, output.read_text().splitlines()), key=lambda row: int(row["line"]))
    assert [row["solution"]["model"] for row in results[:3]] == ["demo", "units", "algebra"]
    assert results[3]["error"]["detail"] == (
        "The model 'x' is not served; the service has demo, algebra, units, twinpath."
    )


def test_the_model_column_of_a_table_stays_as_it_is(twinpath: Run, tmp_path: Path) -> None:
    source = lines(tmp_path / "in.csv", "problem,model", f"{PENS},gpt-4")
    code, out, _ = twinpath("solve", "--input", source, "--engine", "fake", "--seed", 1)
    assert code == 0
    (row,) = csv.DictReader(io.StringIO(out))
    assert (row["model"], row["answer"], row["error"]) == ("gpt-4", "5", "")


def test_the_exit_code_says_that_the_minimum_is_not_met(twinpath: Run, tmp_path: Path) -> None:
    config = script(tmp_path, [cot(5), cot(5), cot(6)], [pot(5)])
    sampled = ["solve", "pens", "--config", config, "--cot", 3, "--pot", 1, "--policy", "fixed"]  # 3 to 1: 0.8125
    assert twinpath(*sampled, "--min-confidence", 0.81)[0] == 0
    code, out, _ = twinpath(*sampled, "--min-confidence", 0.82)
    assert code == 3
    assert "No answer\nThe confidence of 0.8125 is below your minimum of 0.82." in out
    code, out, _ = twinpath(*sampled, "--min-confidence", 0.82, "--json")
    assert (code, json.loads(out)["answer"], json.loads(out)["status"]) == (3, None, "abstained")


def test_the_minimum_holds_for_the_rows_of_a_file_that_have_none(twinpath: Run, tmp_path: Path) -> None:
    config = script(tmp_path, [cot(5)], [])  # 1 to 0: 0.75
    rows = [{"problem": "pens"}, {"problem": "pens", "min_confidence": 0}, {"problem": "pens", "min_confidence": 0.7}]
    source, output = lines(tmp_path / "in.jsonl", *map(json.dumps, rows)), tmp_path / "out.jsonl"
    options = ["--config", config, "--cot", 1, "--pot", 0, "--min-confidence", 0.8]
    assert twinpath("solve", "--input", source, "--output", output, *options)[0] == 0
    results = sorted(map(json.loads, output.read_text().splitlines()), key=lambda row: int(row["line"]))
    assert [row["solution"]["answer"] for row in results] == [None, "5", "5"]


def test_other_verdicts_exit_with_0(twinpath: Run, tmp_path: Path) -> None:
    config = script(tmp_path, [cot(5)], [pot(6)])
    torn = twinpath("solve", "pens", "--config", config, "--cot", 1, "--pot", 1)
    nothing = twinpath("solve", "no number", "--config", config, "--cot", 1, "--pot", 1)
    assert (torn[0], nothing[0]) == (0, 0)
    assert "Torn: 5 or 6?\n" in torn[1]
    assert "No answer\n" in nothing[1]


def test_the_json_is_one_line_of_ascii(twinpath: Run, tmp_path: Path) -> None:
    text = "\x9b31m\x1b[2J \u202e½ The answer is 5"
    config = script(tmp_path, [text], [])
    code, out, err = twinpath("solve", "pens", "--config", config, "--cot", 1, "--pot", 0, "--json")
    assert (code, err) == (0, "")
    assert out.isascii()
    assert out.count("\n") == 1
    assert "\x1b" not in out
    assert json.loads(out)["trace"][0]["text"] == text


def test_an_error_of_a_service_cannot_control_the_terminal(twinpath: Run) -> None:
    code, _, err = twinpath("solve", PENS, "--url", "ftp://\x1b[2J\x9b")
    assert (code, err) == (2, "twinpath: --url ftp://�[2J� is not a URL; give one such as http://127.0.0.1:8000.\n")


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    votes: Drawn = []

    @contextmanager
    def record(console: Console, planned: int | None, *, is_shown: bool) -> Iterator[VoteInProgress]:
        vote = VoteInProgress(planned)
        votes.append((vote, planned, is_shown))
        yield vote

    monkeypatch.setattr(solve, "live_vote", record)
    return votes


@pytest.mark.parametrize("as_json", [False, True])
def test_the_vote_in_this_process_is_followed(as_json: bool, twinpath: Run, tmp_path: Path, drawn: Drawn) -> None:
    config = script(tmp_path, [cot(5), "I do not know."], [pot(5), pot(6)])
    flags = ["--json"] if as_json else []
    twinpath("solve", "pens", "--config", config, "--cot", 2, "--pot", 2, "--policy", "fixed", *flags)
    ((vote, planned, is_shown),) = drawn
    assert (planned, is_shown, vote.ended) == (4, not as_json, 4)
    assert [(of.answer, of.cot, of.pot) for of in vote.votes] == [("5", 1, 1), ("6", 0, 1)]


@pytest.mark.parametrize(("paths", "known"), [({"cot": 2, "pot": 2}, 4), ({"cot": 2}, None), (None, None)])
async def test_the_vote_of_a_service_is_followed(
    paths: dict[str, int] | None, known: int | None, live: Serve, drawn: Drawn, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(cot_paths=2, pot_paths=2)
    engine = playing([cot(5), "I do not know."], [pot(5), pot(6)])
    client = await live(engine, computing_sandbox(), settings=settings)
    request = SolveRequest.checked(problem="pens", paths=paths, policy=Policy.FIXED, min_confidence=0.99)
    code = await solve.solve_and_show(Settings(), request, url=str(client.base_url), as_json=False)
    assert code == 3
    ((vote, planned, is_shown),) = drawn
    assert (planned, is_shown, vote.ended) == (known, True, 4)
    assert [(of.answer, of.cot, of.pot) for of in vote.votes] == [("5", 1, 1), ("6", 0, 1)]
    assert "  1 attempt without a result\n" in capsys.readouterr().out


async def test_attempts_that_were_not_needed_do_not_count_as_in(tmp_path: Path, drawn: Drawn) -> None:
    played = script(tmp_path, [cot(5), cot(5), cot(5), "word " * 99], [pot(5)])
    settings = Settings(
        engine=EngineKind.FAKE,
        fake_script=tmp_path / "script.jsonl",
        fake_tokens_per_s=200,
        sandbox_workers=1,
        cache_dir=tmp_path,
    )
    assert played.exists()
    request = SolveRequest.checked(problem="pens", paths={"cot": 4, "pot": 1}, policy=Policy.ADAPTIVE)
    assert await solve.solve_and_show(settings, request, url=None, as_json=False) == 0
    ((vote, _, _),) = drawn
    assert vote.ended == 4


@pytest.mark.e2e
def test_a_terminal_shows_the_vote_and_then_only_the_answer(tmp_path: Path) -> None:
    config = script(tmp_path, [cot(5)], [pot(5)])
    with config.open("a") as file:
        file.write("fake_tokens_per_s = 10\n")
    command = [
        sys.executable,
        "-c",
        "from service.cli.main import main; main()",
        "solve",
        "pens",
        "--config",
        str(config),
    ]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | {"TERM": "xterm", "COLUMNS": "80"}
    )
    os.close(theirs)
    output = b""
    try:
        while chunk := read(ours):
            output += chunk
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    text = output.decode()
    assert re.search(r"Thinking… \d of 20 attempts in, 0\.\d s", text)
    last = text[text.rindex("Thinking…") :]
    erased, _, view = last.partition("\x1b[?25h")  # the cursor comes back
    assert "The attempts agree" not in erased
    plain = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", view).replace("\r", "")
    assert "The attempts agree   5\n4 of 4 attempts agree. This confidence was never measured.\n" in plain
    assert "  5  ●●■■  100 %  2 explanations, 2 programs\n" in plain


def read(descriptor: int) -> bytes:
    """Next output of a pseudo-terminal, or nothing at its end."""
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux reports the end so
        return b""
