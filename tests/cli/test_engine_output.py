"""Output of the engine in a file, and its last lines after a failure."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.cli.engine_output import engine_output_in
from service.errors import CheckpointError, EngineError


def write(text: str) -> None:
    """Write as a library does: to the descriptor."""
    os.write(1, text.encode())


def failing(path: Path, text: str, error: Exception) -> None:
    """Fail after an output."""
    with engine_output_in(path):
        write(text)
        raise error


def test_the_output_of_every_process_goes_to_the_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "engine.log"
    with engine_output_in(path) as output:
        write("from C++\n")
        subprocess.run([sys.executable, "-c", "import sys; print('child', file=sys.stderr)"], check=True)
        output.console.print("for the user")
    print("afterwards")
    assert output.path == path
    assert path.read_text() == "from C++\nchild\n"
    assert capfd.readouterr() == ("afterwards\n", "for the user\n")


def test_the_last_lines_are_shown_after_a_failure_of_the_engine(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "engine.log"
    text = "".join(f"line {number}\n\n" for number in range(5000)) + "no \x1b[31mmemory"
    with pytest.raises(EngineError) as raised:
        failing(path, text, EngineError("vLLM did not start: see the log"))
    lines = capfd.readouterr().err.splitlines()
    assert lines == [
        f"The last lines of {path}:",
        *(f"  line {number}" for number in range(4989, 5000)),
        "  no �[31mmemory",
    ]
    assert raised.value.__notes__ == [f"The output of the engine is in {path}."]


def test_the_earlier_output_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    for text in ("first\n", "second\n", "third\n"):
        with engine_output_in(path):
            write(text)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "engine.log": "third\n",
        "engine.1.log": "second\n",
    }


def test_the_output_of_another_process_stays(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path, own = tmp_path / "engine.log", tmp_path / f"engine-{os.getpid()}.log"
    code = (
        "import sys, pathlib; from service.cli.engine_output import engine_output_in\n"
        "with engine_output_in(pathlib.Path(sys.argv[1])) as output:\n"
        "    print('of the first', flush=True); output.console.print('ready'); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as other:
        assert other.stderr is not None
        assert other.stderr.readline() == "ready\n"
        with engine_output_in(path) as output:
            write("of the second\n")
            assert (output.path, own.read_text()) == (own, "of the second\n")
        assert list(tmp_path.iterdir()) == [path]
        with pytest.raises(EngineError):
            failing(path, "a reason\n", EngineError("it failed"))
        assert capfd.readouterr().err == f"The last lines of {own}:\n  a reason\n"
        other.communicate("")
    assert (path.read_text(), own.read_text()) == ("of the first\n", "a reason\n")


@pytest.mark.parametrize("error", [CheckpointError("no model"), KeyError("bug")])
def test_another_failure_shows_no_lines(error: Exception, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(type(error)):
        failing(tmp_path / "engine.log", "a line\n", error)
    assert capfd.readouterr().err == ""


def test_a_failure_without_output_shows_no_lines(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(EngineError):
        failing(tmp_path / "engine.log", "", EngineError("no worker"))
    assert capfd.readouterr().err == ""


def test_a_directory_that_cannot_be_written_gets_a_temporary_file(capfd: pytest.CaptureFixture[str]) -> None:
    with engine_output_in(Path("/dev/null/engine.log")) as output:
        write("a line\n")
        assert output.path.read_text() == "a line\n"
    assert not output.path.exists()
    with pytest.raises(EngineError) as raised:
        failing(Path("/dev/null/engine.log"), "a reason\n", EngineError("it failed"))
    kept = Path(raised.value.__notes__[0].removeprefix("The output of the engine is in ").rstrip("."))
    assert capfd.readouterr().err == f"The last lines of {kept}:\n  a reason\n"
    kept.unlink()
