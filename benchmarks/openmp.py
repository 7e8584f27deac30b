"""Speed of the CPU engine by OpenMP runtime, beside a busy process.

    python -m benchmarks.openmp [--repeat 3] [--json FILE]

Each system has its own process and solves one problem with 10 + 10 paths, first on a free machine. Then it solves it
again beside one process that computes without pause. The systems take turns.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

from benchmarks import results
from service.settings import EngineKind, load_settings
from service.solve.problem import Problem
from service.types import Policy

INTEL = str(Path(sysconfig.get_path("data")) / "lib/libiomp5.so")
SYSTEMS: dict[str, tuple[str, dict[str, str]]] = {
    "service": ("the service's own choice", {}),
    "gnu": ("GNU's, defaults", {"GOMP_SPINCOUNT": "30000000000"}),
    "gnu-passive": ("GNU's, `OMP_WAIT_POLICY=passive`", {"OMP_WAIT_POLICY": "passive"}),
    "gnu-1000": ("GNU's, `GOMP_SPINCOUNT=1000`", {"GOMP_SPINCOUNT": "1000"}),
    "gnu-100000": ("GNU's, `GOMP_SPINCOUNT=100000`", {"GOMP_SPINCOUNT": "100000"}),
    "intel": ("Intel's, defaults", {"LD_PRELOAD": INTEL}),
    "intel-brief": ("Intel's, `KMP_BLOCKTIME=1`", {"LD_PRELOAD": INTEL, "KMP_BLOCKTIME": "1"}),
}
"""Label and environment of each system."""
LOADS = ("free", "beside")
PROBLEM = "A shop sells pens at 3 dollars each. Ann buys 7 pens and pays with a 50 dollar note. How much change is due?"
_BUSY = [sys.executable, "-c", "while True: pass"]


def main() -> None:
    """Run the systems by turns and print the table, or run this process's system and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path, help="result file")
    parser.add_argument("--only", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--here", action="store_true", help="measure in this process")
    arguments = parser.parse_args()
    if arguments.here:
        print("RESULT " + json.dumps(asyncio.run(measure())))
        return
    runs: dict[str, list[dict[str, float]]] = {system: [] for system in arguments.only}
    for turn in range(arguments.repeat):
        for system in arguments.only if turn % 2 == 0 else arguments.only[::-1]:
            runs[system].append(run(system))
            print(system, json.dumps(runs[system][-1]), flush=True)
    figures = {"runs": runs}
    print(table(figures))
    if arguments.json:
        results.write(arguments.json, figures)


def table(figures: dict[str, Any]) -> str:
    """Markdown: one row per system, as median, minimum and maximum."""
    lines = ["| OpenMP runtime | tokens/s | tokens/s beside a busy process |", "|---|---:|---:|"]
    for system, runs in figures["runs"].items():
        cells = [f"{statistics.median(seen):.0f} ({min(seen):.0f} to {max(seen):.0f})" for seen in _by_load(runs)]
        lines.append(f"| {SYSTEMS[system][0]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _by_load(runs: list[dict[str, float]]) -> list[list[float]]:
    return [[run[load] for run in runs] for load in LOADS]


def run(system: str) -> dict[str, float]:
    """Figures of one system, measured in its own process."""
    command = [sys.executable, "-m", "benchmarks.openmp", "--here"]
    environment = os.environ | SYSTEMS[system][1]
    output = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    line = next(line for line in output.splitlines() if line.startswith("RESULT "))
    figures: dict[str, float] = json.loads(line.removeprefix("RESULT "))
    return figures


async def measure() -> dict[str, float]:
    """Tokens per second under each load."""
    from service.components import build

    async with build(load_settings(engine=EngineKind.VLLM)) as components:

        async def tokens_per_s(seed: int) -> float:
            began = time.monotonic()
            solution = await components.solve(_problem(seed), str(seed))
            return sum(path.completion_tokens for path in solution.paths) / (time.monotonic() - began)

        await tokens_per_s(0)  # warms the engine up
        free = await tokens_per_s(1)
        busy = await asyncio.create_subprocess_exec(*_BUSY)
        try:
            return {"free": free, "beside": await tokens_per_s(1)}
        finally:
            busy.kill()
            await busy.wait()


def _problem(seed: int) -> Problem:
    return Problem(
        text=PROBLEM,
        cot=10,
        pot=10,
        policy=Policy.FIXED,
        temperature=0.7,
        top_p=1.0,
        max_tokens=320,
        deadline_s=600.0,
        seed=seed,
    )


if __name__ == "__main__":
    main()
