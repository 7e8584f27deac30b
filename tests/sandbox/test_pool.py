"""The pool: outcomes, answers, queueing, and the death of processes."""

import asyncio
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from unittest.mock import Mock

import pytest

from service.errors import SandboxError
from service.fair_queue import Owner
from service.sandbox import process_pool
from service.sandbox.base import ANYONE, UNLOCKED, Execution, Outcome, Sandbox, Value
from service.sandbox.fake import FakeSandbox
from service.sandbox.lanes import Lanes
from service.sandbox.pool import MAX_PROGRAM_BYTES, SandboxPool
from tests.conftest import MakePool
from tests.sandbox.processes import children_of, ready_children, stopped_children, survivors, zygote_pid

ANSWERS: list[tuple[str, Value]] = [
    ("ans = 3 * 17", 51),
    ("ans = -(2 ** 70)", -(2**70)),
    ("ans = 7 / 2", 3.5),
    ("ans = 0.1 + 0.2", 0.1 + 0.2),
    ("from fractions import Fraction\nans = Fraction(2, 6)", Fraction(1, 3)),
    ("from decimal import Decimal\nans = Decimal('1.10')", Decimal("1.10")),
    ("ans = 3 > 2", True),
    ("ans = 'Ann, 5 €'", "Ann, 5 €"),
    ("ans = [1, [2.5, 'x'], (True,)]", [1, [2.5, "x"], [True]]),
    ("def solution():\n    return 5", 5),
    ("def solver(n=5):\n    return n", 5),
    ("def solution():\n    return 5\nans = 6", 6),
    ("def solver():\n    return 6\ndef solution():\n    return 5", 5),
    ("def solution():\n    print(5)", "5"),
    ("print(4)\nprint(' 5 ')\nprint()", "5"),
    ("print(4)\nans = 5", 5),
    ("print(4)\nans = None", "4"),
]


async def until(mock: Mock) -> None:
    """Wait until the mock was called."""
    async with asyncio.timeout(5):
        while not mock.called:
            await asyncio.sleep(0.01)


