"""Starts of `twinpath serve`: refusals before the model is loaded, and signals before the service is ready."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.support.servers import described, free_port
from tests.support.terminal import Terminal, plain

pytestmark = pytest.mark.e2e

SERVE = [sys.executable, "-m", "service.cli.main", "serve"]


@contextmanager
def starting(*flags: object, **options: object) -> Iterator[subprocess.Popen[str]]:
    """A service that starts. It is killed at the end if it still runs."""
    command = [*SERVE, *map(str, flags)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def logged(process: subprocess.Popen[str], message: str) -> dict[str, object]:
    """Record of the log with this message, once it is written."""
    assert process.stderr is not None
    for line in process.stderr:
        record: dict[str, object] = json.loads(line)
        if record["message"] == message:
            return record
    pytest.fail(f"the service ended before it logged {message!r}")


def ended(process: subprocess.Popen[str], number: int, within_s: float = 3.0) -> None:
    """Send a signal, and check that the process and its children end by it."""
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    assert process.wait(within_s) == -number
    _, alive = psutil.wait_procs(children, timeout=3)
    assert alive == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_start_that_waits_for_its_workers(number: int, tmp_path: Path) -> None:
    flags = ["--port", 0, "--engine", "remote", "--worker-urls", "http://127.0.0.1:9", "--model", described(tmp_path)]
    with starting(*flags) as process:
        record = logged(process, "waiting for a worker")
        assert record["workers"] == ["127.0.0.1:9"]
        ended(process, number)
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.mark.engine
@pytest.mark.parametrize("wait_s", [1.0, 2.5, 4.0])
def test_a_signal_ends_a_start_of_vllm(wait_s: float, tiny_checkpoint: Path) -> None:
    with starting("--port", 0, "--model", tiny_checkpoint, stdout=subprocess.DEVNULL) as process:
        logged(process, "starting")
        time.sleep(wait_s)
        ended(process, signal.SIGTERM, within_s=10)


@pytest.mark.engine
def test_an_engine_that_does_not_start_shows_its_last_lines(tiny_checkpoint: Path, tmp_path: Path) -> None:
    """The engine's process fails, and only its output has the reason."""
    damaged = tmp_path / "damaged"
    shutil.copytree(tiny_checkpoint, damaged)
    weights = damaged / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with Terminal([*SERVE, "--port", "0", "--model", damaged]) as terminal:
        assert terminal.wait(120) == 2
        lines = plain(terminal.rest()).splitlines()
    assert [line[:8] for line in lines if line[:1] in "✓✗" and line] == ["✓  model", "✓  sandb", "✗  engin"]
    start = next(number for number, line in enumerate(lines) if line.startswith("The last lines of "))
    assert any("IncompleteMetadata" in line or "incomplete metadata" in line for line in lines[start:])
    assert lines[-1].startswith("twinpath: vLLM did not start: ")


def test_a_port_in_use_is_refused_before_the_model_is_read(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = subprocess.run(
            [*SERVE, "--port", str(port), "--model", tmp_path], capture_output=True, text=True, timeout=60
        )
    assert run.returncode == 2
    assert run.stderr == (
        f"twinpath: 127.0.0.1:{port} is in use by another process. Stop it, or choose another port with --port.\n"
    )


def test_a_start_that_fails_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    run = subprocess.run([*SERVE, "--port", "0", "--model", tmp_path], capture_output=True, text=True, timeout=60)
    record, said = run.stderr.splitlines()
    assert (run.returncode, json.loads(record)["message"]) == (2, "starting")
    assert said == f"twinpath: {tmp_path} has no config.json; --model must be a Hugging Face model directory or name."


def test_two_services_on_one_address_are_refused_while_the_first_starts(tmp_path: Path) -> None:
    port = free_port()
    flags = [
        "--port",
        port,
        "--engine",
        "remote",
        "--worker-urls",
        "http://127.0.0.1:9",
        "--model",
        described(tmp_path),
    ]
    with starting(*flags) as first:
        logged(first, "waiting for a worker")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        second = subprocess.run(
            [*SERVE, "--engine", "fake", "--port", str(port)], capture_output=True, text=True, timeout=60
        )
        assert (second.returncode, second.stderr.count("\n")) == (2, 1)
        assert f"127.0.0.1:{port} is in use by another process." in second.stderr


def test_the_log_names_the_port_that_was_picked() -> None:
    with starting("--engine", "fake", "--port", 0, env=os.environ) as process:
        port = logged(process, "starting")["port"]
        assert logged(process, "listening")["url"] == f"http://127.0.0.1:{port}"
        ready = socket.create_connection(("127.0.0.1", int(str(port))), timeout=5)
        ready.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
