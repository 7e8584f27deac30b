"""Runs of examples and documented commands against a service."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from playwright._impl._driver import compute_driver_executable

from tests.support.documents import ROOT

_DOCUMENTED = re.compile(r"(http://)?(127\.0\.0\.1|localhost):8000")


def ran(command: Sequence[object], *, folder: Path = ROOT) -> str:
    """Standard output of a command, which must succeed.

    The scripts of this environment and Node are on its path. A command that starts an engine starts the demo.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), str(Path(node()).parent), os.environ["PATH"]])
    run = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=os.environ | {"PATH": path, "TWINPATH_ENGINE": "fake"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def node() -> str:
    """Node of Playwright, so that the machine needs none."""
    return str(compute_driver_executable()[0])


def at(url: str, text: str) -> str:
    """Text with the address of a service instead of the documented one."""
    return _DOCUMENTED.sub(url, text)
