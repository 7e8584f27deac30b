"""First screen of `serve`: steps, addresses and warnings, on terminals of several widths."""

import io
import json
import logging
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from service import logs
from service.cli.start_screen import StartScreen, addresses, details, shows_screen, url_of
from service.engine.fake import FakeEngine
from service.model.served import ServedModel
from service.sandbox.base import LockState
from service.sandbox.fake import FakeSandbox
from service.settings import EngineKind, LogFormat, Settings
from service.solve.calibration import Calibration
from tests.support.components import fake_components
from tests.support.documents import ROOT, blocks
from tests.support.terminal import Terminal, plain

LOG = Path("/var/cache/twinpath/serve-8000.log")
SERVE = [sys.executable, "-m", "service.cli.main", "serve", "--port", "0"]


class LockedSandbox(FakeSandbox):
    """Sandbox with a lock of its own."""

    state = LockState(seccomp=True, landlock=7, network_namespace=True, unprivileged=True, rlimits=True)

    @property
    def lock(self) -> LockState:
        return self.state


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Screen(StartScreen):
    """Screen in a text, whose clock a test sets."""

    def __init__(self, width: int = 80, encoding: str = "utf-8") -> None:
        self.file = io.TextIOWrapper(io.BytesIO(), encoding, errors="replace")
        self.clock = Clock()
        super().__init__(Console(file=self.file, width=width), LOG, self.clock)

    def take(self, step: str, seconds: float) -> None:
        self.begin(step)
        self.clock.now_s += seconds

    @property
    def lines(self) -> list[str]:
        self.file.flush()
        text = self.file.buffer.getvalue().decode(self.file.encoding)
        return [line.rstrip() for line in text.splitlines()]


def failing(screen: Screen, before: list[tuple[Callable[[str, float], None], str, float]]) -> None:
    """Fail during the start, after some calls."""
    with screen:
        for call, step, figure in before:
            call(step, figure)
        raise OSError("broken")


def ready(screen: Screen) -> None:
    components = fake_components(sandbox=LockedSandbox(), settings=Settings(engine=EngineKind.FAKE))
    screen.ready(components, "127.0.0.1", 8000, needs_key=False)


def started(screen: Screen) -> Screen:
    """Screen after a start: vLLM is imported before the sandbox starts."""
    with screen:
        screen.clock.now_s += 0.4
        for step, seconds in (("engine", 11.5), ("sandbox", 0.25), ("engine", 9.0)):
            screen.take(step, seconds)
        ready(screen)
    return screen


def test_the_steps_and_the_addresses() -> None:
    assert started(Screen()).lines == [
        "✓  model       0.4 s  demo, not calibrated",
        "✓  sandbox     0.2 s  seccomp, Landlock, no network, no privileges, limits",
        "✓  engine     20.5 s  demo with scripted answers",
        "",
        "Page  http://127.0.0.1:8000/",
        "API   http://127.0.0.1:8000/docs",
        "Log   /var/cache/twinpath/serve-8000.log",
        "",
        "Try it in another terminal:",
        "",
        "curl -s http://127.0.0.1:8000/solve -H 'Content-Type: application/json' \\",
        '  -d \'{"problem": "A pen costs 3 dollars. How much do 7 pens cost?"}\'',
        "",
        "Ctrl-C stops the service.",
    ]


@pytest.mark.parametrize("width", [34, 40, 79])
def test_a_narrow_terminal_gets_whole_addresses_and_commands(width: int) -> None:
    wide, narrow = started(Screen()).lines, started(Screen(width)).lines
    start = narrow.index("")
    assert narrow[start:] == wide[3:]
    assert max(map(len, narrow[:start])) <= width
    assert [line.split()[:3] for line in narrow[:start] if line.startswith("✓")] == [
        ["✓", "model", "0.4"], ["✓", "sandbox", "0.2"], ["✓", "engine", "20.5"],
    ]  # fmt: skip
    details = "".join("".join(line.partition(" s  ")[2] or line for line in narrow[:start]).split())
    assert details == "".join(f"{line.partition(' s  ')[2]}" for line in wide[:3]).replace(" ", "")


def test_a_terminal_without_unicode_gets_ascii() -> None:
    assert [line[:10] for line in started(Screen(encoding="ascii")).lines[:3]] == [
        "+  model  ",
        "+  sandbox",
        "+  engine ",
    ]


@pytest.mark.parametrize(("steps", "marks"), [([], "✗  "), (["engine"], "✓ ✗"), (["engine", "sandbox"], "✓✗ ")])
def test_the_step_that_fails_is_marked(steps: list[str], marks: str) -> None:
    screen = Screen()
    with pytest.raises(OSError, match="broken"):
        failing(screen, [(screen.take, step, 1.0) for step in steps])
    assert [line[:1] or " " for line in screen.lines[:3]] == list(marks)