@contextmanager
def no_free_descriptor() -> Iterator[Callable[[], None]]:
    """Fills this process's table of descriptors. Yields a function that fills it again."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
    filled = []

    def fill() -> None:
        with suppress(OSError):
            while True:
                filled.append(os.open(os.devnull, os.O_RDONLY))

    try:
        fill()
        yield fill
    finally:
        for descriptor in filled:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(params=["pool", pytest.param("lanes", marks=pytest.mark.slow), "fake"])
def sandbox(request: pytest.FixtureRequest, make_pool: MakePool) -> Sandbox:
    if request.param == "pool":
        return make_pool()
    if request.param == "lanes":
        return Lanes(make_pool(), make_pool(libraries=True))
    return FakeSandbox({"ans = 1": Execution(Outcome.OK, 1, "", 0.0)})


async def test_conformance(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError):
        await sandbox.run("ans = 1")
    await sandbox.start()
    for owner in (ANYONE, Owner("ann", "r", "p")):
        execution = await sandbox.run("ans = 1", owner)
        assert (execution.outcome, execution.value, execution.detail) == (Outcome.OK, 1, "")
    execution = await sandbox.run("ans = 1 / 0")
    assert (execution.outcome, execution.value) == (Outcome.ERROR, None)
    await sandbox.close()
    await sandbox.close()
    with pytest.raises(SandboxError):
        await sandbox.run("ans = 1")
    await sandbox.start()
    assert (await sandbox.run("ans = 1")).value == 1
    await sandbox.close()


@pytest.mark.parametrize("policy", [True, False])
async def test_answers(make_pool: MakePool, policy: bool) -> None:
    pool = make_pool(policy=policy)
    await pool.start()
    executions = [await pool.run(program) for program, _ in ANSWERS]
    assert [(execution.value, type(execution.value)) for execution in executions] == [
        (value, type(value)) for _, value in ANSWERS
    ]


async def test_hundreds_at_once_get_their_own_answers(make_pool: MakePool) -> None:
    pool = make_pool()
    await pool.start()
    executions = await asyncio.gather(*(pool.run(f"ans = {n} * 2") for n in range(300)))
    assert [execution.value for execution in executions] == [2 * n for n in range(300)]
    assert (pool.running, pool.queued) == (0, 0)


async def test_nothing_of_one_program_is_seen_by_the_next(make_pool: MakePool) -> None:
    pool = make_pool(workers=1, policy=False)
    await pool.start()
    await pool.run("import builtins, math\nbuiltins.secret = math.secret = 'ESCAPED'\nans = 1")
    for _ in range(3):
        execution = await pool.run(
            "import builtins, math\nans = [hasattr(builtins, 'secret'), hasattr(math, 'secret')]"
        )
        assert execution.value == [False, False]


async def test_random_numbers_are_the_same_for_every_program(make_pool: MakePool) -> None:
    program = "import random\nans = [random.random(), list({'a', 'b', 'c', 'd', 'e'})]"
    values = []
    for _ in range(2):
        pool = make_pool(workers=1)
        await pool.start()
        values += [(await pool.run(program)).value for _ in range(3)]
    assert values == [values[0]] * 6


async def test_observer_sees_every_execution(make_pool: MakePool) -> None:
    seen: list[Execution] = []
    pool = make_pool(observe=seen.append)
    await pool.start()
    returned = [await pool.run(program) for program in ("ans = 1", "1 / 0", "open('x')", "\ud800")]
    assert seen == returned
    assert [execution.outcome for execution in seen] == [Outcome.OK, Outcome.ERROR, Outcome.DENIED, Outcome.ERROR]


async def test_details(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.sandbox.pool.WALL_FACTOR", 100)  # on a busy machine the wall-clock limit comes first
    pool = make_pool(timeout_s=0.2)
    await pool.start()
    programs = {
        "while True: pass": "CPU time limit exceeded",
        "import numpy as np\nans = np.array([1])": "numpy is not available to programs; set sandbox_libraries",
        "import sympy\nx = sympy.Symbol('x')": "sympy is not available to programs; set sandbox_libraries",
        "import os\nos.getcwd()": "os is not available to programs",
        "ans = 3\nans = ans + x": "NameError: name 'x' is not defined",
        "ans = []": "",
        "ans = {}": "a dict is not a valid answer",
        "raise ValueError('two\\nlines' + 'x' * 1000)": ("ValueError: two lines" + "x" * 1000)[:200],
        "print('x' * 20000)": "the program printed too much",
        "pass": "the program left no answer: set `ans`, define solution() or print it",
        "#" * (MAX_PROGRAM_BYTES + 1): "the program is longer than 65536 bytes",
    }
    assert {program: (await pool.run(program)).detail for program in programs} == programs


@pytest.mark.slow
async def test_time_without_a_core_does_not_count(make_pool: MakePool) -> None:
    pool = make_pool(workers=1, timeout_s=1)
    await pool.start()
    async with stopped_children(pool):
        run = asyncio.create_task(pool.run("ans = 1"))
        await asyncio.sleep(1.5)
    assert (await run).outcome is Outcome.OK


async def test_the_cpu_timer_ignores_inherited_signal_settings(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process inherits the ignored and blocked signals of its parent."""
    monkeypatch.setattr("service.sandbox.pool.WALL_FACTOR", 100)  # on a busy machine the wall-clock limit comes first
    before = signal.signal(signal.SIGPROF, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPROF})
    try:
        pool = make_pool(workers=1, timeout_s=0.2)
        await pool.start()
        assert (await pool.run("while True: pass")).detail == "CPU time limit exceeded"
    finally:
        signal.signal(signal.SIGPROF, before)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})


