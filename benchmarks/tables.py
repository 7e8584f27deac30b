"""`python -m benchmarks.tables [--check]`: write every figure of the documents from `benchmarks/results/`.

A block of README.md or docs/ that stands between `<!-- figures: NAME -->` and `<!-- /figures -->` is generated: its
table from the results, and a line that says how they were got. `--check` only says what has drifted. Plots are drawn
anew without `--check`.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import (
    bundled,
    chaos,
    engine,
    latency,
    newcomer,
    overload,
    policy,
    results,
    sandbox,
    soak,
    start,
    student,
)
from benchmarks.peers import tables as peers

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "docs/benchmarks.md", "docs/reliability.md")
BLOCK = re.compile(r"(<!-- figures: (\S+) -->\n).*?(<!-- /figures -->)", re.DOTALL)


class Block(NamedTuple):
    """One generated block.

    Args:
        source: name of its results.
        table: Markdown of their figures.
        has_details: whether machine, versions and command follow the table.
    """

    source: str
    table: Callable[[dict[str, Any]], str]
    has_details: bool = True


BLOCKS = {
    "bundled-accuracy": Block("bundled", bundled.table),
    "peers": Block("peers", peers.summary),
    "peers-short": Block("peers", peers.short, has_details=False),
    "peers-paired": Block("peers", peers.paired),
    "peers-by-load": Block("peers", peers.by_load),
    "peers-stages": Block("peers", peers.stages),
    "engine": Block("engine", engine.table),
    "student": Block("student", student.table),
    "student-turns": Block("student-turns", student.table),
    "student-avx2": Block("student-avx2", student.table),
    "policy": Block("policy", policy.table),
    "policy-easier": Block("policy-easier", policy.table),
    "latency": Block("latency", latency.table),
    "newcomer": Block("newcomer", newcomer.table),
    "sandbox": Block("sandbox", sandbox.table),
    "start": Block("start", start.table),
    "overload": Block("overload", overload.table),
    "overload-scripted": Block("overload-scripted", overload.table),
    "chaos": Block("chaos", chaos.table),
    "chaos-scripted": Block("chaos-scripted", chaos.table),
    "soak": Block("soak", soak.table),
}
PLOTS: dict[str, Callable[[dict[str, Any], Path], None]] = {
    "peers": peers.plot,
    "policy": policy.plot,
    "latency": latency.plot,
    "soak": soak.plot,
}


def main() -> None:
    """Write the blocks and plots; with `--check`, only compare the blocks."""
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
    """The text with all its blocks written anew; one without results says so.

    Raises:
        KeyError: a block has a name that is none of `BLOCKS`.
    """

    def write(found: re.Match[str]) -> str:
        block = BLOCKS[found[2]]
        if block.source == "bundled":
            return f"{found[1]}{block.table(bundled.metadata())}\n{found[3]}"
        path = _source(block.source, folder)
        if not path.is_file():
            return (
                f"{found[1]}Not measured yet: `python -m benchmarks.all --data FILE --only {block.source}`.\n{found[3]}"
            )
        facts = results.read(path)
        origin = f"\n\n{_origin(facts)}" if block.has_details else ""
        return f"{found[1]}{block.table(facts['figures']).rstrip()}{origin}\n{found[3]}"

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
