"""Command `twinpath calibrate`: its lines, its files, its resume, and the service that uses them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner

from service import components
from service.cli.main import app
from service.components import Components
from service.engine.base import Sampling
from service.engine.fake import FakeEngine
from service.metrics import Metrics
from service.model.checkpoint import Checkpoint
from service.model.served import ServedModel
from service.paths.chat import ChatFormat, ChatPrompt
from service.settings import Settings
from tests.cli.conftest import Run
from tests.support.components import fake_components
from tests.support.engines import computing_sandbox, cot, lines, pot

COUNT = 20
ESCAPE = "\x1b[31m"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)


def make_quick(patch: pytest.MonkeyPatch) -> None:
    """Fewer orders, and a sandbox and metrics of the test."""
    patch.setattr(components, "sandbox_pool", lambda *_, **__: computing_sandbox())
    patch.setattr(components, "Metrics", lambda: Metrics(CollectorRegistry()))
    patch.setattr("service.evaluation.calibration.thresholds.ORDERS", 1)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a finished calibration, for tests that leave it as it is."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        make_quick(patch)
        patch.setenv("TWINPATH_CACHE_DIR", str(folder / "cache"))
        options = ["--data", problems(folder), "--out", folder / "out", "--config", played(folder)]
        CliRunner().invoke(app, ["calibrate", *map(str, options)], catch_exceptions=False)
    return folder


def problems(folder: Path, right: int = 15, count: int = COUNT, **changes: Any) -> Path:
    """Problems whose paths all answer 7, which is right for the first ones."""
    rows = [
        {"id": f"q/{n}", "question": f"Box {n} has 3 pens and 4 pens. How many?", "answer": "7" if n < right else "9"}
        for n in range(count)
    ]
    return lines(folder / "data.jsonl", *(json.dumps(row | changes) for row in rows))


def played(folder: Path, cots: list[str] | None = None, pots: list[str] | None = None) -> Path:
    """Settings of a demo that plays texts for each problem. One in four programs is wrong."""
    texts = [("cot", text) for text in cots or [cot(7)]]
    texts += [("pot", text) for text in pots or [pot(7), pot(7), pot(7), pot(8)]]
    rows = [json.dumps({"problem": "pens", "kind": kind, "text": text}) for kind, text in texts]
    script = lines(folder / "script.jsonl", *rows)
    return lines(
        folder / "twinpath.toml", 'engine = "fake"', f'fake_script = "{script}"', "cot_paths = 4", "pot_paths = 4"
    )


def calibrated(twinpath: Run, folder: Path, *more: object) -> tuple[int, str, str]:
    data = folder / "data.jsonl"
    config = folder / "twinpath.toml"
    return twinpath(
        "calibrate", "--data", data if data.exists() else problems(folder), "--out", folder / "out",
        "--config", config if config.exists() else played(folder), *more,
    )  # fmt: skip


def content(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "out" / "calibration.json").read_text())
    return found


def test_a_calibration_is_written_and_shown(twinpath: Run, tmp_path: Path) -> None:
    code, out, err = calibrated(twinpath, tmp_path)
    assert (code, sorted(path.name for path in (tmp_path / "out").iterdir())) == (
        0, ["calibration.json", "journal-v1.jsonl", "report.html"]
    )  # fmt: skip
    told = err.splitlines()
    assert told[0] == (
        "20 problems, each with every attempt. Figures from fewer than 100 problems are rough. Journal: "
        f"{tmp_path}/out/journal-v1.jsonl. A killed run resumes with the same options."
    )
    assert told[1] == "Sampling: 20 rows."
    assert told[-2].startswith("Sampling: 20 of 20 (100 %) after ")
    assert told[-1] == "Fitting the calibration."
    shown = " ".join(out.split())
    assert "demo · 20 problems · prompt v1 · temperature 0.7 · 4 + 4 attempts · seed 0" in shown
    assert "On held-out problems, 75 % of the likely answers were right (15 of 20, 95 % interval 53 to 89 %)." in shown
    assert "likely ███████████████░░░░░ 75 % right 15 of 20 (53–89)" in shown
    assert "right answers of the full vote" not in shown  # only one prompt
    command = f"twinpath serve --config {tmp_path}/twinpath.toml --calibration {tmp_path}/out"
    assert shown.endswith(f"Next: {command}")
    found = content(tmp_path)
    assert (found["made_for"]["model"], found["made_for"]["cot"], found["problems"], found["seed"]) == (
        "demo",
        4,
        20,
        0,
    )
    assert found["rows"][0]["id"] == "q/0"
    assert command in (tmp_path / "out" / "report.html").read_text()


def test_a_service_is_calibrated_only_with_the_directory(twinpath: Run, finished: Path) -> None:
    question = ("solve", "Box 3 has 3 pens and 4 pens. How many?", "--config", finished / "twinpath.toml", "--seed", 1)
    plain = json.loads(twinpath(*question, "--json")[1])
    assert (plain["answer"], plain["verdict"], plain["calibrated"]) == ("7", "agreed", False)
    measured = json.loads(twinpath(*question, "--json", "--calibration", finished / "out")[1])
    assert (measured["answer"], measured["verdict"], measured["calibrated"]) == ("7", "likely", True)
    assert 0.7 < measured["confidence"] < 0.85 < plain["confidence"]
    assert "This confidence was never measured." in " ".join(twinpath(*question)[1].split())
    shown = " ".join(twinpath(*question, "--calibration", finished / "out")[1].split())
    assert "of 100 answers with such a vote were right on problems that the model had not seen." in shown
    assert "never measured" not in shown


def test_an_evaluation_and_a_grade_use_the_calibration(twinpath: Run, finished: Path) -> None:
    common = ("--config", finished / "twinpath.toml", "--calibration", finished / "out")
    out = twinpath("evaluate", "--data", finished / "data.jsonl", "--limit", 4, *common)[1]
    assert "likely: right 4 of 4" in out
    grade = twinpath("grade", "Box 3 has 3 pens and 4 pens. How many?", "7", *common, "--json")[1]
    assert (json.loads(grade)["verdict"], json.loads(grade)["calibrated"]) == ("correct", True)
    grade = twinpath("grade", "Box 3 has 3 pens and 4 pens. How many?", "7", *common[:2])[1]
    assert "Given: 7. Voted: 7 (confidence never measured)." in grade


def test_a_calibration_for_something_else_is_refused_in_one_line(
    twinpath: Run, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWINPATH_MAX_TOKENS", "2")
    code, out, err = twinpath(
        "solve", "How many pens?", "--config", finished / "twinpath.toml", "--calibration", finished / "out"
    )
    assert (code, out) == (2, "")
    assert err == (
        f"twinpath: The calibration {finished}/out was made for `max_tokens` 320, and it is 2 now. Run `twinpath "
        "calibrate` again, or leave out --calibration.\n"
    )


def test_a_finished_run_starts_no_engine_and_writes_the_same(
    twinpath: Run, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [finished / "out" / name for name in ("calibration.json", "report.html", "journal-v1.jsonl")]
    before = [path.read_bytes() for path in files]
    monkeypatch.setattr(FakeEngine, "start", lambda _: pytest.fail("an engine starts"))
    code, _, err = calibrated(twinpath, finished)
    assert code == 0
    assert f"Resuming: {finished}/out/journal-v1.jsonl holds 20. Delete to sample again." in err
    assert [path.read_bytes() for path in files] == before


def test_every_prefix_of_a_journal_gives_the_same_calibration(twinpath: Run, tmp_path: Path) -> None:
    calibrated(twinpath, tmp_path, "--concurrency", 1)
    journal = tmp_path / "out" / "journal-v1.jsonl"
    whole, written = content(tmp_path), journal.read_bytes()
    for length in (len(written) // 3, len(written) - 1):
        journal.write_bytes(written[:length])
        assert calibrated(twinpath, tmp_path, "--concurrency", 1)[0] == 0
        assert content(tmp_path) == whole
        requests = [json.dumps(json.loads(line)["request"]) for line in journal.read_bytes().splitlines()[1:]]
        assert len(set(requests)) == len(requests) == COUNT


def test_another_run_in_the_directory_is_refused(twinpath: Run, finished: Path) -> None:
    for option, value, reason in (
        ("--seed", 1, "seed was 0 and is 1 now"),
        ("--temperature", 0.9, "temperature was None and is 0.9 now"),
        ("--paths", 3, "cot was 4 and is 3 now"),
        ("--max-tokens", 99, "max_tokens was 320 and is 99 now"),
    ):
        code, _, err = calibrated(twinpath, finished, option, value)
        assert (code, reason in err) == (2, True)


def test_the_calibration_of_the_settings_has_no_effect(twinpath: Run, tmp_path: Path) -> None:
    played(tmp_path)
    with (tmp_path / "twinpath.toml").open("a") as config:
        config.write('calibration = "/nowhere"\n')
    assert calibrated(twinpath, tmp_path)[0] == 0


def test_the_temperature_of_a_calibration_is_that_of_the_service(twinpath: Run, tmp_path: Path) -> None:
    calibrated(twinpath, tmp_path, "--temperature", 0.4)
    assert content(tmp_path)["made_for"]["decoding"]["temperature"] == 0.4
    config = tmp_path / "twinpath.toml"
    assert twinpath("solve", "2 pens?", "--config", config, "--calibration", tmp_path / "out")[0] == 0
    config.write_text(config.read_text() + "temperature = 0.7\n")
    err = twinpath("solve", "2 pens?", "--config", config, "--calibration", tmp_path / "out")[2]
    assert "was made for `temperature` 0.4, and it is 0.7 now." in err


@pytest.mark.parametrize(
    ("setting", "reason", "remedy"),
    [
        ("temperature = 0", "`temperature` is 0", "raise"),
        ("temperature = 0.001", "`temperature` is 0.001", "raise"),
        ("top_p = 0.01", "`top_p` is 0.01", "raise"),
        ("top_k = 1", "`top_k` is 1", "raise"),
        ("min_p = 0.95", "`min_p` is 0.95", "lower"),
    ],
)
def test_equal_attempts_are_refused(setting: str, reason: str, remedy: str, twinpath: Run, tmp_path: Path) -> None:
    config = played(tmp_path)
    config.write_text(f"{config.read_text()}{setting}\n")
    code, _, err = calibrated(twinpath, tmp_path)
    assert (code, err) == (
        2,
        f"twinpath: Invalid settings: {reason}, so almost all attempts of a kind are equal and their agreement measures "
        f"nothing; {remedy} it\n",
    )


def test_the_command_names_the_adapter(twinpath: Run, tmp_path: Path) -> None:
    adapter = tmp_path / "algebra"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text('{"r": 8}')
    code, out, err = calibrated(twinpath, tmp_path, "--adapter", adapter)
    assert code == 0, err
    assert out.splitlines()[-1] == (
        'Only requests with "model": "algebra" are calibrated; all others go to the base model.'
    )


def test_too_few_problems_are_refused_before_the_run(
    twinpath: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeEngine, "start", lambda _: pytest.fail("an engine starts"))
    problems(tmp_path, count=19)
    code, _, err = calibrated(twinpath, tmp_path)
    assert code == 2
    assert err == (
        "twinpath: A calibration needs at least 20 problems with readable answers, better 100 or 200; there are 19.\n"
    )
    assert not (tmp_path / "out").exists()


def test_answers_that_cannot_be_read_are_left_out(twinpath: Run, tmp_path: Path) -> None:
    data = problems(tmp_path, count=22)
    rows = [json.loads(line) for line in data.read_text().splitlines()]
    rows[3]["answer"], rows[5]["answer"] = "Ann", ""
    lines(data, *map(json.dumps, rows))
    code, out, err = calibrated(twinpath, tmp_path)
    assert code == 0
    assert err.splitlines()[0].startswith("2 rows are left out, because no answer can be read: line 4 ('Ann'), 6 ('').")
    assert "Left out: 2 problems: q/3 (its answer cannot be read), q/5 (its answer cannot be read)." in " ".join(
        out.split()
    )
    assert [one["id"] for one in content(tmp_path)["left_out"]] == ["q/3", "q/5"]
    assert content(tmp_path)["problems"] == 20


def test_only_the_first_problems_are_taken(twinpath: Run, tmp_path: Path) -> None:
    problems(tmp_path, count=30)
    _, _, err = calibrated(twinpath, tmp_path, "--limit", 25)
    assert err.startswith("25 problems of 30 rows, each with every attempt.")
    assert content(tmp_path)["problems"] == 25


def test_a_table_is_read_like_that_of_an_evaluation(twinpath: Run, tmp_path: Path, finished: Path) -> None:
    rows = [f'"Box {n} has 3 pens and 4 pens. How many?",{7 if n < 15 else 9}' for n in range(COUNT)]
    table = lines(tmp_path / "class.csv", "Aufgabe,key", *rows)
    code, _, err = twinpath(
        "calibrate", "--data", table, "--out", tmp_path / "csv", "--config", finished / "twinpath.toml",
        "--problem-column", "Aufgabe",
    )  # fmt: skip
    assert code == 0
    assert "Columns: problem = Aufgabe, answer = key" in err
    found = json.loads((tmp_path / "csv" / "calibration.json").read_text())
    assert found["calibration"] == content(finished)["calibration"]
    assert found["rows"][0]["id"] == "2"


def test_a_model_that_never_answers_is_refused(twinpath: Run, tmp_path: Path) -> None:
    played(tmp_path, ["Hm."], ["Hm."])
    code, _, err = calibrated(twinpath, tmp_path)
    assert code == 2
    assert err.splitlines()[-1].startswith("twinpath: No attempt had an answer, so that there is nothing to calibrate.")
    assert not (tmp_path / "out" / "calibration.json").exists()


def test_hostile_rows_and_texts_are_only_text(twinpath: Run, tmp_path: Path) -> None:
    data = problems(tmp_path)
    rows = [json.loads(line) for line in data.read_text().splitlines()]
    rows = [row | {"id": f"{ESCAPE}{HOSTILE}{row['id']}", "question": f"{HOSTILE} {row['question']}"} for row in rows]
    rows.append({"id": f"{ESCAPE}{HOSTILE}", "question": "Who?", "answer": "Ann"})
    rows.append({"id": "long", "question": "pens " * 9000, "answer": "7"})
    lines(data, *map(json.dumps, rows[-1:] + rows[:-1]))
    played(tmp_path, [f"{ESCAPE}{HOSTILE} The answer is 7"], [f"ans = 7  # {HOSTILE}"])
    code, out, err = calibrated(twinpath, tmp_path)
    assert code == 0, err
    assert "\x1b" not in out + err
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert [one["id"] for one in content(tmp_path)["left_out"]] == [f"{ESCAPE}{HOSTILE}", "long"]


def test_a_row_that_is_no_problem_is_refused_with_its_line(twinpath: Run, tmp_path: Path) -> None:
    data = problems(tmp_path)
    data.write_text(data.read_text() + '{"id": 1, "question": 5, "answer": "7"}\n')
    code, _, err = calibrated(twinpath, tmp_path)
    assert (code, f"{data}, line 21: `question` is invalid: " in err) == (2, True)


@pytest.mark.parametrize("out", ["data.jsonl", "data.jsonl/x"])
def test_an_output_directory_that_cannot_be_made(out: str, twinpath: Run, tmp_path: Path) -> None:
    data = problems(tmp_path)
    code, _, err = twinpath("calibrate", "--data", data, "--out", tmp_path / out, "--config", played(tmp_path))
    assert (code, f"twinpath: --out {tmp_path / out} cannot be made: " in err) == (2, True)


def test_a_missing_library_is_named_before_the_run(
    twinpath: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    code, _, err = calibrated(twinpath, tmp_path)
    assert code == 2
    assert (
        "the command needs the extra `calibrate` (scipy.optimize is missing): pip install 'twinpath[calibrate]'" in err
    )


def prompted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Instruct model that is right only with the second prompt."""

    def with_prompt(name: str) -> ChatFormat:
        return ChatFormat(
            str, ChatPrompt(name, cot=f"{{question}} {name} in words", pot=f"{{question}} {name} in Python")
        )

    def script(prompt: str, sampling: Sampling) -> str:
        return (cot if prompt.endswith("words") else pot)(7 if " second " in prompt else 8)

    def build(settings: Settings, _: object) -> Components:
        model = ServedModel("stock", with_prompt(str(settings.prompt)))
        checkpoint = Checkpoint(folder, "stock", metadata=None, bos="", style="chat")
        engine = FakeEngine(script, model="stock")
        return replace(
            fake_components(engine, computing_sandbox(), settings=settings, models=(model,)), checkpoint=checkpoint
        )

    monkeypatch.setattr("service.cli.calibrate.build", build)
    monkeypatch.setattr("service.cli.calibration_run.prompt_format", lambda _, prompt: with_prompt(prompt))


