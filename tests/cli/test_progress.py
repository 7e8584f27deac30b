"""Progress as lines."""

import io

import pytest
from rich.console import Console

from service.cli.progress import LineProgress, row_progress


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_line_comes_at_each_tenth_after_thirty_seconds_and_at_the_ends() -> None:
    shown: list[str] = []
    clock = Clock()
    progress = LineProgress("Solving", 1000, shown.append, clock)
    assert shown == ["Solving: 1,000 rows."]
    progress.advance(500, is_old=True)
    assert len(shown) == 1
    clock.now_s += 0.5  # a tenth, but too soon
    progress.advance(100)
    clock.now_s += 9.5
    progress.advance()
    clock.now_s += 29
    progress.advance()
    clock.now_s += 1
    progress.advance()
    clock.now_s += 400
    for _ in range(397):
        progress.advance()
    progress.finish()
    assert shown[1:] == [
        "Solving: 601 of 1,000 (60 %) after 10 s, about 40 s left.",
        "Solving: 603 of 1,000 (60 %) after 40 s, about 2 min 34 s left.",
        "Solving: 604 of 1,000 (60 %) after 7 min 20 s, about 27 min 55 s left.",
        "Solving: 1,000 of 1,000 (100 %) after 7 min 20 s.",
    ]


def test_a_run_that_stops_early_shows_how_far_it_came() -> None:
    shown: list[str] = []
    progress = LineProgress("Grading", 3, shown.append, Clock())
    progress.advance(is_old=True)
    progress.finish()
    assert shown == ["Grading: 3 rows.", "Grading: 1 of 3 (33 %) after less than 0.1 s."]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_terminal_gets_a_bar_and_a_log_gets_lines(is_terminal: bool) -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=is_terminal, width=80, _environ={})
    with row_progress(console, "Solving", 2) as advance:
        advance()
        advance(is_old=True)
    assert ("2/2" in text.getvalue(), "Solving: 2 of 2 (100 %)" in text.getvalue()) == (is_terminal, not is_terminal)
