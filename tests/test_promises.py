"""Each promise of docs/reliability.md and docs/security.md names a test, and each test that they name exists."""

import ast
import re
from pathlib import Path

import pytest

from benchmarks import tables

ROOT = Path(__file__).parents[1]
TESTS = {
    name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
}


@pytest.mark.parametrize("name", ["reliability.md", "security.md"])
def test_every_promise_names_a_test_that_exists(name: str) -> None:
    text = (ROOT / "docs" / name).read_text()
    assert set(re.findall(r"`(test_\w+)`", text)) - TESTS == set()
    written = tables.BLOCK.sub("", text)  # figures are no promises
    rows = [line for line in written.splitlines() if line.startswith("| ") and not re.search(r"\| shown by \|$", line)]
    assert len(rows) > 15
    assert [row for row in rows if not re.search(r"`test_\w+`|the same|THREATS\.md", row.split(" | ")[-1])] == []


def test_no_wait_depends_on_the_wall_clock() -> None:
    """`time.time` says when something happened, and never how long to wait."""
    found = {
        f"{path.relative_to(ROOT)}"
        for path in (ROOT / "service").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("time", "now", "utcnow")
        if isinstance(node.value, ast.Name) and node.value.id in ("time", "datetime")
    }
    assert found == {
        "service/api/app.py",  # since when the model is served, for OpenAI's model list
        "service/api/routes/openai.py",  # when a completion was made
        "service/client/protocol.py",  # Retry-After as a date, which is one of the wall clock's
    }
