"""Rows of public sets as problems.

An id is `NAME/` and the set's own identifier, or `NAME/SPLIT-ROW`.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from service.errors import ConfigurationError
from service.paths.equality import parse_gold
from training.data.problem import Problem

logger = logging.getLogger(__name__)


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
    extra: dict[str, Any]
    id: str = ""


ReadRow = Callable[[Mapping[str, Any]], Columns | None]
"""Mapping from a row to its values, or to None if its answer is not one value."""


def rows_to_problems(name: str, split: str, read: ReadRow, rows: Iterable[Mapping[str, Any]]) -> list[Problem]:
    """Convert the rows of a split. Rows whose answer is not one value are dropped with a warning.

    Raises:
        ConfigurationError: a row lacks a column. Another version of the set can have other columns.
    """
    found = []
    dropped = 0
    for index, row in enumerate(rows):
        try:
            columns = read(row)
        except (LookupError, AttributeError, TypeError) as error:
            raise ConfigurationError(f"row {index} of hf:{name} has other columns than expected: {error!r}") from None
        if columns is None:
            dropped += 1
            continue
        question = " ".join(columns.question.split())
        id_ = columns.id or f"{split}-{index}"
        found.append(Problem(f"{name}/{id_}", question, columns.answer, columns.extra))
    if dropped:
        logger.warning(
            "dropped %d of %d rows of %s: their answers are not one value", dropped, dropped + len(found), name
        )
    return found


def question_key(question: str) -> str:
    """Letters and digits of a question. Copies of a set differ in spaces, capitals and punctuation."""
    return "".join(filter(str.isalnum, question.lower()))


def svamp(row: Mapping[str, Any]) -> Columns:
    """Values of a row of SVAMP."""
    extra = {"equation": row["Equation"], "type": row.get("Type", "")}
    body = row["Body"].strip()
    body += "" if body.endswith((".", "?", "!")) else "."  # most bodies lack the full stop
    return Columns(f"{body} {row['Question']}", number_text(row["Answer"]), extra, row.get("ID", ""))


def gsm8k(row: Mapping[str, Any]) -> Columns:
    """Values of a row of GSM8K."""
    solution, _, answer = row["answer"].rpartition("####")
    return Columns(row["question"], number_text(answer), {"solution": solution.strip()})


def asdiv(row: Mapping[str, Any]) -> Columns | None:
    """Values of a row of ASDiv."""
    answer = parse_gold(str(row["answer"]))  # "9 (apples)" is 9, "2 (hours); 30 (minutes)" is 2.5
    if answer is None:
        return None
    extra = {"formula": row.get("formula", "")}
    return Columns(f"{row['body'].strip()} {row['question']}", answer.text, extra, row.get("id", ""))


def multiarith(row: Mapping[str, Any]) -> Columns:
    """Values of a row of MultiArith, from its original file or from the Hugging Face hub."""
    if "final_ans" in row:
        return Columns(row["question"], number_text(row["final_ans"]), {})
    extra = {"equation": row["lEquations"][0].removeprefix("X=")}
    return Columns(row["sQuestion"], number_text(row["lSolutions"][0]), extra, str(row["iIndex"]))


def strategyqa(row: Mapping[str, Any]) -> Columns:
    """Values of a row of StrategyQA."""
    extra = {name: row[name] for name in ("facts", "decomposition") if name in row}
    return Columns(row["question"], "yes" if row["answer"] else "no", extra, row.get("qid", ""))


def number_text(value: Any) -> str:
    """Number as text, without thousands separators and a fraction of zero."""
    text = str(value).strip().replace(",", "")
    return text.removesuffix(".0")
