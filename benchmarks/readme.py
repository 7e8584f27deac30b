"""Short tables of the README: bundled model and comparison."""

import json
import statistics
from pathlib import Path
from typing import Any

from benchmarks.peers import tables as peers

_METADATA = Path(__file__).parents[1] / "service/bundled/twinpath.json"
_SETS = {
    "svamp": "SVAMP, short problems",
    "svamp-like-test": "new problems in SVAMP's style",
    "gsm8k": "GSM8K, several steps",
}
_COLUMNS = {
    "one explanation": "one CoT path, T = 0, repaired",
    "one program": "one PoT path, T = 0",
    "vote of 20 paths": "10 + 10 paths, adaptive",
}


def metadata() -> dict[str, Any]:
    """Metadata of the bundled checkpoint."""
    loaded: dict[str, Any] = json.loads(_METADATA.read_text(encoding="utf-8"))
    return loaded


def bundled_accuracy(metadata: dict[str, Any]) -> str:
    """Markdown: one row per test set, one column per way to answer."""
    accuracy = metadata["accuracy"]
    lines = ["| test set | problems | " + " | ".join(_COLUMNS) + " |", "|---|" + "---:|" * (len(_COLUMNS) + 1)]
    for name, label in _SETS.items():
        found = [accuracy[f"{name}, {way}"] for way in _COLUMNS.values()]
        cells = [f"{entry['accuracy']:.0%}" for entry in found]
        lines.append(f"| {label} | {found[0]['problems']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def comparison(figures: dict[str, Any]) -> str:
    """Markdown: Twinpath with two budgets and the most accurate peer, under the heaviest load."""
    runs = {name: [run for run in figures["runs"] if run["system"] == name] for name in peers.LABELS}
    load = max(run["concurrency"] for run in figures["runs"])
    rival = max((name for name in runs if runs[name] and name not in peers.OURS), key=lambda name: _share(runs[name]))
    lines = [
        f"| system | paths at most | right answers (95 % interval) | problems per second, {load} at a time |",
        "|---|---:|---:|---:|",
    ]
    for name in (*peers.OURS[:2], rival):
        rate = statistics.median(run["problems_per_s"] for run in runs[name] if run["concurrency"] == load)
        paths = sum(map(int, peers.PATHS.get(name, "20 + 0").split(" + ")))
        lines.append(f"| {peers.LABELS[name]} | {paths} | {peers.accuracy(runs[name])} | {rate:.2f} |")
    return "\n".join(lines)


def _share(runs: list[dict[str, Any]]) -> float:
    right: int = sum(sum(run["right"]) for run in runs)
    problems: int = sum(run["problems"] for run in runs)
    return right / problems
