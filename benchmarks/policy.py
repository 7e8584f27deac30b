"""What each stopping policy costs and answers, on the same problems, seeds and engine, in one run.

    python -m benchmarks.policy --data problems.jsonl [--json FILE] [--limit 200] [--clients 32] [--model M]
    python -m benchmarks.policy --data problems.jsonl --easier PATHS --seed 9

First every policy solves all problems for `--clients` concurrent clients, then the first `--single` problems for one
client alone; policies take turns, each is started from the same engine. Tokens are those of every sampled path, aborted
ones too. Then the paths that `fixed` recorded are replayed under other thresholds and patiences, agreement of the first
CoT and the first PoT, and the best that hindsight could have done. Accuracies are paired with those of `fixed`
(McNemar).

`fixed` runs once more with other seeds: what differs there is the vote's own chance. Its confidences also say which
half of the problems is the easier, on which the replays are shown apart: a stand-in for a stronger student. `--easier`
asks that half alone, by the confidences of the paths that `--paths` left of an earlier run; take another seed then.
Prints the tables; `--json` keeps the figures.
"""

import argparse
import asyncio
import json
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.load import Run, add_problems, latency, problems, solve_all
from benchmarks.replays import replays
from service.components import assemble
from service.evaluation.evaluate import Question, wilson
from service.settings import EngineKind, Settings, load_settings
from service.solve.calibration import Calibration
from service.solve.problem import PathResult, Solution
from service.types import PathKind, PathOutcome, Policy
from training.compare import mcnemar
from training.sampling import Sampled, SampledPath, read_samples, sample_row
from training.votes import replay

POLICIES = (Policy.FIXED, Policy.LOSSLESS, Policy.ADAPTIVE)

_AGAIN = "fixed, other seeds"
_ALONE = ("p50_s", "p95_s")


