"""Problems of public sets, by split, from their original files."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from xml.etree import ElementTree

from training.data.problem import Problem
from training.data.public import columns
from training.data.public.columns import Columns, number_text, question_key, rows_to_problems

_WHOLE = re.compile(r"(?<![\d.])(\d+)\.0(?![\d.])")
_DECIMALS = 6

Splits = dict[str, list[Problem]]
"""Problems by the name of the split."""


def svamp(all_problems: bytes, training_questions: bytes) -> Splits:
    """SVAMP: the questions of a second file are for training, the others for tests."""
    train = {question_key(row["instruction"]) for row in json.loads(training_questions)}
    found = rows_to_problems("svamp", "train", columns.svamp, json.loads(all_problems))
    splits: Splits = {"train": [], "test": []}
    for problem in found:
        splits["train" if question_key(problem.question) in train else "test"].append(problem)
    return splits


def gsm8k(train: bytes, test: bytes) -> Splits:
    """GSM8K in its own split."""
    return {
        split: rows_to_problems("gsm8k", split, columns.gsm8k, map(json.loads, content.splitlines()))
        for split, content in (("train", train), ("test", test))
    }


def asdiv(xml: bytes) -> Splits:
    """ASDiv as one test set."""
    return {"test": rows_to_problems("asdiv", "test", columns.asdiv, _asdiv_rows(xml))}


def multiarith(content: bytes) -> Splits:
    """MultiArith as one test set."""
    return {"test": rows_to_problems("multiarith", "test", columns.multiarith, json.loads(content))}


def strategyqa(train: bytes, dev: bytes) -> Splits:
    """StrategyQA in the split of its authors' repository."""
    return {
        split: rows_to_problems("strategyqa", split, columns.strategyqa, json.loads(content))
        for split, content in (("train", train), ("dev", dev))
    }


def mawps(cot: bytes, pot: bytes, svamp_file: bytes, asdiv_xml: bytes, multiarith_file: bytes) -> Splits:
    """MAWPS, each question once, without the questions of the three test sets that also have them."""
    seen = {question_key(question) for question in _questions(svamp_file, asdiv_xml, multiarith_file)}
    rows = {row["item_id"]: row for content in (cot, pot) for row in gpt35_rows(content)}
    kept = []
    for row in sorted(rows.values(), key=lambda row: _item_number(row["item_id"])):
        key = question_key(row["question"])
        if key not in seen:
            seen.add(key)
            kept.append(row)
    return {"train": rows_to_problems("mawps", "train", _mawps_row, kept)}


def gpt35_rows(content: bytes) -> list[dict[str, str]]:
    """Rows of mwp_ReFT, with `34` for `34.0` in all texts."""
    return [{name: _WHOLE.sub(r"\1", text) for name, text in row.items()} for row in json.loads(content)]


def _mawps_row(row: Mapping[str, Any]) -> Columns:
    answer = number_text(row["answer_value"])
    # A float's last digits are not those of the exact number: 0.8333333333333334 for 5/6.
    answer = f"{float(answer):.6f}" if len(answer.partition(".")[2]) > _DECIMALS else answer
    return Columns(row["question"], answer, {}, str(_item_number(row["item_id"])))


def _item_number(item_id: str) -> int:
    return int(item_id.rpartition("_")[2])


def _questions(svamp_file: bytes, asdiv_xml: bytes, multiarith_file: bytes) -> Iterator[str]:
    for row in json.loads(svamp_file):
        yield f"{row['Body']} {row['Question']}"
    for row in _asdiv_rows(asdiv_xml):
        yield f"{row['body']} {row['question']}"
    for row in json.loads(multiarith_file):
        yield row["sQuestion"]


def _asdiv_rows(xml: bytes) -> Iterable[dict[str, str]]:
    root = ElementTree.fromstring(xml)  # noqa: S314 - the content has a pinned hash
    for problem in root.iter("Problem"):
        texts = {child.tag.lower(): child.text or "" for child in problem}
        yield texts | {"id": problem.attrib["ID"]}
