"""The training schedule: which packs form which micro-batch, for the whole run, from the seed alone.

Each epoch visits each question `repeat` times, each time with the next of its rationales of each kind, so that all are
used in turn. Packs of similar length form a micro-batch, and the order of micro-batches is drawn anew each epoch.
"""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.errors import ConfigurationError
from service.types import PathKind
from training.packs import LENGTH_STEP, Encoder, Example, Pack, packed

GROUP = 32
"""Micro-batches whose packs are sorted by length together: little padding, yet no epoch ordered by length."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a schedule is drawn. `repeats` says per source how often an epoch visits each of its questions."""

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
    """Micro-batches in order. `dropped` examples did not fit into `max_length`."""

    batches: tuple[tuple[Pack, ...], ...]
    dropped: int


def schedule(examples: Sequence[Example], encoder: Encoder, plan: Plan) -> Schedule:
    """The whole run's micro-batches, a whole number of steps of them."""
    questions = _by_question(examples, plan.kinds)
    if not questions:
        raise ConfigurationError("the data set has no example of the kinds that train.kinds asks for")
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
                fitted, lost = _fit(packed(chosen, [encoded[example] for example in chosen]), plan.max_length)
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
    """The next `count` rationales in turn, none twice."""
    count = min(count, len(options))
    return [options[(visit * count + i) % len(options)] for i in range(count)]


def _fit(pack: Pack, max_length: int) -> tuple[Pack, int]:
    """Branches that would pass `max_length` positions are left out, and those that would make the pack too long."""
    kept = []
    room = max_length - len(pack.prompt)
    for branch in pack.branches:
        if len(branch.ids) <= room:
            kept.append(branch)
            room -= len(branch.ids)
    return Pack(pack.prompt, tuple(kept)), len(pack.branches) - len(kept)


def _group(packs: list[Pack], batch_tokens: int, rng: random.Random) -> list[tuple[Pack, ...]]:
    rng.shuffle(packs)
    mean = sum(map(len, packs)) / max(len(packs), 1)
    size = max(1, int(GROUP * batch_tokens / max(mean, 1)))
    batches: list[tuple[Pack, ...]] = []
    for start in range(0, len(packs), size):
        batch: list[Pack] = []
        for pack in sorted(packs[start : start + size], key=len):
            padded = -(-len(pack) // LENGTH_STEP) * LENGTH_STEP
            if batch and padded * (len(batch) + 1) > batch_tokens:
                batches.append(tuple(batch))
                batch = []
            batch.append(pack)
        if batch:
            batches.append(tuple(batch))
    rng.shuffle(batches)
    return batches
