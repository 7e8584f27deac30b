"""Latency against the number of clients, and against the path budget.

    python -m benchmarks.latency --data problems.jsonl [--json FILE] [--model M] [--policy adaptive]

All points are measured on the real engine in one run. Every point solves `--rounds` problems per client.
"""

import argparse
import asyncio
import json
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.load import add_problems, latency, problems, solve_all
from service.components import Components, build
from service.evaluation.problems import LabeledProblem
from service.settings import EngineKind, Settings, load_settings
from service.types import Policy

CLIENTS = (1, 2, 4, 8, 16, 32, 64)
BUDGETS = (1, 2, 5, 10, 20)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_problems(parser)
    parser.add_argument("--json", type=Path, help="result file")
    parser.add_argument("--model")
    parser.add_argument("--policy", type=Policy, default=Policy.ADAPTIVE)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--least", type=int, default=12, help="minimum number of problems of a point")
    arguments = parser.parse_args()
    settings = load_settings(model=arguments.model, engine=EngineKind.VLLM)
    questions = problems(arguments, 500)
    facts = asyncio.run(_measure(settings, questions, arguments))
    print(table(facts))
    if arguments.json:
        results.write(arguments.json, facts)


async def _measure(
    settings: Settings, questions: list[LabeledProblem], arguments: argparse.Namespace
) -> dict[str, Any]:
    asked = cycle(questions)

    async def point(components: Components, clients: int, paths: int) -> dict[str, Any]:
        some = list(islice(asked, max(arguments.least, arguments.rounds * clients)))
        run, _ = await solve_all(components, some, arguments.policy, 7, clients, paths)
        row = {"clients": clients, "paths": 2 * paths, "problems": len(some), "problems_per_s": run.problems_per_s}
        row |= latency(run.seconds) | {"tokens": sum(run.tokens) / len(some)}
        print(json.dumps(row), flush=True)
        return row

    async with build(settings) as components:
        await point(components, 4, settings.cot_paths)  # warm
        return {
            "model": components.engine.model,
            "policy": arguments.policy.value,
            "clients": [await point(components, clients, settings.cot_paths) for clients in CLIENTS],
            "budget": [await point(components, 1, paths) for paths in BUDGETS],
        }


def table(facts: dict[str, Any]) -> str:
    """Markdown: one row per number of clients, then one per budget."""
    lines = [f"{facts['model']}, policy {facts['policy']}", ""]
    lines += [
        "| clients | paths at most | problems | p50 | p95 | problems/s | tokens |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row['clients']} | {row['paths']} | {row['problems']} | {row['p50_s']:.2f} s | {row['p95_s']:.2f} s "
        f"| {row['problems_per_s']:.3f} | {row['tokens']:.0f} |"
        for row in (*facts["clients"], *facts["budget"])
    ]
    return "\n".join(lines)


def plot(facts: dict[str, Any], out: Path) -> None:
    """Both curves."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2))
    for axis, name, x in zip(axes, ("clients", "budget"), ("clients", "paths"), strict=True):
        for quantile in ("p50_s", "p95_s"):
            axis.plot(
                [row[x] for row in facts[name]], [row[quantile] for row in facts[name]], marker="o", label=quantile[:3]
            )
        axis.set(
            xlabel="concurrent clients" if x == "clients" else "paths at most, one client",
            ylabel="seconds",
            ylim=(0, None),
        )
        axis.set_xscale("log", base=2)
        numbers = [row[x] for row in facts[name]]
        axis.set_xticks(numbers, labels=map(str, numbers))
        axis.minorticks_off()
        axis.legend()
    figure.tight_layout()
    figure.savefig(out, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()