def test_several_prompts_are_sampled_and_the_best_one_is_kept(
    twinpath: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompted(tmp_path, monkeypatch)
    options = ("--prompt", "first", "--prompt", "second", "--prompt", "first")
    code, out, err = calibrated(twinpath, tmp_path, *options)
    assert code == 0, err
    assert f"Journals: {tmp_path}/out/journal-first.jsonl, {tmp_path}/out/journal-second.jsonl." in err
    assert err.startswith("20 problems, each with every attempt, 2 times with another prompt.")
    assert "Sampling, prompt first: 20 rows." in err
    shown = " ".join(out.split())
    assert "prompts right answers of the full vote: first 0 %, second 75 %" in shown
    assert "The prompt is the best of 2 on these problems, so its figures are a little too high," in shown
    assert shown.endswith(f"--config {tmp_path}/twinpath.toml --prompt second --calibration {tmp_path}/out")
    found = content(tmp_path)
    assert found["made_for"]["prompt"] == "second"
    assert [tuple(one.values()) for one in found["prompts"]] == [
        ("first", 20, 0, 48.0, 0.0, 0.0), ("second", 20, 15, 48.0, 0.75, 0.75)
    ]  # fmt: skip
    assert "<h2>Prompts</h2>" in (tmp_path / "out" / "report.html").read_text()


def test_the_next_command_has_every_option_of_the_model(twinpath: Run, tmp_path: Path) -> None:
    problems(tmp_path)
    code, out, err = twinpath(
        "calibrate", "--engine", "fake", "--model", "my model", "--paths", 3, "--max-tokens", 50, "--temperature", 0.4,
        "--top-p", 0.9, "--revision", "v1", "--dtype", "float16", "--quantization", "fp8",
        "--data", tmp_path / "data.jsonl", "--out", tmp_path / "it's out",
    )  # fmt: skip
    assert code == 0, err
    decoding = json.loads((tmp_path / "it's out" / "calibration.json").read_text())["made_for"]["decoding"]
    assert (decoding["temperature"], decoding["top_p"]) == (0.4, 0.9)
    assert out.splitlines()[-1] == (
        "Next: twinpath serve --model 'my model' --revision v1 --dtype float16 --quantization fp8 --engine fake --cot-paths 3 "
        f"--pot-paths 3 --max-tokens 50 --calibration '{tmp_path}/it'\"'\"'s out'"
    )
