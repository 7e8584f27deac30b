"""Pools for the sandbox's tests: small limits, so that attacks on them are quick."""

from collections.abc import AsyncIterator, Callable

import pytest

from service.sandbox.pool import SandboxPool

MakePool = Callable[..., SandboxPool]


@pytest.fixture
async def make_pool() -> AsyncIterator[MakePool]:
    """Makes pools that are closed at the end of the test."""
    pools: list[SandboxPool] = []

    def make(**changes: object) -> SandboxPool:
        settings: dict[str, object] = {
            "workers": 2,
            "timeout_s": 10.0,
            "memory_bytes": 64 * 1024 * 1024,
            "output_bytes": 16 * 1024,
            "max_queue": 1000,
        }
        pools.append(SandboxPool(**(settings | changes)))  # type: ignore[arg-type]
        return pools[-1]

    yield make
    for pool in pools:
        await pool.close()
