"""Answers that the service reads in recorded texts, and CPU time.

    python -m benchmarks.reading FOLDER [--against CHECKOUT] [--libraries] [--show won|lost|none|wrong]

FOLDER holds JSON Lines files. A row is a sampled path (`benchmarks/record.py` writes them), or an output with the
result of its own program (`text`, `last_output`, `right`). CHECKOUT is a directory with other code of this project. It
reads the same texts, and the tables show both.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import recorded, results
from benchmarks.recorded import Reading, Readings, Text, Timing

ROOT = Path(__file__).parents[1]


class Measured(NamedTuple):
    """Readings by file, and times of the hard texts, of one checkout."""

    files: dict[str, Readings]
    timings: list[Timing]


def main() -> None:
    """Read the texts and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--against", type=Path, help="checkout of other code that reads the same texts")
    parser.add_argument(
        "--libraries", action="store_true", help="run programs that use numpy or sympy, not for CHECKOUT"
    )
    parser.add_argument("--show", choices=["won", "lost", "none", "wrong"], help="print the texts of such paths")
    parser.add_argument("--json", type=Path, help="result file")
    arguments = parser.parse_args()
    libraries = {"TWINPATH_SANDBOX_LIBRARIES": "true"} if arguments.libraries else {}
    now = measure(ROOT, arguments.folder, **libraries)
    before = measure(arguments.against, arguments.folder) if arguments.against else now
    facts = {
        "compared": arguments.against is not None,
        "files": {name: figures(before.files[name], now.files[name]) for name in now.files},
        "times": times(before.timings, now.timings),
    }
    for name in now.files if arguments.show else ():
        texts = [text for problem in recorded.load(arguments.folder / f"{name}.jsonl") for text in problem]
        show(arguments.show, name, texts, before.files[name], now.files[name])
    print(table(facts))
    if arguments.json:
        results.write(arguments.json, facts)


def measure(checkout: Path, folder: Path, **settings: str) -> Measured:
    """Readings and times by the code of a checkout, in a process of its own.

    Args:
        checkout: directory of the code.
        folder: directory of the texts.
        settings: environment variables of the settings. Those of this process do not apply.
    """
    command = [sys.executable, "-P", recorded.__file__, str(folder.resolve())]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TWINPATH_")}
    environment |= settings | {"PYTHONPATH": str(checkout.resolve())}
    raw = json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)
    files = {
        name: Readings([Reading(**row) for row in file["paths"]], [Reading(**row) for row in file["votes"]])
        for name, file in raw["files"].items()
    }
    return Measured(files, [Timing(**row) for row in raw["timings"]])


def figures(before: Readings, now: Readings) -> dict[str, Any]:
    """Counts of paths and votes by kind, each before and now.

    `won` counts the paths that became right, and `lost` those that are not right any more.
    """
    pairs = list(zip(before.paths, now.paths, strict=True))
    paths = {}
    for kind in sorted({path.name for path in now.paths}):
        own = [(old, new) for old, new in pairs if new.name == kind]
        paths[kind] = {
            "paths": len(own),
            "voted": [sum(path.answer is not None for path in side) for side in zip(*own, strict=True)],
            "right": [sum(path.right for path in side) for side in zip(*own, strict=True)],
            "won": sum(new.right and not old.right for old, new in own),
            "lost": sum(old.right and not new.right for old, new in own),
        }
    votes = {
        name: [sum(vote.right for vote in side.votes if vote.name == name) for side in (before, now)]
        for name in ("cot", "pot", "both")
    }
    return {"paths": paths, "problems": sum(vote.name == "both" for vote in now.votes), "votes": votes}


def times(before: Sequence[Timing], now: Sequence[Timing]) -> list[dict[str, Any]]:
    """Median and worst CPU milliseconds by kind and length, each before and now, and the worst pattern now."""
    found = []
    for kind, chars in dict.fromkeys((timing.name, timing.chars) for timing in now):
        sides = [[t for t in side if (t.name, t.chars) == (kind, chars)] for side in (before, now)]
        found.append(
            {
                "kind": kind,
                "chars": chars,
                "median_ms": [round(statistics.median(t.cpu_ms for t in side), 2) for side in sides],
                "worst_ms": [max(t.cpu_ms for t in side) for side in sides],
                "worst": max(sides[1], key=lambda timing: timing.cpu_ms).pattern,
            }
        )
    return found


def show(which: str, name: str, texts: Sequence[Text], before: Readings, now: Readings) -> None:
    """Print the texts of the paths whose reading changed, or that have no answer or a wrong one."""
    for text, old, new in zip(texts, before.paths, now.paths, strict=True):
        applies = {
            "won": new.right and not old.right,
            "lost": old.right and not new.right,
            "none": new.answer is None,
            "wrong": new.answer is not None and not new.right,
        }
        if applies[which]:
            cut = "" if text.complete else ", cut off"
            print(f"--- {name}, {text.kind}{cut}, gold {text.gold}: {old.answer} => {new.answer} ({new.detail})")
            print(text.text)


def table(facts: dict[str, Any]) -> str:
    """Markdown: the paths of each file, its votes, and the CPU time. A change has two figures, before and now."""
    first = 0 if facts["compared"] else 1

    def share(counts: Sequence[int], n: int) -> str:
        return " → ".join(f"{value / n:.1%}" for value in counts[first:])

    lines = [
        "| texts | kind | paths | vote | right | wrong | became right | no longer right |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, file in facts["files"].items():
        for kind, row in file["paths"].items():
            wrong = [voted - right for voted, right in zip(row["voted"], row["right"], strict=True)]
            shares = " | ".join(share(counts, row["paths"]) for counts in (row["voted"], row["right"], wrong))
            lines.append(f"| {name} | {kind} | {row['paths']} | {shares} | {row['won']} | {row['lost']} |")
    lines += ["", "| texts | problems | CoT vote right | PoT vote right | vote right |", "|---|---:|---:|---:|---:|"]
    for name, file in facts["files"].items():
        if n := file["problems"]:
            lines.append(f"| {name} | {n} | {' | '.join(share(counts, n) for counts in file['votes'].values())} |")
    lines += [
        "",
        "| characters | kind | median CPU ms | worst CPU ms | worst text repeats |",
        "|---:|---|---:|---:|---|",
    ]
    for row in facts["times"]:
        cells = [" → ".join(f"{ms:.1f}" for ms in row[name][first:]) for name in ("median_ms", "worst_ms")]
        worst = json.dumps(row["worst"], ensure_ascii=False).replace("|", "\\|")
        lines.append(f"| {row['chars']:,} | {row['kind']} | {' | '.join(cells)} | `{worst}` |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
