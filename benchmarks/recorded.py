"""Recorded paths, read by the solver in place of sampled ones.

    python -P benchmarks/recorded.py FOLDER

The command prints the readings and the CPU time as one JSON object. PYTHONPATH selects the checkout that reads.
"""

import asyncio
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from service.components import Components, sandbox_pool
from service.engine.base import Completion, Finish, Sampling
from service.engine.fake import FakeEngine
from service.evaluation.problems import is_right
from service.settings import load_settings
from service.solve.problem import PathResult, Problem, path_seed
from service.solve.vote import Ballot, count, winner
from service.types import PathKind, Policy

LENGTHS = (20_000, 100_000)
"""Characters of the texts whose reading is timed."""
PATTERNS = (
    "a", "9", " ", "\n", "(", "-", "=", "1+", "1,", "1.", "1/", "= = ", "**", "*", "$", "{", "{}", "    ", "\t\n", "−",
    "½", "二", "12 + 3 = 15\n", "3 apples + 4 pears = ", "\\frac{", "\\boxed{", "\\boxed{1} ", "The answer is ",
    "the answer is 3. ", "answer", "#### ", "| 1 ", "one hundred and ", "1 000 ", "<think>", "</think>", "<|im_start|>",
    "\nQuestion: 1\n", "```", "```\n", "```python\nans = 1\n```\n", "x = 1\n", "def f():\n", ">>> 1\n", "print(1)\n",
)  # fmt: skip
"""Hard texts repeat one of these."""
_DEADLINE_S = 600.0


@dataclass(frozen=True, slots=True)
class Text:
    """A recorded path.

    Args:
        kind: kind of the path.
        text: text of the model.
        complete: whether the model ended the text itself.
        gold: right answer.
    """

    kind: PathKind
    text: str
    complete: bool
    gold: str


@dataclass(frozen=True, slots=True)
class Reading:
    """Result of a path or of a vote.

    Args:
        name: kind of the path, or the kinds that vote: "cot", "pot" or "both".
        answer: answer in wire format, or None.
        right: whether the answer is the gold answer.
        detail: outcome of a path, and description of a failure.
    """

    name: str
    answer: str | None
    right: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings of a file: its paths in their order, and its votes."""

    paths: list[Reading]
    votes: list[Reading]


@dataclass(frozen=True, slots=True)
class Timing:
    """CPU milliseconds of one hard text."""

    name: str
    chars: int
    pattern: str
    cpu_ms: float


class Playback(FakeEngine):
    """Engine that returns recorded texts.

    Attributes:
        texts: text of each path by its seed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[int | None, Text] = {}

    async def sample(self, request_id: str, prompt: str, sampling: Sampling) -> Completion:
        """See `Engine.sample`."""
        text = self.texts[sampling.seed]
        return Completion(text.text, 1, 1, Finish.STOP if text.complete else Finish.LENGTH)


def load(path: Path) -> list[list[Text]]:
    """Problems of a JSON Lines file, each with its paths in the fixed order.

    A row with `last_output` is the output of a model that ran its own program. If its result is right, the row becomes
    two problems of one path, a rationale and a program. Otherwise it is left out.
    """
    problems: dict[str, list[tuple[int, Text]]] = defaultdict(list)
    with path.open(encoding="utf-8") as lines:
        for number, row in enumerate(map(json.loads, lines)):
            if "last_output" not in row:
                text = Text(PathKind(row["kind"]), row["text"], row["complete"], row["gold"])
                problems[row["id"]].append((row["index"], text))
            elif row["right"]:
                for kind in PathKind:
                    problems[f"{kind} {number}"] = [(0, Text(kind, row["text"], True, row["last_output"]))]
    return [_in_fixed_order(paths) for paths in problems.values()]


def _in_fixed_order(paths: Iterable[tuple[int, Text]]) -> list[Text]:
    """Paths by their index. Both kinds alternate, also where an index is missing."""
    seen: Counter[PathKind] = Counter()
    keyed = []
    for _, text in sorted(paths, key=lambda path: path[0]):
        keyed.append((seen[text.kind], text.kind is PathKind.POT, text))
        seen[text.kind] += 1
    return [text for *_, text in sorted(keyed, key=lambda path: path[:2])]


async def measure(files: dict[str, list[list[Text]]]) -> tuple[dict[str, Readings], list[Timing]]:
    """Readings of every file by its name, and CPU time of the hard texts."""
    settings, engine = load_settings(), Playback()
    async with Components(settings, engine, sandbox_pool(settings)) as components:
        found = {name: await read(components, engine, problems) for name, problems in files.items()}
        return found, await time_hard_texts(components, engine)


async def read(components: Components, engine: Playback, problems: Iterable[Sequence[Text]]) -> Readings:
    """Readings of all problems. A problem of a single path has no vote.

    Args:
        components: started components with `engine`.
        engine: the engine.
        problems: paths of each problem in the fixed order.
    """
    found = Readings([], [])
    for texts in problems:
        paths = await _solve(components, engine, texts)
        for path, text in zip(paths, texts, strict=True):
            answer = path.answer.text if path.answer else None
            detail = f"{path.outcome}: {path.detail}" if path.detail else str(path.outcome)
            found.paths.append(Reading(path.kind.value, answer, is_right(answer, text.gold), detail))
        if len(texts) > 1:
            found.votes.extend(_votes(paths, texts[0].gold))
    return found


async def _solve(components: Components, engine: Playback, texts: Sequence[Text]) -> Sequence[PathResult]:
    engine.texts = {path_seed(0, index): text for index, text in enumerate(texts)}
    kinds = Counter(text.kind for text in texts)
    problem = Problem(
        text="recorded",
        cot=kinds[PathKind.COT],
        pot=kinds[PathKind.POT],
        policy=Policy.FIXED,
        temperature=0,
        top_p=1,
        max_tokens=1,
        deadline_s=_DEADLINE_S,
        seed=0,
    )
    return (await components.solve(problem, "recorded")).paths


def _votes(paths: Sequence[PathResult], gold: str) -> Iterator[Reading]:
    ballots = [Ballot(path.index, path.kind, path.answer) for path in paths if path.answer]
    for name in ("cot", "pot", "both"):
        leader = winner(count(ballot for ballot in ballots if name in (ballot.kind, "both")))
        answer = leader.answer.text if leader else None
        yield Reading(name, answer, is_right(answer, gold))


async def time_hard_texts(components: Components, engine: Playback) -> list[Timing]:
    """CPU time of this process for every hard text as each kind, the smallest of three."""
    found = []
    for kind in PathKind:
        for chars in LENGTHS:
            for pattern in PATTERNS:
                text = Text(kind, (pattern * chars)[:chars], True, "0")
                took = []
                for _ in range(3):
                    began = time.process_time()
                    await _solve(components, engine, [text])
                    took.append(time.process_time() - began)
                found.append(Timing(kind.value, chars, pattern, round(1000 * min(took), 2)))
    return found


def main() -> None:
    """Print readings and CPU time as JSON."""
    files = {path.stem: load(path) for path in sorted(Path(sys.argv[1]).glob("*.jsonl"))}
    found, timings = asyncio.run(measure(files))
    raw = {
        "files": {name: asdict(readings) for name, readings in found.items()},
        "timings": [asdict(timing) for timing in timings],
    }
    json.dump(raw, sys.stdout)


if __name__ == "__main__":
    main()
