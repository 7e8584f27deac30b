"""Generated tables and plots of the documents, from `benchmarks/results/`.

    python -m benchmarks.tables [--check]

A block between `<!-- figures: NAME -->` and `<!-- /figures -->` in README.md or docs/ is generated: the table, then one
line with the machine, the versions and the command. `--check` only compares. A document may have any of the blocks.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import (
    calibration,
    chaos,
    engine,
    failover,
    gpu_tables,
    http_parsers,
    latency,
    libraries,
    newcomer,
    openmp,
    overload,
    paper_cost,
    policy,
    prompts,
    reading,
    remote,
    results,
    sandbox,
    scale,
    soak,
    start,
    student,
)
from benchmarks.peers import tables as peers
from benchmarks.readme import bundled_accuracy, comparison, metadata
from service.model import known_models

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/*.md")))
BLOCK = re.compile(r"(<!-- figures: (\S+) -->\n).*?(<!-- /figures -->)", re.DOTALL)


class Block(NamedTuple):
    """One generated block.

    Args:
        source: name of its results.
        table: Markdown of their figures.
    """

    source: str
    table: Callable[[dict[str, Any]], str]


def training_table(figures: dict[str, Any]) -> str:
    """Markdown: tokens per second of each trainer, then the parts of a step."""
    # Here and not in `benchmarks/training.py`, which imports torch.
    trl_speed = figures["tokens_per_s"]["TRL SFTTrainer"]
    lines = ["| | effective tokens/s | times TRL | padding |", "|---|---:|---:|---:|"]
    for name, speed in figures["tokens_per_s"].items():
        if speed is None:
            continue
        ratio = f"{speed / trl_speed:.2f}" if trl_speed else ""
        padding = f"{figures['padding'][name]:.1%}" if name in figures["padding"] else ""
        lines.append(f"| {name} | {speed:,.0f} | {ratio} | {padding} |")
    total = sum(figures["parts_s"].values())
    parts = ", ".join(f"{part} {seconds / total:.0%}" for part, seconds in figures["parts_s"].items())
    lines += ["", f"Time of a step: {parts}. Peak memory: {figures['peak_memory_gib']:.1f} GiB."]
    return "\n".join(lines)


BLOCKS = {
    "comparison": Block("peers", comparison),
    "peers": Block("peers", peers.summary),
    "peers-paired": Block("peers", peers.paired),
    "peers-by-load": Block("peers", peers.by_load),
    "peers-stages": Block("peers", peers.stages),
    "engine": Block("engine", engine.table),
    "openmp": Block("openmp", openmp.table),
    "student": Block("student", student.table),
    "student-turns": Block("student-turns", student.table),
    "student-avx2": Block("student-avx2", student.table),
    "policy": Block("policy", policy.table),
    "policy-easier": Block("policy-easier", policy.table),
    "latency": Block("latency", latency.table),
    "newcomer": Block("newcomer", newcomer.table),
    "sandbox": Block("sandbox", sandbox.table),
    "libraries": Block("libraries", libraries.table),
    "http-parsers": Block("http-parsers", http_parsers.table),
    "start": Block("start", start.table),
    "overload": Block("overload", overload.table),
    "overload-scripted": Block("overload-scripted", overload.table),
    "chaos": Block("chaos", chaos.table),
    "chaos-scripted": Block("chaos-scripted", chaos.table),
    "soak": Block("soak", soak.table),
    "failover": Block("failover", failover.table),
    "failover-scripted": Block("failover-scripted", failover.table),
    "remote": Block("remote", remote.table),
    "scale": Block("scale", scale.table),
    "scale-router": Block("scale-router", scale.table),
    "training": Block("training", training_table),
    "gpu_training": Block("gpu_training", gpu_tables.table),
    "reading": Block("reading", reading.table),
    "prompts": Block("prompts", prompts.table),
    "calibration": Block("calibration", calibration.table),
}
COMPUTED: dict[str, Callable[[], str]] = {
    "bundled-accuracy": lambda: bundled_accuracy(metadata()),
    "paper-cost": paper_cost.table,
    "model-memory": known_models.memory_table,
    "model-paths": lambda: known_models.paths_table(2048),
    "model-paths-thinking": lambda: known_models.paths_table(8192, known_models.THINKING),
}
"""Blocks that need no results."""

PLOTS: dict[str, Callable[[dict[str, Any], Path], None]] = {
    "peers": peers.plot,
    "policy": policy.plot,
    "latency": latency.plot,
    "soak": soak.plot,
    "failover": failover.plot,
    "scale": scale.plot,
}


def main() -> None:
    """Write the blocks and plots. With `--check`, only compare the blocks."""
    texts = {ROOT / name: (ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS}
    changed = {path: filled for path, text in texts.items() if (filled := fill(text)) != text}
    if "--check" in sys.argv[1:]:
        if changed:
            names = ", ".join(str(path.relative_to(ROOT)) for path in changed)
            raise SystemExit(f"Run `python -m benchmarks.tables`: {names}")
        return
    for path, text in changed.items():
        path.write_text(text, encoding="utf-8")
    for name, plot in PLOTS.items():
        if (source := _source(name)).is_file():
            plot(results.read(source)["figures"], ROOT / f"docs/{name}.png")


def fill(text: str, folder: Path = results.FOLDER) -> str:
    """The text with all its blocks written again. A block without results names the command that measures it.

    Raises:
        KeyError: the name of a block is in neither `COMPUTED` nor `BLOCKS`.
    """

    def write(found: re.Match[str]) -> str:
        if found[2] in COMPUTED:
            return f"{found[1]}{COMPUTED[found[2]]()}\n{found[3]}"
        block = BLOCKS[found[2]]
        path = _source(block.source, folder)
        if not path.is_file():
            return (
                f"{found[1]}Not measured yet: `python -m benchmarks.all --data FILE --only {block.source}`.\n{found[3]}"
            )
        facts = results.read(path)
        if found[2] == "comparison":  # README.md names the machine in benchmarks.md
            return f"{found[1]}{block.table(facts['figures'])}\n{found[3]}"
        return f"{found[1]}{block.table(facts['figures']).rstrip()}\n\n{_origin(facts)}\n{found[3]}"

    return BLOCK.sub(write, text)


def _source(name: str, folder: Path = results.FOLDER) -> Path:
    return folder / f"{name}.json"


def _origin(facts: dict[str, Any]) -> str:
    machine, versions = facts["machine"], facts["versions"]
    said = ", ".join(f"{name} {number}" for name, number in versions.items())
    cpu = machine["cpu"] + ("" if machine.get("bfloat16", True) else " without bfloat16 instructions")
    return (
        f"*{cpu}, {machine['cores']} cores, {machine['memory_gib']:.0f} GiB, load {machine['load']} at the end; "
        f"{said}; {facts['at'][:10]}, commit {facts['commit']}: `{facts['command']}`*"
    )


if __name__ == "__main__":
    main()
