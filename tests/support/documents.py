"""Code blocks, commands and links of the documents."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "examples/README.md"]

_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)$", re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?://)([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """Code block: its language, and its text without the indentation of a list."""

    language: str
    text: str


def blocks(text: str) -> list[Block]:
    """Code blocks of a document, in order."""
    return [
        Block(language, re.sub(rf"^{indent}", "", body, flags=re.MULTILINE))
        for indent, language, body in _BLOCK.findall(text)
    ]


def commands(block: Block) -> list[str]:
    """Commands of a console block, without the prompt. A command may continue after a backslash."""
    return _COMMAND.findall(block.text) if block.language == "console" else []


def links(text: str) -> list[str]:
    """Targets of the links inside the repository."""
    return _LINK.findall(_BLOCK.sub("", text))


def anchors(text: str) -> set[str]:
    """Anchors of the headings of a document."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(_BLOCK.sub("", text)))
    return {heading.replace(" ", "-") for heading in plain}
