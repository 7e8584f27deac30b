"""Progress of a run: bars on terminals, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

from service.printable import printable

LINE_EVERY_S = 10.0
_REFRESHES_PER_S = 5

_FIGURES = {
    "loss_cot": "CoT {:.3f}",
    "loss_pot": "PoT {:.3f}",
    "accuracy": "{:.0%} right",
    "dollars": "${:.2f}",
    "failed": "{:,.0f} failed",
}
"""Texts of the figures, in their order on the line."""

_quiet: ContextVar[bool] = ContextVar("quiet", default=False)


class Step(Protocol):
    """Function that counts finished rows."""

    def __call__(self, advance: int = 1, **figures: float) -> None:
        """Count rows.

        Args:
            advance: number of finished rows.
            figures: latest figures, by a name of `_FIGURES`. `tokens` is the number of tokens in these rows.
        """
        ...


class Count:
    """Counted rows, with the latest figures.

    Args:
        total: number of rows. None if it is unknown.
        done: rows that an earlier process finished.
        clock: monotonic time in seconds.
    """

    def __init__(self, total: int | None, done: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self.done = done
        self._old = done
        self._total = total
        self._clock = clock
        self._began_s = clock()
        self._tokens = 0.0
        self._figures: dict[str, float] = {}

    def step(self, advance: int = 1, **figures: float) -> None:
        """See `Step`."""
        self.done += advance
        self._tokens += figures.pop("tokens", 0)
        self._figures |= figures

    @property
    def text(self) -> str:
        """Rows, ETA, figures, and tokens per second. A narrow terminal cuts off the last."""
        took_s, new = self._clock() - self._began_s, self.done - self._old
        parts = []
        if self._total is not None:
            parts.append(f"{self.done:,}/{self._total:,}")
            if new and self.done < self._total:
                parts.append(f"ETA {_clock_text((self._total - self.done) * took_s / new)}")
        shown = {name: text.format(self._figures[name]) for name, text in _FIGURES.items() if name in self._figures}
        losses = [shown.pop(name) for name in ("loss_cot", "loss_pot") if name in shown]
        if losses:
            parts.append(f"loss {' '.join(losses)}")
        parts += shown.values()
        if self._tokens and took_s:
            parts.append(f"{self._tokens / took_s:,.0f} tokens/s")
        return "  ".join(parts)


class Lines:
    """Plain lines, at most one every `LINE_EVERY_S`.

    Args:
        write: prints one line.
        clock: monotonic time in seconds.
    """

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._next_s = clock()

    def line(self, text: str) -> None:
        """Print a line, or leave it out if the last one is too recent."""
        if self._clock() >= self._next_s:
            self._next_s = self._clock() + LINE_EVERY_S
            self._write(text)


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


_lines = Lines(_print)


@contextmanager
def bar(title: str, total: int | None = None, *, done: int = 0, is_shown: bool = True) -> Iterator[Step]:
    """Progress over the rows of one piece of work.

    Args:
        title: name of the work.
        total: number of rows. None if it is unknown.
        done: rows that an earlier process finished.
        is_shown: whether this process shows it. Of several processes only one does.

    Yields:
        Function that counts rows.
    """
    count = Count(total, done)
    console = Console(stderr=True)
    if _quiet.get() or not is_shown or total == 0:
        yield count.step
    elif console.is_terminal and not console.is_dumb_terminal:
        yield from _live(console, title, count, total)
    else:
        _lines.line(_plain(title, count))

        def step(advance: int = 1, **figures: float) -> None:
            count.step(advance, **figures)
            _lines.line(_plain(title, count))

        yield step


def print_line(text: str) -> None:
    """Print a line on standard output, safe for a terminal, but not under `quiet`."""
    if not _quiet.get():
        print(printable(text, sys.stdout.encoding or "utf-8"), flush=True)


@contextmanager
def quiet() -> Iterator[None]:
    """Turn off bars and lines."""
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


def is_quiet() -> bool:
    """Whether bars and lines are off."""
    return _quiet.get()


def show_cursor() -> None:
    """Show the terminal's cursor. A killed process leaves it hidden."""
    Console(stderr=True).show_cursor()


def _live(console: Console, title: str, count: Count, total: int | None) -> Iterator[Step]:
    """Bar that is removed at its end. The line of its stage takes its place."""
    name = Column(no_wrap=True, min_width=len(title))
    columns = [SpinnerColumn("line"), TextColumn("{task.description}", table_column=name), BarColumn(None)]
    columns.append(TimeElapsedColumn() if total is None else TextColumn("{task.fields[text]}"))
    with Progress(
        *columns, console=console, transient=True, expand=True, refresh_per_second=_REFRESHES_PER_S
    ) as progress:
        task = progress.add_task(title, total=total, completed=count.done, text=count.text)

        def step(advance: int = 1, **figures: float) -> None:
            count.step(advance, **figures)
            progress.update(task, completed=count.done, text=count.text)

        yield step


def _plain(title: str, count: Count) -> str:
    return f"{title}  {count.text}".rstrip()


def _clock_text(seconds: float) -> str:
    """Duration as `m:ss` or `h:mm:ss`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
