"""The attack corpus, under policy and lock, and under the lock only."""

import pytest

from tests.sandbox.attacks.resources import HANGS
from tests.sandbox.attacks.run import CORPUS, LIBRARY_CORPUS, failures


@pytest.mark.parametrize("policy", [True, False], ids=["policy-and-lock", "lock-alone"])
@pytest.mark.parametrize("group", sorted(CORPUS.keys() - {"hangs"}))
async def test_attacks_have_the_expected_results(group: str, policy: bool) -> None:
    assert await failures(CORPUS[group], policy=policy) == []


@pytest.mark.parametrize("policy", [True, False], ids=["policy-and-lock", "lock-alone"])
async def test_some_hanging_attacks_end_at_the_cpu_time_limit(policy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.sandbox.pool.WALL_FACTOR", 100)
    assert await failures(HANGS[:6], policy=policy, timeout_s=0.1) == []


@pytest.mark.slow
@pytest.mark.parametrize("policy", [True, False], ids=["policy-and-lock", "lock-alone"])
async def test_hanging_attacks_end_at_the_cpu_time_limit(policy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.sandbox.pool.WALL_FACTOR", 100)  # on a busy machine the wall-clock limit comes first
    assert await failures(HANGS, policy=policy, timeout_s=0.3) == []


@pytest.mark.slow
@pytest.mark.parametrize("policy", [True, False], ids=["policy-and-lock", "lock-alone"])
async def test_attacks_have_the_expected_results_in_the_libraries_lane(
    policy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.sandbox.pool.WALL_FACTOR", 100)  # on a busy machine the wall-clock limit comes first
    groups = {**CORPUS, **LIBRARY_CORPUS}.items()
    attacks = [attack for group, attacks in groups if group != "hangs" for attack in attacks]
    assert await failures(attacks, policy=policy, timeout_s=5, libraries=True) == []


@pytest.mark.soak
@pytest.mark.parametrize("policy", [True, False], ids=["policy-and-lock", "lock-alone"])
async def test_hanging_attacks_end_in_the_libraries_lane(policy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.sandbox.pool.WALL_FACTOR", 100)
    assert await failures(HANGS, policy=policy, timeout_s=0.3, libraries=True) == []


def test_corpus_has_distinct_attacks() -> None:
    names = [(group, attack.name) for group, attacks in (CORPUS | LIBRARY_CORPUS).items() for attack in attacks]
    assert len(names) == len(set(names))
    assert len(names) >= 150
