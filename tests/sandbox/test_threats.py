"""THREATS.md: every threat has a test, and every named test exists."""

import re
from pathlib import Path

from service import sandbox
from tests.sandbox.attacks.run import CORPUS, LIBRARY_CORPUS

TEXT = Path(sandbox.__file__).with_name("THREATS.md").read_text()
TESTS = {
    name
    for folder in ("sandbox", "paths")
    for path in Path(__file__).parents[1].joinpath(folder).rglob("test_*.py")
    for name in re.findall(r"def (test_\w+)", path.read_text())
}
THREATS = [
    line
    for line in TEXT.partition("## What each")[0].splitlines()
    if line.startswith("| ") and not line.startswith("| threat ")
]


def test_every_threat_names_its_test() -> None:
    assert len(THREATS) >= 20
    assert [line for line in THREATS if not re.search(r"C:\w+|`test_\w+`", line.split(" | ")[-1])] == []


def test_every_named_test_exists() -> None:
    assert set(re.findall(r"test_\w+", TEXT)) - TESTS == set()


def test_every_class_of_attacks_is_named_and_exists() -> None:
    assert set(re.findall(r"C:([\w-]+)", TEXT)) - {"class"} == set(CORPUS | LIBRARY_CORPUS)
