"""Commands as a user runs them: outputs and exit codes."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
import typer.main
import uvicorn
from hypothesis import given
from hypothesis import strategies as st

from service import __version__
from service.api.api_key import KeyScope
from service.api.api_keys import KeyRing, new_key
from service.api.app import create_app
from service.cli import serve as server
from service.cli.main import app
from service.cli.options import engine_option
from service.client import AsyncClient
from service.components import Components
from service.engine.base import Sampling
from service.engine.fake import FakeEngine, scripted
from service.errors import ConfigurationError, ServiceError
from service.model.served import ServedModel
from service.schemas import SolveRequest, SolveResponse
from service.settings import GROUPS, EngineKind, Settings
from tests.cli.conftest import Run
from tests.support.components import fake_components
from tests.support.engines import computing_sandbox, cot, lines, pot
from tests.support.served import started
from tests.support.servers import free_port

COMMANDS = [
    "serve",
    "health",
    "solve",
    "grade",
    "evaluate",
    "keys",
    "keys create",
    "keys init",
    "sandbox",
    "read",
    "doctor",
    "model",
    "model pull",
    "model list",
    "model info",
]


def script_row(problem: str, kind: str, text: str) -> str:
    return json.dumps({"problem": problem, "kind": kind, "text": text})


SCRIPT = [
    script_row("apples", "cot", cot(1)), script_row("apples", "pot", pot(1)),
    script_row("bees", "cot", cot(9)), script_row("bees", "pot", pot(2)), script_row("bees", "pot", pot(2)),
    script_row("bees", "pot", "pass"),
]  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings that play `SCRIPT`."""
    script = lines(tmp_path / "script.jsonl", *SCRIPT)
    return lines(tmp_path / "twinpath.toml", 'engine = "fake"', f'fake_script = "{script}"', "sandbox_workers = 1")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [{"id": "a", "question": "apples?", "answer": "1"}, {"id": "b", "question": "bees?", "answer": "2.0"}]
    return lines(
        tmp_path / "data.jsonl", *map(json.dumps, rows), json.dumps({"id": "c", "question": "c?", "answer": "3"})
    )


def test_model_info_names_the_prompt(twinpath: Run, tmp_path: Path) -> None:
    model = tmp_path / "Qwen2.5-Math-7B"
    model.mkdir()
    lines(model / "config.json", '{"model_type": "qwen2"}')
    lines(model / "tokenizer_config.json", '{"chat_template": "x"}')
    info = ("model", "info", "--name", model)
    assert twinpath(*info)[:2] == (0, f"Qwen2.5-Math-7B\tchat\t{model}\tqwen-math\n")
    assert twinpath(*info, "--prompt", "llama")[:2] == (0, f"Qwen2.5-Math-7B\tchat\t{model}\tllama\n")
    code, out, error = twinpath(*info, "--prompt", "lama")
    assert (code, out) == (2, "")
    assert error.startswith("twinpath: `prompt` 'lama' is unknown; did you mean `llama`? Give a .toml file, or one of ")
    lines(model / "twinpath.json", '{"format_version": 1, "base_model": "b"}')
    assert twinpath(*info)[:2] == (0, f"Qwen2.5-Math-7B\tv1\t{model}\t-\n")
    reason = "`prompt` is only for instruct models; Qwen2.5-Math-7B has the prompts of a student. Leave it out."
    assert twinpath(*info, "--prompt", "llama") == (2, "", f"twinpath: {reason}\n")
    assert twinpath("solve", "2 + 2?", "--model", model, "--prompt", "llama") == (2, "", f"twinpath: {reason}\n")


def test_solve_prints_the_json_alone(twinpath: Run, config: Path) -> None:
    code, out, _ = twinpath(
        "solve", "apples", "--json", "--config", config, "--cot", 2, "--pot", 1, "--policy", "fixed", "--seed", 7
    )
    assert code == 0
    response = json.loads(out)
    assert (response["status"], response["answer"], response["seed"]) == ("answered", "1", 7)
    assert response["votes"] == [{"answer": "1", "cot": 2, "pot": 1}]
    assert [(path["kind"], path["outcome"]) for path in response["trace"]] == [
        ("cot", "voted"), ("pot", "voted"), ("cot", "voted"),
    ]  # fmt: skip