async def test_a_program_ends_at_the_wall_clock_limit(make_pool: MakePool) -> None:
    pool = make_pool(workers=1, timeout_s=0.1)
    await pool.start()
    async with stopped_children(pool):
        execution = await pool.run("ans = 1")
    assert (execution.outcome, execution.detail) == (Outcome.TIMEOUT, "no reply within 0.5 s")


@pytest.mark.slow
async def test_full_queue_is_an_error(make_pool: MakePool) -> None:
    pool = make_pool(workers=1, max_queue=2, timeout_s=0.3)
    await pool.start()
    await asyncio.sleep(0.1)
    hang = "while True: pass"
    results = await asyncio.gather(*(pool.run(hang) for _ in range(4)), return_exceptions=True)
    assert [isinstance(result, SandboxError) for result in results] == [False, False, False, True]
    assert str(results[3]) == "the sandbox's queue is full: 2 programs are waiting"


async def test_cancelled_runs_give_their_children_back(make_pool: MakePool) -> None:
    pool = make_pool(workers=1)
    await pool.start()
    runs = [asyncio.create_task(pool.run("while True: pass")) for _ in range(3)]
    await asyncio.sleep(0.1)
    assert (pool.running, pool.queued) == (1, 2)
    for run in runs:
        run.cancel()
    await asyncio.gather(*runs, return_exceptions=True)
    assert (pool.running, pool.queued) == (0, 0)
    assert (await pool.run("ans = 5")).value == 5


async def test_dead_zygote_is_replaced_and_its_program_run_again(make_pool: MakePool) -> None:
    on_restart = Mock()
    pool = make_pool(on_restart=on_restart)
    await pool.start()
    first = zygote_pid(pool)
    run = asyncio.create_task(pool.run("x = 0\nwhile x < 3_000_000: x += 1\nans = x"))
    await asyncio.sleep(0.05)
    os.kill(first, signal.SIGKILL)
    assert (await run).value == 3_000_000
    on_restart.assert_called_once_with()
    assert zygote_pid(pool) != first


async def test_child_that_dies_while_waiting_is_skipped(make_pool: MakePool) -> None:
    on_restart = Mock()
    pool = make_pool(workers=1, on_restart=on_restart)
    await pool.start()
    await pool.run("ans = 1")
    pids = await ready_children(pool)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert survivors(pids) == []
    assert [(await pool.run("ans = 5")).value for _ in range(3)] == [5, 5, 5]
    on_restart.assert_not_called()


async def test_child_that_is_killed_while_running_is_an_outcome(make_pool: MakePool) -> None:
    pool = make_pool(workers=1)
    await pool.start()
    run = asyncio.create_task(pool.run("while True: pass"))
    await asyncio.sleep(0.1)
    for pid in children_of(zygote_pid(pool)):
        os.kill(pid, signal.SIGKILL)
    execution = await run
    assert execution.outcome is Outcome.MEMORY
    assert execution.detail == "killed by the kernel: out of memory"


async def test_hung_zygote_is_replaced(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_pool, "CHILD_WAIT_S", 0.5)
    on_restart = Mock()
    pool = make_pool(workers=1, on_restart=on_restart)
    await pool.start()
    os.kill(zygote_pid(pool), signal.SIGSTOP)
    executions = [await pool.run("ans = 5") for _ in range(4)]  # more than were ready
    assert [execution.value for execution in executions] == [5] * 4
    on_restart.assert_called_once_with()


async def test_a_hung_zygote_is_replaced_though_nothing_waits(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_pool, "CHILD_WAIT_S", 0.3)
    on_restart = Mock()
    pool = make_pool(workers=1, on_restart=on_restart)
    await pool.start()
    await ready_children(pool)
    first = zygote_pid(pool)
    os.kill(first, signal.SIGSTOP)
    assert (await pool.run("ans = 5")).value == 5
    await until(on_restart)
    assert zygote_pid(pool) != first
    assert len(await ready_children(pool)) == 2


