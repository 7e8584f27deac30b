"""Seconds from `twinpath solve` to its answer, then again.

    python -m benchmarks.start [--repeat 3] [--json FILE]

The first run of each repetition has an empty cache and builds the bundled model. The command prints the seconds of its
steps. The rest of the wall-clock time is the imports of Python and vLLM.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import results

PROBLEM = "A shop sells pens at 3 dollars each. Ann buys 7 pens and pays with a 50 dollar note. How much change is due?"
RUNS = {"first": "no model built", "again": "the same again"}
_STEP = re.compile(r"(\w+) ([0-9.]+) s\b")


def main() -> None:
    """Run the commands and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path, help="result file")
    arguments = parser.parse_args()
    figures: dict[str, list[dict[str, float]]] = {name: [] for name in RUNS}
    for _ in range(arguments.repeat):
        with tempfile.TemporaryDirectory() as cache:
            for name in RUNS:
                figures[name].append(solve(Path(cache)))
                print(name, figures[name][-1], flush=True)
    print(table(figures))
    if arguments.json:
        results.write(arguments.json, figures)


def solve(cache: Path) -> dict[str, float]:
    """Wall-clock seconds of the command and of its steps."""
    began = time.monotonic()
    command = [sys.executable, "-m", "service.cli.main", "solve", PROBLEM]
    environment = os.environ | {"TWINPATH_CACHE_DIR": str(cache)}
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    seconds = time.monotonic() - began
    steps = " ".join(said[said.index("Took:") :].split())  # the terminal wraps the line
    return {"whole": seconds} | {name: float(value) for name, value in _STEP.findall(steps)}


def table(figures: dict[str, Any]) -> str:
    """Markdown: one row per run, as median over the repetitions and range of the whole."""
    steps = [name for name in figures["first"][0] if name != "whole"]
    lines = ["| | to the answer | " + " | ".join(steps) + " |", "|---|---:|" + "---:|" * len(steps)]
    for name, label in RUNS.items():
        wholes = [run["whole"] for run in figures[name]]
        cells = [f"{statistics.median(run[step] for run in figures[name]):.1f} s" for step in steps]
        lines.append(f"| {label} | {results.spread(wholes, '.0f')} s | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
