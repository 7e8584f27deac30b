"""Stage `dataset`: verified rationales → training examples, and the problems that are held out.

Writes `train.jsonl` (one example a line), `dev.jsonl` and `test.jsonl` (problems), `card.json` and `card.md`. With
`balance` a question counts only if it has rationales of both kinds, so neither kind sees questions that the other does
not. Choices are made on dev; test is for the figures at the end.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from service.types import PathKind
from training import leak
from training.augment import augment, pairs
from training.packs import Example
from training.rationale import Problem, Rationale, read_problems, read_rows, write_rows
from training.recipe import Dataset, Source
from training.split import Split

TRAIN, DEV, TEST, CARD = "train.jsonl", "dev.jsonl", "test.jsonl", "card.json"


@dataclass(frozen=True, slots=True)
class Parts:
    """What the stage was given: the sources' splits, by source name, and all verified rationales."""

    splits: Mapping[str, Split]
    rationales: Sequence[Rationale]


def build(parts: Parts, sources: Sequence[Source], settings: Dataset, seed: int, out: Path) -> None:
    """Write the data set to the directory `out`."""
    examples: list[Example] = []
    for source in sources:
        examples += _examples(source, parts.splits[source.name].train, parts.rationales, settings, seed)
    write_rows(out / TRAIN, map(example_row, examples))
    held: dict[str, list[Problem]] = {DEV: [], TEST: []}
    for split in parts.splits.values():
        held[DEV] += split.dev
        held[TEST] += split.test
    for name, problems in held.items():
        write_rows(out / name, (problem.row() for problem in problems))
    evaluations = {name.removesuffix(".jsonl"): [p.question for p in held[name]] for name in held}
    for path in settings.leaks:
        evaluations[path] = [problem.question for problem in read_problems(Path(path))]
    facts = card(examples, evaluations)
    (out / CARD).write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    (out / "card.md").write_text(card_text(facts))


def merge(examples: Sequence[Example], own: Sequence[Rationale]) -> list[Example]:
    """The teacher's examples with the student's own rationales of the same questions behind them."""
    questions = {example.id: example for example in examples}
    found = [
        Example(r.id, r.kind, questions[r.id].question, r.text, questions[r.id].source, questions[r.id].weight)
        for r in own
        if r.id in questions
    ]
    return [*examples, *found]


def read_examples(path: Path) -> list[Example]:
    """The examples of a `train.jsonl`."""
    return [
        Example(row["id"], PathKind(row["kind"]), row["question"], row["text"], row["source"], row["weight"])
        for row in read_rows(path, ("id", "kind", "question", "text", "source", "weight"))
    ]


def example_row(example: Example) -> dict[str, Any]:
    """The JSON object of an example."""
    return {
        "id": example.id,
        "kind": example.kind.value,
        "question": example.question,
        "text": example.text,
        "source": example.source,
        "weight": example.weight,
    }


def card(examples: Sequence[Example], evaluations: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """What the data set is made of, and its overlap with the evaluation questions."""
    groups: dict[tuple[str, str], list[Example]] = defaultdict(list)
    for example in examples:
        groups[example.source, example.kind.value].append(example)
    rows = [
        {
            "source": source,
            "kind": kind,
            "questions": len({example.id for example in members}),
            "rows": len(members),
            "median_chars": int(median(len(example.text) for example in members)),
            "longest_chars": max(len(example.text) for example in members),
        }
        for (source, kind), members in sorted(groups.items())
    ]
    questions = sorted({example.question for example in examples})
    overlap = {name: leak.check(questions, asked).row() for name, asked in evaluations.items()}
    return {"rows": rows, "overlap": overlap}


def card_text(facts: Mapping[str, Any]) -> str:
    """The card as Markdown."""
    lines = ["| source | kind | questions | rows | median chars | longest |", "|---|---|---:|---:|---:|---:|"]
    lines += [
        f"| {r['source']} | {r['kind']} | {r['questions']:,} | {r['rows']:,} | {r['median_chars']} "
        f"| {r['longest_chars']} |"
        for r in facts["rows"]
    ]
    lines += [
        "",
        "| held out | questions | exact twin | number-masked twin | ≥ 80 % of words |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {name} | {o['questions']} | {o['exact']} | {o['masked']} | {o['similar']} |"
        for name, o in facts["overlap"].items()
    ]
    return "\n".join(lines) + "\n"


def _examples(
    source: Source, train: Sequence[Problem], rationales: Sequence[Rationale], settings: Dataset, seed: int
) -> list[Example]:
    problems = {problem.id: problem for problem in train}
    found = [
        Example(r.id, r.kind, problems[r.id].question, r.text, source.name, source.weight)
        for r in rationales
        if r.id in problems and len(r.text) <= settings.max_chars
    ]
    if settings.balance:
        kinds: dict[str, Counter[PathKind]] = defaultdict(Counter)
        for example in found:
            kinds[example.id][example.kind] += 1
        found = [example for example in found if len(kinds[example.id]) == len(PathKind)]
    copies = []
    if settings.augment and source.drawn is None:
        for cot, pot in pairs(found):
            for _, *pair in augment(cot, pot, problems[cot.id].answer, settings.augment, seed):
                copies += pair
    return found + copies
