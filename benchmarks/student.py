"""The shipped student's variants, in one run: bf16, trimmed vocabulary, int8 (compressed-tensors W8A8), both, compiled.

    python -m benchmarks.student --data ../shared/data/svamp/train.jsonl --test 150 [--json FILE]

Each variant is made from the same base and adapter, then measured by `twinpath evaluate` in a process of its own, in
turn, `--repeat` times in changing order: every path of 10 + 10, fixed policy. The file is written anew after each turn.
Tokens per second are completion tokens over the wall time of the votes, with parsing, programs and vote in it. Accuracy
is measured compiled, too, since that rounds otherwise. The votes carry their 95 % interval; which variant is worse than
bf16, the share of right ones among all sampled paths tells sooner, paired by problem. Needs the `train` extra, and a
C++ compiler.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.load import add_problems, problems
from service.model import bundled
from service.settings import load_settings
from service.types import PathKind
from training.compare import difference
from training.rationale import write_rows

MODELS = ("bf16", "trimmed", "int8", "trimmed int8")
VARIANTS = {name: (name, False) for name in MODELS} | {
    f"{name}, compiled": (name, True) for name in ("trimmed", "trimmed int8")
}
"""Variant → its model, and whether it is compiled."""
DEADLINE_S = 600
"""The longest that the service takes: what it cut off would be the machine's accuracy, not the variant's."""


def main() -> None:
    """Make the variants, measure them in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_problems(parser)
    parser.add_argument("--json", type=Path, help="where the figures go")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--base", type=Path, help="the base model's directory (default: the embedded default's)")
    parser.add_argument("--adapter", type=Path, default=bundled.BUNDLE, help="an exported adapter's directory")
    arguments = parser.parse_args()
    base = arguments.base or bundled.build(load_settings().cache_dir, None)[0]
    with tempfile.TemporaryDirectory() as directory:
        models = make(base, arguments.adapter, Path(directory))
        data = Path(directory) / "problems.jsonl"
        write_rows(data, map(asdict, problems(arguments, arguments.limit)))
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in VARIANTS}
        for turn in range(arguments.repeat):
            for name in VARIANTS if turn % 2 == 0 else reversed(VARIANTS):
                model, compiled = VARIANTS[name]
                runs[name].append(whole(measure(models[model], data, compiled=compiled)))
                print(f"{name:22} {tokens_per_s(runs[name][-1]):7.1f} tokens/s", flush=True)
                facts = figures(runs)
                if arguments.json:
                    results.write(arguments.json, facts)
    print(table(facts))


def make(base: Path, adapter: Path, out: Path) -> dict[str, Path]:
    """The variants' directories under `out`, from a base model's directory and an exported adapter."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from service.model.build import add_bundle, merge_adapter
    from training.quantize import write_int8

    models = {name: out / name.replace(" ", "-") for name in MODELS}
    for name in ("bf16", "trimmed"):
        model = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
        AutoTokenizer.from_pretrained(base).save_pretrained(models[name])
        if name == "trimmed":
            add_bundle(model, adapter, models[name])
        else:
            merge_adapter(model, adapter)
            (models[name] / "twinpath.json").write_bytes((adapter / "twinpath.json").read_bytes())
        model.save_pretrained(models[name])
    write_int8(models["bf16"], models["int8"])
    write_int8(models["trimmed"], models["trimmed int8"])
    return models


def measure(model: Path, data: Path, *, compiled: bool) -> dict[str, Any]:
    """The report of `twinpath evaluate` on a model, as JSON."""
    environment = os.environ | {"TWINPATH_COMPILE_ON_CPU": str(compiled), "TWINPATH_DEADLINE_S": str(DEADLINE_S)}
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        command = [sys.executable, "-c", "from service.cli.main import main; main()", "evaluate", "--policy", "fixed"]
        command += ["--model", str(model), "--data", str(data), "--json", report.name]
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        found: dict[str, Any] = json.load(report)
        return found


def whole(report: dict[str, Any]) -> dict[str, Any]:
    """The report, if the deadline cut no vote off.

    Raises:
        SystemExit: it did.
    """
    if report["cut_off"]:
        raise SystemExit(f"{report['cut_off']} of {report['n']} votes took over {DEADLINE_S} s: use a quicker machine.")
    return report


def tokens_per_s(report: dict[str, Any]) -> float:
    """Completion tokens of all paths over the seconds of all votes."""
    tokens: float = report["completion_tokens_per_problem"] * report["n"]
    return tokens / float(report["seconds"])


def figures(runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """The speeds of every run of a variant that has any, and the accuracies of its first."""

    def right(name: str, kind: str) -> list[float]:
        return [row["paths_right"][kind] for row in runs[name][0]["rows"]]

    return {
        name: {"tokens_per_s": [tokens_per_s(report) for report in reports]}
        | {key: reports[0][key] for key in ("n", "accuracy", "interval", "paths_right")}
        | {"against_bf16": {kind: difference(right(name, kind), right("bf16", kind)) for kind in PathKind}}
        for name, reports in runs.items()
        if reports
    }


def table(facts: dict[str, Any]) -> str:
    """A line a variant: its speed, that over bf16's of the same turn, accuracies, and how many more paths are right."""
    lines = [
        "| | tokens/s | times bf16 | CoT, T = 0 | PoT, T = 0 | vote | 95 % "
        "| right of all CoT paths (points to bf16) | right of all PoT paths |",
        "|---|---:|---:|---:|---:|---:|---|---|---|",
    ]
    for name, row in facts.items():
        rates, (low, high) = row["tokens_per_s"], row["interval"]["vote"]
        # Of the turn that is under way, not every variant has been measured.
        times = [rate / bf16 for rate, bf16 in zip(rates, facts["bf16"]["tokens_per_s"], strict=False)]
        shares = " | ".join(f"{row['accuracy'][measure]:.1%}" for measure in ("cot_greedy", "pot_greedy", "vote"))
        lines.append(
            f"| {name} | {results.spread(rates, '.0f')} | {results.spread(times, '.2f')} | {shares} "
            f"| {low:.1%} to {high:.1%} | {_sampled(row, 'cot')} | {_sampled(row, 'pot')} |"
        )
    return "\n".join(lines)


def _sampled(row: dict[str, Any], kind: str) -> str:
    more, margin = row["against_bf16"][kind]
    return f"{row['paths_right'][kind]:.1%}" + (f" ({100 * more:+z.1f} ± {100 * margin:.1f})" if margin else "")


if __name__ == "__main__":
    main()
