"""Accuracy of the bundled model, from the metadata of its checkpoint."""

import json
from pathlib import Path
from typing import Any

_METADATA = Path(__file__).parents[1] / "service/bundled/twinpath.json"
_SETS = {
    "svamp": "SVAMP, short problems",
    "svamp-like-test": "new problems in SVAMP's style",
    "gsm8k": "GSM8K, several steps",
}
_COLUMNS = {
    "one explanation": "one CoT path, T = 0, repaired",
    "one program": "one PoT path, T = 0",
    "the vote": "10 + 10 paths, adaptive",
}


def metadata() -> dict[str, Any]:
    """Metadata of the bundled checkpoint."""
    loaded: dict[str, Any] = json.loads(_METADATA.read_text(encoding="utf-8"))
    return loaded


def table(metadata: dict[str, Any]) -> str:
    """Markdown: one row per test set, one column per way to answer."""
    accuracy = metadata["accuracy"]
    lines = ["| test set | problems | " + " | ".join(_COLUMNS) + " |", "|---|" + "---:|" * (len(_COLUMNS) + 1)]
    for name, label in _SETS.items():
        found = [accuracy[f"{name}, {way}"] for way in _COLUMNS.values()]
        cells = [f"{entry['accuracy']:.0%}" for entry in found]
        lines.append(f"| {label} | {found[0]['problems']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
