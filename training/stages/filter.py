"""Stage `filter`: rationales → verified rationales. What is wrong, unfounded or a repetition falls out, with a reason.

A CoT stays when the answer that it states is the gold answer and its equations hold (repair would change nothing); a
PoT when its run in the service's sandbox gives the gold answer. Then near-duplicates within a question and a kind fall
out, and what is over the cap per question. Texts are normalized on the way: a CoT ends with `The answer is …`, a PoT is
the bare program. Nothing is judged by a model.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from service.paths.answer import matches
from service.paths.pot import extract_program
from service.sandbox.base import Sandbox
from service.types import PathKind
from training.judge import Verdict, judge
from training.rationale import Problem, Rationale
from training.recipe import Filter


class Fate(StrEnum):
    """What became of a rationale, in the order of the tests."""

    KEPT = "kept"
    ORPHAN = "no such problem"
    HELD_OUT = "held-out problem"
    UNPARSED = "unparsed"
    FAILED = "program failed"
    WRONG = "wrong answer"
    EQUATIONS = "false equation"
    DUPLICATE = "near-duplicate"
    CAPPED = "over the cap"


@dataclass(frozen=True, slots=True)
class Filtered:
    """The kept rationales in their order, and how many of each teacher and kind met which fate."""

    kept: tuple[Rationale, ...]
    report: Mapping[tuple[str, PathKind], Counter[Fate]]


def filter_rationales(
    problems: Mapping[str, Problem],
    held_out: Iterable[str],
    rationales: Sequence[Rationale],
    settings: Filter,
    sandbox: Sandbox | None = None,
) -> Filtered:
    """Judge every rationale. `held_out` are ids of problems that no example may come from."""
    held = set(held_out)
    fates: list[Fate | None] = [
        Fate.HELD_OUT if r.id in held else Fate.ORPHAN if r.id not in problems else None for r in rationales
    ]
    open_ = [index for index, fate in enumerate(fates) if fate is None]
    verdicts = judge(
        [(rationales[i].kind, rationales[i].text) for i in open_], workers=settings.workers, sandbox=sandbox
    )
    texts: dict[int, str] = {}
    for index, verdict in zip(open_, verdicts, strict=True):
        rationale = rationales[index]
        fates[index] = _fate(rationale, verdict, problems[rationale.id].answer, settings)
        texts[index] = normalized(rationale)
    _drop_repetitions(rationales, texts, fates, settings)
    report: dict[tuple[str, PathKind], Counter[Fate]] = defaultdict(Counter)
    for rationale, fate in zip(rationales, fates, strict=True):
        report[rationale.teacher, rationale.kind][fate or Fate.KEPT] += 1
    kept = tuple(replace(r, text=texts[i]) for i, r in enumerate(rationales) if fates[i] is None)
    return Filtered(kept, report)


def normalized(rationale: Rationale) -> str:
    """The text to learn: stripped, and for a PoT without fences and prose."""
    if rationale.kind is PathKind.POT:
        return (extract_program(rationale.text) or rationale.text).strip()
    return rationale.text.strip().removesuffix(".")


def table(report: Mapping[tuple[str, PathKind], Counter[Fate]]) -> str:
    """The report as Markdown: a row for each teacher and kind, a column for each fate that occurred."""
    used = [fate for fate in Fate if any(counts[fate] for counts in report.values())]
    lines = ["| teacher | kind | rows | " + " | ".join(used) + " |", "|---|---|---:|" + "---:|" * len(used)]
    for (teacher, kind), counts in sorted(report.items()):
        cells = " | ".join(f"{counts[fate]:,}" for fate in used)
        lines.append(f"| {teacher} | {kind.value} | {counts.total():,} | {cells} |")
    return "\n".join(lines) + "\n"


def _fate(rationale: Rationale, verdict: Verdict, gold: str, settings: Filter) -> Fate | None:
    if rationale.kind is PathKind.POT:
        if verdict.answer is None:
            return Fate.UNPARSED if verdict.reason == "unparsed" else Fate.FAILED
        return None if matches(verdict.answer, gold) else Fate.WRONG
    if verdict.stated is None:
        return Fate.UNPARSED
    if not matches(verdict.stated, gold):
        return Fate.WRONG
    return Fate.EQUATIONS if settings.equations and verdict.repaired else None


def _drop_repetitions(
    rationales: Sequence[Rationale], texts: Mapping[int, str], fates: list[Fate | None], settings: Filter
) -> None:
    groups: dict[tuple[str, PathKind], list[int]] = defaultdict(list)
    for index, rationale in enumerate(rationales):
        if fates[index] is None:
            groups[rationale.id, rationale.kind].append(index)
    for members in groups.values():
        kept: list[frozenset[tuple[str, str]]] = []
        for index in members:
            pairs = _word_pairs(texts[index])
            if any(_overlap(pairs, other) >= settings.similarity for other in kept):
                fates[index] = Fate.DUPLICATE
            elif len(kept) == settings.per_question:
                fates[index] = Fate.CAPPED
            else:
                kept.append(pairs)


def _word_pairs(text: str) -> frozenset[tuple[str, str]]:
    words = ["", *text.lower().split(), ""]
    return frozenset(pairwise(words))


def _overlap(a: frozenset[tuple[str, str]], b: frozenset[tuple[str, str]]) -> float:
    """Jaccard's index: shared pairs over all pairs."""
    return len(a & b) / len(a | b)
