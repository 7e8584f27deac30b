"""The training schedule."""

from pathlib import Path

from service.types import PathKind
from tests.support import training_data
from training.data.problem import Example
from training.learn.packing import Encoder
from training.learn.schedule import Plan, schedule
from training.learn.student import load_tokenizer


def _plan(**changes: object) -> Plan:
    settings = {
        "seed": 1,
        "kinds": tuple(PathKind),
        "epochs": 1,
        "per_kind": 1,
        "batch_tokens": 256,
        "max_length": 256,
        "repeats": {"tiny": 1},
    }
    return Plan(**(settings | changes))  # type: ignore[arg-type]


def test_a_schedule_visits_each_question_and_keeps_to_its_budget(base: Path) -> None:
    encoder = Encoder(load_tokenizer(base))
    planned = schedule(training_data.examples(20), encoder, _plan(epochs=2))
    assert planned == schedule(training_data.examples(20), encoder, _plan(epochs=2))
    packs = [pack for batch in planned.batches for pack in batch]
    assert len(packs) == 40
    assert all(len(batch) * -(-max(map(len, batch)) // 16) * 16 <= 256 for batch in planned.batches)
    assert len(schedule(training_data.examples(20), encoder, _plan(repeats={"tiny": 3})).batches) > len(planned.batches)


def test_what_is_too_long_is_dropped_and_counted(base: Path) -> None:
    planned = schedule(training_data.examples(4), Encoder(load_tokenizer(base)), _plan(max_length=40))
    assert planned.dropped > 0
    assert all(len(pack) <= 40 for batch in planned.batches for pack in batch)


def test_one_kind_alone_has_the_same_budget(base: Path) -> None:
    more = [Example(e.id, e.kind, e.question, f"{e.text} ", e.source) for e in training_data.examples(8)]
    both = schedule([*training_data.examples(8), *more], Encoder(load_tokenizer(base)), _plan())
    alone = schedule([*training_data.examples(8), *more], Encoder(load_tokenizer(base)), _plan(kinds=(PathKind.COT,)))
    counts = [sum(len(pack.branches) for batch in s.batches for pack in batch) for s in (both, alone)]
    assert counts == [16, 16]
