"""Tables of a report."""

from collections.abc import Iterable

from service.amounts import percent
from service.evaluation.html.elements import Html, element


def row(cell: str, *contents: str) -> Html:
    """Row of cells.

    Args:
        cell: `th` or `td`.
        contents: markup or text of each cell.
    """
    return element("tr", *(element(cell, content) for content in contents))


def table(class_: str, head: Iterable[str], rows: Iterable[Iterable[str]]) -> Html:
    """Table with a head, in a box that scrolls where it is too wide."""
    body = element("table", row("th", *head), *(row("td", *cells) for cells in rows), class_=class_)
    return element("div", body, class_="scroll")


def accuracy_table(head: str, rows: Iterable[tuple[str, float, tuple[float, float] | None, str]]) -> Html:
    """Table of accuracies, each with a bar and its 95 % interval.

    Args:
        head: title of the first column.
        rows: title, accuracy, interval if known, and class of the bar: `both`, `cot` or `pot`.
    """
    cells = [(title, f"{percent(share, 1)} %", bar(share, class_), _ends(ends)) for title, share, ends, class_ in rows]
    titles = (head, "right", "0 to 100 %", "95 % interval")
    return element("table", row("th", *titles), *(row("td", *found) for found in cells), class_="accuracy")


def bar(share: float, class_: str) -> Html:
    """Horizontal bar.

    Args:
        share: length of the bar, in [0, 1].
        class_: class of its color.
    """
    return element("span", element("i", class_=class_, style=f"width: {100 * share:.1f}%"), class_="bar")


def _ends(interval: tuple[float, float] | None) -> str:
    return f"{percent(interval[0], 1)} to {percent(interval[1], 1)} %" if interval else ""
