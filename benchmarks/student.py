"""Speed and accuracy of the bundled model's variants.

    python -m benchmarks.student --data problems.jsonl --test 150 [--json FILE]

The variants are bf16, trimmed, int8 and compiled, from the same base and adapter. `twinpath evaluate` measures them by
turns, with 10 + 10 paths under the fixed policy. Tokens per second include parsing, programs and votes. Needs the
`train` extra and a C++ compiler.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import astuple
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.load import add_problems, problems
from service.model import bundled
from service.settings import load_settings
from service.types import PathKind
from training.data.problem import write_rows
from training.sample.statistics import difference

MODELS = ("bf16", "trimmed", "int8", "trimmed int8")
VARIANTS = {name: (name, False) for name in MODELS} | {
    f"{name}, compiled": (name, True) for name in ("trimmed", "trimmed int8")
}
"""Model of each variant, and whether it is compiled."""
DEADLINE_S = 600
"""Maximum of the service. A vote that the deadline cuts off measures the machine, not the variant."""


def main() -> None:
    """Build the variants, measure them by turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_problems(parser)
    parser.add_argument("--json", type=Path, help="result file")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--base", type=Path, help="directory of the base model (default: that of the bundled model)")
    parser.add_argument("--adapter", type=Path, default=bundled.BUNDLE, help="directory of an exported adapter")
    arguments = parser.parse_args()
    base = arguments.base or bundled.build(load_settings().cache_dir, None)[0]
    with tempfile.TemporaryDirectory() as directory:
        models = make(base, arguments.adapter, Path(directory))
        data = Path(directory) / "problems.jsonl"
        rows = problems(arguments, arguments.limit)
        write_rows(data, ({"id": row.id, "question": row.text, "answer": row.answer} for row in rows))
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
    """Build the variants of a base model and an exported adapter under `out`. Returns their directories."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from service.model.build import add_bundle, merge_adapter
    from training.ship.int8 import write_int8

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
    """Report of `twinpath evaluate` on a model."""
    environment = os.environ | {"TWINPATH_COMPILE_ON_CPU": str(compiled), "TWINPATH_DEADLINE_S": str(DEADLINE_S)}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-c", "from service.cli.main import main; main()", "evaluate", "--policy", "fixed"]
        command += ["--model", str(model), "--data", str(data), "--json", str(report)]
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return found


def whole(report: dict[str, Any]) -> dict[str, Any]:
    """The report, if it is complete.

    Raises:
        SystemExit: the deadline cut off a vote.
    """
    if report["cut_off"]:
        raise SystemExit(f"{report['cut_off']} of {report['n']} votes took over {DEADLINE_S} s: use a quicker machine.")
    return report


def tokens_per_s(report: dict[str, Any]) -> float:
    """Completion tokens of all paths per second of the votes."""
    tokens: float = report["completion_tokens_per_problem"] * report["n"]
    return tokens / float(report["seconds"])


def figures(runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Speeds of all runs of each measured variant, and accuracies of its first run."""

    def right(name: str, kind: str) -> list[float]:
        return [row["paths_right"][kind] for row in runs[name][0]["rows"]]

    return {
        name: {"tokens_per_s": [tokens_per_s(report) for report in reports]}
        | {key: reports[0][key] for key in ("n", "accuracy", "interval", "paths_right")}
        | {"against_bf16": {kind: astuple(difference(right(name, kind), right("bf16", kind))) for kind in PathKind}}
        for name, reports in runs.items()
        if reports
    }


def table(facts: dict[str, Any]) -> str:
    """Markdown: one row per variant, with speed, ratio to bf16 of the same turn, and accuracies."""
    lines = [
        "| | tokens/s | times bf16 | CoT, T = 0 | PoT, T = 0 | vote | 95 % "
        "| right of all CoT paths (points to bf16) | right of all PoT paths |",
        "|---|---:|---:|---:|---:|---:|---|---|---|",
    ]
    for name, row in facts.items():
        rates, (low, high) = row["tokens_per_s"], row["interval"]["vote"]
        # The current turn has not measured every variant yet.
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