def test_the_progress_of_a_model() -> None:
    screen = Screen()
    with pytest.raises(OSError, match="broken"):
        failing(screen, [(screen.progress, "verify", 1.0), (screen.progress, "download", 0.25)])
    assert screen.lines[0] == "✗  model       0.0 s  Downloading the model, 25%"


def test_warnings_do_not_end_the_steps() -> None:
    screen = Screen()
    with screen, logs.also_written(screen.warn):
        logging.getLogger("service.x").warning("a worker does not answer", extra={"worker": "10.0.0.7:8000"})
        logging.getLogger("vllm.x").warning("noise")
        logging.getLogger("service.x").info("noise")
        logging.getLogger("vllm.x").error("no \x1b[31mmemory")
        ready(screen)
    assert screen.lines[:2] == ["Warning: a worker does not answer (worker: 10.0.0.7:8000)", "Error: no �[31mmemory"]
    assert screen.lines[2].startswith("✓  model")


def test_the_parts_of_a_service_in_words() -> None:
    workers = ["http://10.0.0.7:8000", "http://10.0.0.8:8000"]
    settings = Settings(engine=EngineKind.REMOTE, worker_urls=workers, max_num_seqs=1024)
    calibration = Calibration(confidence_map=((0.1, 0.2), (0.9, 0.8)))
    sandbox = LockedSandbox()
    sandbox.state = replace(sandbox.state, landlock=0, network_namespace=False)
    models = (ServedModel("student", calibration=calibration), ServedModel("algebra", adapter=Path("/a")))
    assert details(fake_components(FakeEngine(model="student"), sandbox, settings=settings, models=models)) == (
        "student, calibrated, with 1 adapter: algebra",
        "seccomp, no privileges, limits",
        "http://10.0.0.7:8000, http://10.0.0.8:8000, up to 1,024 paths at a time",
    )
    many = (*models, *(ServedModel(name, adapter=Path("/a")) for name in "bcdef"))
    assert details(fake_components(FakeEngine(model="student"), settings=settings, models=many))[0] == (
        "student, calibrated, with 6 adapters: algebra, b, c, d, e, …"
    )
    assert details(fake_components(settings=Settings()))[1:] == ("no layer is on", "vLLM, up to 64 paths at a time")


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:80"), ("0.0.0.0", "http://127.0.0.1:80"), ("::", "http://[::1]:80"),
     ("::1", "http://[::1]:80"), ("10.0.0.7", "http://10.0.0.7:80")],
)  # fmt: skip
def test_the_address_works_in_a_browser_on_this_machine(host: str, url: str) -> None:
    assert url_of(host, 80) == url


def test_no_password_of_a_worker_is_shown() -> None:
    settings = Settings(engine=EngineKind.REMOTE, worker_urls=["http://user:secret@10.0.0.7:8000"])
    assert details(fake_components(settings=settings))[2] == "http://10.0.0.7:8000, up to 64 paths at a time"


def test_the_command_asks_an_adapter() -> None:
    screen = Screen()
    models = (ServedModel("base"), ServedModel("algebra", adapter=Path("/a")), ServedModel("b", adapter=Path("/b")))
    with screen:
        components = fake_components(settings=Settings(engine=EngineKind.FAKE), models=models)
        screen.ready(components, "127.0.0.1", 8000, needs_key=False)
    assert screen.lines[-3] == (
        '  -d \'{"problem": "A pen costs 3 dollars. How much do 7 pens cost?", "model": "algebra"}\''
    )


def test_a_service_with_keys_and_without_documents() -> None:
    text = addresses("http://h:1", LOG, docs=False, needs_key=True)
    assert "API   http://h:1/openapi.json\n" in text
    assert (
        "curl -s http://h:1/solve -H 'Content-Type: application/json' \\\n"
        '  -H "Authorization: Bearer $API_KEY" \\\n'
        "  -d '{" in text
    )


@pytest.mark.parametrize(
    ("log_format", "on_terminal", "elsewhere"),
    [(LogFormat.AUTO, True, False), (LogFormat.JSON, False, False), (LogFormat.TEXT, True, True)],
)
def test_the_screen_is_for_terminals(log_format: LogFormat, on_terminal: bool, elsewhere: bool) -> None:
    settings = Settings(log_format=log_format)
    assert shows_screen(settings, is_terminal=True) is on_terminal
    assert shows_screen(settings, is_terminal=False) is elsewhere


