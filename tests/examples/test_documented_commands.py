"""Code and commands of the quickstart and of the client page, run in order against the demo."""

import json
import re
import sys
from pathlib import Path

import pytest

from tests.support.documents import ROOT, Block, blocks, commands
from tests.support.engines import lines
from tests.support.sample_problems import ANSWERS
from tests.support.scripts import at, node, ran

pytestmark = pytest.mark.e2e

OTHER = ("make ", "source ", "twinpath serve", "lm_eval ")
"""Commands that set up or start a service, and harnesses that `tests/e2e/test_doors.py` runs."""


def outputs(name: str, url: str, folder: Path) -> list[str]:
    """Output of every block of a document, run in a folder with its files."""
    (folder / "examples").symlink_to(ROOT / "examples")
    rows = [{"id": n, "question": problem, "answer": answer} for n, (problem, answer) in enumerate(ANSWERS.items())]
    for file in ("mine.jsonl", "problems.jsonl"):
        lines(folder / file, *map(json.dumps, rows))
    text = (ROOT / name).read_text(encoding="utf-8")
    return [output for block in blocks(text) for output in block_outputs(block, url, folder)]


def block_outputs(block: Block, url: str, folder: Path) -> list[str]:
    text = at(url, block.text)
    if block.language == "python":
        return [ran([sys.executable, "-c", text], folder=folder)]
    if block.language == "javascript":
        return [ran([node(), "--input-type=module", "--eval", text], folder=folder)]
    called = [at(url, command) for command in commands(block) if not command.startswith(OTHER)]
    return [ran(["bash", "-c", command], folder=folder) for command in called]


def test_quickstart(url: str, tmp_path: Path) -> None:
    solved, script, why, graded, shown, *_ = found = outputs("docs/quickstart.md", url, tmp_path)
    assert len(found) == 11
    assert (json.loads(solved)["answer"], json.loads(solved)["model"]) == ("36", "demo")
    assert re.fullmatch(r"(agreed|unsure|torn) 36\n", script)
    assert why.startswith("agreed 36 0.9")
    assert (json.loads(graded)["verdict"], json.loads(graded)["steps"][0]["should_be"]) == ("incorrect", "36")
    assert "Correct" in shown
    assert found[5] == "incorrect 182 192\n24 * 8 = 182 should be 192\n"
    assert sorted(found[8].splitlines()) == ["0 31", "1 210"]  # a row comes as soon as it is solved
    assert "if you only take" in found[9]
    assert json.loads(found[10])["answer"] in ("5", None)


def test_clients(url: str, tmp_path: Path) -> None:
    client, openai, *_ = found = outputs("docs/clients.md", url, tmp_path)
    assert client.startswith("agreed 21 0.9")
    assert "incorrect 22 " in client
    assert openai.splitlines()[0].endswith("The answer is 21")
    assert len(found) == 6
