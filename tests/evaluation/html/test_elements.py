"""Escaped texts and attributes."""

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from service.evaluation.html.elements import Html, element, join


def test_texts_and_attributes_are_escaped() -> None:
    assert element("p", "<script>&", element("b", "x"), None, class_='a"b') == (
        '<p class="a&quot;b">&lt;script&gt;&amp;<b>x</b></p>'
    )
    assert element("line", x1=1.50, stroke_width=2, y1=None) == '<line x1="1.5" stroke-width="2"/>'
    assert join("<", Html("<b>"), None) == "&lt;<b>"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text(), st.text())
def test_no_text_becomes_markup(text: str, value: str) -> None:
    reader = _Reader()
    reader.feed(element("p", text, title=value))
    reader.close()
    assert reader.tags == [("p", [("title", value)])]
    assert reader.text == text
