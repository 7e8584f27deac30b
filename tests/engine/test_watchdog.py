"""Hang detection: hanging, idle, busy and slow engines."""

import asyncio

import pytest

from service.engine import watchdog
from service.engine.watchdog import Watchdog


class Engine:
    """Counts its steps and samples a token in the given seconds, or never if that is None."""

    def __init__(self, token_s: float | None = 0.0) -> None:
        self.steps = 0
        self.probes = 0
        self.token_s = token_s

    async def sample_token(self) -> None:
        self.probes += 1
        await asyncio.sleep(3600 if self.token_s is None else self.token_s)
        self.steps += 1

    def watched(self, timeout_s: float = 0.05) -> Watchdog:
        return Watchdog(lambda: self.steps, self.sample_token, interval_s=0.02, timeout_s=timeout_s)


async def hangs(engine: Engine, within_s: float, timeout_s: float = 0.05) -> bool:
    try:
        async with asyncio.timeout(within_s):
            await engine.watched(timeout_s).wait_for_hang()
        return True
    except TimeoutError:
        return False


async def test_an_idle_engine_that_answers_does_not_hang() -> None:
    engine = Engine()
    assert not await hangs(engine, 0.3)
    assert engine.probes > 3


async def test_an_engine_that_never_answers_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "_GRACE_S", 0.01)
    engine = Engine(None)
    assert await hangs(engine, 1)
    assert engine.probes == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_working_engine_is_not_probed() -> None:
    engine = Engine(None)

    async def work() -> None:
        while True:
            await asyncio.sleep(0.005)
            engine.steps += 1

    working = asyncio.create_task(work())
    assert not await hangs(engine, 0.3)
    assert engine.probes == 0
    working.cancel()


async def test_a_slow_engine_with_progress_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine is saturated: the probe waits in its queue."""
    monkeypatch.setattr(watchdog, "_GRACE_S", 0.0)
    engine = Engine(None)

    async def work() -> None:
        while True:
            await asyncio.sleep(0.04)
            engine.steps += 1

    working = asyncio.create_task(work())
    assert not await hangs(engine, 0.5)
    working.cancel()
    assert engine.probes > 1


async def test_a_token_that_arrives_during_a_stop_of_this_process_counts() -> None:
    """The timeout has passed when the loop runs again, and the token arrives a moment later."""
    engine = Engine(0.1)
    assert not await hangs(engine, 0.4, timeout_s=0.05)
    assert engine.probes > 1
