"""Stage `filter`: verified rationales, and a report of the others with reasons.

A CoT passes if it states the gold answer and its equations hold. A PoT passes if its run in the service's sandbox gives
the gold answer. Near-duplicates within a question and kind are dropped, then all over the limit per question. No model
judges a text.
"""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from service.paths.equality import matches, parse_gold
from service.paths.pot import extract_program
from service.sandbox.base import Sandbox
from service.types import PathKind
from training.artifact import LOG, Artifact
from training.data.filtered import (
    DROPPED,
    FILTER_REPORT,
    Dropped,
    Filtered,
    FilterReport,
    FilterResult,
    report_table,
)
from training.data.problem import Problem, Rationale, write_rows
from training.data.verify import Verified, verify
from training.recipe import Filter
from training.run import RATIONALES, Run

EXAMPLES = 3
"""Maximum number of dropped rationales that are kept for each teacher, kind and result."""


def stage(run: Run) -> Artifact:
    """Verified rationales of all sources, and the report."""
    # `repeat` and `weight` count only in the training.
    sources = tuple(source.model_copy(update={"repeat": 1, "weight": 1.0}) for source in run.recipe.sources)
    inputs = run.sources.digests("problems", "rationales")
    if run.sources.for_teacher:
        inputs["teacher"] = run.stage("teacher").digest

    def build(out: Path) -> None:
        filtered = _filter_sources(run)
        write_filtered(filtered, out)

    return run.make("filter", {"filter": run.recipe.filter, "sources": sources}, inputs, build)


def write_filtered(filtered: Filtered, out: Path) -> None:
    """Write `rationales.jsonl` and `report.md`, and the examples and counts under `log/`.

    The examples are outside of the hash, because a fault in the sandbox can depend on the machine's speed.
    """
    write_rows(out / RATIONALES, (rationale.row() for rationale in filtered.kept))
    (out / "report.md").write_text(report_table(filtered.report))
    write_rows(out / LOG / DROPPED, (dropped.row() for dropped in filtered.dropped))
    FilterReport.of(filtered.report).write(out / LOG / FILTER_REPORT)


def _filter_sources(run: Run) -> Filtered:
    problems: dict[str, Problem] = {}
    held_out: list[str] = []
    rationales: list[Rationale] = []
    for source in run.recipe.sources:
        split = run.sources.split(source)
        problems |= {problem.id: problem for problem in run.sources.problems(source)}
        held_out += [problem.id for problem in (*split.dev, *split.test)]
        rationales += run.sources.rationales(source)
    return filter_rationales(problems, held_out, rationales, run.recipe.filter)


def filter_rationales(
    problems: Mapping[str, Problem],
    held_out: Iterable[str],
    rationales: Sequence[Rationale],
    settings: Filter,
    sandbox: Sandbox | None = None,
) -> Filtered:
    """Filter rationales and normalize their texts.

    Args:
        problems: all problems, by id.
        held_out: ids of problems from which no example may come.
        rationales: the rationales.
        settings: settings of the filter.
        sandbox: sandbox for the programs. None starts one.
    """
    held = set(held_out)
    results: list[FilterResult | None] = [_failed_before_reading(r, problems, held) for r in rationales]
    open_ = [index for index, result in enumerate(results) if result is None]
    verified = verify(
        [(rationales[i].kind, rationales[i].text) for i in open_],
        workers=settings.workers,
        sandbox=sandbox,
        title="filter",
    )
    texts: dict[int, str] = {}
    details: dict[int, str] = {}
    for index, found in zip(open_, verified, strict=True):
        rationale = rationales[index]
        results[index] = _failed_test(rationale, found, problems[rationale.id].answer, settings)
        details[index] = _found(found)
        texts[index] = normalized(rationale)
    _drop_duplicates(rationales, texts, results, settings)
    report: dict[tuple[str, PathKind], Counter[FilterResult]] = defaultdict(Counter)
    for rationale, result in zip(rationales, results, strict=True):
        report[rationale.teacher, rationale.kind][result or FilterResult.KEPT] += 1
    kept = tuple(replace(r, text=texts[i]) for i, r in enumerate(rationales) if results[i] is None)
    return Filtered(kept, report, tuple(_examples(rationales, results, details, problems)))


def normalized(rationale: Rationale) -> str:
    """Text to learn: stripped, a CoT without its last full stop, a PoT as the bare program."""
    if rationale.kind is PathKind.POT:
        return (extract_program(rationale.text) or rationale.text).strip()
    return rationale.text.strip().removesuffix(".")


def _failed_before_reading(
    rationale: Rationale, problems: Mapping[str, Problem], held_out: Container[str]
) -> FilterResult | None:
    if rationale.id in held_out:
        return FilterResult.HELD_OUT
    if rationale.id not in problems:
        return FilterResult.ORPHAN
    return FilterResult.UNREAD_GOLD if parse_gold(problems[rationale.id].answer) is None else None


def _failed_test(rationale: Rationale, verified: Verified, gold: str, settings: Filter) -> FilterResult | None:
    """The first test that a rationale fails. None if it passes all."""
    if rationale.kind is PathKind.POT:
        if verified.answer is None:
            return FilterResult.UNPARSED if verified.reason == "unparsed" else FilterResult.FAILED
        return None if matches(verified.answer, gold) else FilterResult.WRONG
    if verified.stated is None:
        return FilterResult.UNPARSED
    if not matches(verified.stated, gold):
        return FilterResult.WRONG
    return FilterResult.EQUATIONS if settings.equations and verified.repaired else None


def _found(verified: Verified) -> str:
    """Stated answer of a CoT, answer of a program, or its fault."""
    answer = verified.stated or verified.answer
    return answer.text if answer else verified.reason


def _examples(
    rationales: Sequence[Rationale],
    results: Sequence[FilterResult | None],
    details: Mapping[int, str],
    problems: Mapping[str, Problem],
) -> Iterator[Dropped]:
    """The first `EXAMPLES` dropped rationales of each teacher, kind and result."""
    counts: Counter[tuple[str, PathKind, FilterResult]] = Counter()
    for index, (rationale, result) in enumerate(zip(rationales, results, strict=True)):
        if result is not None:
            counts[group := (rationale.teacher, rationale.kind, result)] += 1
            if counts[group] <= EXAMPLES:
                problem = problems.get(rationale.id, Problem(rationale.id, "", ""))
                yield Dropped(rationale, result, details.get(index, ""), problem.question, problem.answer)


def _drop_duplicates(
    rationales: Sequence[Rationale],
    texts: Mapping[int, str],
    results: list[FilterResult | None],
    settings: Filter,
) -> None:
    groups: dict[tuple[str, PathKind], list[int]] = defaultdict(list)
    for index, rationale in enumerate(rationales):
        if results[index] is None:
            groups[rationale.id, rationale.kind].append(index)
    for members in groups.values():
        kept: list[frozenset[tuple[str, str]]] = []
        for index in members:
            pairs = _word_pairs(texts[index])
            if any(_overlap(pairs, other) >= settings.similarity for other in kept):
                results[index] = FilterResult.DUPLICATE
            elif len(kept) == settings.per_question:
                results[index] = FilterResult.OVER_LIMIT
            else:
                kept.append(pairs)


def _word_pairs(text: str) -> frozenset[tuple[str, str]]:
    words = ["", *text.lower().split(), ""]
    return frozenset(pairwise(words))


def _overlap(a: frozenset[tuple[str, str]], b: frozenset[tuple[str, str]]) -> float:
    """Jaccard index."""
    return len(a & b) / len(a | b)
