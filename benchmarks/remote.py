"""Tokens per second of the remote engine against the engine in process.

    python -m benchmarks.remote --concurrency 1 4 16 64 [--json FILE]

Both engines use the same model, prompts, seeds and engine arguments. Both are up during the whole run and take turns,
so that other load on the machine slows both.
"""

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import results
from service.engine.base import Engine, Sampling
from service.model.checkpoint import find_checkpoint
from service.settings import load_settings
from tests.support.servers import vllm_worker

_PROMPT = "<bos>Question: Ann had {} apples and gave {} away. How many are left?\nReasoning:\n"


async def rate(engine: Engine, concurrency: int, tokens: int, turn: int) -> float:
    """Completion tokens per second of `concurrency` paths at the same time, `tokens` each at most."""
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


async def compare(engines: dict[str, Engine], arguments: argparse.Namespace) -> dict[str, Any]:
    """Tokens per second of both engines by turns, for each concurrency."""
    rows: list[dict[str, Any]] = []
    for engine in engines.values():
        await rate(engine, 4, 16, 0)
    for concurrency in arguments.concurrency:
        seen: dict[str, list[float]] = {name: [] for name in engines}
        for turn in range(1, arguments.turns + 1):
            order = list(engines) if turn % 2 else list(engines)[::-1]
            for name in order:
                seen[name].append(await rate(engines[name], concurrency, arguments.tokens, turn))
        rows.append({"concurrency": concurrency, "tokens_per_s": seen})
        print(json.dumps(rows[-1]), flush=True)
    return {"tokens": arguments.tokens, "rows": rows}


def table(figures: dict[str, Any]) -> str:
    """Markdown: tokens per second of both engines and their ratio, as median and range over the turns."""
    lines = [
        "| paths at a time | in process, tokens/s | remote, tokens/s | remote / in process |",
        "|---:|---:|---:|---:|",
    ]
    for row in figures["rows"]:
        local, remote = row["tokens_per_s"]["in process"], row["tokens_per_s"]["remote"]
        ratios = [far / near for far, near in zip(remote, local, strict=True)]
        cells = [results.spread(local, ".0f"), results.spread(remote, ".0f"), results.spread(ratios, ".2f")]
        lines.append(f"| {row['concurrency']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Compare the engines and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--model", help="model directory (default: the bundled model)")
    parser.add_argument("--json", type=Path, help="result file")
    arguments = parser.parse_args()
    settings = load_settings()
    path = find_checkpoint(arguments.model, settings.cache_dir).path
    with tempfile.TemporaryDirectory() as folder, vllm_worker(path, Path(folder)) as worker:
        worker.await_health()
        from service.engine.remote import RemoteEngine
        from service.engine.vllm import VllmEngine

        async def run() -> dict[str, Any]:
            engines: dict[str, Engine] = {
                "in process": VllmEngine(str(path), cpu_kv_cache_gib=1),
                "remote": RemoteEngine([worker.url]),
            }
            for engine in engines.values():
                await engine.start()
            figures = await compare(engines, arguments)
            for engine in engines.values():
                await engine.close()
            return figures

        figures = asyncio.run(run())
    print(table(figures))
    if arguments.json:
        results.write(arguments.json, figures)


if __name__ == "__main__":
    main()
