"""Stage `dataset`: training examples, held-out problems and a card.

Choices are made on `dev`. `test` is only for the final figures.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from service.amounts import number
from service.errors import ConfigurationError
from service.paths.equality import parse_gold
from service.types import PathKind
from training.artifact import LOG, Artifact, file_digest
from training.data.augment import augment, pairs
from training.data.card import card_table, data_card
from training.data.filtered import FILTER_REPORT, FilterReport
from training.data.problem import (
    Example,
    Problem,
    Rationale,
    read_examples,
    read_problems,
    read_rationales,
    write_examples,
    write_rows,
)
from training.data.sources import Split
from training.progress import bar
from training.recipe import Dataset, Source
from training.run import RATIONALES, Run

TRAIN, DEV, TEST, CARD = "train.jsonl", "dev.jsonl", "test.jsonl", "card.json"
TRAIN_PROBLEMS = "train-problems.jsonl"
_SHOWN_IDS = 5


def stage(run: Run) -> Artifact:
    """Training examples, held-out problems and the card."""
    rationales = run.stage("filter")
    inputs = {"filter": rationales.digest} | run.sources.digests("problems")
    inputs |= {path: file_digest(Path(path)) for path in run.recipe.dataset.evaluation_files}

    def build(out: Path) -> None:
        splits = {source.name: run.sources.split(source) for source in run.recipe.sources}
        verified = read_rationales(rationales.path / RATIONALES)
        if message := unbalanced(splits, verified, run.recipe.dataset):
            run.report(message)
        with bar("dataset"):
            unread = write_dataset(splits, verified, run.recipe.sources, run.recipe.dataset, run.recipe.seed, out)
        if unread:
            run.report(_unread_golds(unread))
        if not (out / TRAIN).stat().st_size:
            raise ConfigurationError(_nothing_to_learn(splits, rationales.path))

    sources = tuple(source.model_copy(update={"repeat": 1}) for source in run.recipe.sources)
    return run.make("dataset", {"dataset": run.recipe.dataset, "sources": sources}, inputs, build)


def examples(run: Run) -> list[Example]:
    """Training examples of the data set."""
    return read_examples(run.stage("dataset").path / TRAIN)


def write_dataset(
    splits: Mapping[str, Split],
    rationales: Sequence[Rationale],
    sources: Sequence[Source],
    settings: Dataset,
    seed: int,
    out: Path,
) -> list[Problem]:
    """Write the data set, and return the held-out problems that it leaves out: their gold answers cannot be read.

    Args:
        splits: split of each source, by its name.
        rationales: verified rationales of all sources.
        sources: the sources.
        settings: settings of the data set.
        seed: seed of the copies with other numbers.
        out: output directory.
    """
    found = [
        example
        for source in sources
        for example in source_examples(source, splits[source.name].train, rationales, settings, seed)
    ]
    held_out = {
        DEV: [problem for split in splits.values() for problem in split.dev],
        TEST: [problem for split in splits.values() for problem in split.test],
    }
    write_examples(out / TRAIN, found)
    unread = [problem for problems in held_out.values() for problem in problems if parse_gold(problem.answer) is None]
    for name, problems in held_out.items():
        problems[:] = [problem for problem in problems if problem not in unread]
        write_rows(out / name, (problem.row() for problem in problems))
    write_rows(out / TRAIN_PROBLEMS, (problem.row() for split in splits.values() for problem in split.train))
    evaluations = {Path(name).stem: [problem.question for problem in held_out[name]] for name in held_out}
    for path in settings.evaluation_files:
        evaluations[path] = [problem.question for problem in read_problems(Path(path))]
    card = data_card(found, evaluations)
    card.write(out / CARD)
    (out / "card.md").write_text(card_table(card))
    return unread


def _nothing_to_learn(splits: Mapping[str, Split], filtered: Path) -> str:
    """Error message for a data set without a training example, with the results of the filter."""
    problems = sum(len(split.train) for split in splits.values())
    results: Counter[str] = Counter()
    with suppress(OSError, ValidationError):  # the report is outside of the hash
        for row in FilterReport.read(filtered / LOG / FILTER_REPORT).rows:
            results.update(row.results)
    found = ", ".join(f"{count:,} {result}" for result, count in results.items()) or "no rationale"
    return (
        f"no training example is left of {number(problems, 'training problem')}. The filter found: {found}. "
        f"See {filtered}/report.md. Give a source rationales or teacher = true, and problems beside dev and test"
    )


def _unread_golds(problems: Sequence[Problem]) -> str:
    ids = ", ".join(problem.id for problem in problems[:_SHOWN_IDS])
    return (
        f"Left out: {len(problems)} held-out problems whose gold answers cannot be read ({ids}"
        f"{', …' if len(problems) > _SHOWN_IDS else ''}). Write each as one number, yes, no or an option letter.\n"
    )


def unbalanced(splits: Mapping[str, Split], rationales: Sequence[Rationale], settings: Dataset) -> str:
    """Line on the sources that `balance` leaves out because their rationales are of one kind, else empty.

    Raises:
        ConfigurationError: nothing is left.
    """
    if not settings.balance:
        return ""
    kinds = {name: _kinds(split, rationales) for name, split in splits.items()}
    left_out = {name: next(iter(found)) for name, found in kinds.items() if len(found) == 1}
    if not left_out:
        return ""
    named = ", ".join(f"{name} ({kind.value})" for name, kind in left_out.items())
    message = f"dataset.balance leaves out the sources whose verified rationales are of one kind: {named}"
    if any(len(found) > 1 for found in kinds.values()):
        return f"{message}. With dataset.balance = false they stay.\n"
    learned = sorted({kind.value for kind in left_out.values()})
    only = f' and train.kinds = ["{learned[0]}"]' if len(learned) == 1 else ""
    raise ConfigurationError(f"{message}; nothing is left. To train on them, set dataset.balance = false{only}")


def _kinds(split: Split, rationales: Sequence[Rationale]) -> frozenset[PathKind]:
    """Kinds of the rationales of training problems."""
    ids = {problem.id for problem in split.train}
    return frozenset(rationale.kind for rationale in rationales if rationale.id in ids)


def source_examples(
    source: Source, train: Sequence[Problem], rationales: Sequence[Rationale], settings: Dataset, seed: int
) -> list[Example]:
    """Examples of a source, then their copies with other numbers.

    With `balance`, a question counts only if it has rationales of both kinds. Each kind then sees the same questions.
    """
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
    copies: list[Example] = []
    if settings.augment and source.synthetic_count is None:
        for cot, pot in pairs(found):
            for copy in augment(cot, pot, problems[cot.id].answer, settings.augment, seed):
                copies += [copy.cot, copy.pot]
    return found + copies
