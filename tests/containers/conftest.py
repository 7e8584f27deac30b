"""Fixtures of the tests in containers: the engine, the images, a directory of clones."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import pytest

from tests.containers.engine import Docker, NoEngineError, engine
from tests.containers.images import PREFIX, Images, built
from tests.containers.project import clone
from tests.containers.steps import TIMES, step

_missing: list[str] = []


@pytest.fixture(scope="package")
def folder() -> Iterator[Path]:
    """Directory of clones that other users can enter, as containers do."""
    path = Path(tempfile.mkdtemp(prefix="twinpath-tests-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="package")
def docker() -> Iterator[Docker]:
    """The machine's engine or a new one. At the end, the images of the tests are removed."""
    with ExitStack() as stack:
        try:
            found = stack.enter_context(engine())
        except NoEngineError as error:
            _skip(error)
        TIMES.append((f"Docker {found('version', '-f', '{{.Server.Version}}').strip()}", 0.0))
        yield found
        with step("remove the images"):
            made = found("image", "ls", "-q", "--filter", f"reference={PREFIX}/*").split()
            if made:
                found("image", "rm", "--force", *set(made))


@pytest.fixture(scope="package")
def builds(folder: Path) -> Path:
    """Directory `deploy` of the clone from which images are built. Only its owner can read it, as under umask 077."""
    return clone(folder / "builds", umask=0o077) / "deploy"


@pytest.fixture(scope="package")
def images(docker: Docker, builds: Path) -> Images:
    """Images of this repository and of others."""
    try:
        return built(docker, builds)
    except NoEngineError as error:
        _skip(error)


def _skip(error: NoEngineError) -> NoReturn:
    _missing.append(str(error))
    pytest.skip(f"no container engine: {error}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the time of each step, or a loud line where nothing was tested."""
    for reason in dict.fromkeys(_missing):
        terminalreporter.section("CONTAINERS WERE NOT TESTED", sep="!", red=True, bold=True)
        terminalreporter.line(reason)
    if TIMES:
        terminalreporter.section("steps with containers")
        for name, seconds in TIMES:
            terminalreporter.line(f"{seconds:7.1f} s  {name}")
        terminalreporter.line(f"{sum(seconds for _, seconds in TIMES):7.1f} s  all")
