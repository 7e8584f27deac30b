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

from benchmarks import chaos, engine, latency, newcomer, overload, policy, results, sandbox, soak, start, student
from benchmarks.peers import tables as peers
from benchmarks.readme import bundled_accuracy, comparison, metadata

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "docs/benchmarks.md", "docs/reliability.md")
BLOCK = re.compile(r"(<!-- figures: (\S+) -->\n).*?(<!-- /figures -->)", re.DOTALL)


class Block(NamedTuple):
    """The results that a block is made of, and how."""

    source: str
    table: Callable[[dict[str, Any]], str]


BLOCKS = {
    "comparison": Block("peers", comparison),
    "peers": Block("peers", peers.summary),
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
        if found[2] == "bundled-accuracy":
            return f"{found[1]}{bundled_accuracy(metadata())}\n{found[3]}"
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
