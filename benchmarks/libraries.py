"""Costs of the libraries lane of the sandbox, beside the plain lane.

    python -m benchmarks.libraries [--programs N] [--repeat N] [--json FILE]

The rows are measured in turn. Memory is the proportional set size of the zygote and of its ready children. Latency
is the median of one program every 10 ms. Throughput has two programs at a time. CPU time includes fork and warm-up.
"""

import argparse
import asyncio
import os
import statistics
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks import results
from service.sandbox.pool import SandboxPool

GAP_S = 0.010
WORKERS = 2
PLAIN = "clips_april = 48\nclips_may = clips_april / 2\nans = clips_april + clips_may"
SYMPY = "from sympy import symbols, Eq, solve\nx = symbols('x')\nans = solve(Eq(x + 30, 37), x)[0]"
NUMPY = "import numpy as np\nprices = np.array([3, 4, 5])\nans = np.sum(prices * 2)"
ANSWERS = {PLAIN: 72, SYMPY: 7, NUMPY: 24}
ROWS = {
    "plain lane": (False, PLAIN),
    "libraries lane, the same program": (True, PLAIN),
    "libraries lane, sympy": (True, SYMPY),
    "libraries lane, numpy": (True, NUMPY),
}
"""Row → whether it is the libraries lane, and its program."""


async def measure(libraries: bool, program: str, programs: int) -> dict[str, float]:
    """Figures of one lane that starts, runs one program again and again, and closes."""
    pool = SandboxPool(
        workers=WORKERS, timeout_s=5, memory_bytes=256 << 20, output_bytes=16384, max_queue=1000, libraries=libraries
    )
    started = time.perf_counter()
    await pool.start()
    start_s = time.perf_counter() - started
    try:
        await asyncio.sleep(0.5)  # until all children are ready
        zygote = psutil.Process(_zygote_pid(pool))
        start_cpu_s = _cpu_s(zygote)
        zygote_mib, children_mib = _pss_mib(zygote), [_pss_mib(child) for child in zygote.children()]
        latencies = []
        for _ in range(programs):
            await asyncio.sleep(GAP_S)
            latencies.append(await _seconds(pool, program))
        cpu_before, started = _cpu_s(zygote), time.perf_counter()
        await asyncio.gather(*(_seconds(pool, program) for _ in range(programs)))
        seconds = time.perf_counter() - started
        await asyncio.sleep(0.5)  # until the last children are reaped
        return {
            "start_s": start_s,
            "start_cpu_s": start_cpu_s,
            "zygote_mib": zygote_mib,
            "child_mib": statistics.mean(children_mib),
            "all_mib": zygote_mib + sum(children_mib),
            "median_ms": statistics.median(latencies) * 1e3,
            "per_s": programs / seconds,
            "cpu_ms": (_cpu_s(zygote) - cpu_before) / programs * 1e3,
        }
    finally:
        await pool.close()


async def _seconds(pool: SandboxPool, program: str) -> float:
    started = time.perf_counter()
    execution = await pool.run(program)
    assert execution.value == ANSWERS[program], execution
    return time.perf_counter() - started


def _zygote_pid(pool: SandboxPool) -> int:
    zygote = pool._children._zygote
    assert zygote is not None
    assert zygote.pid is not None
    return zygote.pid


def _pss_mib(process: psutil.Process) -> float:
    return float(process.memory_full_info().pss) / (1 << 20)


def _cpu_s(zygote: psutil.Process) -> float:
    """CPU time of the zygote and of its ended children."""
    times = zygote.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


_COLUMNS = {
    "start_s": ("start, s", ".2f"),
    "start_cpu_s": ("CPU, s", ".2f"),
    "zygote_mib": ("zygote, MiB", ".0f"),
    "child_mib": ("ready child, MiB", ".1f"),
    "all_mib": ("all, MiB", ".0f"),
    "median_ms": ("median, ms", ".2f"),
    "cpu_ms": ("CPU of each, ms", ".1f"),
    "per_s": ("programs/s", ",.0f"),
}


def table(figures: dict[str, Any]) -> str:
    """Markdown: one row per lane and program, as median and range over the repetitions."""
    head = [column for column, _ in _COLUMNS.values()]
    lines = ["| | " + " | ".join(head) + " |", "|---|" + "---:|" * len(head)]
    for name, runs in figures["rows"].items():
        cells = [results.spread([run[key] for run in runs], form) for key, (_, form) in _COLUMNS.items()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure every row in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=300, help="number of programs per measurement")
    parser.add_argument("--repeat", type=int, default=5, help="number of measurements")
    parser.add_argument("--json", type=Path, help="result file")
    options = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("only root may read the memory of the locked processes")
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in ROWS}
    for _ in range(options.repeat):
        for name, (libraries, program) in ROWS.items():
            rows[name].append(asyncio.run(measure(libraries, program, options.programs)))
            print(name, rows[name][-1], flush=True)
    figures = {"rows": rows, "workers": WORKERS}
    print(table(figures))
    if options.json:
        results.write(options.json, figures)


if __name__ == "__main__":
    main()
