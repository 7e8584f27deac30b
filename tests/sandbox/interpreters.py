"""Other Python interpreters on this machine, for runs of the attack corpus."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[2]


def find(version: str) -> str | None:
    """Path of a Python of this version ("3.12"), the running one first. None if there is none."""
    if sys.version.startswith(version):
        return sys.executable
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(":")]
    folders += sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin"))
    return next(
        (str(path) for folder in folders if (path := folder / f"python{version}").exists() and _works(path)), None
    )


def find_public() -> str | None:
    """Path of a Python that every user may run. None if there is none."""
    return next((path for path in ("/usr/bin/python3", "/usr/local/bin/python3") if _works(Path(path), "3.11")), None)


def run_module(interpreter: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run `python -m …` with this project and RestrictedPython, and no other package of this environment."""
    spec = find_spec("RestrictedPython")
    assert spec is not None
    assert spec.origin is not None
    path = f"{ROOT}:{Path(spec.origin).parents[1]}"
    return subprocess.run(
        [interpreter, "-B", "-m", *arguments],
        cwd=ROOT,
        env={"PYTHONPATH": path, "PATH": os.environ["PATH"]},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _works(path: Path, least: str = "3") -> bool:
    command = [str(path), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return False
    return [int(part) for part in found.split(".")] >= [int(part) for part in least.split(".")]
