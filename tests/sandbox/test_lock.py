"""The kernel lock from outside: rights, descriptors, limits and system calls of a child."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from service.sandbox.base import LockState
from service.sandbox.lock import NOBODY
from tests.conftest import MakePool
from tests.sandbox.processes import (
    children_of,
    descriptors_of,
    limits_of,
    ready_children,
    status_of,
    survivors,
    zygote_pid,
)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may read the state of another user's processes")

ALLOWED_CALLS = {"read": 0, "write": 1, "mmap": 9, "munmap": 11, "brk": 12, "mremap": 25, "clock_gettime": 228}
EXIT_GROUP = 231
BEYOND_SECCOMP = [335, 336]
"""uretprobe and uprobe: newer kernels let them pass every filter and refuse them outside their own trampolines."""


async def test_lock_state_is_reported(make_pool: MakePool) -> None:
    pool = make_pool()
    await pool.start()
    assert pool.lock.seccomp
    assert pool.lock.rlimits
    if os.geteuid() == 0:
        assert pool.lock == LockState(True, pool.lock.landlock, pool.lock.network_namespace, True, True)


@needs_root
async def test_children_are_locked_before_they_see_a_program(make_pool: MakePool) -> None:
    pool = make_pool(workers=1, timeout_s=3)
    await pool.start()
    await pool.run("ans = 1")
    await pool.run("ans = 1")
    child = (await ready_children(pool))[0]
    status = status_of(child)
    expected = {"Seccomp": "2", "NoNewPrivs": "1", "CapEff": "0" * 16, "CapPrm": "0" * 16, "CapBnd": "0" * 16}
    assert {name: status[name] for name in expected} == expected
    assert status["Uid"].split() == [str(NOBODY)] * 4
    assert status["Gid"].split() == [str(NOBODY)] * 4
    assert status["Threads"] == "1"
    assert list(descriptors_of(child)) == [0]
    limits = limits_of(child)
    assert limits["Max cpu time"] == ["4", "4"]
    assert limits["Max processes"] == limits["Max open files"] == limits["Max core file size"] == ["0", "0"]
    assert limits["Max file size"] == limits["Max locked memory"] == ["0", "0"]


@needs_root
async def test_zygote_inherits_nothing_of_the_service(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hidden")
    with Path("/etc/hostname").open() as file:
        os.set_inheritable(file.fileno(), True)
        pool = make_pool(workers=1)
        await pool.start()
        await asyncio.sleep(0.1)
        zygote = zygote_pid(pool)
        descriptors = descriptors_of(zygote)
    stderr = str(Path("/proc/self/fd/2").readlink())  # inherited for errors of the zygote itself
    assert descriptors.pop(2) == stderr
    assert [target.partition(":")[0] for _, target in sorted(descriptors.items())] == [
        "/dev/null",
        "/dev/null",
        "socket",
    ]
    assert Path(f"/proc/{zygote}/environ").read_bytes() == b"PYTHONHASHSEED=0\x00"
    assert status_of(zygote)["Threads"] == "1"


@needs_root
async def test_a_child_closes_descriptors_above_its_own_limit(make_pool: MakePool) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(Path("/dev/null").open())
        pool = make_pool(workers=1)
        await pool.start()  # the channel of the zygote now has a number above 64
        assert (await pool.run("ans = 1")).value == 1
        assert max(descriptors_of(zygote_pid(pool))) > 64
        assert list(descriptors_of((await ready_children(pool))[0])) == [0]


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the test has the numbers of x86_64")
async def test_kernel_refuses_every_other_call(make_pool: MakePool) -> None:
    pool = make_pool(policy=False)
    await pool.start()
    program = f"""
import ctypes
c = ctypes.CDLL(None, use_errno=True)
ans = []
for number in range(600):
    if number not in {[*ALLOWED_CALLS.values(), EXIT_GROUP, *BEYOND_SECCOMP]}:
        if c.syscall(number, 0, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != 1:
            ans.append(number)
"""
    assert (await pool.run(program)).value == []


async def test_address_space_of_all_children_is_bounded(make_pool: MakePool) -> None:
    pool = make_pool(workers=2)
    await pool.start()
    runs = [asyncio.create_task(pool.run("while True: pass")) for _ in range(9)]
    counts: list[tuple[int, int]] = []
    async with asyncio.timeout(10):
        while counts[-20:] != [(2, 4)] * 20:
            await asyncio.sleep(0.01)
            counts.append((pool.running, len(children_of(zygote_pid(pool)))))
    assert max(counts) == (2, 4)
    for run in runs:
        run.cancel()
    await asyncio.gather(*runs, return_exceptions=True)


def test_all_processes_end_with_the_service() -> None:
    script = """
import asyncio, os, sys
from service.sandbox.pool import SandboxPool
from tests.sandbox.processes import children_of, zygote_pid
async def main():
    pool = SandboxPool(workers=2, timeout_s=60, memory_bytes=1 << 26, output_bytes=1000, max_queue=9)
    await pool.start()
    asyncio.create_task(pool.run("while True: pass"))
    while not pool.running or len(children_of(zygote_pid(pool))) < 4:
        await asyncio.sleep(0.01)
    print(zygote_pid(pool), *children_of(zygote_pid(pool)), flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        pids = [int(pid) for pid in service.stdout.readline().split()]
        service.send_signal(signal.SIGKILL)
    assert len(pids) == 5
    assert survivors(pids) == []


def test_the_zygote_imports_of_this_project_only_what_a_child_needs() -> None:
    """Every further import would make the zygote and its children larger and slower to fork."""
    code = "import service.sandbox.zygote, sys; print(*(name for name in sys.modules if name.startswith('service')))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    children = {
        "base",
        "classes",
        "dataclass_facade",
        "dataclass_fields",
        "dataclass_methods",
        "enumerations",
        "expression_guard",
        "facades",
        "formatting",
        "guards",
        "lock",
        "modules",
        "names",
        "outline",
        "policy",
        "printed",
        "program_builtins",
        "program_facades",
        "results",
        "runner",
        "seccomp",
        "steps",
        "typing_facade",
        "wire",
        "zygote",
    }
    assert set(result.stdout.split()) == {
        "service",
        "service.fair_queue",  # the protocol names the owner of a program
        "service.process",
        "service.sandbox",
        *(f"service.sandbox.{name}" for name in children),
    }