def main() -> None:
    """Run, replay, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_problems(parser)
    parser.add_argument("--json", type=Path, help="where the figures go")
    parser.add_argument("--paths", type=Path, help="where the paths of `fixed` go, as JSON Lines")
    parser.add_argument("--easier", type=Path, help="ask the half of the problems that these paths vote on most surely")
    parser.add_argument("--model")
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--single", type=int, default=30)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    settings = load_settings(model=arguments.model, engine=EngineKind.VLLM)
    questions = problems(arguments, arguments.limit)
    facts = asyncio.run(_measure(settings, questions, arguments))
    print(table(facts))
    if arguments.json:
        results.write(arguments.json, facts)


async def _measure(settings: Settings, questions: list[Question], arguments: argparse.Namespace) -> dict[str, Any]:
    parts = assemble(settings)
    if arguments.easier:
        half = easier(list(read_samples(arguments.easier)), parts.calibration)
        questions = [question for question in questions if question.id in half]
    await parts.sandbox.start()
    await parts.engine.start()
    try:
        await solve_all(settings, parts, questions[:4], Policy.FIXED, arguments.seed, 4)  # warm
        busy, recorded = {}, []
        for policy in POLICIES:
            run, solutions = await solve_all(settings, parts, questions, policy, arguments.seed, arguments.clients)
            busy[policy.value] = run
            print(f"{policy.value}: {run.problems_per_s:.3f} problems/s for {arguments.clients} clients", flush=True)
            if policy is Policy.FIXED:
                recorded = [_sampled(q, s) for q, s in zip(questions, solutions, strict=True)]
                if arguments.paths:
                    arguments.paths.parent.mkdir(parents=True, exist_ok=True)
                    with arguments.paths.open("w") as file:
                        file.writelines(json.dumps(sample_row(sampled)) + "\n" for sampled in recorded)
        busy[_AGAIN], again = await solve_all(
            settings, parts, questions, Policy.FIXED, arguments.seed + 1, arguments.clients
        )
        alone: dict[str, list[float]] = {policy.value: [] for policy in POLICIES}
        for number, question in enumerate(questions[: arguments.single]):
            for policy in POLICIES[number % 3 :] + POLICIES[: number % 3]:
                run, _ = await solve_all(settings, parts, [question], policy, arguments.seed + number, 1)
                alone[policy.value] += run.seconds
    finally:
        await parts.engine.close()
        await parts.sandbox.close()
    half = easier([_sampled(q, s) for q, s in zip(questions, again, strict=True)], parts.calibration)
    return {
        "model": parts.engine.model,
        "problems": len(questions),
        "clients": arguments.clients,
        "busy": {name: _figures(run, busy["fixed"]) for name, run in busy.items()},
        "alone": {name: latency(seconds) for name, seconds in alone.items()},
        "replayed": replays(recorded, parts.calibration),
        "replayed_easier": replays([sampled for sampled in recorded if sampled.id in half], parts.calibration),
    }


def easier(recorded: Sequence[Sampled], calibration: Calibration) -> set[str]:
    """The ids of the half of the problems whose full vote is the surest; of equals the first."""
    ends = [replay(Policy.FIXED, sampled.paths, calibration) for sampled in recorded]
    sure = [calibration.confidence(end.votes, end.counted) for end in ends]
    surest = sorted(range(len(recorded)), key=sure.__getitem__, reverse=True)
    return {recorded[number].id for number in surest[: (len(recorded) + 1) // 2]}


def _figures(run: Run, fixed: Run) -> dict[str, Any]:
    n = len(run.right)
    return {
        "accuracy": sum(run.right) / n,
        "interval": wilson(sum(run.right), n),
        "against_fixed": mcnemar(run.right, fixed.right),
        "tokens": statistics.mean(run.tokens),
        "tokens_of_fixed": sum(run.tokens) / sum(fixed.tokens),
        "paths": statistics.mean(run.paths),
        "problems_per_s": run.problems_per_s,
        "problems_per_s_of_fixed": run.problems_per_s / fixed.problems_per_s,
    } | latency(run.seconds)


def _sampled(question: Question, solution: Solution) -> Sampled:
    seen = dict.fromkeys(PathKind, -1)
    return Sampled(question.id, question.answer, tuple(_path(path, seen) for path in solution.paths))


def _path(path: PathResult, seen: dict[PathKind, int]) -> SampledPath:
    seen[path.kind] += 1
    return SampledPath(
        path.kind,
        seen[path.kind],
        path.text,
        path.completion_tokens,
        path.answer.text if path.outcome is PathOutcome.VOTED and path.answer else None,
        path.stated.text if path.stated else None,
        path.repaired,
    )


def table(facts: dict[str, Any]) -> str:
    """A line for each policy, and one for each replayed rule."""
    lines = [
        f"{facts['problems']} problems, {facts['model']}, {facts['clients']} clients",
        "",
        "| policy | accuracy (95 %) | better / worse than fixed (p) | points from fixed (95 %) | tokens | of fixed "
        "| paths | p50 | p95 | problems/s | of fixed | one client: p50 | p95 |",
        "|---|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in facts["busy"].items():
        (low, high), test = row["interval"], row["against_fixed"]
        alone = " | ".join(f"{facts['alone'][name][part]:.2f} s" if name in facts["alone"] else "" for part in _ALONE)
        lines.append(
            f"| {name} | {row['accuracy']:.1%} ({low:.1%} to {high:.1%}) "
            f"| {_changes(row)} | {_points(test, facts['problems'])} "
            f"| {row['tokens']:.0f} | {row['tokens_of_fixed']:.2f} | {row['paths']:.1f} "
            f"| {row['p50_s']:.1f} s | {row['p95_s']:.1f} s | {row['problems_per_s']:.3f} "
            f"| {row['problems_per_s_of_fixed']:.2f} | {alone} |"
        )
    lines += [
        "",
        "| replayed rule | accuracy | better / worse (p) | tokens of fixed | paths | longest path of fixed "
        "| easier half: accuracy | better / worse (p) | tokens of fixed |",
        "|---|---:|---|---:|---:|---:|---:|---|---:|",
    ]
    for row, half in zip(facts["replayed"], facts["replayed_easier"], strict=True):
        lines.append(
            f"| {row['rule']} | {row['accuracy']:.1%} | {_changes(row)} | {row['tokens_of_fixed']:.2f} "
            f"| {row['paths']:.1f} | {row['longest_of_fixed']:.2f} "
            f"| {half['accuracy']:.1%} | {_changes(half)} | {half['tokens_of_fixed']:.2f} |"
        )
    return "\n".join(lines)


def _changes(row: dict[str, Any]) -> str:
    test = row["against_fixed"]
    return f"{test['only_first']} / {test['only_second']} ({test['p']:.2f})"


def _points(test: dict[str, float], problems: int) -> str:
    """The difference of two paired shares and its 95 % interval (Wald's for paired proportions)."""
    ahead, changed = test["only_first"] - test["only_second"], test["only_first"] + test["only_second"]
    half = 1.96 * math.sqrt(changed - ahead**2 / problems)
    low, middle, high = (100 * (ahead + step) / problems for step in (-half, 0, half))
    return f"{middle:+.1f} ({low:+.1f} to {high:+.1f})"


def plot(facts: dict[str, Any], out: Path) -> None:
    """Accuracy of each replayed rule against its tokens."""
    rows = facts["replayed"]
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 4.5))
    axis.set_prop_cycle(plt.cycler(marker=["o", "s", "^", "D"]) * mpl.rcParams["axes.prop_cycle"])
    for row in rows:
        axis.plot(row["tokens_of_fixed"], row["accuracy"], linestyle="", label=row["rule"])
    axis.set(xlabel="completion tokens, of the fixed vote's", ylabel="accuracy", xlim=(0, 1.05))
    axis.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(out, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()
