"""The libraries lane: values, offered names, routing, start."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from importlib.util import find_spec
from typing import Any

import pytest
import pytest_asyncio

from service.components import sandbox_pool
from service.errors import SandboxError
from service.fair_queue import Owner
from service.sandbox.base import ANYONE, UNLOCKED, LockState, Outcome
from service.sandbox.lanes import Lanes
from service.sandbox.pool import SandboxPool
from service.settings import Settings
from tests.conftest import MakePool
from tests.sandbox.library_programs import DETAILS, VALUES
from tests.sandbox.processes import limits_of, ready_children, status_of, zygote_pid

pytestmark = pytest.mark.slow
on_the_loop_of_the_lanes = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lanes() -> AsyncIterator[Lanes]:
    """Both lanes with the default settings, started once: the start takes seconds."""
    sandbox = sandbox_pool(Settings(sandbox_libraries=True, sandbox_timeout_s=10))
    assert isinstance(sandbox, Lanes)
    await sandbox.start()
    yield sandbox
    await sandbox.close()


@on_the_loop_of_the_lanes
async def test_programs_of_both_libraries_have_plain_values(lanes: Lanes) -> None:
    executions = await asyncio.gather(*(lanes.run(program) for program in VALUES))
    found = {
        program: (execution.value, execution.detail) for program, execution in zip(VALUES, executions, strict=True)
    }
    assert found == {program: (value, "") for program, value in VALUES.items()}
    assert [type(execution.value) for execution in executions] == [type(value) for value in VALUES.values()]


@on_the_loop_of_the_lanes
async def test_details(lanes: Lanes) -> None:
    executions = await asyncio.gather(*(lanes.run(program) for program in DETAILS))
    assert [execution.outcome is Outcome.OK for execution in executions] == [False] * len(DETAILS)
    details = {program: execution.detail for program, execution in zip(DETAILS, executions, strict=True)}
    assert details == DETAILS


@on_the_loop_of_the_lanes
async def test_random_numbers_are_the_same_for_every_program(lanes: Lanes) -> None:
    program = (
        "import numpy as np, random\nfrom sympy import randprime\n"
        "ans = [np.random.rand(), np.random.default_rng().random(), randprime(1, 10**6), random.random()]"
    )
    values = [(await lanes.run(program)).value for _ in range(3)]
    assert values == [[0.5488135039273248, 0.6369616873214543, 885449, 0.8444218515250481]] * 3


@on_the_loop_of_the_lanes
async def test_programs_run_in_the_lane_of_their_imports(lanes: Lanes) -> None:
    libraries: list[str] = []
    plain: list[str] = []
    recording = Lanes(_Recorder(plain), _Recorder(libraries))
    named = [
        "import numpy",
        "x = 1; from sympy.abc import *",
        "import math, \\\n numpy as np",
        "# numpy",
        "import sympy",
    ]
    others = ["import math", "numpy_like = 1", "mysympy = 2", "import scipy", "import pandas", ""]
    for program in [*named, *others]:
        await recording.run(program)
    assert (libraries, plain) == (named, others)
    assert (await lanes.run("import numpy as np\nans = np.sum([1, 2])")).value == 3
    assert (await lanes.run("ans = 1 + 2")).value == 3


class _Recorder(SandboxPool):
    def __init__(self, programs: list[str]) -> None:
        self._programs = programs

    async def run(self, program: str, owner: Owner = ANYONE) -> Any:
        self._programs.append(program)


@on_the_loop_of_the_lanes
async def test_both_lanes_have_the_same_lock(lanes: Lanes) -> None:
    assert lanes.lock == lanes.plain.lock == lanes.libraries.lock
    assert lanes.lock.seccomp
    assert lanes.lock.rlimits
    zygotes = [zygote_pid(pool) for pool in (lanes.plain, lanes.libraries)]
    assert [status_of(zygote)["Threads"] for zygote in zygotes] == ["1", "1"]
    children = [(await ready_children(pool))[0] for pool in (lanes.plain, lanes.libraries)]
    for name in ("Uid", "Gid", "Seccomp", "NoNewPrivs", "CapEff", "CapPrm", "CapBnd", "Threads"):
        assert len({status_of(child)[name] for child in children}) == 1, name
    limits = [limits_of(child) for child in children]
    sizes = [limit.pop("Max address space") for limit in limits]
    assert limits[0] == limits[1]
    assert int(sizes[1][0]) > int(sizes[0][0])  # relative to the size of the zygote


@on_the_loop_of_the_lanes
async def test_load_of_both_lanes_is_added(lanes: Lanes) -> None:
    hang = ["while True: pass", "import numpy\nwhile True: pass"]
    runs = [asyncio.create_task(lanes.run(program)) for program in hang * 3]
    await asyncio.sleep(0.1)
    assert (lanes.running, lanes.queued) == (4, 2)
    for run in runs:
        run.cancel()
    await asyncio.gather(*runs, return_exceptions=True)
    assert (lanes.running, lanes.queued) == (0, 0)


def test_the_lock_of_two_lanes_is_the_weaker_one() -> None:
    plain, libraries = _Locked(), _Locked()
    lanes = Lanes(plain, libraries)
    assert lanes.lock == UNLOCKED
    plain.state = LockState(True, 5, True, True, True)
    libraries.state = LockState(True, 3, False, True, True)
    assert lanes.lock == LockState(True, 3, False, True, True)


class _Locked(SandboxPool):
    def __init__(self) -> None:
        self.state = UNLOCKED

    @property
    def lock(self) -> LockState:
        return self.state


async def test_one_lane_that_cannot_start_closes_the_other(make_pool: MakePool) -> None:
    plain = make_pool()
    lanes = Lanes(plain, _Broken())
    with pytest.raises(SandboxError, match=r"^the sandbox for numpy and sympy did not start: no memory$"):
        await lanes.start()
    with pytest.raises(SandboxError, match=r"^the sandbox is not running$"):
        await plain.run("ans = 1")


class _Broken(SandboxPool):
    def __init__(self) -> None:
        super().__init__(workers=1, timeout_s=1, memory_bytes=1, output_bytes=1, max_queue=1)

    async def start(self) -> None:
        raise SandboxError("no memory")


async def test_a_library_that_is_not_installed_is_named(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "service.sandbox.zygote_client.find_spec", lambda name: None if name == "sympy" else find_spec(name)
    )
    message = 'the package sympy is not installed; for sandbox_libraries, install "twinpath[libraries]"'
    with pytest.raises(SandboxError) as raised:
        await make_pool(libraries=True).start()
    assert str(raised.value) == message
    await make_pool().start()


async def test_without_the_setting_there_is_one_lane(make_pool: MakePool) -> None:
    assert isinstance(sandbox_pool(Settings()), SandboxPool)
    pool = make_pool()
    await pool.start()
    executions = [
        await pool.run(program) for program in ("import numpy as np\nans = 5", "import numpy as np\nans = np.sum([5])")
    ]
    assert [(execution.value, execution.detail) for execution in executions] == [
        (5, ""),
        (None, "numpy is not available to programs; set sandbox_libraries"),
    ]


def test_no_public_attribute_reaches_a_module_or_a_frame() -> None:
    """Reads every public attribute of the offered objects, and of what those give, as a program can."""
    result = subprocess.run([sys.executable, "-Wignore", "-c", _SCAN], capture_output=True, text=True, check=True)
    report = json.loads(result.stdout)
    assert report["found"] == []
    assert report["objects"] > 5000


_SCAN = """
import json, types
import numpy as np, sympy
from service.sandbox import guards, libraries, modules
libraries.set_up(policy=True)
read = guards.Guards(print).read
x = sympy.Symbol("x")
samples = [x, x + 1, x**2, sympy.Integral(x), sympy.eye(2), sympy.Eq(x, 1), sympy.Poly(x, x), sympy.sin(x),
           sympy.FiniteSet(1), sympy.Piecewise((1, x < 1), (2, True)), sympy.preorder_traversal(x),
           np.arange(3), np.float64(1), np.dtype(float), np.poly1d([1, 2]), np.vectorize(abs),
           np.random.default_rng(0), ValueError("x"), modules.LIBRARIES["sympy"].symbols]
level = [*modules.LIBRARIES.values(), *samples]
forbidden = (types.ModuleType, types.FrameType, types.CodeType, types.TracebackType)
plain = (int, str, float, bool, type(None))
seen, found = {}, []
for depth in range(3):
    following = []
    for target in level:
        if id(target) in seen:
            continue
        seen[id(target)] = target
        for name in target._members if isinstance(target, modules.Facade) else dir(target):
            try:
                value = read(target, name)
            except BaseException:
                continue
            if isinstance(value, forbidden) or any(value is builtin for builtin in (type, open, eval, exec)):
                found.append(name)
            elif not isinstance(value, plain):
                following.append(value)
    level = following
print(json.dumps({"objects": len(seen), "found": found}))
"""
