"""Every command on odd machines: an exit code, at most one line about a refusal, and no traceback."""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.engines import lines

pytestmark = [pytest.mark.e2e, pytest.mark.alone]  # it starts four commands at a time

STRANGER = ["unshare", "--user", "--map-user=12345"]
"""Runs a command as a user without an entry in the user database, as OpenShift has them."""
FOREIGN = "a file of the working directory was run"
OURS = ("json", "socket", "typing", "service", "training", "queue", "random", "uuid", "platform")
COMMAND = Path(sys.executable).with_name("twinpath")


@dataclass(frozen=True)
class Machine:
    """Differences from an ordinary machine.

    Args:
        environment: variables. None removes one.
        prepare: called with the working directory before the commands run.
        limits: called in each process before the command.
        is_stranger: whether the user is not in the user database.
        output: file of standard output.
    """

    environment: Mapping[str, str | None] = field(default_factory=dict)
    prepare: Callable[[Path], None] = lambda folder: None
    limits: Callable[[], None] | None = None
    is_stranger: bool = False
    output: str = os.devnull


def foreign_modules(folder: Path) -> None:
    for name in OURS:
        lines(folder / f"{name}.py", f"raise SystemExit({FOREIGN!r})")
        (folder / name).mkdir()
        lines(folder / name / "__init__.py", f"raise SystemExit({FOREIGN!r})")


def no_files_written() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def few_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))


def closed_streams() -> None:
    for descriptor in (0, 1):  # the tests read the last one
        os.close(descriptor)


LINKS = {"TWINPATH_PORT": "tcp://10.96.0.7:8000", "TWINPATH_PORT_8000_TCP_ADDR": "10.96.0.7",
         "TWINPATH_SERVICE_HOST": "10.96.0.7", "TWINPATH_ROUTER_SERVICE_PORT_HTTP": "80"}  # fmt: skip
ASCII = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
PROXIES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy")
MACHINES = {
    "no home, foreign modules": Machine({"HOME": None, "TWINPATH_CACHE_DIR": None}, foreign_modules, is_stranger=True),
    "missing home, service links": Machine(
        LINKS | {"HOME": "/dev/null/home", "TWINPATH_CACHE_DIR": None}, is_stranger=True
    ),
    "cache below a file, dead proxy": Machine(
        dict.fromkeys(PROXIES, "http://127.0.0.1:9") | {"TWINPATH_CACHE_DIR": "/dev/null/a", "HF_HOME": "/dev/null/b"}
    ),
    "no temporary directory, ASCII": Machine(ASCII | {"TMPDIR": "/dev/null/tmp"}),
    "unknown proxy, no width": Machine(
        dict.fromkeys(PROXIES, "socks5://127.0.0.1:9") | {"COLUMNS": "1", "TERM": "dumb", "FORCE_COLOR": "1"}
    ),
    "wrong proxy, relative home": Machine(
        dict.fromkeys(PROXIES, "http://[") | {"HOME": "home", "TWINPATH_CACHE_DIR": None}
    ),
    "variables that are not Unicode": Machine({"TWINPATH_MODEL": "\udcff", "TWINPATH_OTHER\udcff": "1"}),
    "full disk": Machine(limits=no_files_written),
    "full output": Machine(output="/dev/full"),
    "no standard streams": Machine(limits=closed_streams),
    "few descriptors": Machine(limits=few_descriptors),
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Working directory that every user can reach and write."""
    with tempfile.TemporaryDirectory(prefix="twinpath-test-", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o777)
        yield Path(made)


def commands(folder: Path) -> list[list[object]]:
    """Every command, most of them with work to do. None reaches a network or builds a model."""
    rows = lines(folder / "rows.jsonl", json.dumps({"id": 1, "question": "How much is 3 plus 4?", "answer": "7"}))
    programs = lines(folder / "programs.jsonl", json.dumps({"id": 1, "program": "ans = 3 + 4"}))
    texts = lines(folder / "texts.jsonl", json.dumps({"id": 1, "kind": "cot", "text": "The answer is 7"}))
    model = folder / "model"
    model.mkdir()
    lines(model / "config.json", "{}")
    lines(model / "twinpath.json", json.dumps({"format_version": 1, "base_model": "m"}))
    return [
        ["--version"],
        ["health"],
        ["keys", "create", "ann"],
        ["model", "info", "--name", model],
        ["solve", "How much is 3 plus 4 é?", "--engine", "fake"],
        ["solve", "How much is 3 plus 4?", "--url", "http://service.example.invalid"],
        ["solve", "--input", rows, "--output", "out.jsonl", "--engine", "fake"],
        ["grade", "How much is 3 plus 4?", "8", "--expected", "7"],
        ["evaluate", "--data", rows, "--json", "report.json", "--engine", "fake"],
        ["read", "--input", texts],
        ["sandbox", "--input", programs],
        ["serve", "--engine", "fake", "--host", "192.0.2.1"],
        ["train", "run", "none.toml"],
    ]


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_no_command_ends_with_a_traceback(machine: Machine, folder: Path) -> None:
    called = commands(folder)
    machine.prepare(folder)
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1", **machine.environment}
    set_here = {name: value for name, value in environment.items() if value is not None}

    def failure(arguments: list[object]) -> str:
        with Path(machine.output).open("wb") as out:
            run = subprocess.run(
                [*(STRANGER if machine.is_stranger else []), COMMAND, *map(str, arguments)], cwd=folder, env=set_here, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.PIPE, errors="replace", timeout=120, preexec_fn=machine.limits,
            )  # fmt: skip
        is_fine = run.returncode in (0, 1, 2) and "Traceback" not in run.stderr and FOREIGN not in run.stderr
        return "" if is_fine else f"{arguments} {run.returncode}: {run.stderr}"

    with ThreadPoolExecutor(4) as pool:
        failures = [found for found in pool.map(failure, called) if found]
    assert failures == []
