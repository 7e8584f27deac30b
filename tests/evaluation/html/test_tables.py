"""Tables of a report."""

import re

import pytest

from service.evaluation.html.tables import accuracy_table, bar, table


@pytest.mark.parametrize(
    ("digits", "shown"),
    [(0, ["71 %", "66 to 76 %", "1 %"]), (1, ["70.9 %", "65.7 to 75.6 %", "0.5 %"])],
)
def test_percentages_have_the_wanted_digits(digits: int, shown: list[str]) -> None:
    rows = [("vote", 227 / 320, (0.657, 0.7561), "both"), ("one", 0.005, None, "cot")]
    html = accuracy_table("answer of", rows, digits)
    assert re.findall(r"<td>([\d.]+(?: to [\d.]+)? %)</td>", html) == shown
    assert '<i class="both" style="width: 70.9%">' in html
    assert html.endswith("<td></td></tr></table></div>")


def test_a_table_escapes_its_texts_and_scrolls() -> None:
    html = table("counts", ("a < b",), [["<b>"], [bar(0.5, "pot")]])
    assert html == (
        '<div class="scroll" tabindex="0"><table class="counts"><tr><th>a &lt; b</th></tr><tr><td>&lt;b&gt;</td></tr>'
        '<tr><td><span class="bar"><i class="pot" style="width: 50.0%"></i></span></td></tr></table></div>'
    )
