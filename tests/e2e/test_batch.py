"""Ten thousand problems through the scripted engine, killed and resumed."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.e2e

COUNT = 10_000
MIB = 1024**2


def start(source: Path, output: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "service.cli.main", "solve", "--engine", "fake", "--cot", "1", "--pot", "0"]
    return subprocess.Popen([*command, "--input", source, "--output", output, "--seed", "1"], stderr=subprocess.PIPE)


def watch(process: subprocess.Popen[bytes], output: Path, until: int) -> list[tuple[int, int]]:
    """Lines written and bytes of memory, as they grow, until so many lines are written or the process ends."""
    seen = [(0, 0)]
    while process.poll() is None and seen[-1][0] < until:
        time.sleep(0.05)
        try:
            memory = psutil.Process(process.pid).memory_info().rss
        except psutil.NoSuchProcess:
            break
        seen.append((output.read_bytes().count(b"\n") if output.exists() else 0, memory))
    return seen


def test_each_problem_is_solved_once_through_a_kill_and_memory_is_flat(tmp_path: Path) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    with source.open("w") as rows:
        for n in range(COUNT):
            rows.write(
                json.dumps({"id": f"q{n}", "problem": f"A pen costs {n} dollars. How much do 7 pens cost?"}) + "\n"
            )

    killed = start(source, output)
    watch(killed, output, COUNT // 3)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    before = output.read_bytes().count(b"\n")
    assert COUNT // 3 <= before < COUNT

    resumed = start(source, output)
    seen = watch(resumed, output, COUNT)
    told = resumed.communicate()[1].decode()
    assert resumed.returncode == 0, told
    assert f"{COUNT - before:,} solved, 0 with an error, {before:,} from earlier runs." in told
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert Counter(line["id"] for line in lines) == Counter(f"q{n}" for n in range(COUNT))
    assert all(line["id"] == f"q{line['line'] - 1}" for line in lines)

    early = max(memory for written, memory in seen if written < before + (COUNT - before) // 3)
    late = max(memory for written, memory in seen)
    assert late - early < 8 * MIB
