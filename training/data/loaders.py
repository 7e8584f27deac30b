"""Problems from where they lie: a JSON Lines file, or a public Hugging Face data set by name (`hf:NAME`).

SVAMP, GSM8K, ASDiv and StrategyQA have their columns mapped here; ids are `NAME/SPLIT-ROW`. Nothing is downloaded
unless a recipe names it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.errors import ConfigurationError
from training.rationale import Problem, read_problems

HUB_PREFIX = "hf:"


@dataclass(frozen=True, slots=True)
class HubSet:
    """Where a public set lies and what its columns mean. `read` gives question, answer and extra columns."""

    name: str
    config: str | None
    split: str
    read: Callable[[Mapping[str, Any]], tuple[str, str, dict[str, Any]]]


def problems(source: str) -> list[Problem]:
    """The problems of a file, or of `hf:NAME`."""
    if not source.startswith(HUB_PREFIX):
        return read_problems(Path(source))
    return from_hub(source.removeprefix(HUB_PREFIX))


def from_hub(name: str) -> list[Problem]:
    """Load a known public set; raises `ConfigurationError` for an unknown name."""
    known = HUB.get(name)
    if known is None:
        raise ConfigurationError(f"unknown data set hf:{name}; known are {', '.join(sorted(HUB))}")
    from datasets import load_dataset

    return rows_to_problems(name, load_dataset(known.name, known.config, split=known.split))


def rows_to_problems(name: str, rows: Any) -> list[Problem]:
    """Rows of the set `name` as problems."""
    known = HUB[name]
    found = []
    for index, row in enumerate(rows):
        question, answer, extra = known.read(row)
        found.append(Problem(f"{name}/{known.split}-{index}", " ".join(question.split()), answer, extra))
    return found


def _svamp(row: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    extra = {"equation": row["Equation"], "type": row.get("Type", "")}
    return f"{row['Body'].strip()} {row['Question']}", _number(row["Answer"]), extra


def _gsm8k(row: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    solution, _, answer = row["answer"].rpartition("####")
    return row["question"], _number(answer), {"solution": solution.strip()}


def _asdiv(row: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    # "9 (apples)" and "2 (hours); 30 (minutes)": the first value is the answer
    answer = re.sub(r"\(.*", "", str(row["answer"]).partition(";")[0])
    return f"{row['body'].strip()} {row['question']}", _number(answer), {"formula": row.get("formula", "")}


def _strategyqa(row: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    return row["question"], "yes" if row["answer"] else "no", {}


HUB: dict[str, HubSet] = {
    "svamp": HubSet("ChilleD/SVAMP", None, "train", _svamp),
    "gsm8k": HubSet("openai/gsm8k", "main", "train", _gsm8k),
    "asdiv": HubSet("EleutherAI/asdiv", None, "validation", _asdiv),
    "strategyqa": HubSet("ChilleD/StrategyQA", None, "train", _strategyqa),
}


def _number(value: Any) -> str:
    text = str(value).strip().replace(",", "")
    return text.removesuffix(".0")


def exists(path: Path) -> None:
    """Raise `ConfigurationError` if there is no such file."""
    if not path.is_file():
        raise ConfigurationError(f"there is no file {path}; paths in a recipe are relative to the current directory")
