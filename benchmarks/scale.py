"""Problems per second against the number of scripted workers.

    python -m benchmarks.scale --workers 1 2 4 8 16 [--router] [--json FILE]

Each worker decodes `--slots` paths at `--tokens-per-s` each, so the ideal is a straight line. The cores that each part
uses explain a bend: on a small machine all parts share the cores. The service's CPU time per problem sizes its
replicas.
"""

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks import results
from tests.support.servers import Server, router, scripted_worker, service

PARTS = ("service", "workers", "router", "client")
_PROBLEM = "Ann had {} apples and gave {} away. How many are left?"


async def drive(urls: list[str], concurrency: int, seconds: float) -> tuple[int, int, float]:
    """Keep `concurrency` problems open. Returns the solved problems, their completion tokens, and the seconds."""
    solved = tokens = number = 0
    began = time.monotonic()
    async with httpx.AsyncClient(timeout=120, limits=httpx.Limits(max_connections=None)) as client:

        async def client_loop() -> None:
            nonlocal solved, tokens, number
            while time.monotonic() - began < seconds:
                number += 1
                body = {"problem": _PROBLEM.format(number + 20, number % 20), "seed": number, "policy": "fixed"}
                response = await client.post(f"{urls[number % len(urls)]}/solve", json=body)
                response.raise_for_status()
                solved += 1
                tokens += response.json()["usage"]["completion_tokens"]

        await asyncio.gather(*(client_loop() for _ in range(concurrency)))
    return solved, tokens, time.monotonic() - began


def measure(workers: int, arguments: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Figures of one number of workers."""
    servers: list[Server] = []
    try:
        pool = [
            scripted_worker(folder, tokens_per_s=arguments.tokens_per_s, slots=arguments.slots, chunk=arguments.chunk)
            for _ in range(workers)
        ]
        servers += pool
        for worker in pool:
            worker.await_health()
        routed = arguments.router and workers > 1
        if routed:
            servers.append(router(pool, folder).await_health())
        urls = [servers[-1].url] if routed else [worker.url for worker in pool]
        replicas = [service(urls, folder, log_level="warning", max_num_seqs=4096) for _ in range(arguments.replicas)]
        servers += replicas
        addresses = [replica.await_health().url for replica in replicas]
        concurrency = max(2, round(arguments.load * workers * arguments.slots / 20))
        asyncio.run(drive(addresses, concurrency, 2.0))
        parts = {"service": replicas, "workers": pool, "router": servers[workers : workers + routed]}
        before = {name: sum(server.cpu_s() for server in part) for name, part in parts.items()}
        client_before = time.process_time()
        solved, tokens, seconds = asyncio.run(drive(addresses, concurrency, arguments.seconds))
        cpu = {name: sum(server.cpu_s() for server in part) - before[name] for name, part in parts.items()}
        cpu["client"] = time.process_time() - client_before
    finally:
        for server in servers:
            server.kill()
    figures = {"workers": workers, "problems_per_s": solved / seconds, "tokens_per_s": tokens / seconds}
    figures |= {f"{name}_cores": used / seconds for name, used in cpu.items()}
    return figures | {"service_cpu_ms_per_problem": 1000 * cpu["service"] / solved, "solved": solved}


def main() -> None:
    """Measure every number of workers and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--replicas", type=int, default=2, help="number of replicas of the service")
    parser.add_argument("--tokens-per-s", type=float, default=20.0)
    parser.add_argument("--slots", type=int, default=20)
    parser.add_argument("--chunk", type=int, default=1)
    parser.add_argument("--load", type=float, default=1.5, help="number of open paths per slot")
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--router", action="store_true", help="put vllm-router in front of the workers")
    parser.add_argument("--json", type=Path, help="result file")
    arguments = parser.parse_args()
    rows: list[dict[str, float]] = []
    for workers in arguments.workers:
        with tempfile.TemporaryDirectory() as name:
            row = measure(workers, arguments, Path(name))
        first = rows[0] if rows else row
        row["efficiency"] = row["problems_per_s"] / workers / (first["problems_per_s"] / first["workers"])
        rows.append(row)
        print(json.dumps({name: round(value, 3) for name, value in row.items()}), flush=True)
    figures = {"router": arguments.router, "replicas": arguments.replicas, "rows": rows}
    print(table(figures))
    if arguments.json:
        results.write(arguments.json, figures)


def table(figures: dict[str, Any]) -> str:
    """Markdown: one row per number of workers."""
    lines = [
        "| workers | problems/s | efficiency | service, CPU ms/problem | "
        + " | ".join(f"{part}, cores" for part in PARTS)
        + " |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in figures["rows"]:
        cores = " | ".join(f"{row[f'{part}_cores']:.2f}" for part in PARTS)
        lines.append(
            f"| {row['workers']} | {row['problems_per_s']:.2f} | {row['efficiency']:.2f} "
            f"| {row['service_cpu_ms_per_problem']:.1f} | {cores} |"
        )
    return "\n".join(lines)


def plot(figures: dict[str, Any], path: Path) -> None:
    """Problems per second and used cores, against the number of workers."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = figures["rows"]
    canvas, (rate, cores) = pyplot.subplots(1, 2, figsize=(9, 3.5))
    workers = [row["workers"] for row in rows]
    ideal = rows[0]["problems_per_s"] / rows[0]["workers"]
    rate.plot(workers, [row["problems_per_s"] for row in rows], marker="o", label="seen")
    rate.plot(workers, [ideal * number for number in workers], linestyle="--", label="ideal")
    rate.set_ylabel("problems per second")
    for part in PARTS:
        cores.plot(workers, [row[f"{part}_cores"] for row in rows], marker="o", label=part)
    cores.set_ylabel("cores used")
    for axes in (rate, cores):
        axes.set_xlabel("workers")
        axes.legend()
    canvas.tight_layout()
    canvas.savefig(path, dpi=120)
    pyplot.close(canvas)


if __name__ == "__main__":
    main()
