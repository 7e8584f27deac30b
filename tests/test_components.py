"""Components: the problem of a request, the order of start and close, and the metrics of the sandbox."""

import asyncio
import os
import signal

import pytest
from prometheus_client import CollectorRegistry

from service.components import build
from service.errors import InputError
from service.metrics import Metrics
from service.model.metadata import Decoding
from service.sandbox.pool import SandboxPool
from service.schemas import PathBudget, SolveRequest
from service.settings import EngineKind, Settings
from service.types import Policy
from tests.sandbox.processes import zygote_pid
from tests.support.components import fake_components


def test_a_request_takes_missing_fields_from_settings_and_then_from_the_checkpoint() -> None:
    settings = Settings(cot_paths=3, pot_paths=4, policy=Policy.FIXED, temperature=0.4, max_tokens=9, deadline_s=5)
    components = fake_components(settings=settings, decoding=Decoding(temperature=0.9, top_p=0.8))
    bare = components.problem(SolveRequest(problem="Why?"))
    assert (bare.text, bare.cot, bare.pot, bare.policy) == ("Why?", 3, 4, Policy.FIXED)
    assert (bare.temperature, bare.top_p) == (0.4, 0.8)
    assert (bare.max_tokens, bare.deadline_s, bare.min_confidence) == (9, 5.0, 0.0)
    assert 0 <= bare.seed < 2**53
    half = components.problem(SolveRequest(problem="Why?", paths=PathBudget(cot=1)))
    assert (half.cot, half.pot) == (1, 4)
    unset = fake_components(decoding=Decoding(temperature=0.9)).problem(SolveRequest(problem="Why?"))
    assert unset.temperature == 0.9


def test_a_request_overrides_settings_and_keeps_its_zeros() -> None:
    request = SolveRequest(
        problem="Why?", paths=PathBudget(cot=0, pot=1), policy=Policy.LOSSLESS, temperature=0.0, top_p=0.5,
        max_tokens=1, deadline_s=1.0, seed=0, min_confidence=0.5,
    )  # fmt: skip
    full = fake_components(settings=Settings(temperature=0.4)).problem(request)
    assert (full.cot, full.pot, full.policy, full.temperature, full.top_p) == (0, 1, Policy.LOSSLESS, 0.0, 0.5)
    assert (full.max_tokens, full.deadline_s, full.seed, full.min_confidence) == (1, 1.0, 0, 0.5)


def test_a_request_without_a_path_is_refused() -> None:
    components = fake_components(settings=Settings(cot_paths=5, pot_paths=0))
    with pytest.raises(InputError, match="selects no path") as raised:
        components.problem(SolveRequest(problem="Why?", paths=PathBudget(cot=0)))
    assert raised.value.field == "paths"


async def test_load_and_restarts_of_the_sandbox_are_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = CollectorRegistry()
    monkeypatch.setattr("service.components.Metrics", lambda: Metrics(registry))
    async with build(Settings(engine=EngineKind.FAKE, sandbox_workers=1)) as components:
        pool = components.sandbox
        assert isinstance(pool, SandboxPool)
        runs = [asyncio.create_task(pool.run("while True: pass")) for _ in range(3)]
        await asyncio.sleep(0.1)
        assert registry.get_sample_value("twinpath_sandbox_running") == 1
        assert registry.get_sample_value("twinpath_sandbox_queued") == 2
        assert registry.get_sample_value("twinpath_sandbox_restarts_total") == 0
        os.kill(zygote_pid(pool), signal.SIGKILL)
        while registry.get_sample_value("twinpath_sandbox_restarts_total") == 0:
            await asyncio.sleep(0.01)
        assert registry.get_sample_value("twinpath_sandbox_restarts_total") == 1
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
        assert registry.get_sample_value("twinpath_sandbox_running") == 0
