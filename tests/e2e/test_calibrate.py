"""Calibration that is killed and resumed, its progress at a terminal, and its report in a real browser."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.accessibility import violations
from tests.support.browser import chromium
from tests.support.engines import lines

pytestmark = pytest.mark.e2e

COUNT = 40
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
HOSTILE = "</p></details><script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">"


def command(folder: Path) -> list[str | Path]:
    program = [sys.executable, "-m", "service.cli.main", "calibrate", "--engine", "fake"]
    return [*program, "--data", folder / "data.jsonl", "--out", folder / "out"]


def prepared(folder: Path, name: str = "q") -> Path:
    folder.mkdir()
    rows = [
        {"id": f"{name}{n}", "question": f"A pen costs {n} dollars. How much do 7 pens cost?", "answer": 7 * n + n % 3}
        for n in range(COUNT)
    ]
    lines(folder / "data.jsonl", *map(json.dumps, rows))
    return folder


def sampled(folder: Path) -> int:
    """Number of complete lines of the journal, without its header."""
    journal = folder / "out" / "journal-v1.jsonl"
    return max(0, journal.read_bytes().count(b"\n") - 1) if journal.exists() else 0


def results(folder: Path) -> list[str]:
    found = [(folder / "out" / name).read_text() for name in ("calibration.json", "report.html")]
    return [text.replace(str(folder), "") for text in found]


def test_a_killed_calibration_resumes(tmp_path: Path) -> None:
    whole, killed = prepared(tmp_path / "whole"), prepared(tmp_path / "killed")
    subprocess.run(command(whole), check=True, capture_output=True)
    process = subprocess.Popen(command(killed), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while process.poll() is None and sampled(killed) < COUNT // 3:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = sampled(killed)
    assert COUNT // 3 <= before < COUNT
    assert not (killed / "out" / "calibration.json").exists()
    resumed = subprocess.run(command(killed), check=True, capture_output=True, text=True)
    assert f"holds {before}. Delete to sample again." in resumed.stderr
    assert sampled(killed) == COUNT
    assert results(killed) == results(whole)


def test_progress_is_a_bar_at_a_terminal(tmp_path: Path) -> None:
    folder = prepared(tmp_path / "run")
    parent, child = pty.openpty()
    environment = os.environ | {"COLUMNS": "200", "TERM": "xterm"}
    process = subprocess.Popen(command(folder), stdout=child, stderr=child, env=environment)
    os.close(child)
    shown = b""
    while True:
        try:
            part = os.read(parent, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(parent)
    assert process.wait() == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert f"{COUNT}/{COUNT}" in text
    assert "Starting the engine" in text
    assert "Fitting the calibration" in text
    assert "Next: twinpath serve --engine fake --calibration" in " ".join(text.split())


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Report of problems whose ids are hostile, one of them with an answer that cannot be read."""
    folder = prepared(tmp_path_factory.mktemp("calibrate") / "run", HOSTILE)
    with (folder / "data.jsonl").open("a") as rows:
        rows.write(json.dumps({"id": HOSTILE, "question": HOSTILE, "answer": HOSTILE}) + "\n")
    subprocess.run(command(folder), check=True, capture_output=True)
    return folder / "out" / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_report_is_harmless_accessible_and_fits(scheme: str, size: str, browser: Browser, report: Path) -> None:
    context = browser.new_context(color_scheme=scheme, viewport=SIZES[size])  # type: ignore[arg-type]
    page = context.new_page()
    seen: list[str] = []
    page.on("console", lambda message: seen.append(message.text))
    page.on("request", lambda request: seen.append(request.url))
    page.goto(report.as_uri())
    assert page.locator("svg.chart").count() == 4
    assert page.title() == "Calibration of demo"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("script, img").count() == 0
    assert violations(page) == []
    assert seen == [report.as_uri()]
    context.close()
