"""Number and length of a recipe's problems and rationales.

They come from the recipe's files, or from the registry of public sets.
"""

import statistics
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from service.types import PathKind
from training.data.loaders import HUB_PREFIX
from training.data.problem import Problem, read_rationales
from training.data.public.sets import PUBLIC_SETS
from training.data.public.write import PUBLIC
from training.data.sources import Sources
from training.recipe import Recipe, Source

QUESTION_CHARS = {"svamp": 163, "gsm8k": 235, "asdiv": 160, "mawps": 129, "strategyqa": 56}
"""Mean length of the questions of public sets, in characters."""

OTHER_QUESTION_CHARS = 160
RATIONALE_CHARS = {PathKind.COT: 316.0, PathKind.POT: 321.0}
"""Mean length of the rationales that GPT-3.5 wrote for 1,040 word problems, in characters."""


@dataclass(frozen=True, slots=True)
class SourceSize:
    """Problems of a source.

    Args:
        source: the source.
        count: number of problems.
        problems: the problems, or one placeholder of the set's mean length.
        at_hand: whether they are the problems.
        rationale_chars: mean length of its rationales in characters, by kind.
    """

    source: Source
    count: int
    problems: tuple[Problem, ...]
    at_hand: bool
    rationale_chars: dict[PathKind, float]

    @property
    def train(self) -> int:
        """Number of problems that are not held out. 0 for a source without rationales."""
        source = self.source
        has_rationales = source.teacher or source.rationales or source.synthetic_count is not None
        if not has_rationales and source.derived_programs == "none":
            return 0
        return max(0, self.count - source.dev - source.test)

    @property
    def question_chars(self) -> float:
        """Mean length of its questions, in characters."""
        return statistics.fmean(len(problem.question) for problem in self.problems) if self.problems else 0.0


def sizes(recipe: Recipe, *, registry_only: bool = False) -> tuple[SourceSize, ...]:
    """Size of each source.

    Args:
        recipe: the recipe.
        registry_only: whether public sets are counted by the registry even if their files exist.

    Raises:
        ConfigurationError: a file of problems does not exist and is not that of a public set.
    """
    return tuple(_size(recipe, source, registry_only) for source in recipe.sources)


def _size(recipe: Recipe, source: Source, registry_only: bool) -> SourceSize:
    known = _known_count(source, registry_only)
    chars = _rationale_chars(source)
    if known is None:
        reader = Sources(recipe.model_copy(update={"sources": (source,)}), Path)
        reader.digests("problems")  # refuses a file that does not exist
        found = reader.problems(source)
        return SourceSize(source, len(found), tuple(found), True, chars)
    count = max(0, known - source.skip)
    count = min(count, source.limit) if source.limit else count
    question = "x" * QUESTION_CHARS.get(_public(source.problems)[0], OTHER_QUESTION_CHARS)
    return SourceSize(
        source,
        count,
        (Problem("placeholder", question, "0"),),
        source.synthetic_count is not None,
        chars,
    )


def _known_count(source: Source, registry_only: bool) -> int | None:
    """Number of problems, if it is known without reading them and no request must hold them."""
    if source.synthetic_count is not None:
        return None if source.teacher else source.synthetic_count
    name, split = _public(source.problems)
    has_split = name in PUBLIC_SETS and split in PUBLIC_SETS[name].rows
    if has_split and (registry_only or not (PUBLIC / name / f"{split}.jsonl").is_file()):
        return PUBLIC_SETS[name].rows[split]
    return None


def _public(path: str) -> tuple[str, str]:
    """Name and split of a public set. Both are empty for any other path."""
    name = path.removeprefix(HUB_PREFIX)
    if name != path and name in PUBLIC_SETS:
        return name, PUBLIC_SETS[name].main_split
    file = Path(path)
    return (file.parent.name, file.stem) if file.parent.parent == PUBLIC else ("", "")


def _rationale_chars(source: Source) -> dict[PathKind, float]:
    """Mean lengths in the source's files, and those of GPT-3.5 for a kind that none of them has."""
    lengths = defaultdict(list)
    for path in map(Path, source.rationales):
        for rationale in read_rationales(path) if path.is_file() else ():
            lengths[rationale.kind].append(len(rationale.text))
    return RATIONALE_CHARS | {kind: statistics.fmean(found) for kind, found in lengths.items()}
