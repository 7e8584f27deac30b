"""Failover of a worker under load: lost problems and throughput.

    python -m benchmarks.failover [--json FILE]       two `vllm serve` workers
    python -m benchmarks.failover --scripted          two scripted workers

Two workers serve two replicas through vllm-router. One worker is killed after a third of `--problems` and started
again after a half. The run ends a third of `--problems` after its return. Real workers serve a tiny random
checkpoint unless `--model` names another.
"""

import argparse
import asyncio
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks import results
from tests.support.servers import Server, add_engine, router, scripted_worker, service, vllm_worker

_PROBLEM = "Ann had {} apples and gave {} away. How many are left?"


@dataclass
class Run:
    """Events of one run, in seconds from its start.

    Args:
        ended: end of each problem.
        lost: one line per lost problem.
        killed_s: kill of the worker.
        back_s: return of the worker.
    """

    ended: list[float] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    killed_s: float = 0.0
    back_s: float = 0.0

    def rates(self) -> dict[str, float]:
        """Problems per second before the kill, without the worker, and after it was back."""
        end = max(self.ended)
        spans = {"before": (0.0, self.killed_s), "without": (self.killed_s, self.back_s), "after": (self.back_s, end)}
        return {
            name: sum(start <= at < stop for at in self.ended) / (stop - start)
            for name, (start, stop) in spans.items()
            if stop > start
        }


async def drive(
    urls: list[str],
    *,
    problems: int,
    concurrency: int,
    max_tokens: int,
    kill: Callable[[], None],
    revive: Callable[[], None],
) -> Run:
    """Send the problems to the replicas by turns. `revive` returns when the worker serves again."""
    run, began = Run(), time.monotonic()
    third, half = problems // 3, problems // 2
    solved = {third: asyncio.Event(), half: asyncio.Event()}
    numbers = itertools.count()
    async with httpx.AsyncClient(timeout=300) as client:

        async def one(number: int) -> None:
            text = _PROBLEM.format(number + 20, number % 20)
            body = {"problem": text, "seed": number, "policy": "fixed", "max_tokens": max_tokens, "deadline_s": 240}
            try:
                response = await client.post(f"{urls[number % len(urls)]}/solve", json=body)
                response.raise_for_status()
                usage = response.json()["paths"]
                if usage["started"] != 20 or response.json()["status"] == "deadline":
                    run.lost.append(f"{number}: {usage}")
            except httpx.HTTPError as error:
                run.lost.append(f"{number}: {error!r}")
            run.ended.append(time.monotonic() - began)
            if len(run.ended) in solved:
                solved[len(run.ended)].set()

        def done() -> bool:
            return bool(run.back_s) and sum(at > run.back_s for at in run.ended) >= third

        async def caller() -> None:
            while not done():
                await one(next(numbers))

        async def changes() -> None:
            await solved[third].wait()
            run.killed_s = time.monotonic() - began
            await asyncio.to_thread(kill)
            await solved[half].wait()
            await asyncio.to_thread(revive)
            run.back_s = time.monotonic() - began

        await asyncio.gather(changes(), *(caller() for _ in range(concurrency)))
    return run


def figures_of(run: Run) -> dict[str, Any]:
    """Figures of the result file. All times are in seconds from the start of the run."""
    return {
        "problems": len(run.ended),
        "lost": len(run.lost),
        "problems_per_s": {name: round(rate, 2) for name, rate in run.rates().items()},
        "killed_s": round(run.killed_s, 1),
        "back_s": round(run.back_s, 1),
        "ended_s": [round(at, 2) for at in run.ended],
    }


def table(figures: dict[str, Any]) -> str:
    """Markdown: lost problems, and problems per second in the three spans of the run."""
    rates = figures["problems_per_s"]
    lines = ["| problems | lost | before the kill, problems/s | without the worker | after its return |"]
    lines += ["|---:|---:|---:|---:|---:|"]
    cells = [f"{rates[span]:.2f}" if span in rates else "" for span in ("before", "without", "after")]
    lines += [f"| {figures['problems']} | {figures['lost']} | " + " | ".join(cells) + " |", ""]
    down_s = figures["back_s"] - figures["killed_s"]
    lines += [f"The worker was gone for {down_s:.0f} of {max(figures['ended_s']):.0f} s."]
    return "\n".join(lines)


def plot(figures: dict[str, Any], path: Path) -> None:
    """Problems per second over time, in 40 windows of at least one second."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    canvas, axes = pyplot.subplots(figsize=(8, 3.5))
    ended = figures["ended_s"]
    window = max(1.0, max(ended) / 40)
    times = [index * window for index in range(int(max(ended) / window) + 1)]
    axes.step(times, [sum(at <= done < at + window for done in ended) / window for at in times], where="post")
    for at, text in ((figures["killed_s"], "worker killed"), (figures["back_s"], "worker back")):
        axes.axvline(at, linestyle="--", color="grey")
        axes.text(at, axes.get_ylim()[1], f" {text}", va="top")
    axes.set_xlabel("seconds")
    axes.set_ylabel("problems per second")
    axes.set_title(f"{figures['problems']} problems, {figures['lost']} lost")
    canvas.tight_layout()
    canvas.savefig(path, dpi=120)
    pyplot.close(canvas)


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_engine(parser)
    parser.add_argument("--problems", type=int, default=200)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--max-tokens", type=int, default=48)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        run = measure(Path(name), arguments)
    figures = figures_of(run)
    print(table(figures))
    for line in run.lost:
        print("lost", line)
    if arguments.json:
        results.write(arguments.json, figures)


def measure(folder: Path, arguments: argparse.Namespace) -> Run:
    """Run the load on new servers, and end them."""
    model = None if arguments.model is None else Path(arguments.model)
    if not arguments.scripted and model is None:
        model = folder / "tiny"
        subprocess.run([sys.executable, "-m", "tests.support.tiny_model", model], check=True)

    def start(port: int | None = None) -> Server:
        if model is None:
            return scripted_worker(folder, tokens_per_s=40, slots=32, port=port)
        return vllm_worker(model, folder, port=port)

    servers: list[Server] = []
    try:
        workers = [start().await_health(), start().await_health()]
        servers += workers
        servers.append(router(workers, folder).await_health())
        replicas = [service([servers[-1].url], folder, model, log_level="warning") for _ in range(2)]
        servers += replicas
        urls = [replica.await_health().url for replica in replicas]

        def revive() -> None:
            servers.append(start(workers[0].port).await_health())

        return asyncio.run(
            drive(
                urls,
                problems=arguments.problems,
                concurrency=arguments.concurrency,
                max_tokens=arguments.max_tokens,
                kill=workers[0].kill,
                revive=revive,
            )
        )
    finally:
        for server in servers:
            server.kill()


if __name__ == "__main__":
    main()
