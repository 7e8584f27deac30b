"""Cost and accuracy of each stopping policy on the same problems.

    python -m benchmarks.policy --data problems.jsonl [--json FILE] [--limit 200] [--clients 32] [--model M]
    python -m benchmarks.policy --data problems.jsonl --easier PATHS --seed 9

Every policy solves all problems for `--clients` clients, then `--single` for one. The recorded paths of
`fixed` are replayed under other rules, and accuracies are paired with it. `--easier` selects the half with the surest
votes.
"""

import argparse
import asyncio
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.load import Run, add_problems, latency, problems, solve_all
from service.components import build
from service.evaluation.calibration.replay import Replay, is_right, replay, uses_all_numbers
from service.evaluation.calibration.samples import Sampled, SampledPath
from service.evaluation.problems import LabeledProblem
from service.evaluation.statistics import wilson
from service.settings import EngineKind, Settings, load_settings
from service.solve.calibration import Calibration
from service.solve.problem import PathResult, Solution
from service.solve.stopping import BETA_THRESHOLD
from service.types import PathKind, PathOutcome, Policy
from training.sample.sampling import read_samples, write_samples
from training.sample.statistics import mcnemar

POLICIES = (Policy.FIXED, Policy.LOSSLESS, Policy.ADAPTIVE)
THRESHOLDS = (0.8, 0.9, 0.95, 0.99)

_AGAIN = "fixed, other seeds"
_ALONE = ("p50_s", "p95_s")