def test_solve_shows_the_answer_the_votes_and_the_best_paths(twinpath: Run, config: Path) -> None:
    code, out, _ = twinpath("solve", "bees", "--config", config, "--cot", 1, "--pot", 2, "--policy", "fixed")
    assert code == 0
    written = [line.rstrip() for line in out.splitlines() if line.strip()]
    start = written.index("Unsure: check it   2")
    assert written[start + 1 : -1] == [
        "This confidence was never measured.",
        "  2  ■■   67 %  2 programs",
        "  9  ●    33 %  1 explanation",
        "  Program   ans = 2",
        "            → 2",
    ]
    assert re.fullmatch(r"Took .* s after a start of .* s\.", written[-1])


def test_solve_shows_a_path_without_a_repair_before_one_with(twinpath: Run, tmp_path: Path) -> None:
    repaired, sound = "9 - 4 = 6. The answer is 6", "9 - 4 = 5. The answer is 5"
    script = lines(tmp_path / "s.jsonl", script_row("pens", "cot", repaired), script_row("pens", "cot", sound))
    config = lines(tmp_path / "t.toml", 'engine = "fake"', f'fake_script = "{script}"')
    _, out, _ = twinpath("solve", "pens", "--config", config, "--cot", 2, "--pot", 0, "--policy", "fixed")
    assert "Unsure: check it   5\n" in out
    assert f"  In words  {sound}\n" in out
    assert out.count("In words") == 1


def test_solve_shows_that_there_is_no_answer(twinpath: Run, config: Path) -> None:
    code, out, _ = twinpath("solve", "nothing to add", "--config", config, "--cot", 1, "--pot", 1)
    assert code == 0
    assert "No answer\nNo attempt had a result. Rephrase the problem" in out
    assert "  2 attempts without a result\n" in out


def test_solve_asks_a_running_service(twinpath: Run, tmp_path: Path) -> None:
    with in_thread(tmp_path, None) as url:
        code, out, _ = twinpath("solve", "apples?", "--url", url, "--cot", 2, "--pot", 0, "--policy", "fixed")
        _, asked, _ = twinpath("solve", "apples?", "--url", url, "--json", "--seed", 3)
    assert code == 0
    assert "Unsure: check it   1\n" in out
    assert "  1  ●●  100 %  2 explanations\n" in out
    assert "after a start" not in out
    assert (json.loads(asked)["answer"], json.loads(asked)["seed"]) == ("1", 3)


def test_solve_improvises_without_a_script(twinpath: Run) -> None:
    code, out, _ = twinpath("solve", "He had 9 pens and lost 4.", "--engine", "fake", "--json", "--seed", 1)
    assert (code, json.loads(out)["answer"]) == (0, "5")


