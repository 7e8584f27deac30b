"""Two workers behind vllm-router, two service replicas, and a worker that is killed in the middle.

    python -m benchmarks.failover --plot docs/failover.png                 real `vllm serve` workers
    python -m benchmarks.failover --scripted                               scripted workers

Solves problems at `--concurrency`: kills one worker when a third of `--problems` is solved, starts it anew when a half
is, and ends when a third more is solved after it is back, which is more than `--problems` where the start takes long.
Prints how many were lost and the problems per second before, without and after. Real workers serve the tests' tiny
checkpoint unless `--model` names another: what is measured is that nothing is lost, not how fast a model is.
"""

import argparse
import asyncio
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.support.servers import Server, router, scripted_worker, service, vllm_worker

_PROBLEM = "Ann had {} apples and gave {} away. How many are left?"


@dataclass
class Run:
    """What came of a run: seconds from its start at which problems ended, the lost ones, and when workers changed."""

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
    """Send the problems to the replicas in turn; `revive` returns when the worker serves again."""
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


def plot(run: Run, path: Path) -> None:
    """Problems per second over time, in windows."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 3.5))
    end = max(run.ended)
    window = max(1.0, end / 40)
    times = [index * window for index in range(int(end / window) + 1)]
    axes.step(times, [sum(at <= done < at + window for done in run.ended) / window for at in times], where="post")
    for at, text in ((run.killed_s, "worker killed"), (run.back_s, "worker back")):
        axes.axvline(at, linestyle="--", color="grey")
        axes.text(at, axes.get_ylim()[1], f" {text}", va="top")
    axes.set_xlabel("seconds")
    axes.set_ylabel("problems per second")
    axes.set_title(f"{len(run.ended)} problems, {len(run.lost)} lost")
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main() -> None:
    """Start everything, run, print and plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=200)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--max-tokens", type=int, default=48)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--scripted", action="store_true")
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        run = measure(Path(name), arguments)
    rates = {name: round(rate, 2) for name, rate in run.rates().items()}
    figures = {"problems": len(run.ended), "lost": len(run.lost), "problems_per_s": rates}
    figures |= {"killed_s": round(run.killed_s, 1), "back_s": round(run.back_s, 1), "seconds": round(max(run.ended), 1)}
    print(json.dumps(figures))
    for line in run.lost:
        print("lost", line)
    if arguments.plot:
        plot(run, arguments.plot)


def measure(folder: Path, arguments: argparse.Namespace) -> Run:
    """The run, on servers that are ended with it."""
    model = arguments.model
    if not arguments.scripted and model is None:
        model = folder / "tiny"
        subprocess.run([sys.executable, "-m", "tests.support.tiny_model", model], check=True)

    def start(port: int | None = None) -> Server:
        if arguments.scripted:
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
