"""Loaders of problems: JSON Lines files, and public sets as `hf:NAME`.

The columns of SVAMP, GSM8K, ASDiv and StrategyQA are mapped here. An id is `NAME/` and the set's own identifier, or
`NAME/SPLIT-ROW`. Only sets that a recipe names are downloaded.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.errors import ConfigurationError
from service.paths.equality import parse_gold
from training.data.problem import Problem, read_problems

logger = logging.getLogger(__name__)

HUB_PREFIX = "hf:"


@dataclass(frozen=True, slots=True)
class Columns:
    """Values of a public set's row.

    Args:
        question: the word problem.
        answer: gold answer as text.
        extra: further columns, for derived programs.
        id: the set's own identifier. Empty if it has none.
    """

    question: str
    answer: str
    extra: dict[str, str]
    id: str = ""


@dataclass(frozen=True, slots=True)
class HubSet:
    """Public set on the Hugging Face hub.

    Args:
        name: name of the repository.
        config: name of the configuration.
        split: name of the split.
        read: mapping from a row to its values, or to None if its answer is not one value.
    """

    name: str
    config: str | None
    split: str
    read: Callable[[Mapping[str, Any]], Columns | None]


def problems(source: str) -> list[Problem]:
    """Problems of a file or of `hf:NAME`."""
    if not source.startswith(HUB_PREFIX):
        return read_problems(Path(source))
    return from_hub(source.removeprefix(HUB_PREFIX))


def from_hub(name: str) -> list[Problem]:
    """Download a known public set.

    Raises:
        ConfigurationError: the set is unknown.
    """
    known = HUB.get(name)
    if known is None:
        raise ConfigurationError(f"unknown data set hf:{name}; known sets: {', '.join(sorted(HUB))}")
    from datasets import load_dataset

    return rows_to_problems(name, load_dataset(known.name, known.config, split=known.split))


def rows_to_problems(name: str, rows: Iterable[Mapping[str, Any]]) -> list[Problem]:
    """Convert the rows of a known public set. Rows whose answer is not one value are dropped with a warning.

    Raises:
        ConfigurationError: a row lacks a column. Another version of the set can have other columns.
    """
    known = HUB[name]
    found = []
    dropped = 0
    for index, row in enumerate(rows):
        try:
            columns = known.read(row)
        except (LookupError, AttributeError, TypeError) as error:
            raise ConfigurationError(f"row {index} of hf:{name} has other columns than expected: {error!r}") from None
        if columns is None:
            dropped += 1
            continue
        question = " ".join(columns.question.split())
        id_ = columns.id or f"{known.split}-{index}"
        found.append(Problem(f"{name}/{id_}", question, columns.answer, dict(columns.extra)))
    if dropped:
        logger.warning(
            "dropped %d of %d rows of %s: their answers are not one value", dropped, dropped + len(found), name
        )
    return found


def _svamp(row: Mapping[str, Any]) -> Columns:
    extra = {"equation": row["Equation"], "type": row.get("Type", "")}
    body = row["Body"].strip()
    body += "" if body.endswith((".", "?", "!")) else "."  # most bodies lack the full stop
    return Columns(f"{body} {row['Question']}", _number(row["Answer"]), extra, row.get("ID", ""))


def _gsm8k(row: Mapping[str, Any]) -> Columns:
    solution, _, answer = row["answer"].rpartition("####")
    return Columns(row["question"], _number(answer), {"solution": solution.strip()})


def _asdiv(row: Mapping[str, Any]) -> Columns | None:
    answer = parse_gold(str(row["answer"]))  # "9 (apples)" is 9, "2 (hours); 30 (minutes)" is 2.5
    if answer is None:
        return None
    return Columns(f"{row['body'].strip()} {row['question']}", answer.text, {"formula": row.get("formula", "")})


def _strategyqa(row: Mapping[str, Any]) -> Columns:
    return Columns(row["question"], "yes" if row["answer"] else "no", {})


HUB: dict[str, HubSet] = {
    "svamp": HubSet("ChilleD/SVAMP", None, "train", _svamp),
    "gsm8k": HubSet("openai/gsm8k", "main", "train", _gsm8k),
    "asdiv": HubSet("EleutherAI/asdiv", None, "validation", _asdiv),
    "strategyqa": HubSet("ChilleD/StrategyQA", None, "train", _strategyqa),
}


def _number(value: Any) -> str:
    text = str(value).strip().replace(",", "")
    return text.removesuffix(".0")
