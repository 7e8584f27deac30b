"""Report of a run over rows: errors, totals and the next step."""

from collections import Counter
from collections.abc import Iterator
from typing import Generic

from rich.console import Console
from rich.text import Text

from service.cli.row_output import RowOutput
from service.cli.row_task import ERROR, RowTask
from service.printable import one_line
from service.schemas.batch import RequestT, ResponseT, ResultT
from service.schemas.words import DEMO, DEMO_MODEL

_SHOWN_FAILURES = 20


class RunReport(Generic[RequestT, ResponseT, ResultT]):
    """Errors and totals of a run on standard error.

    Args:
        console: standard error.
        task: the work on each row.
        unit: name of a row, such as "line".
        total: number of rows.
    """

    def __init__(self, console: Console, task: RowTask[RequestT, ResponseT, ResultT], unit: str, total: int) -> None:
        self._console = console
        self._task = task
        self._unit = unit
        self._total = total
        self._new: Counter[str] = Counter()
        self._old: Counter[str] = Counter()
        self._failed: list[int] = []
        self._is_demo = False
        self._warned = 0

    @property
    def failures(self) -> int:
        """Number of rows of this run that have an error."""
        return self._new[ERROR]

    def say(self, line: str) -> None:
        """Print a line, if it is not empty. It may quote a file, a service or a model."""
        if line:
            self._console.print(Text(one_line(line, self._console.encoding)), soft_wrap=True)

    def add(self, row: ResultT) -> None:
        """Count a result. Print its error, up to 20 of them."""
        self._new[self._task.label(row)] += 1
        response = self._task.response(row)
        if response and response.model == DEMO_MODEL and not self._is_demo:
            self._is_demo = True
            self.say(DEMO)
        if warning := getattr(response, "warning", None):
            self._warned += 1
            if self._warned == 1:
                self.say(f"{self._unit} {row.line}: {warning}")
        if row.error is None:
            return
        self._failed.append(row.line)
        if self.failures <= _SHOWN_FAILURES:
            detail = one_line(row.error.detail, self._console.encoding)
            self._console.print(Text.assemble((f"{self._unit} {row.line}:", "yellow"), f" {detail}"), soft_wrap=True)
        if self.failures == _SHOWN_FAILURES:
            self.say("The output lists all further errors.")

    def add_old(self, number: int, label: str) -> None:
        """Count a result of an earlier run."""
        self._old[label] += 1
        if label == ERROR:
            self._failed.append(number)

    def summarize(self, output: RowOutput[ResultT]) -> None:
        """Print the totals, the place of the results, and the next step."""
        done = self._new.total() - self.failures
        old = f", {self._old.total():,} from earlier runs" if self._old else ""
        self.say(f"{done:,} {self._task.done}, {self.failures:,} with an error{old}.")
        found = self._new + self._old
        labels = [f"{found[label]:,} {words}" for label, words in self._task.labels.items() if found[label]]
        self.say(f"{'In all' if self._old else 'Verdicts'}: {', '.join(labels)}." if labels else "")
        if self._warned > 1:
            self.say(f"A token limit cut off most paths of {self._warned:,} {self._unit}s.")
        missing = self._total - found.total()
        self.say(f"Stopped early: {missing:,} of {self._total:,} {self._unit}s have no result." if missing else "")
        self.say(f"Results: {output.place}")
        steps = [*self._retries(output, is_complete=not missing), *self._checks(found)]
        self.say(f"Next: {'; '.join(steps)}." if steps else "")

    def _retries(self, output: RowOutput[ResultT], *, is_complete: bool) -> Iterator[str]:
        if not is_complete and output.is_resumable:
            yield "run the same command again to resume"
        if self._failed:
            shown = ", ".join(map(str, sorted(self._failed)[:_SHOWN_FAILURES]))
            more = ", …" if len(self._failed) > _SHOWN_FAILURES else ""
            is_fixed = output.is_resumable and not output.is_csv
            repeat = "choose another output" if is_fixed else "run the same command again"
            yield f"correct {self._unit} {shown}{more} and {repeat}"

    def _checks(self, found: Counter[str]) -> Iterator[str]:
        doubtful = [label for label in self._task.doubtful if found[label]]
        if doubtful:
            yield f"check the results with the verdict {' or '.join(doubtful)}"
