"""Documents: claims name tests, links have targets, commands, options and fields exist."""

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

import training.cli
from benchmarks import tables
from service.api.app import create_app
from service.cli import main as command_line
from service.settings import GROUPS
from tests.support.components import fake_components
from tests.support.documents import DOCUMENTS, anchors, blocks, commands, links

_COMMAND = re.compile(r"(?:^|&& )(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?(twinpath .*)")
_REST = re.compile(r' +(?:[|>#]|2>|&&)|"?\$\(')  # pipes, redirections, comments, further commands

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


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_link_has_its_target(path: Path) -> None:
    missing = []
    for link in links(path.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            missing.append(link)
    assert missing == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_command_and_option_exists(path: Path) -> None:
    unknown = [
        (command, option) for command in twinpath_commands(path) for option in unknown_options(command, command_tree())
    ]
    assert unknown == []


def test_the_commands_of_the_documents_are_found() -> None:
    assert {name_of(path) for path in DOCUMENTS if twinpath_commands(path)} >= {"docs/quickstart.md", "docs/faq.md"}
    tree = command_tree()
    assert unknown_options("twinpath solve --input a.csv --seeed 3", tree) == ["--seeed"]
    assert unknown_options("twinpath slove x", tree) == ["slove"]
    assert unknown_options("twinpath keys create me --scope metrics", tree) == []


def twinpath_commands(path: Path) -> list[str]:
    """Commands of `twinpath` in the console blocks and in code spans, without pipes, redirections and comments."""
    text = path.read_text(encoding="utf-8")
    found = [command for block in blocks(text) for command in commands(block)]
    found += re.findall(r"`([^`\n]*\btwinpath [^`\n]+)`", text)
    parts = (_COMMAND.search(command.replace("\\\n", " ")) for command in found)
    return [_REST.split(part[1])[0] for part in parts if part]


@cache
def command_tree() -> Any:
    """Commands as `twinpath` has them, with those of the training. Typer's classes are those of its own Click."""
    tree: Any = typer.main.get_command(command_line.app)
    tree.add_command(typer.main.get_command(training.cli.app), "train")
    return tree


def unknown_options(line: str, command: Any) -> list[str]:
    """First word that is not a command where one is needed, and options that the command does not have."""
    words = shlex.split(line)[1:]
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        name = words.pop(0)
        if name not in command.commands:
            return [name] if name.isascii() and name.islower() else []
        command = command.commands[name]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return [word for word in words if word.startswith("--") and word.partition("=")[0] not in known | {"--help"}]


@pytest.mark.parametrize("name", ["quickstart.md", "faq.md", "clients.md"])
def test_every_name_in_code_is_a_field_a_setting_or_a_value(name: str) -> None:
    text = re.sub(r"^```.*?^```", "", (ROOT / "docs" / name).read_text(), flags=re.MULTILINE | re.DOTALL)
    spans = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", text))
    assert spans
    assert spans - known_names() == set()


def known_names() -> set[str]:
    """Names of the settings, of the fields of all schemas, and of the methods of the client."""
    from twinpath import Client

    document: dict[str, Any] = create_app(fake_components()).openapi()
    fields = {field for schema in document["components"]["schemas"].values() for field in schema.get("properties", {})}
    return fields | {name for group in GROUPS for name in group.model_fields} | set(dir(Client))
