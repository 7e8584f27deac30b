"""Document of a report in one file, without scripts."""

from importlib import resources

from service.evaluation.html.elements import Html, element, join

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Content security policy of the page: no script runs, and nothing is loaded."""


def document(title: str, main: Html, styles: str = "") -> str:
    """HTML document in the look of all reports.

    Args:
        title: title of the page.
        main: content of the page.
        styles: further style sheet, after the common one.
    """
    common = resources.files("service.evaluation.html").joinpath("style.css").read_text(encoding="utf-8")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name_="color-scheme", content="light dark"),
        element("title", title),
        element("style", Html(common + styles)),
    )
    return f"<!doctype html>\n{element('html', head, element('body', main), lang='en')}\n"


def header(kicker: str, title: str, line: str, figures: list[tuple[str, str]]) -> Html:
    """Head of the page: title, one line, and the main figures as cards.

    Args:
        kicker: kind of the report, above the title.
        title: subject of the report.
        line: facts on the run.
        figures: value and explanation of each card.
    """
    cards = [element("div", element("b", value), element("span", text)) for value, text in figures]
    return element(
        "header",
        element("p", kicker, class_="kicker"),
        element("h1", title),
        element("p", line, class_="run"),
        element("div", *cards, class_="cards") if cards else None,
    )


def warnings(texts: list[str]) -> Html:
    """Paragraphs on the limits of the figures."""
    return join(*(element("p", text, class_="warning") for text in texts))
