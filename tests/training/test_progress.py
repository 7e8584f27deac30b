"""Progress: counts, plain lines, bars."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training import progress
from training.progress import LINE_EVERY_S, Count, Lines, bar, print_line, quiet


class _Clock:
    """Clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    """Clock of the plain lines of this process."""
    clock = _Clock()
    monkeypatch.setattr(progress, "_lines", Lines(progress._print, clock))
    return clock


@pytest.mark.parametrize(
    ("figures", "text"),
    [
        ({}, "2/8  ETA 0:30"),
        ({"loss_pot": 5.8, "loss_cot": 5.8906}, "2/8  ETA 0:30  loss CoT 5.891 PoT 5.800"),
        ({"loss_pot": 5.8}, "2/8  ETA 0:30  loss PoT 5.800"),
        ({"tokens": 12345, "accuracy": 0.456, "dollars": 1.5}, "2/8  ETA 0:30  46% right  $1.50  1,234 tokens/s"),
    ],
)
def test_a_count_shows_rows_eta_and_figures(figures: dict[str, float], text: str) -> None:
    clock = _Clock()
    count = Count(8, 0, clock)
    assert count.text == "0/8"
    clock.now_s = 10.0
    count.step(2, **figures)
    assert count.text == text


def test_a_count_keeps_the_latest_figures_and_sums_tokens() -> None:
    clock = _Clock()
    count = Count(3, 0, clock)
    clock.now_s = 4.0
    count.step(accuracy=0.5, tokens=100)
    count.step(accuracy=0.25, tokens=300)
    count.step(0, dollars=2)
    assert count.text == "2/3  ETA 0:02  25% right  $2.00  100 tokens/s"
    count.step()
    assert count.text == "3/3  25% right  $2.00  100 tokens/s"


def test_rows_of_a_killed_process_do_not_shorten_the_eta() -> None:
    clock = _Clock()
    count = Count(1000, 500, clock)
    assert count.text == "500/1,000"
    clock.now_s = 36.0
    count.step(5)
    assert count.text == "505/1,000  ETA 59:24"
    clock.now_s = 360.0
    assert count.text == "505/1,000  ETA 9:54:00"


def test_without_a_total_there_is_no_count() -> None:
    count = Count(None)
    count.step(accuracy=1)
    assert count.text == "100% right"


@given(st.lists(st.floats(0, 100), max_size=50))
def test_two_lines_are_never_closer_than_the_limit(pauses_s: list[float]) -> None:
    clock, written = _Clock(), []
    lines = Lines(lambda _: written.append(clock.now_s), clock)
    lines.line("first")
    for pause_s in pauses_s:
        clock.now_s += pause_s
        lines.line("next")
    assert written[0] == 0.0
    assert all(later - earlier >= LINE_EVERY_S for earlier, later in pairwise(written))


def test_without_a_terminal_there_are_plain_lines(clock: _Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with bar("teacher", 3) as step:
        step(dollars=0.5)
        clock.now_s = 10.0
        step(dollars=0.75)
        clock.now_s = 15.0
        step(dollars=1)
    clock.now_s = 21.0
    with bar("dataset"):
        pass
    first, second, third = capsys.readouterr().err.splitlines()
    assert first == "teacher  0/3"
    assert second.startswith("teacher  2/3  ETA 0:00  $0.75")
    assert third == "dataset"


def test_on_a_terminal_there_is_one_line_that_goes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    with bar("train", 2) as step:
        step(2, loss_cot=0.5)
    shown = capsys.readouterr().err
    assert "train" in shown
    assert "2/2  loss CoT 0.500" in shown
    assert shown.count("\n") == 1  # each picture of the bar replaces the one before
    assert shown.endswith("\n\x1b[?25h\r\x1b[1A\x1b[2K")  # and the last is erased


@pytest.mark.parametrize("is_terminal", [False, True])
def test_quiet_shows_nothing(
    is_terminal: bool, clock: _Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if is_terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
    with quiet(), bar("train", 2) as step:
        step()
        print_line("train is made")
    with bar("train", 2, is_shown=False) as step:
        step()
    assert capsys.readouterr() == ("", "")
    print_line("train is made")
    assert capsys.readouterr() == ("train is made\n", "")
