"""Rows of `tests/data/`."""

import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "data"


def data_rows(name: str) -> list[dict[str, Any]]:
    """Rows of one file of `tests/data/`, by its name without the extension."""
    lines = (DATA / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]
