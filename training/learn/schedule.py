"""Training schedule: the micro-batches of a whole run, drawn from the seed.

Each epoch visits each question `repeat` times, each time with the next rationales of each kind. Packs of similar length
form a micro-batch. Each epoch draws another order of micro-batches.
"""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.errors import ConfigurationError
from service.types import PathKind
from training.data.problem import Example
from training.learn.packing import LENGTH_STEP, Encoder, Pack, pack

GROUP = 32
"""Number of micro-batches whose packs are sorted by length together. More would order the epoch by length."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Parameters of a schedule.

    Args:
        seed: seed of every draw.
        kinds: kinds of rationale.
        epochs: passes over the data set.
        per_kind: rationales of each kind in a pack.
        batch_tokens: maximum size of a micro-batch in tokens, padding included.
        max_length: maximum length of a pack, in tokens.
        repeats: visits of each question per epoch, by source.
        step_batches: micro-batches per optimizer step, over all processes.
    """

    seed: int
    kinds: tuple[PathKind, ...]
    epochs: int
    per_kind: int
    batch_tokens: int
    max_length: int
    repeats: Mapping[str, int]
    step_batches: int = 1


@dataclass(frozen=True, slots=True)
class Schedule:
    """Micro-batches of a run.

    Args:
        batches: packs of each micro-batch, in order.
        dropped: number of examples that did not fit into `max_length`.
    """

    batches: tuple[tuple[Pack, ...], ...]
    dropped: int

    def step_tokens(self, step_batches: int) -> list[int]:
        """Tokens of each step's packs, without padding.

        Args:
            step_batches: micro-batches per optimizer step, over all processes.
        """
        batches = [sum(map(len, batch)) for batch in self.batches]
        return [sum(batches[start : start + step_batches]) for start in range(0, len(batches), step_batches)]


def schedule(examples: Sequence[Example], encoder: Encoder, plan: Plan) -> Schedule:
    """Draw the micro-batches of a whole run, a multiple of `step_batches`.

    Raises:
        ConfigurationError: no example is of the plan's kinds, or there are too few for one step.
    """
    questions = _by_question(examples, plan.kinds)
    if not questions:
        raise ConfigurationError("the data set has no example of the kinds in train.kinds")
    used = [example for kinds in questions.values() for options in kinds.values() for example in options]
    encoded = dict(zip(used, encoder.encode(used), strict=True))
    share = plan.per_kind * 2 // len(plan.kinds)
    batches: list[tuple[Pack, ...]] = []
    dropped = 0
    for epoch in range(plan.epochs):
        rng = random.Random(f"{plan.seed}:{epoch}")
        packs = []
        for rationales in questions.values():
            repeat = plan.repeats.get(next(iter(rationales.values()))[0].source, 1)
            for visit in range(epoch * repeat, (epoch + 1) * repeat):
                chosen = [e for options in rationales.values() for e in _turn(options, visit, share)]
                fitted, lost = _fit(pack(chosen, [encoded[example] for example in chosen]), plan.max_length)
                dropped += lost
                if fitted.branches:
                    packs.append(fitted)
        batches += _group(packs, plan.batch_tokens, rng)
    whole = len(batches) // plan.step_batches * plan.step_batches
    if not whole:
        raise ConfigurationError("the data set is smaller than one training step; lower batch_tokens or accumulation")
    return Schedule(tuple(batches[:whole]), dropped)


def _by_question(examples: Sequence[Example], kinds: Sequence[PathKind]) -> dict[str, dict[PathKind, list[Example]]]:
    questions: dict[str, dict[PathKind, list[Example]]] = defaultdict(dict)
    for example in examples:
        if example.kind in kinds:
            questions[example.id].setdefault(example.kind, []).append(example)
    return questions


def _turn(options: Sequence[Example], visit: int, count: int) -> list[Example]:
    """The next `count` rationales in turn, without repetition."""
    count = min(count, len(options))
    return [options[(visit * count + i) % len(options)] for i in range(count)]


def _fit(whole: Pack, max_length: int) -> tuple[Pack, int]:
    """Leave out branches that do not fit into `max_length`. Returns the pack and the number left out."""
    kept = []
    room = max_length - len(whole.prompt)
    for branch in whole.branches:
        if len(branch.ids) <= room:
            kept.append(branch)
            room -= len(branch.ids)
    return Pack(whole.prompt, tuple(kept)), len(whole.branches) - len(kept)


def _group(packs: list[Pack], batch_tokens: int, rng: random.Random) -> list[tuple[Pack, ...]]:
    rng.shuffle(packs)
    mean = sum(map(len, packs)) / max(len(packs), 1)
    size = max(1, int(GROUP * batch_tokens / max(mean, 1)))
    batches: list[tuple[Pack, ...]] = []
    for start in range(0, len(packs), size):
        batch: list[Pack] = []
        for item in sorted(packs[start : start + size], key=len):
            padded = -(-len(item) // LENGTH_STEP) * LENGTH_STEP
            if batch and padded * (len(batch) + 1) > batch_tokens:
                batches.append(tuple(batch))
                batch = []
            batch.append(item)
        if batch:
            batches.append(tuple(batch))
    rng.shuffle(batches)
    return batches
