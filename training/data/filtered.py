"""Result of the filter: kept rationales, counts, and dropped examples."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from service.printable import one_line
from service.types import PathKind
from training.artifact import Report
from training.data.problem import Rationale

DROPPED, FILTER_REPORT = "dropped.jsonl", "report.json"


class FilterResult(StrEnum):
    """Result of the filter for one rationale, in the order of the tests."""

    KEPT = "kept"
    ORPHAN = "no such problem"
    HELD_OUT = "held-out problem"
    UNREAD_GOLD = "gold not read"
    UNPARSED = "unparsed"
    FAILED = "program failed"
    WRONG = "wrong answer"
    EQUATIONS = "false equation"
    DUPLICATE = "near-duplicate"
    OVER_LIMIT = "over the limit"


Results = Mapping[tuple[str, PathKind], Counter[FilterResult]]
"""Number of rationales with each result, by teacher and kind."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """Rationale that failed a test.

    Args:
        rationale: the rationale.
        result: result of the test that it failed.
        found: answer or fault that the test found. Empty for the other tests.
        question: question of its problem. Empty for an unknown problem.
        gold: gold answer of the problem.
    """

    rationale: Rationale
    result: FilterResult
    found: str
    question: str
    gold: str

    def row(self) -> dict[str, Any]:
        """JSON object of this rationale."""
        of_problem = {"question": self.question, "answer": self.gold}
        return self.rationale.row() | of_problem | {"result": self.result.value, "found": self.found}


@dataclass(frozen=True, slots=True)
class Filtered:
    """Kept rationales in their order, the results of all, and examples of the dropped ones."""

    kept: tuple[Rationale, ...]
    report: Results
    dropped: tuple[Dropped, ...]


@dataclass(frozen=True, slots=True)
class FilterRow:
    """Number of rationales of one teacher and kind with each result that occurred."""

    teacher: str
    kind: PathKind
    results: dict[FilterResult, int]


class FilterReport(Report):
    """Content of `log/report.json`: results by teacher and kind."""

    rows: tuple[FilterRow, ...]

    @classmethod
    def of(cls, results: Results) -> "FilterReport":
        """Results by teacher and kind, in the order of `FilterResult`."""
        rows = sorted(results.items())
        return cls(
            rows=tuple(
                FilterRow(teacher, kind, {result: counts[result] for result in FilterResult if counts[result]})
                for (teacher, kind), counts in rows
            )
        )


def report_table(report: Results) -> str:
    """Markdown table: one row per teacher and kind, one column per result that occurred."""
    used = [result for result in FilterResult if any(counts[result] for counts in report.values())]
    lines = ["| teacher | kind | rows | " + " | ".join(used) + " |", "|---|---|---:|" + "---:|" * len(used)]
    for (teacher, kind), counts in sorted(report.items()):
        cells = " | ".join(f"{counts[result]:,}" for result in used)
        name = one_line(teacher).replace("|", "\\|")
        lines.append(f"| {name} | {kind.value} | {counts.total():,} | {cells} |")
    return "\n".join(lines) + "\n"
