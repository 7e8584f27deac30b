"""Progress over rows: a bar on a terminal, lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from service.cli.output import file_progress
from service.schemas.words import duration, number

_LINE_EVERY = 0.1
_LINE_EVERY_S = 30.0
_MIN_PAUSE_S = 1.0


class LineProgress:
    """Progress as lines, for logs: at the start, after every tenth or 30 s, and at the end.

    Args:
        title: present participle of the work, such as "Solving".
        total: number of rows.
        write: prints one line.
        clock: monotonic time in seconds.
    """

    def __init__(
        self, title: str, total: int, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._title = title
        self._total = total
        self._write = write
        self._clock = clock
        self._began_s = self._shown_s = clock()
        self._done = self._shown = self._old = 0
        write(f"{title}: {number(total, 'row')}.")

    def advance(self, rows: int = 1, *, is_old: bool = False) -> None:
        """Count rows. `is_old` rows have a result from an earlier run."""
        self._done += rows
        if is_old:
            self._old += rows
            return
        pause_s = self._clock() - self._shown_s
        is_tenth = self._done - self._shown >= _LINE_EVERY * self._total
        if self._done < self._total and (pause_s >= _LINE_EVERY_S or (is_tenth and pause_s >= _MIN_PAUSE_S)):
            self._show()

    def finish(self) -> None:
        """Print the last line."""
        self._show()

    def _show(self) -> None:
        self._shown, self._shown_s = self._done, self._clock()
        took_s = self._shown_s - self._began_s
        new = self._done - self._old
        left = f", about {duration((self._total - self._done) * took_s / new)} left" if new else ""
        is_end = self._done >= self._total
        share = f"{self._done:,} of {self._total:,} ({100 * self._done // max(self._total, 1)} %)"
        self._write(f"{self._title}: {share} after {duration(took_s)}{'' if is_end else left}.")


@contextmanager
def row_progress(console: Console, title: str, total: int) -> Iterator[Callable[..., None]]:
    """Progress over rows.

    Args:
        console: standard error.
        title: present participle of the work, such as "Solving".
        total: number of rows.

    Yields:
        `LineProgress.advance`, or its equivalent for a bar.
    """
    if console.is_terminal:
        with file_progress(console) as bar:
            task = bar.add_task(title, total=total)
            yield lambda rows=1, *, is_old=False: bar.advance(task, rows)
        return
    lines = LineProgress(title, total, lambda line: console.print(line, soft_wrap=True, highlight=False))
    try:
        yield lines.advance
    finally:
        lines.finish()
