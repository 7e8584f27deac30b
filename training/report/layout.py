"""Parts that all sections of the report share."""

from collections.abc import Iterable
from pathlib import Path

from service.evaluation.html.elements import Html, element
from service.types import PathKind

KINDS: dict[str, str] = {PathKind.COT: "CoT", PathKind.POT: "PoT"}
"""Names of the kinds."""


def part(title: str, stages: Iterable[str], *content: Html | None) -> Html:
    """Part of the report under a heading, with the names of its artifacts as anchors."""
    names = (element("span", name, class_="stage", id=name) for name in stages)
    return element("div", element("h2", title, *names), *content, class_="part")


def section(title: str, *content: Html | None) -> Html:
    """Card with a title."""
    return element("section", element("h3", title), *content)


def hint(text: str) -> Html:
    """Small explanation below a table."""
    return element("p", text, class_="hint")


def facts(rows: dict[str, str]) -> Html:
    """Names and values in two columns."""
    return element("dl", *(element("div", element("dt", name), element("dd", value)) for name, value in rows.items()))


def file_size(path: Path) -> int:
    """Bytes of all files in a directory."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