def main() -> None:
    """Run, replay and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_problems(parser)
    parser.add_argument("--json", type=Path, help="result file")
    parser.add_argument("--paths", type=Path, help="output file of the paths of `fixed`, as JSON Lines")
    parser.add_argument(
        "--easier", type=Path, help="recorded paths; only the half of the problems with the surest votes is asked"
    )
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


async def _measure(
    settings: Settings, questions: list[LabeledProblem], arguments: argparse.Namespace
) -> dict[str, Any]:
    components = build(settings)
    calibration = components.models[0].calibration
    if arguments.easier:
        half = easier(list(read_samples(arguments.easier)), calibration)
        questions = [question for question in questions if question.id in half]
    async with components:
        await solve_all(components, questions[:4], Policy.FIXED, arguments.seed, 4)  # warm
        busy, recorded = {}, []
        for policy in POLICIES:
            run, solutions = await solve_all(components, questions, policy, arguments.seed, arguments.clients)
            busy[policy.value] = run
            print(f"{policy.value}: {run.problems_per_s:.3f} problems/s for {arguments.clients} clients", flush=True)
            if policy is Policy.FIXED:
                recorded = [_sampled(q, s) for q, s in zip(questions, solutions, strict=True)]
                if arguments.paths:
                    arguments.paths.parent.mkdir(parents=True, exist_ok=True)
                    write_samples(arguments.paths, recorded)
        busy[_AGAIN], again = await solve_all(
            components, questions, Policy.FIXED, arguments.seed + 1, arguments.clients
        )
        alone: dict[str, list[float]] = {policy.value: [] for policy in POLICIES}
        for number, question in enumerate(questions[: arguments.single]):
            for policy in POLICIES[number % 3 :] + POLICIES[: number % 3]:
                run, _ = await solve_all(components, [question], policy, arguments.seed + number, 1)
                alone[policy.value] += run.seconds
    half = easier([_sampled(q, s) for q, s in zip(questions, again, strict=True)], calibration)
    return {
        "model": components.engine.model,
        "problems": len(questions),
        "clients": arguments.clients,
        "busy": {name: _figures(run, busy["fixed"]) for name, run in busy.items()},
        "alone": {name: latency(seconds) for name, seconds in alone.items()},
        "replayed": replays(recorded, calibration),
        "replayed_easier": replays([sampled for sampled in recorded if sampled.id in half], calibration),
    }


def easier(recorded: Sequence[Sampled], calibration: Calibration) -> set[str]:
    """Ids of the half of the problems with the highest confidence of the full vote. Ties keep the order."""
    ends = [replay(Policy.FIXED, sampled.paths, calibration) for sampled in recorded]
    sure = [
        calibration.confidence(end.votes, end.counted, uses_all=uses_all_numbers(end, sampled.question))
        for end, sampled in zip(ends, recorded, strict=True)
    ]
    surest = sorted(range(len(recorded)), key=sure.__getitem__, reverse=True)
    return {recorded[number].id for number in surest[: (len(recorded) + 1) // 2]}


def replays(recorded: Sequence[Sampled], calibration: Calibration) -> list[dict[str, Any]]:
    """Figures of every stopping rule over recorded paths, one row per rule. Nothing is sampled.

    A replay counts the paths in the fixed order and starts as few as a busy service does. The tokens of a started path
    count in full. The longest counted path is a lower bound of one client's wait, in steps of the engine.
    """
    fixed = [replay(Policy.FIXED, s.paths, calibration) for s in recorded]
    base = [is_right(end.votes[0] if end.votes else None, s.gold) for end, s in zip(fixed, recorded, strict=True)]
    whole = [len(s.paths) for s in recorded]
    all_tokens = sum(_tokens(recorded, whole))
    all_longest = statistics.median(_longest(recorded, whole))
    rows: list[dict[str, Any]] = []

    def add(name: str, right: Sequence[bool], counted: Sequence[int], started: Sequence[int]) -> None:
        rows.append(
            {
                "rule": name,
                "accuracy": sum(right) / len(right),
                "against_fixed": asdict(mcnemar(right, base)),
                "tokens_of_fixed": sum(_tokens(recorded, started)) / all_tokens,
                "longest_of_fixed": statistics.median(_longest(recorded, counted)) / all_longest,
                "paths": sum(started) / len(right),
            }
        )

    def add_ends(name: str, ends: Sequence[Replay]) -> None:
        right = [is_right(e.votes[0] if e.votes else None, s.gold) for e, s in zip(ends, recorded, strict=True)]
        add(name, right, [end.counted for end in ends], [len(end.started) for end in ends])

    add_ends("fixed", fixed)
    rules = [("lossless", Policy.LOSSLESS, calibration)]
    rules += [(f"Beta {t}", Policy.ADAPTIVE, _stopping(calibration, t)) for t in THRESHOLDS]
    for name, policy, rule in rules:
        add_ends(name, [replay(policy, s.paths, rule) for s in recorded])
    add_ends(f"first CoT = first PoT, else Beta {BETA_THRESHOLD}", [_agreement(s, calibration) for s in recorded])
    fewest = [_hindsight(s, calibration) for s in recorded]
    add("hindsight: the fewest paths with the full vote's answer", base, fewest, fewest)
    return rows


def _tokens(recorded: Sequence[Sampled], numbers: Sequence[int]) -> list[int]:
    return [sum(path.tokens for path in s.paths[:n]) for s, n in zip(recorded, numbers, strict=True)]


def _longest(recorded: Sequence[Sampled], numbers: Sequence[int]) -> list[int]:
    return [max((path.tokens for path in s.paths[:n]), default=0) for s, n in zip(recorded, numbers, strict=True)]


def _stopping(calibration: Calibration, threshold: float) -> Calibration:
    return calibration.model_copy(update={"threshold": threshold})


def _agreement(sampled: Sampled, calibration: Calibration) -> Replay:
    two = replay(Policy.FIXED, sampled.paths[:2], calibration)
    agrees = bool(two.votes) and two.votes[0].cot + two.votes[0].pot == 2
    return two if agrees else replay(Policy.ADAPTIVE, sampled.paths, _stopping(calibration, BETA_THRESHOLD))


def _hindsight(sampled: Sampled, calibration: Calibration) -> int:
    """Smallest number of paths in the fixed order whose vote has the answer of the full vote."""
    votes = replay(Policy.FIXED, sampled.paths, calibration).votes
    if not votes:
        return 0
    for number in range(1, len(sampled.paths) + 1):
        part = replay(Policy.FIXED, sampled.paths[:number], calibration).votes
        if part and part[0].answer == votes[0].answer:
            return number
    raise AssertionError("the full vote has its own answer")


def _figures(run: Run, fixed: Run) -> dict[str, Any]:
    n = len(run.right)
    return {
        "accuracy": sum(run.right) / n,
        "interval": wilson(sum(run.right), n),
        "against_fixed": asdict(mcnemar(run.right, fixed.right)),
        "tokens": statistics.mean(run.tokens),
        "tokens_of_fixed": sum(run.tokens) / sum(fixed.tokens),
        "paths": statistics.mean(run.paths),
        "problems_per_s": run.problems_per_s,
        "problems_per_s_of_fixed": run.problems_per_s / fixed.problems_per_s,
    } | latency(run.seconds)


def _sampled(question: LabeledProblem, solution: Solution) -> Sampled:
    seen = dict.fromkeys(PathKind, -1)
    return Sampled(question.id, question.answer, tuple(_path(path, seen) for path in solution.paths), question.text)


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
    """Markdown: one row per policy, then one per replayed rule."""
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
    """Difference of two paired shares in points, with its 95 % interval (Wald's for paired proportions)."""
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