async def test_a_zygote_that_hangs_before_a_status_costs_no_answer(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_pool, "CHILD_WAIT_S", 0.3)
    pool = make_pool(workers=1)
    await pool.start()
    pids = await ready_children(pool)
    first = zygote_pid(pool)
    os.kill(first, signal.SIGSTOP)
    os.kill(pids[0], signal.SIGKILL)  # its wait status does not come
    async with asyncio.timeout(5):
        executions = await asyncio.gather(*(pool.run(f"ans = {number}") for number in range(4)))
    assert [execution.value for execution in executions] == [0, 1, 2, 3]
    assert zygote_pid(pool) != first


@pytest.mark.slow
async def test_a_zygote_is_not_hung_because_the_loop_was_busy(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_pool, "CHILD_WAIT_S", 0.3)
    on_restart = Mock()
    pool = make_pool(workers=1, on_restart=on_restart)
    await pool.start()
    for _ in range(3):
        assert (await pool.run("ans = 5")).value == 5
        await asyncio.sleep(0)  # the zygote now owes a child
        time.sleep(0.5)
        await asyncio.sleep(0.05)
    on_restart.assert_not_called()


async def test_children_without_a_descriptor_are_replaced(make_pool: MakePool) -> None:
    on_restart = Mock()
    pool = make_pool(workers=1, on_restart=on_restart)
    await pool.start()
    await ready_children(pool)
    with no_free_descriptor() as fill:
        for _ in range(2):  # all that are ready
            assert (await pool.run("ans = 5")).value == 5
            await asyncio.sleep(0)
            fill()  # the pipe of the used child was closed
        await asyncio.sleep(0.3)
        assert len(pool._children._ready) == 0
    assert (await asyncio.wait_for(pool.run("ans = 5"), 2)).value == 5
    assert len(await ready_children(pool)) == 2
    on_restart.assert_not_called()


async def test_zygote_that_cannot_start_is_one_clear_error(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    pool = make_pool()
    with pytest.raises(SandboxError, match=r"^the sandbox's zygote exited during its start$"):
        await pool.start()
    assert pool.lock == UNLOCKED


async def test_pool_recovers_after_its_zygote_could_not_be_started_again(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_pool, "_RESTART_PAUSE_S", 0.0)
    pool = make_pool(workers=1)
    await pool.start()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/bin/false")
        os.kill(zygote_pid(pool), signal.SIGKILL)
        runs = [pool.run("ans = 5") for _ in range(3)]
        results = await asyncio.gather(*runs, return_exceptions=True)
        assert str(results[-1]) == "the sandbox's zygote exited during its start"
    with pytest.raises(SandboxError, match="could not be started again"):
        await pool.run("ans = 5")
    assert (await pool.run("ans = 5")).value == 5


async def test_close_ends_everything(make_pool: MakePool) -> None:
    pool = make_pool()
    await pool.start()
    await asyncio.sleep(0.1)
    zygote = zygote_pid(pool)
    children = children_of(zygote)
    runs = [asyncio.create_task(pool.run("while True: pass")) for _ in range(5)]
    await asyncio.sleep(0.05)
    await pool.close()
    results = await asyncio.gather(*runs, return_exceptions=True)
    assert [type(result) for result in results] == [SandboxError] * 5
    assert children
    assert survivors([zygote, *children]) == []


def test_pool_implements_the_protocol() -> None:
    sandbox: type[Sandbox] = SandboxPool
    assert sandbox is SandboxPool


def test_works_on_uvloop() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def main() -> list[Value | None]:
        pool = SandboxPool(workers=2, timeout_s=10, memory_bytes=1 << 26, output_bytes=1000, max_queue=99)
        await pool.start()
        executions = await asyncio.gather(*(pool.run(f"ans = {n}") for n in range(50)))
        await pool.close()
        return [execution.value for execution in executions]

    assert uvloop.run(main()) == list(range(50))
