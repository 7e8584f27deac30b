"""Many programs, a tenth of them hostile: no leak, no wrong answer, no restart of the zygote."""

import os

import pytest

from tests.sandbox.soak import soak

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may read the state of another user's processes")


@needs_root
@pytest.mark.parametrize("programs", [200, pytest.param(100_000, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])])
@pytest.mark.slow
async def test_nothing_leaks(programs: int) -> None:
    curve = await soak(programs, samples=5)
    first, last = curve[0], curve[-1]
    assert [sample.restarts for sample in curve] == [0] * 5
    assert max(sample.processes for sample in curve) <= 4
    assert (
        abs(last.service_descriptors - first.service_descriptors) <= 8
    )  # the number of pipes varies with that of the children
    assert last.zygote_descriptors <= first.zygote_descriptors + 2
    assert last.service_kib - first.service_kib < 16 * 1024
    assert last.zygote_kib - first.zygote_kib < 1024
