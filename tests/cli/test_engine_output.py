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
