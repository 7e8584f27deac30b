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
    return element("div", body, class_="scroll", tabindex=0)


def accuracy_table(
    head: str, rows: Iterable[tuple[str, float, tuple[float, float] | None, str]], digits: int = 0
) -> Html:
    """Table of accuracies, each with a bar and its 95 % interval.

    Args:
        head: title of the first column.
        rows: title, accuracy, interval if known, and class of the bar: `both`, `cot` or `pot`.
        digits: decimals of the percentages.
    """

    def text(share: float) -> str:
        return f"{percent(share * 10**digits, 1) / 10**digits:.{digits}f}"

    cells = (
        (title, f"{text(share)} %", bar(share, class_), f"{text(ends[0])} to {text(ends[1])} %" if ends else "")
        for title, share, ends, class_ in rows
    )
    return table("accuracy", (head, "right", "0 to 100 %", "95 % interval"), cells)


def share(value: float) -> str:
    """Percentage with one decimal."""
    return f"{percent(10 * value, 1) / 10:.1f} %"


def bar(share: float, class_: str) -> Html:
    """Horizontal bar.

    Args:
        share: length of the bar, in [0, 1].
        class_: class of its color.
    """
    return element("span", element("i", class_=class_, style=f"width: {100 * share:.1f}%"), class_="bar")
