"""Turns of programs: fair run time for every owner, and what becomes of interrupted programs."""

import asyncio
import time
from unittest.mock import Mock

import pytest

from service.errors import SandboxError
from service.fair_queue import Owner
from service.sandbox.base import Execution, Outcome
from service.sandbox.pool import SandboxPool
from service.sandbox.turns import Lease, Turns
from service.sandbox.zygote_client import Child
from tests.conftest import MakePool
from tests.sandbox.processes import ready_children

ANN, BOB = Owner("ann", "r", "p"), Owner("bob", "r", "p")
LOOP = "while True: pass"
SHORT = ", after timeouts of the problem's other programs"


async def running(pool: SandboxPool, programs: int, owner: Owner) -> list[asyncio.Task[Execution]]:
    """Tasks of endless programs, which have used more run time than an owner may be ahead."""
    await ready_children(pool)
    tasks = [asyncio.create_task(pool.run(f"{LOOP}  # {number}", owner)) for number in range(programs)]
    await asyncio.sleep(0.2)
    return tasks


async def stop(tasks: list[asyncio.Task[Execution]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize(
    "other",
    [
        Owner("bob", "r", "p"),  # another key
        Owner("ann", "s", "p"),  # another request of the key
        Owner("ann", "r", "q"),  # another problem of the request
    ],
)
@pytest.mark.parametrize("workers", [1, 2])
async def test_no_program_waits_for_the_loops_of_another_owner(make_pool: MakePool, workers: int, other: Owner) -> None:
    pool = make_pool(workers=workers)
    await pool.start()
    loops = await running(pool, 16, other)
    assert pool.running == workers
    began = time.monotonic()
    for _ in range(3):
        executions = await asyncio.gather(*(pool.run(f"ans = {number}", ANN) for number in range(10)))
        assert [execution.value for execution in executions] == list(range(10))
    assert time.monotonic() - began < 1.5  # a loop would take 10 s
    assert not any(loop.done() for loop in loops)
    await stop(loops)
    assert (pool.running, pool.queued) == (0, 0)


async def test_programs_of_one_owner_do_not_interrupt_each_other(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt = Mock()
    monkeypatch.setattr(Lease, "interrupt", interrupt)
    pool = make_pool(workers=1, timeout_s=0.4)
    await pool.start()
    (loop,) = await running(pool, 1, BOB)
    assert (await pool.run("ans = 5", BOB)).value == 5
    assert (await loop).outcome is Outcome.TIMEOUT
    interrupt.assert_not_called()


@pytest.mark.slow
@pytest.mark.alone
async def test_an_interrupted_program_runs_again_within_its_time(make_pool: MakePool) -> None:
    pool = make_pool(workers=1, timeout_s=0.5)  # on the wall 2.5 s
    await pool.start()
    (loop,) = await running(pool, 1, BOB)
    began = time.monotonic()
    runs = 0
    while not loop.done():
        assert (await pool.run("ans = 5", ANN)).value == 5
        await asyncio.sleep(0.05)
        runs += 1
    assert loop.result().outcome is Outcome.TIMEOUT
    assert runs >= 2
    assert time.monotonic() - began < 5


@pytest.mark.slow
async def test_two_long_programs_of_two_callers_both_end(make_pool: MakePool) -> None:
    """With one process, each interruption doubles the time of the next run."""
    pool = make_pool(workers=1)
    await pool.start()
    await ready_children(pool)
    program = "n = 0\nwhile n < 4_000_000: n += 1\nans = n"
    executions = await asyncio.gather(*(pool.run(program, owner) for owner in (ANN, BOB)))
    assert [execution.value for execution in executions] == [4_000_000] * 2


async def test_a_long_program_ends_though_others_never_stop(make_pool: MakePool) -> None:
    pool = make_pool(workers=2)
    await pool.start()
    await ready_children(pool)
    long = asyncio.create_task(pool.run("n = 0\nwhile n < 3_000_000: n += 1\nans = n", BOB))
    loops = [asyncio.create_task(pool.run(f"{LOOP}  # {number}", BOB)) for number in range(2)]
    while not long.done():
        assert (await pool.run("ans = 5", ANN)).value == 5
    assert long.result().value == 3_000_000
    await stop(loops)


@pytest.mark.slow
async def test_after_two_timeouts_the_rest_of_a_problem_has_a_part_of_the_time(make_pool: MakePool) -> None:
    pool = make_pool(workers=1, timeout_s=0.5)
    await pool.start()
    full = [await pool.run(f"{LOOP}  # {number}", BOB) for number in range(2)]
    assert [execution.outcome for execution in full] == [Outcome.TIMEOUT] * 2
    assert not any(SHORT in execution.detail for execution in full)
    short = await pool.run(LOOP, BOB)
    assert short.outcome is Outcome.TIMEOUT
    assert short.detail == f"no reply within 0.05 s{SHORT}"
    assert 0.05 <= short.seconds < 0.5
    assert (await pool.run("ans = 5", BOB)).value == 5
    for other in (Owner("bob", "r", "another"), Owner()):
        assert SHORT not in (await pool.run(LOOP, other)).detail


async def test_programs_of_no_problem_always_have_their_time(make_pool: MakePool) -> None:
    pool = make_pool(workers=2, timeout_s=0.1)
    await pool.start()
    executions = await asyncio.gather(*(pool.run(f"{LOOP}  # {number}") for number in range(4)))
    assert [execution.outcome for execution in executions] == [Outcome.TIMEOUT] * 4
    assert not any(SHORT in execution.detail for execution in executions)


async def test_a_full_queue_drops_from_the_longest_line() -> None:
    turns = Turns(workers=1, max_queue=3)
    first, second, third = (turns.add(BOB) for _ in range(3))
    with pytest.raises(SandboxError, match=r"^the sandbox's queue is full: 3 programs are waiting$"):
        turns.add(BOB)
    ann = turns.add(ANN)
    assert (str(third.exception()), turns.waiting) == ("the sandbox's queue is full: 3 programs are waiting", 3)
    with pytest.raises(SandboxError):
        turns.add(ANN)
    assert [turn.done() for turn in (first, second, ann)] == [False] * 3
    turns.fail_waiting("closed")
    assert (str(ann.exception()), turns.waiting) == ("closed", 0)
    assert [str(turn.exception()) for turn in (first, second)] == ["closed"] * 2


async def test_free_processes_go_to_the_owner_that_used_least() -> None:
    turns = Turns(workers=2, max_queue=9)
    child = Mock(spec=Child)
    waiting = {owner: turns.add(owner) for owner in (BOB, ANN)}
    used = turns.start(BOB, child)
    used.charged_until -= 5.0
    assert turns.start_next(child)
    assert [waiting[owner].done() for owner in (BOB, ANN)] == [False, True]
    assert (turns.in_use, turns.waiting, turns.has_free_worker) == (2, 1, False)
    for lease in (used, waiting[ANN].result()):
        turns.end(lease)
    assert turns.start_next(child)
    assert not turns.start_next(child)
