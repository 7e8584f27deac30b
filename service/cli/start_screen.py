"""First screen of `twinpath serve`: steps, addresses, and a command to try."""

import json
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from service import logs
from service.amounts import number
from service.cli.engine_output import engine_output_in
from service.cli.output import BUILD_STEPS
from service.cli.sandbox_layers import active_layers
from service.components import Components
from service.credentials import without_password
from service.files import home_relative
from service.printable import one_line
from service.settings import EngineKind, LogFormat, Settings

STEPS = ("model", "sandbox", "engine")
_MAX_ADAPTERS = 5
PROBLEM = "A pen costs 3 dollars. How much do 7 pens cost?"
_ENGINES = {
    EngineKind.VLLM: "vLLM, up to {slots:,} paths at a time",
    EngineKind.REMOTE: "{workers}, up to {slots:,} paths at a time",
    EngineKind.FAKE: "demo with scripted answers",
}
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


@dataclass(slots=True)
class _Step:
    """Step of the start. `mark` is empty until it has ended."""

    seconds: float = 0.0
    mark: str = ""
    detail: str = ""


class StartScreen:
    """Screen on one console. The context manager shows the steps until `ready`.

    Args:
        console: console on standard error.
        log: file of the log.
        clock: monotonic time in seconds.
    """

    def __init__(self, console: Console, log: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.console = console
        self._log = log
        self._clock = clock
        self._steps = {name: _Step() for name in STEPS}
        self._current = STEPS[0]
        self._began_s = clock()
        is_utf8 = console.encoding.startswith("utf")
        self._marks = ("✓", "✗") if is_utf8 else ("+", "x")
        self._spinner = Spinner("dots" if is_utf8 else "line")
        self._live = Live(
            console=console, redirect_stdout=False, redirect_stderr=False, get_renderable=self._shown_steps
        )

    def __enter__(self) -> Self:
        """Show the steps."""
        self._live.start()
        self.console.show_cursor(True)  # a signal during the start leaves the terminal as it is
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Mark the step that failed, if the start is not over."""
        if self._live.is_started:
            self._end(self._marks[1])

    def begin(self, step: str) -> None:
        """Begin a step, or resume it: the import of vLLM is a part of `engine` that precedes `sandbox`."""
        self._pause()
        if step != self._current and self._current != STEPS[-1]:
            self._steps[self._current].mark = self._marks[0]
        self._current = step

    def progress(self, what: str, share: float) -> None:
        """Show the progress of the model. The arguments are those of `bundled.Progress`."""
        self._steps[STEPS[0]].detail = f"{BUILD_STEPS[what]}, {share:.0%}" if share < 1 else ""

    def ready(self, components: Components, host: str, port: int, *, needs_key: bool) -> None:
        """End the steps, and show the addresses.

        Args:
            components: the parts of the service.
            host: address that the service listens on.
            port: its port.
            needs_key: whether callers need an API key.
        """
        for name, detail in zip(STEPS, details(components), strict=True):
            self._steps[name].detail = detail
        self._end(self._marks[0])
        adapter = next((name for name, model in components.served.items() if model.adapter), None)
        docs = components.settings.api_docs
        self.write(addresses(url_of(host, port), self._log, docs=docs, needs_key=needs_key, model=adapter))

    def write(self, text: str) -> None:
        """Write a text, which the terminal wraps by itself, so that a copy of it is whole."""
        self.console.print(Text(text), soft_wrap=True)

    def warn(self, line: str) -> None:
        """Write a line of the log."""
        self.console.print(Text(one_line(line, self.console.encoding), "yellow"), soft_wrap=True)

    def _pause(self) -> None:
        now_s = self._clock()
        self._steps[self._current].seconds += now_s - self._began_s
        self._began_s = now_s

    def _end(self, mark: str) -> None:
        self._pause()
        self._steps[self._current].mark = mark
        self._live.stop()
        if not self.console.is_terminal:  # rich ends the last line only on a terminal
            self.console.line()

    def _shown_steps(self) -> RenderableType:
        table = Table.grid(padding=(0, 2, 0, 0))
        for _ in range(3):
            table.add_column(no_wrap=True)
        table.add_column()
        for name, step in self._steps.items():
            is_current = name == self._current and not step.mark
            seconds = step.seconds + (self._clock() - self._began_s if is_current else 0)
            style = "red" if step.mark == self._marks[1] else "green"
            mark: RenderableType = self._spinner if is_current else Text(step.mark or " ", style)
            table.add_row(mark, name, f"{seconds:6.1f} s" if seconds or step.mark else "", Text(step.detail, "dim"))
        return table


@contextmanager
def start_screen(settings: Settings, port: int) -> Iterator[StartScreen]:
    """Screen on the real standard error, while the log and the engine's output go to a file in the cache directory.

    Args:
        settings: the settings.
        port: port that the service has bound.
    """
    with (
        engine_output_in(settings.cache_dir / f"serve-{port}.log") as output,
        StartScreen(output.console, output.path) as screen,
        logs.also_written(screen.warn),
    ):
        yield screen


def shows_screen(settings: Settings, *, is_terminal: bool) -> bool:
    """Whether the screen is shown instead of the log."""
    return settings.log_format is LogFormat.TEXT or (settings.log_format is LogFormat.AUTO and is_terminal)


def details(components: Components) -> tuple[str, str, str]:
    """Model, active layers of the sandbox, and engine, in words."""
    settings = components.settings
    first, *others = components.served.values()
    model = f"{first.name}, {'calibrated' if components.is_calibrated(first.name) else 'not calibrated'}"
    if others:
        names = ", ".join(other.name for other in others[:_MAX_ADAPTERS])
        model += f", with {number(len(others), 'adapter')}: {names}{', …' * (len(others) > _MAX_ADAPTERS)}"
    workers = ", ".join(map(without_password, settings.worker_urls))
    engine = _ENGINES[settings.engine].format(slots=settings.max_num_seqs, workers=workers)
    layers = ", ".join(active_layers(components.sandbox.lock)) or "no layer is on"
    return one_line(model), layers, one_line(engine)


def url_of(host: str, port: int) -> str:
    """URL for a browser on this machine."""
    host = _WILDCARDS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def addresses(url: str, log: Path, *, docs: bool, needs_key: bool, model: str | None = None) -> str:
    """Text with the addresses of the page and the API, the log, and a command to try.

    Args:
        url: URL of the service.
        log: file of the log.
        docs: whether the interactive API documents are served.
        needs_key: whether callers need an API key.
        model: model of the command. None is the default one.
    """
    key = '\n  -H "Authorization: Bearer $API_KEY" \\' if needs_key else ""
    body = shlex.quote(json.dumps({"problem": PROBLEM} | ({"model": model} if model else {})))
    return (
        f"\nPage  {url}/\nAPI   {url}/{'docs' if docs else 'openapi.json'}\nLog   {home_relative(log)}\n\n"
        f"Try it in another terminal:\n\n"
        f"curl -s {url}/solve -H 'Content-Type: application/json' \\{key}\n  -d {body}\n\n"
        "Ctrl-C stops the service."
    )
