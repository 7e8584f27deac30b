"""What the remote engine costs: tokens per second through `vllm serve` over HTTP, against the engine in process.

    python -m benchmarks.remote --concurrency 1 4 16 64

The same model, prompts, seeds and engine arguments. Both engines are up during the whole run and take turns, so that
what else the machine does strikes both. The ratio is the median over the turns.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

from service.engine.base import Engine, Sampling
from service.model.checkpoint import find
from service.settings import load_settings
from tests.support.servers import vllm_worker

_PROMPT = "<bos>Question: Ann had {} apples and gave {} away. How many are left?\nReasoning:\n"


async def rate(engine: Engine, concurrency: int, tokens: int, turn: int) -> float:
    """Completion tokens per second of so many paths at the same time."""
    began = time.monotonic()
    paths = [
        engine.sample(
            f"{turn}-{concurrency}-{number}",
            _PROMPT.format(number + 20, number % 20),
            Sampling(temperature=1.0, seed=1000 * turn + number, max_tokens=tokens),
        )
        for number in range(concurrency)
    ]
    sampled = sum(completion.completion_tokens for completion in await asyncio.gather(*paths))
    return sampled / (time.monotonic() - began)


async def compare(engines: dict[str, Engine], arguments: argparse.Namespace) -> None:
    """Take turns and print a row for each concurrency."""
    for engine in engines.values():
        await rate(engine, 4, 16, 0)
    for concurrency in arguments.concurrency:
        seen: dict[str, list[float]] = {name: [] for name in engines}
        for turn in range(1, arguments.turns + 1):
            order = list(engines) if turn % 2 else list(engines)[::-1]
            for name in order:
                seen[name].append(await rate(engines[name], concurrency, arguments.tokens, turn))
        ratios = [remote / local for remote, local in zip(seen["remote"], seen["in process"], strict=True)]
        row = {"concurrency": concurrency} | {name: round(statistics.median(rates), 1) for name, rates in seen.items()}
        print(json.dumps(row | {"ratio": round(statistics.median(ratios), 3), "ratios": [round(r, 3) for r in ratios]}))


def main() -> None:
    """Start both engines and compare them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--model", help="model directory; none takes the embedded default")
    arguments = parser.parse_args()
    settings = load_settings()
    path = find(arguments.model, settings.cache_dir).path
    with tempfile.TemporaryDirectory() as folder, vllm_worker(path, Path(folder)) as worker:
        worker.await_health()
        from service.engine.remote import RemoteEngine
        from service.engine.vllm import VllmEngine

        async def run() -> None:
            engines: dict[str, Engine] = {
                "in process": VllmEngine(str(path), cpu_kv_cache_gib=1),
                "remote": RemoteEngine([worker.url]),
            }
            for engine in engines.values():
                await engine.start()
            await compare(engines, arguments)
            for engine in engines.values():
                await engine.close()

        asyncio.run(run())


if __name__ == "__main__":
    main()
