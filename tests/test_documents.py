"""Tests that docs/reliability.md and docs/security.md name exist, one per claim."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import tables

ROOT = Path(__file__).parents[1]
TESTS = {
    name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
}


@pytest.mark.parametrize("name", ["reliability.md", "security.md"])
def test_every_claim_names_a_test_that_exists(name: str) -> None:
    text = (ROOT / "docs" / name).read_text()
    assert set(re.findall(r"`(test_\w+)`", text)) - TESTS == set()
    written = tables.BLOCK.sub("", text)  # figures are not claims
    rows = [line for line in written.splitlines() if line.startswith("| ") and not re.search(r"\| shown by \|$", line)]
    assert len(rows) > 15
    assert [row for row in rows if not re.search(r"`test_\w+`|the same|THREATS\.md", row.split(" | ")[-1])] == []


@pytest.mark.parametrize("code", ["import time\n\ntime.time()\n", "from time import time\n\ntime()\n"])
def test_no_wait_depends_on_the_wall_clock(code: str) -> None:
    """Ruff bans the wall clock in the service, and `make check` runs it."""
    command: list[str | Path] = [Path(sys.executable).with_name("ruff"), "check", "--no-cache", "--select", "TID251"]
    command += ["--output-format", "concise"]
    stdin = [*command, "--stdin-filename", "service/example.py", "-"]
    banned = subprocess.run(stdin, input=code, capture_output=True, text=True, cwd=ROOT)
    assert (banned.returncode, banned.stdout.count("TID251")) == (1, 1)
    subprocess.run([*command, "service"], check=True, cwd=ROOT)
