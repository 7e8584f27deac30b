"""Evaluation that is killed and resumed, and its report in a real browser."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.support.accessibility import violations
from tests.support.browser import chromium
from tests.support.engines import lines

pytestmark = pytest.mark.e2e

COUNT = 40
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
HOSTILE = "</p></details><script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">"
WALL_CLOCK = {"seconds", "problems_per_s"}


def start(folder: Path, *more: str | Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "service.cli.main", "evaluate", "--engine", "fake", "--policy", "fixed"]
    options: list[str | Path] = [
        "--data",
        folder / "data.jsonl",
        "--json",
        folder / "out.json",
        "--report",
        folder / "report",
    ]
    return subprocess.Popen([*command, *options, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def written(folder: Path) -> list[dict[str, Any]]:
    """Complete lines of the journal, without its header."""
    journal = folder / "out.journal.jsonl"
    content = journal.read_bytes() if journal.exists() else b""
    return [json.loads(line) for line in content.splitlines(keepends=True)[1:] if line.endswith(b"\n")]


def figures(folder: Path) -> dict[str, Any]:
    """Figures that do not depend on the wall clock."""
    found = json.loads((folder / "out.json").read_text())
    rows = [{name: value for name, value in row.items() if name not in WALL_CLOCK} for row in found["rows"]]
    return {name: value for name, value in found.items() if name not in WALL_CLOCK} | {"rows": rows}


def page(folder: Path) -> str:
    """HTML report without its wall-clock figures."""
    text = (folder / "report" / "index.html").read_text()
    shorter, found = re.subn(r"<b>[^<]+</b><span>problems per second [^<]+</span>", "", text)
    assert found == 1
    return shorter


@pytest.mark.parametrize("after", [COUNT // 3, COUNT + COUNT // 3], ids=["vote", "greedy"])
def test_a_killed_evaluation_resumes(after: int, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
        with (folder / "data.jsonl").open("w") as rows:
            for n in range(COUNT):
                question = f"A pen costs {n} dollars. How much do 7 pens cost?"
                rows.write(json.dumps({"id": f"q{n}", "question": question, "answer": f"{7 * n + n % 3}"}) + "\n")

    reference = start(whole)
    told = reference.communicate()[1].decode()
    assert reference.returncode == 0, told

    process = start(killed)
    while process.poll() is None and len(written(killed)) < after:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = len(written(killed))
    assert after <= before < 2 * COUNT
    assert not (killed / "out.json").exists()

    resumed = start(killed)
    told = resumed.communicate()[1].decode()
    assert resumed.returncode == 0, told
    assert f"holds {min(before, COUNT)} votes and {max(before - COUNT, 0)} greedy runs" in told
    requests = [json.dumps(row["request"]) for row in written(killed)]
    assert len(requests) == len(set(requests)) == 2 * COUNT
    assert set(requests) == {json.dumps(row["request"]) for row in written(whole)}
    assert figures(killed) == figures(whole)
    assert page(killed) == page(whole)


@pytest.fixture(scope="module")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Report of a model whose texts, ids and questions are hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    rows = [{"id": f"{HOSTILE}{n}", "question": f"{HOSTILE} What is {n}?", "answer": f"{n}"} for n in range(8)]
    lines(folder / "data.jsonl", *map(json.dumps, rows))
    texts = [("cot", f"{HOSTILE * 20} The answer is 3"), ("pot", f"ans = 3  # {HOSTILE}"), ("cot", HOSTILE)]
    script = [json.dumps({"problem": "What is", "kind": kind, "text": text}) for kind, text in texts]
    lines(folder / "twinpath.toml", f'fake_script = "{lines(folder / "script.jsonl", *script)}"', "max_tokens = 4000")
    process = start(folder, "--config", folder / "twinpath.toml")
    told = process.communicate()[1].decode()
    assert process.returncode == 0, told
    return folder / "report" / "index.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_report_is_harmless_accessible_and_fits(
    scheme: str, size: str, browser: Browser, hostile_report: Path
) -> None:
    context = browser.new_context(color_scheme=scheme, viewport=SIZES[size])  # type: ignore[arg-type]
    page = context.new_page()
    seen: list[str] = []
    page.on("console", lambda message: seen.append(message.text))
    page.on("request", lambda request: seen.append(request.url))
    page.goto(hostile_report.as_uri())
    for summary in page.locator("summary").all():
        summary.click()
    expect(page.locator("details[open]")).to_have_count(7)
    expect(page.locator("svg.chart")).to_have_count(4)
    assert page.title().startswith("Evaluation of ")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("script, img").count() == 0
    assert violations(page) == []
    assert seen == [hostile_report.as_uri()]
    context.close()
