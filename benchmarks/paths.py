"""How well `service.paths` reads teachers' rationales: share parsed, harmed, recovered; microseconds each.

    python -m benchmarks.paths ../shared/data [--show harmed|unparsed|lost|repaired] [--limit N]

Every rationale states its gold answer, so whatever the parser makes of it but gold is its own error. For "recovered",
one result in each rationale is made false, and with it all that rests on it, as a weak student would write it.
"""

import argparse
import json
import random
import time
from pathlib import Path
from statistics import median

from service.paths.answer import matches
from service.paths.cot import parse_cot


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--show", default="")
    parser.add_argument("--limit", type=int, default=40)
    arguments = parser.parse_args()
    for path in sorted(arguments.data.glob("*/teacher_cot.jsonl")):
        gold = {row["id"]: row["answer"] for row in _rows(path.with_name("train.jsonl"))}
        rows = [(row["text"], gold[row["id"]]) for row in _rows(path)]
        measure(path.parent.name, rows, arguments.show, arguments.limit)


def measure(name: str, rows: list[tuple[str, str]], show: str, limit: int) -> None:
    parsed = harmed = repaired = 0
    micros = []
    shown = 0
    for text, gold in rows:
        start = time.perf_counter()
        path = parse_cot(text)
        micros.append((time.perf_counter() - start) * 1e6)
        right = path.stated is not None and matches(path.stated, gold)
        bad = right and (path.answer is None or not matches(path.answer, gold))
        parsed += right
        harmed += bad
        repaired += path.repaired
        if {"unparsed": not right, "harmed": bad, "repaired": path.repaired}.get(show) and shown < limit:
            shown += 1
            print(f"--- gold {gold}: {path.stated} -> {path.answer}\n{text}\n=>\n{path.text}")
    total = len(rows)
    print(f"{name}: {total} rationales, stated answer right {parsed / total:.4%}, harmed {harmed} {harmed / total:.4%}, "
          f"texts changed {repaired} {repaired / total:.2%}, {median(micros):.0f} µs median, {max(micros):.0f} µs most")


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


if __name__ == "__main__":
    main()
