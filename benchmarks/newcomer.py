"""Seconds of each step from a fresh clone to a trained student.

    python -m benchmarks.newcomer [--json FILE]

Clones the last commit of this repository into a temporary folder. Packages and tools come from the caches of the
machine where possible. The dashboards need no Docker: a test runs the commands of the compose file natively.
"""

import argparse
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from benchmarks import results
from tests.support.servers import Server, free_port

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Run the steps and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="result file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = walk(Path(folder))
    print(table(figures))
    if arguments.json:
        results.write(arguments.json, figures)


def walk(folder: Path) -> dict[str, float]:
    """Seconds of every step in order.

    Raises:
        subprocess.CalledProcessError: a command failed.
        RuntimeError: a server did not start.
    """
    clone, took = folder / "twinpath", dict[str, float]()
    problem = re.findall(r'make solve PROBLEM="([^"]+)"', (ROOT / "README.md").read_text(encoding="utf-8"))[0]
    environment = os.environ | {"TWINPATH_CACHE_DIR": str(folder / "cache")}

    @contextmanager
    def step(name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        took[name] = time.monotonic() - began
        print(f"{took[name]:7.1f} s  {name}", flush=True)

    def run(*command: object) -> None:
        subprocess.run([str(word) for word in command], check=True, cwd=clone, env=environment)

    def serving(*command: object) -> Server:
        port = free_port()
        found = Server(command, port, folder / "server.log", "/ready", environment | {"TWINPATH_PORT": str(port)})
        return found.await_health()

    bin_ = clone / ".venv/bin"
    with step("`git clone`"):
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    with step("`make solve`: environment, model, and the first answer"):
        run("make", "solve", f"PROBLEM={problem}")
    with step("`make solve` again"):
        run("make", "solve", f"PROBLEM={problem}")
    with step("`make serve`, until the page is there"):
        service = serving("make", "-C", clone, "serve")
    with service:
        httpx.get(service.url).raise_for_status()
        with step("a `POST /solve`"):
            httpx.post(f"{service.url}/solve", json={"problem": problem}, timeout=60).raise_for_status()
    with step("`make tools`: Prometheus, promtool, Chromium and the packages for training"):
        run("make", "tools")
    with step("compose's services natively, every panel of the dashboards asked of Prometheus"):
        run(bin_ / "pytest", "-q", "tests/deploy/test_live.py")
    with step("`twinpath train run training/recipes/smoke.toml`: a student, all stages"):
        run(bin_ / "twinpath", "train", "run", "training/recipes/smoke.toml")
    with step("`twinpath serve` of that student, until it is ready"):
        serving(bin_ / "twinpath", "serve", "--model", clone / "runs/smoke/export/model").kill()
    return took


def table(figures: dict[str, Any]) -> str:
    """Markdown: one row per step."""
    lines = ["| step | seconds | since the start |", "|---|---:|---:|"]
    total = 0.0
    for name, seconds in figures.items():
        total += seconds
        lines.append(f"| {name} | {seconds:.1f} | {total:.0f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
