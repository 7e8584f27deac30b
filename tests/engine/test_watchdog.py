"""When an engine hangs, and when it does not."""

import asyncio

import pytest

from service.engine import watchdog
from service.engine.watchdog import Watchdog


class Engine:
    """Counts, and answers after so many seconds; None never does."""

    def __init__(self, answers_s: float | None = 0.0) -> None:
        self.steps = 0
        self.asked = 0
        self.answers_s = answers_s

    async def ask(self) -> None:
        self.asked += 1
        await asyncio.sleep(3600 if self.answers_s is None else self.answers_s)
        self.steps += 1

    def watched(self, timeout_s: float = 0.05) -> Watchdog:
        return Watchdog(lambda: self.steps, self.ask, interval_s=0.02, timeout_s=timeout_s)


async def hangs(engine: Engine, within_s: float, timeout_s: float = 0.05) -> bool:
    try:
        async with asyncio.timeout(within_s):
            await engine.watched(timeout_s).until_it_hangs()
        return True
    except TimeoutError:
        return False


async def test_an_idle_engine_that_answers_lives() -> None:
    engine = Engine()
    assert not await hangs(engine, 0.3)
    assert engine.asked > 3


async def test_an_engine_that_never_answers_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "_GRACE_S", 0.01)
    engine = Engine(None)
    assert await hangs(engine, 1)
    assert engine.asked == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_engine_at_work_is_not_even_asked() -> None:
    engine = Engine(None)

    async def work() -> None:
        while True:
            await asyncio.sleep(0.005)
            engine.steps += 1

    working = asyncio.create_task(work())
    assert not await hangs(engine, 0.3)
    assert engine.asked == 0
    working.cancel()


async def test_an_engine_that_gets_on_but_does_not_answer_in_time_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Saturated: the probe waits in the queue while others are served, now and then."""
    monkeypatch.setattr(watchdog, "_GRACE_S", 0.0)
    engine = Engine(None)

    async def work() -> None:
        while True:
            await asyncio.sleep(0.04)
            engine.steps += 1

    working = asyncio.create_task(work())
    assert not await hangs(engine, 0.5)
    working.cancel()
    assert engine.asked > 1


async def test_an_answer_that_comes_while_we_were_stopped_counts() -> None:
    """The time has run out when the loop runs again, and the answer is there a moment later."""
    engine = Engine(0.1)
    assert not await hangs(engine, 0.4, timeout_s=0.05)
    assert engine.asked > 1