def test_evaluate_writes_exact_figures(twinpath: Run, config: Path, data: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.json"
    arguments = ["--data", data, "--config", config, "--limit", 2, "--policy", "fixed", "--cot", 1, "--pot", 2]
    code, out, _ = twinpath("evaluate", *arguments, "--concurrency", 1, "--json", output)
    assert code == 0
    check_figures(json.loads(output.read_text(encoding="utf-8")))
    assert "2 problems · demo · fixed · seed 0" in out
    assert "deadline" not in out
    assert "calibration error 0.188. By chance, a perfect confidence would have" in " ".join(out.split())
    assert re.search(r"vote of both kinds +█{20} +100 % +\(34–100\)", out)
    assert re.search(r"one explanation, sampled +█{10}░{10} +50 %", out)


def test_evaluate_names_the_rows_whose_gold_answers_cannot_be_read(
    twinpath: Run, config: Path, data: Path, tmp_path: Path
) -> None:
    with data.open("a") as file:
        for name in ("Ann", "None"):
            file.write(json.dumps({"id": name, "question": "apples?", "answer": name}) + "\n")
    output = tmp_path / "out.json"
    code, out, err = twinpath("evaluate", "--data", data, "--config", config, "--cot", 1, "--pot", 1, "--json", output)
    assert code == 0
    report = json.loads(output.read_text(encoding="utf-8"))
    assert (report["n"], report["unread_golds"]) == (3, ["Ann", "None"])
    assert "3 problems · demo" in out
    assert err.startswith(
        "2 rows are left out, because no answer can be read: line 4 ('Ann'), 5 ('None'). "
        "Write each right answer as one number, a time, yes, no or an option letter.\n"
    )


def test_evaluate_says_how_many_votes_the_deadline_cut_off(
    twinpath: Run, config: Path, data: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.json"
    with config.open("a") as file:
        file.write("deadline_s = 1e-6\n")
    code, out, _ = twinpath("evaluate", "--data", data, "--config", config, "--limit", 2, "--json", output)
    assert (code, json.loads(output.read_text(encoding="utf-8"))["cut_off"]) == (0, 2)
    assert "The deadline cut off 2 of the 2 votes: raise deadline_s" in " ".join(out.split())


def check_figures(report: dict[str, Any]) -> None:
    """`SCRIPT` over two problems with one rationale and two programs each."""
    assert report["accuracy"] == {
        "cot_greedy": 0.5, "pot_greedy": 0.5, "cot_vote": 0.5, "pot_vote": 1.0, "vote": 1.0,
    }  # fmt: skip
    assert (report["n"], report["model"], report["policy"], report["seed"]) == (2, "demo", "fixed", 0)
    assert (report["completion_tokens_per_problem"], report["paths_per_problem"]) == (17.0, 3.0)
    assert report["problems_per_s"] == pytest.approx(2 / report["seconds"])
    assert [(row["id"], row["gold"], row["answer"], row["paths"]) for row in report["rows"]] == [
        ("a", "1", "1", 3), ("b", "2.0", "2", 3),
    ]  # fmt: skip
    assert set(report) == {
        "n", "model", "policy", "seed", "accuracy", "interval", "paths_right", "completion_tokens_per_problem",
        "paths_per_problem", "cut_off", "warned", "warning", "calibration_error_before", "calibration_error",
        "calibration_error_if_perfect", "coverage", "problems_per_s", "seconds", "rows", "unread_golds", "calibrated",
        "token_share", "by_verdict", "by_min_confidence", "by_budget", "wrong",
    }  # fmt: skip


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A service under uvicorn on a free port of the loopback, in a thread."""
    with in_thread(tmp_path, None) as url:
        yield url


@contextmanager
def in_thread(folder: Path, keys: KeyRing | None, components: Components | None = None) -> Iterator[str]:
    engine = FakeEngine(scripted(lines(folder / "served.jsonl", *SCRIPT)))
    served = create_app(components or fake_components(engine, computing_sandbox()), keys=keys)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        host = uvicorn.Server(uvicorn.Config(served, log_config=None))
        thread = threading.Thread(target=host.run, kwargs={"sockets": [listening]})
        thread.start()
        while not host.started and thread.is_alive():
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            host.should_exit = True
            thread.join(timeout=10)
        assert not thread.is_alive()


def test_evaluate_asks_a_running_service(twinpath: Run, url: str, data: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.json"
    arguments = ["--data", data, "--url", url, "--limit", 2, "--policy", "fixed", "--cot", 1, "--pot", 2]
    code, _, _ = twinpath("evaluate", *arguments, "--concurrency", 1, "--json", output)
    assert code == 0
    check_figures(json.loads(output.read_text(encoding="utf-8")))


def test_the_model_of_a_running_service_is_chosen_by_its_name(twinpath: Run, data: Path, tmp_path: Path) -> None:
    def script(prompt: str, sampling: Sampling) -> str:
        return (cot if prompt.endswith("Reasoning:\n") else pot)(2 if sampling.adapter else 1)

    models = (ServedModel(), ServedModel("algebra", adapter=tmp_path))
    parts = fake_components(FakeEngine(script, adapters=["algebra"]), computing_sandbox(), models=models)
    output = tmp_path / "out.json"
    with in_thread(tmp_path, None, parts) as url:
        solved = twinpath("solve", "apples?", "--url", url, "--json", "--model", "algebra")
        graded = twinpath("grade", "apples?", "2", "--url", url, "--json", "--model", "algebra")
        evaluated = twinpath("evaluate", "--data", data, "--url", url, "--model", "algebra", "--json", output)
        other = twinpath("evaluate", "--data", data, "--url", url, "--json", output)
        unknown = twinpath("solve", "apples?", "--url", url, "--model", "x")
    assert (json.loads(solved[1])["answer"], json.loads(solved[1])["model"]) == ("2", "algebra")
    assert (json.loads(graded[1])["answer"], json.loads(graded[1])["model"]) == ("2", "algebra")
    assert evaluated[0] == 0
    report = json.loads(output.read_text())
    assert (report["model"], [row["answer"] for row in report["rows"]]) == ("algebra", ["2", "2", "2"])
    assert (other[0], "belongs to another run: served_model was algebra and is None now" in one_line(other)) == (
        2,
        True,
    )
    said = "The model 'x' is not served; the service has demo, algebra, twinpath."
    assert unknown == (2, "", f"twinpath: {said}\n")


@pytest.mark.parametrize("by", ["flag", "variable", "nothing"])
def test_commands_send_the_key_that_a_file_holds(
    by: str, twinpath: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, table = new_key("ann", [KeyScope.SOLVE], None, None)
    file = lines(tmp_path / "key", key)
    flags = ["--api-key-file", file] if by == "flag" else []
    if by == "variable":
        monkeypatch.setenv("TWINPATH_CLIENT_API_KEY_FILE", str(file))
    with in_thread(tmp_path, KeyRing(lines(tmp_path / "keys.toml", table))) as url:
        evaluated = twinpath("evaluate", "--data", data, "--limit", 2, "--url", url, *flags)
        source = lines(tmp_path / "problems", json.dumps({"id": 1, "problem": "apples?"}))
        solved = twinpath("solve", "--input", source, "--output", tmp_path / "solved", "--url", url, *flags)
    if by == "nothing":
        assert evaluated[0] == solved[0] == 2
        assert "The API key is missing or unknown" in evaluated[2]
        assert "The API key is missing or unknown" in solved[2]
        assert one_line(evaluated).endswith(" On the command line, give the file of the key: --api-key-file FILE.")
    else:
        assert evaluated[0] == solved[0] == 0
        assert json.loads((tmp_path / "solved").read_text())["solution"]["answer"] == "1"


def test_a_file_waits_for_a_service_that_is_full(
    twinpath: Run, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = AsyncClient.send, []

    async def ask(self: AsyncClient, request: SolveRequest) -> SolveResponse:
        asked.append(request)
        if len(asked) < 3:
            raise ServiceError("full", 429, 0.01)
        return await real(self, request)

    monkeypatch.setattr(AsyncClient, "send", ask)
    source, output = lines(tmp_path / "in", json.dumps({"id": 1, "problem": "apples?"})), tmp_path / "out"
    code, _, _ = twinpath("solve", "--input", source, "--output", output, "--url", url)
    assert (code, len(asked), json.loads(output.read_text())["solution"]["answer"]) == (0, 3, "1")


def one_line(result: tuple[int, str, str]) -> str:
    """Single line of an error, without any other output."""
    code, out, err = result
    told = [line for line in err.splitlines() if line.startswith("twinpath: ")]
    assert (code, out, len(told)) == (2, "", 1)
    assert err.endswith(f"{told[0]}\n")
    assert "Traceback" not in err
    return told[0].removeprefix("twinpath: ")


@pytest.mark.slow
def test_evaluate_tells_that_no_service_answers(twinpath: Run, data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    said = one_line(twinpath("evaluate", "--data", data, "--url", f"http://127.0.0.1:{port}"))
    assert said.startswith(f"http://127.0.0.1:{port} does not answer: ")
    assert said.endswith(" failed. Start one: twinpath serve")


def test_evaluate_refuses_what_is_no_address(twinpath: Run, data: Path) -> None:
    said = one_line(twinpath("evaluate", "--data", data, "--url", "localhost:8000"))
    assert said == "--url localhost:8000 is not a URL; give one such as http://127.0.0.1:8000."


def test_evaluate_finds_out_before_it_solves_that_it_cannot_write(twinpath: Run, data: Path, tmp_path: Path) -> None:
    said = one_line(twinpath("evaluate", "--engine", "fake", "--data", data, "--json", tmp_path / "no" / "out.json"))
    assert said.endswith("cannot be written: No such file or directory.")


def test_evaluate_tells_what_a_service_refuses(twinpath: Run, url: str, data: Path, tmp_path: Path) -> None:
    long = lines(tmp_path / "long.jsonl", json.dumps({"id": "1", "question": "a" * 4001, "answer": "5"}))
    said = one_line(twinpath("evaluate", "--data", long, "--url", url))
    assert said == "The problem has 4001 characters; the maximum is 4000."


def test_sandbox_prints_one_outcome_a_line(twinpath: Run, tmp_path: Path) -> None:
    programs = {"sum": "ans = 2 + 3", "third": "from fractions import Fraction\nans = Fraction(1, 3)",
                "raises": "ans = 1 / 0", "text": "print('seven')"}  # fmt: skip
    source = lines(tmp_path / "p.jsonl", *(json.dumps({"id": name, "program": p}) for name, p in programs.items()))
    code, out, _ = twinpath("sandbox", "--input", source)
    assert code == 0
    rows = [json.loads(line) for line in out.splitlines()]
    assert [(row["id"], row["outcome"], row["answer"]) for row in rows] == [
        ("sum", "ok", "5"), ("third", "ok", "1/3"), ("raises", "error", None), ("text", "ok", "seven"),
    ]  # fmt: skip
    assert rows[2]["detail"] == "ZeroDivisionError: division by zero"
    assert all(set(row) == {"id", "outcome", "answer", "detail", "seconds"} and row["seconds"] > 0 for row in rows)


def test_sandbox_reads_files_of_windows(twinpath: Run, tmp_path: Path) -> None:
    source = tmp_path / "p.jsonl"
    source.write_bytes(b'\xef\xbb\xbf{"id": 1, "program": "ans = 5"}\r\n \r\n{"id": 2, "program": "ans = 6"}')
    code, out, _ = twinpath("sandbox", "--input", source)
    assert (code, [json.loads(line)["answer"] for line in out.splitlines()]) == (0, ["5", "6"])


def test_the_policy_refuses_what_the_lock_alone_lets_through(twinpath: Run, tmp_path: Path) -> None:
    source = lines(tmp_path / "p.jsonl", json.dumps({"id": 1, "program": "ans = ().__class__.__base__.__name__"}))
    outcomes = [json.loads(twinpath("sandbox", "--input", source, *flags)[1]) for flags in ([], ["--no-policy"])]
    assert [(row["outcome"], row["answer"]) for row in outcomes] == [("denied", None), ("ok", "object")]


@pytest.mark.slow
def test_sandbox_offers_libraries_on_request(twinpath: Run, tmp_path: Path) -> None:
    source = lines(
        tmp_path / "p.jsonl", json.dumps({"id": 1, "program": "import numpy as np\nans = int(np.sum([2, 3]))"})
    )
    rows = [json.loads(twinpath("sandbox", "--input", source, *flags)[1]) for flags in ([], ["--sandbox-libraries"])]
    assert [(row["outcome"], row["answer"]) for row in rows] == [("denied", None), ("ok", "5")]


def model_directory(path: Path, metadata: dict[str, object]) -> Path:
    path.mkdir()
    (path / "config.json").write_text("{}", encoding="utf-8")
    (path / "twinpath.json").write_text(json.dumps(metadata), encoding="utf-8")
    return path


def test_model_says_what_a_model_is(twinpath: Run, tmp_path: Path) -> None:
    path = model_directory(tmp_path / "student", {"format_version": 1, "base_model": "m"})
    code, out, _ = twinpath("model", "info", "--name", path)
    assert (code, out) == (0, f"student\tv1\t{path}\t-\n")


def test_a_wrong_model_is_told_in_one_line(twinpath: Run, tmp_path: Path) -> None:
    path = model_directory(
        tmp_path / "a [red] and long name that would be wrapped on a narrow terminal",
        {"format_version": 2, "base_model": "m"},
    )
    for arguments in (
        ["model", "info", "--name", path],
        ["solve", "Why?", "--model", path],
        ["serve", "--model", path],
    ):
        assert one_line(twinpath(*arguments)).startswith(f"{path / 'twinpath.json'} has format version 2; ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["solve", " ", "--engine", "fake"], "`problem` must be a text that is not empty."),
        (["solve", "a\x1bb", "--engine", "fake"], "`problem` must not contain control characters, but has U+001B at position 1."),
        (["solve", "Why?", "--engine", "fake", "--seed", 2**63], "`seed` must be a whole number from 0 to 9223372036854775807."),
        (["solve", "Why?", "--engine", "fake", "--cot", 0, "--pot", 0],
         "`paths` selects no path; set cot or pot."),
        (["serve", "--thinking", "maybe"], "Invalid settings: `thinking` must be `auto`, `off` or `on`"),
        (["serve", "--dtype", "int4"],
         "Invalid settings: `dtype` must be `auto`, `bfloat16`, `float16` or `float32`"),
        (["serve", "--port", -1], "Invalid settings: `port` must be a whole number from 0 to 65535"),
        (["solve", "Why?", "--config", "/nowhere.toml"], "The settings file /nowhere.toml does not exist."),
        (["evaluate", "--data", "/nowhere.jsonl"], "/nowhere.jsonl cannot be read: No such file or directory."),
        (["evaluate", "--data", "/"], "/ cannot be read: Is a directory."),
        (["serve", "--engine", "fake", "--fake-script", "/nowhere.jsonl"],
         "The script /nowhere.jsonl cannot be read: No such file or directory."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_one_line(arguments: list[object], said: str, twinpath: Run) -> None:
    assert one_line(twinpath(*arguments)) == said


def test_a_wrong_row_of_a_file_is_told_in_one_line(twinpath: Run, tmp_path: Path) -> None:
    path = lines(tmp_path / "rows.jsonl", "{")
    assert one_line(twinpath("sandbox", "--input", path)).startswith(f"{path}, line 1: not valid JSON (")
    assert one_line(twinpath("evaluate", "--data", path)).startswith(f"{path}, line 1: the line is not valid JSON: ")
    lines(path, '{"id": 1}')
    assert one_line(twinpath("sandbox", "--input", path)) == 'Row 1 must be {"id": "…", "program": "…"}'


@pytest.mark.parametrize(
    "arguments",
    [["solve"], ["solve", "Why?", "--n", 5],
     ["serve", "--ports", 1], ["evaluate"], ["sandbox", "--input", "/"],
     ["conquer"], ["solve", "Why?", "--concurrency", 2],
     ["solve", "--input", __file__, "--output", "/nowhere/out", "--json"]],
)  # fmt: skip
def test_wrong_usage(arguments: list[object], twinpath: Run) -> None:
    code, out, err = twinpath(*arguments)
    assert (code, out) == (2, "")
    assert "Usage: twinpath" in err


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["grade", "Why?", -26], "No such option: -2. A text with a minus sign at its start needs -- before it: "
         "twinpath grade PROBLEM -- -26"),
        (["solve", "How", "many?"], "Got unexpected extra argument(s) (many?). Put each text in quotes."),
    ],
)  # fmt: skip
def test_wrong_usage_comes_with_its_remedy(arguments: list[object], hint: str, twinpath: Run) -> None:
    code, out, err = twinpath(*arguments)
    assert (code, out) == (2, "")
    assert hint in " ".join(err.replace("│", " ").split())


@pytest.mark.parametrize("value", [0, "many", 1.5])
@pytest.mark.parametrize(
    "arguments",
    [["solve", "--input", __file__], ["evaluate", "--data", __file__], ["keys", "create", "ann"]],
)
def test_a_count_is_a_positive_whole_number(arguments: list[object], value: object, twinpath: Run) -> None:
    said = one_line(twinpath(*arguments, "--concurrency", value))
    assert said == "--concurrency must be a whole number of at least 1."


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, twinpath: Run) -> None:
    code, out, err = twinpath(*command.split(), "--help")
    assert (code, err) == (0, "")
    assert f"Usage: twinpath {command}" in out


def test_help_lists_the_commands_and_the_version_is_told(twinpath: Run) -> None:
    code, out, _ = twinpath("--help")
    assert code == 0
    commands = "solve grade evaluate calibrate serve doctor health keys model train read sandbox".split()
    assert re.findall(r"^│ (\w+) ", out, re.MULTILINE) == commands
    assert 'Start here: twinpath solve "A pen costs 3 dollars. How much do 7 pens cost?"' in " ".join(out.split())
    assert twinpath("--version") == (0, f"twinpath {__version__}\n", "")


def flag(setting: str) -> str:
    singular = {"engine_options": "engine_option", "adapters": "adapter"}
    return f"--{singular.get(setting, setting).replace('_', '-')}"


def test_every_setting_is_a_flag_of_serve() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, click.Group) or hasattr(group, "commands")
    flags = {option for parameter in group.commands["serve"].params for option in parameter.opts}
    assert flags >= set(map(flag, Settings.model_fields)) | {"--config"}


def test_the_help_of_serve_has_groups_and_whole_names(twinpath: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = twinpath("serve", "--help")
    assert code == 0
    assert re.findall(r"^╭─ ([\w ]+) ─", out, re.MULTILINE) == ["Options", *(group.title for group in GROUPS)]
    for group in GROUPS:
        panel = out.partition(f"╭─ {group.title} ─")[2].partition("╰")[0]
        shown = [flag(name) for name in group.model_fields]
        assert re.findall(r"^│ (--[\w-]+) ", panel, re.MULTILINE) == shown
    assert "Port to listen on. 0 picks a free port. Default: 8000." in " ".join(out.replace("│", " ").split())
    assert "…" not in out
    assert len(out.splitlines()) < 3 * len(Settings.model_fields)
    assert all(len(line) <= 80 for line in out.splitlines())


def test_a_switch_of_serve_can_be_turned_off(twinpath: Run, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Settings] = []

    def run(settings: Settings) -> int:
        served.append(settings)
        return 0

    monkeypatch.setattr(server, "run", run)
    with config.open("a") as file:
        file.write("allow_anonymous = true\n")
    twinpath("serve", "--help")
    assert (
        twinpath("serve", "--config", config)[0]
        == twinpath("serve", "--config", config, "--no-allow-anonymous")[0]
        == 0
    )
    assert [settings.allow_anonymous for settings in served] == [True, False]


def test_serve_gets_its_flags_and_gives_the_servers_exit_code(
    twinpath: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[Settings] = []

    def run(settings: Settings) -> int:
        served.append(settings)
        return 1

    monkeypatch.setattr(server, "run", run)
    flags = ["--port", 0, "--cot-paths", 3, "--temperature", 0, "--allow-unlocked-sandbox", "--policy", "lossless"]
    assert twinpath("serve", "--config", config, *flags)[0] == 1
    assert (served[0].engine, served[0].port, served[0].cot_paths, served[0].pot_paths) == (EngineKind.FAKE, 0, 3, 10)
    assert (served[0].temperature, served[0].allow_unlocked_sandbox, served[0].policy) == (0.0, True, "lossless")


def test_engine_options_are_json_or_texts_and_the_last_one_counts(
    twinpath: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[Settings] = []

    def run(settings: Settings) -> int:
        served.append(settings)
        return 0

    monkeypatch.setattr(server, "run", run)
    with config.open("a") as file:
        file.write("[engine_options]\nmax_loras = 1\nblock_size = 16\n")
    texts = ["max-loras=2", "load_format=auto", 'hf_overrides={"a": [1.5, null]}', "note=a=b", "max_loras=3", "empty="]
    flags = [part for text in texts for part in ("--engine-option", text)]
    assert twinpath("serve", "--config", config, *flags)[0] == 0
    assert served[0].engine_options == {
        "max_loras": 3, "block_size": 16, "load_format": "auto", "hf_overrides": {"a": [1.5, None]}, "note": "a=b",
        "empty": "",
    }  # fmt: skip
    assert twinpath("serve", "--config", config)[0] == 0
    assert served[1].engine_options == {"max_loras": 1, "block_size": 16}


@pytest.mark.parametrize("text", ["block_size", "=32"])
@pytest.mark.parametrize("command", [("serve",), ("solve", "How much?")])
def test_an_engine_option_has_a_name_and_a_value(
    text: str, command: tuple[str, ...], twinpath: Run, config: Path
) -> None:
    said = one_line(twinpath(*command, "--config", config, "--engine-option", text))
    assert said == f"--engine-option {text} must be NAME=VALUE, such as block_size=32."


@given(st.text(), st.text())
def test_any_engine_option_is_a_pair_or_is_refused(name: str, value: str) -> None:
    try:
        pair = engine_option(f"{name}={value}")
    except ConfigurationError:
        pair = None
    assert (pair is None) == (name.partition("=")[0] == "")


def test_solve_takes_engine_options(twinpath: Run, config: Path) -> None:
    """The demo has no engine of vLLM, and ignores them as it ignores `dtype`."""
    code, out, _ = twinpath("solve", "A pen costs 3 dollars. How much do 7 pens cost?", "--config", config, "--json",
                            "--engine-option", "max_loras=2")  # fmt: skip
    assert (code, json.loads(out)["status"]) == (0, "answered")


def test_serve_says_in_one_line_that_the_port_is_taken(twinpath: Run, config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = one_line(twinpath("serve", "--config", config, "--port", port))
    assert said == (f"127.0.0.1:{port} is in use by another process. Stop it, or choose another port with --port.")


def test_serve_refuses_others_without_keys(twinpath: Run, config: Path) -> None:
    code, out, err = twinpath("serve", "--config", config, "--host", "0.0.0.0")
    assert (code, out) == (2, "")
    assert err.startswith("twinpath: Everyone who reaches 0.0.0.0 could use the service. Set --api-keys-file")


def test_keys_create_shows_the_key_and_prints_its_table(twinpath: Run, tmp_path: Path) -> None:
    code, out, err = twinpath(
        "keys", "create", "ann", "--scope", "metrics", "--requests-per-minute", 60, "--concurrency", 2
    )
    assert code == 0
    found = KeyRing(lines(tmp_path / "keys.toml", out)).find(err.removesuffix("\n"))
    assert found is not None
    assert found.table.model_dump(exclude={"sha256"}) == {
        "name": "ann", "scopes": {"metrics"}, "requests_per_minute": 60, "concurrency": 2,
    }  # fmt: skip
    assert twinpath("keys", "create", "a b")[0] == 2


@pytest.mark.e2e
def test_serve_serves_until_it_is_asked_to_end(config: Path) -> None:
    port = free_port()
    command = [sys.executable, "-c", "from service.cli.main import main; main()", "serve"]
    process = subprocess.Popen(
        [*command, "--config", str(config), "--port", str(port)], stderr=subprocess.PIPE, text=True, env=os.environ
    )
    try:
        response = None
        for _ in range(200):
            try:
                response = httpx.post(f"http://127.0.0.1:{port}/solve", json={"problem": "apples"})
                break
            except httpx.ConnectError:
                time.sleep(0.05)
        assert response is not None
        assert (response.status_code, response.json()["answer"]) == (200, "1")
        assert (
            httpx.get(f"http://127.0.0.1:{port}/metrics").text.count('twinpath_sandbox_runs_total{outcome="ok"} 1.0')
            == 1
        )
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=10)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    logged = [json.loads(line) for line in err.splitlines()]
    warnings = [record["message"] for record in logged if record["level"] == "WARNING"]
    assert warnings == ["Demo: scripted answers, many of them wrong. No model is running."]
    solved = [record for record in logged if record["message"] == "solved"]
    assert len(solved) == 1
    assert (solved[0]["status"], solved[0]["request_id"]) == ("answered", response.headers["X-Request-ID"])


@pytest.mark.e2e
@pytest.mark.parametrize(("pot_text", "ending"), [("ans = 1", "answer"), (pot(1) + " #" * 99, "error")])
def test_an_open_stream_ends_with_the_grace_period(tmp_path: Path, pot_text: str, ending: str) -> None:
    """It ends as a request of `/solve` does: with the votes so far, or with an error if there are none."""
    slow = "apples " * 99 + cot(1)
    script = lines(tmp_path / "s.jsonl", script_row("apples", "cot", slow), script_row("apples", "pot", pot_text))
    flags = ["--engine", "fake", "--fake-script", script, "--fake-tokens-per-s", 5, "--shutdown-grace-s", 2]
    body = {"problem": "apples", "paths": {"cot": 1, "pot": 1}, "policy": "fixed"}
    with started(tmp_path, *flags) as (process, url):
        with httpx.stream("POST", f"{url}/solve/stream", json=body, timeout=20) as response:
            process.send_signal(signal.SIGTERM)
            text = response.read().decode()
        assert process.wait(10) == 0
    name, data = re.findall(r"^event: (.*)\ndata: (.*)$", text, re.MULTILINE)[-1]
    assert name == ending
    if ending == "answer":
        assert json.loads(data)["answer"] == "1"
    else:
        assert json.loads(data)["detail"] == "The service is shutting down; retry."


@pytest.mark.parametrize("size", ["0", "00", ""])
def test_a_terminal_without_a_width_gets_every_output(
    size: str, twinpath: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = twinpath("--help")
    monkeypatch.setenv("COLUMNS", size)
    monkeypatch.setenv("LINES", size)
    assert json.loads(twinpath("solve", "How many?", "--json", "--config", config)[1])["id"] == "solve"
    monkeypatch.setenv("COLUMNS", size)
    assert twinpath("--help") == expected


def test_an_interrupt_during_the_imports_ends_a_command_at_once(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'service.cli.main':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt())\n"
    )
    command = "from service.cli.entry import main; main()"
    root = str(Path(server.__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), root])}
    done = subprocess.run([sys.executable, "-c", command, "--version"], env=environment, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


def test_certificates_that_are_not_there_are_named(twinpath: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    assert twinpath("solve", "How many?", "--url", "https://127.0.0.1:1") == (
        2,
        "",
        "twinpath: The service at --url https://127.0.0.1:1 cannot be reached: the certificates of SSL_CERT_FILE or "
        "SSL_CERT_DIR are not readable: No such file or directory.\n",
    )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("command", ["read", "sandbox"])
def test_a_file_of_another_encoding_is_told(command: str, encoding: str, twinpath: Run, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": 1, "program": "ans = 1"}\n', encoding=encoding)
    said = f"twinpath: {path}, line 1: not valid JSON (it is encoded in UTF-16; save it in UTF-8).\n"
    assert twinpath(command, "--input", path) == (2, "", said)


@pytest.mark.parametrize("flush", [False, True])
def test_a_full_output_is_named_once(flush: bool) -> None:
    command = f"from service.cli.process import run; run(lambda: print('healthy', flush={flush}))"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", command], stdout=full, stderr=subprocess.PIPE, text=True, env=environment
        )
    said = "twinpath: Standard output cannot be written: No space left on device.\n"
    assert (done.returncode, done.stderr) == (2, said)
