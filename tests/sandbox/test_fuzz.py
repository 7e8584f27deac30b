"""Random and mutated programs: the pool never raises, hangs or confuses two programs' answers."""

import asyncio
import random
from collections import Counter
from unittest.mock import Mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.sandbox.base import Execution, Outcome
from service.sandbox.runner import Runner
from service.sandbox.wire import decode
from tests.conftest import MakePool
from tests.sandbox.grammar import program


@pytest.mark.parametrize(
    ("count", "policy"),
    [
        (150, True),
        (150, False),
        pytest.param(10_000, True, marks=pytest.mark.soak),
        pytest.param(10_000, False, marks=pytest.mark.soak),
    ],
)
async def test_random_programs(make_pool: MakePool, count: int, policy: bool) -> None:
    on_restart = Mock()
    pool = make_pool(max_queue=count, timeout_s=1.0, policy=policy, memory_bytes=32 << 20, on_restart=on_restart)
    await pool.start()
    rng = random.Random(count)
    programs = [program(rng, 10**6 + number) for number in range(count)]
    executions = await asyncio.wait_for(asyncio.gather(*(pool.run(text) for text in programs)), 600)
    for number, (text, execution) in enumerate(zip(programs, executions, strict=True)):
        marked = text.endswith(f"\nans = {10**6 + number}\n")
        if execution.outcome is Outcome.OK and marked:
            assert execution.value == 10**6 + number
        assert (execution.value is None) == (execution.outcome is not Outcome.OK)
        assert not _astray(execution, 10**6, number)
    print(dict(Counter(execution.outcome.value for execution in executions)), on_restart.mock_calls)
    on_restart.assert_not_called()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(st.text() | st.text("()[]{}:=+-*/ \n\t'\"#_abfins019."))
def test_no_text_makes_the_runner_raise(text: str) -> None:
    runner = Runner(policy=True, output_bytes=1000)
    assert isinstance(decode(runner.run(text.encode("utf-8", "surrogatepass")), 0.0).outcome, Outcome)


def _astray(execution: Execution, first: int, number: int) -> bool:
    return type(execution.value) is int and first <= execution.value < 2 * first and execution.value != first + number
