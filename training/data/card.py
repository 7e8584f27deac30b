"""Card of a data set: composition, and overlap with evaluation questions."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from service.types import PathKind
from training.artifact import Report
from training.data.contamination import Contamination, contamination
from training.data.problem import Example


@dataclass(frozen=True, slots=True)
class CardRow:
    """Examples of one source and kind.

    Args:
        source: name of the source.
        kind: CoT or PoT.
        questions: number of questions.
        rows: number of examples.
        median_chars: median length in characters.
        longest_chars: maximum length in characters.
    """

    source: str
    kind: PathKind
    questions: int
    rows: int
    median_chars: int
    longest_chars: int


class DataCard(Report):
    """Card of a data set.

    Args:
        rows: examples by source and kind.
        contamination: overlap with each evaluation set.
    """

    rows: tuple[CardRow, ...]
    contamination: dict[str, Contamination]


def data_card(examples: Sequence[Example], evaluations: Mapping[str, Sequence[str]]) -> DataCard:
    """Card of training examples.

    Args:
        examples: the training examples.
        evaluations: questions of each evaluation set, by its name.
    """
    groups: dict[tuple[str, PathKind], list[Example]] = defaultdict(list)
    for example in examples:
        groups[example.source, example.kind].append(example)
    rows = tuple(
        CardRow(
            source,
            kind,
            questions=len({example.id for example in members}),
            rows=len(members),
            median_chars=int(median(len(example.text) for example in members)),
            longest_chars=max(len(example.text) for example in members),
        )
        for (source, kind), members in sorted(groups.items())
    )
    questions = sorted({example.question for example in examples})
    return DataCard(
        rows=rows, contamination={name: contamination(questions, asked) for name, asked in evaluations.items()}
    )


def card_table(card: DataCard) -> str:
    """The card as Markdown."""
    lines = ["| source | kind | questions | rows | median chars | longest |", "|---|---|---:|---:|---:|---:|"]
    lines += [
        f"| {r.source} | {r.kind} | {r.questions:,} | {r.rows:,} | {r.median_chars} | {r.longest_chars} |"
        for r in card.rows
    ]
    lines += [
        "",
        "| held out | questions | exact twin | number-masked twin | ≥ 80 % of words |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {name} | {found.questions} | {found.exact} | {found.masked} | {found.similar} |"
        for name, found in card.contamination.items()
    ]
    return "\n".join(lines) + "\n"