@contextmanager
def on_terminal(*flags: str, columns: int = 80, **environment: str) -> Iterator[Terminal]:
    """`twinpath serve` on a terminal, with the demo."""
    with Terminal([*SERVE, "--engine", "fake", *flags], columns=columns, environment=environment) as terminal:
        yield terminal


def documented() -> list[str]:
    """Screen in the documents."""
    text = (ROOT / "docs/models.md").read_text(encoding="utf-8")
    return next(block.text for block in blocks(text) if "serve --engine fake" in block.text).splitlines()


def without_figures(lines: list[str]) -> list[str]:
    """Lines without seconds, ports and the place of the log."""
    return [re.sub(r" +\d+\.\d s|:\d+|(?<=Log   ).*", "", line).rstrip() for line in lines]


@pytest.mark.e2e
def test_the_screen_is_the_documented_one_and_its_command_works() -> None:
    with on_terminal() as terminal:
        lines = terminal.until("Ctrl-C stops the service.")
        assert without_figures(lines) == without_figures(documented()[1:])
        command = next(line for line in lines if line.startswith("curl"))
        rest = lines[lines.index(command) + 1]
        done = subprocess.run(["bash", "-c", f"{command}\n{rest}"], capture_output=True, text=True, timeout=60)
        assert json.loads(done.stdout)["answer"] == "21"
        log = Path(next(line for line in lines if line.startswith("Log")).split()[1]).expanduser()
        records = [json.loads(line) for line in log.read_text().splitlines()]
        assert [record["message"] for record in records if record["logger"] == "service.cli.serve"][0::2] == [
            "starting", "listening",
        ]  # fmt: skip
        port = next(line for line in lines if line.startswith("Page")).rstrip("/").rpartition(":")[2]
        assert log.name == f"serve-{port}.log"
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.wait() == 0
        assert "Stopping. Open requests have 30 s." in terminal.rest()


@pytest.mark.e2e
def test_a_terminal_without_color_gets_none() -> None:
    with on_terminal(NO_COLOR="1") as terminal:
        terminal.until("Ctrl-C stops the service.")
        assert re.findall(r"\x1b\[3\dm", terminal.text) == []


@pytest.mark.e2e
def test_the_cursor_is_visible_during_the_start(tmp_path: Path) -> None:
    flags = ["--engine", "remote", "--worker-urls", "http://127.0.0.1:9", "--model", str(model(tmp_path))]
    with Terminal([*SERVE, *flags]) as terminal:
        terminal.until_text("engine")
        time.sleep(0.5)
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.wait() == -signal.SIGINT
        terminal.rest()
        assert terminal.text.rindex("\x1b[?25h") > terminal.text.rindex("\x1b[?25l")


@pytest.mark.e2e
@pytest.mark.parametrize("flags", [["--log-format", "json"], []])
def test_logs_are_json_on_request_and_without_a_terminal(flags: list[str]) -> None:
    command = [*SERVE, "--engine", "fake", *flags]
    if flags:
        with Terminal(command) as terminal:
            text = "\n".join(terminal.until('"listening"'))
    else:
        with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            read: list[str] = []
            while not read or '"listening"' not in read[-1]:
                read.append(process.stderr.readline())
            process.terminate()
            text = "".join(read)
            assert process.wait(10) == 0
            assert process.stdout is not None
            assert process.stdout.read() == ""
    messages = [json.loads(line)["message"] for line in text.splitlines()]
    assert (messages[0], messages[-1]) == ("starting", "listening")


@pytest.mark.e2e
def test_a_text_log_without_a_terminal_has_no_escape_sequences() -> None:
    command = [*SERVE, "--engine", "fake", "--log-format", "text"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        read: list[str] = []
        while not read or "Ctrl-C" not in read[-1]:
            read.append(process.stderr.readline())
        process.terminate()
        assert process.wait(10) == 0
    text = "".join(read)
    assert "\x1b" not in text
    assert without_figures([line.rstrip() for line in text.splitlines()]) == without_figures(documented()[1:])


@pytest.mark.e2e
def test_a_model_that_is_not_there_marks_its_step(tmp_path: Path) -> None:
    with Terminal([*SERVE, "--model", str(tmp_path)]) as terminal:
        assert terminal.wait() == 2
        lines = plain(terminal.rest()).splitlines()
    assert any(line.startswith("✗  model") for line in lines)
    assert "".join(lines).endswith(
        f"twinpath: {tmp_path} has no config.json; --model must be a Hugging Face model directory or name."
    )


def model(folder: Path) -> Path:
    (folder / "config.json").write_text("{}")
    (folder / "twinpath.json").write_text(json.dumps({"format_version": 1, "base_model": "scripted"}))
    return folder
