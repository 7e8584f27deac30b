"""Spools: bodies on disk, and their total."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from service.api.spool import DiskBudget, Spool, SpoolLimits
from service.errors import InputError, OverloadedError

LIMITS = SpoolLimits(max_bytes=1000, max_line_bytes=50, max_pause_s=0.4, max_s=60)


class Body:
    """Body whose pieces a test sends. `ended` and `left` are its last messages."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[Message] = asyncio.Queue()

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.messages.put_nowait({"type": "http.request", "body": piece, "more_body": True})

    def end(self) -> None:
        self.messages.put_nowait({"type": "http.request", "body": b"", "more_body": False})

    def leave(self) -> None:
        self.messages.put_nowait({"type": "http.disconnect"})


async def after(spool: Spool, body: Body) -> list[bytes]:
    """Lines of a spool that is filled from a body."""
    filling = asyncio.create_task(spool.fill(body.messages.get))
    lines = [line async for _, line in spool.lines()]
    filling.cancel()
    return lines


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 400)), min_size=1, max_size=30))
def test_small_bodies_find_room_beside_large_ones(growths: list[tuple[int, int]]) -> None:
    """A body is cut only if it is the largest that is still arriving."""
    budget = DiskBudget(1000)
    spools = [Spool(LIMITS, budget) for _ in range(4)]
    try:
        for number, size in growths:
            spool = spools[number]
            if spool.is_arriving:
                sizes = [one.size_bytes for one in spools if one.is_arriving and one is not spool]
                fits = budget.used_bytes + size <= 1000
                is_largest = spool.size_bytes + size >= max(sizes, default=0)
                spool._write(b"x" * size)
                assert spool.is_arriving == (spool._received <= 1000 and (fits or not is_largest))
            assert budget.used_bytes == sum(one.size_bytes for one in spools) <= 1000
    finally:
        for one in spools:
            one.__exit__()
    assert budget.used_bytes == 0


async def test_the_largest_body_that_still_arrives_is_cut() -> None:
    budget, first, second, third = DiskBudget(150), Body(), Body(), Body()
    first.send(b"a\n" * 30)
    first.end()
    second.send(b"b\n" * 40)
    third.send(b"c\n" * 20)
    third.end()
    with Spool(LIMITS, budget) as one, Spool(LIMITS, budget) as two, Spool(LIMITS, budget) as three:
        filling = [
            asyncio.create_task(one.fill(first.messages.get)),
            asyncio.create_task(two.fill(second.messages.get)),
        ]
        await one.complete()
        await asyncio.sleep(0.01)
        assert budget.used_bytes == 140
        filling.append(asyncio.create_task(three.fill(third.messages.get)))
        await three.complete()
        assert isinstance(two.cut, OverloadedError)
        assert budget.used_bytes == 100
        assert [line async for _, line in two.lines()] == []
        assert [line async for _, line in one.lines()] == [b"a"] * 30
        assert [line async for _, line in three.lines()] == [b"c"] * 20
        assert (one.cut, three.cut) == (None, None)
        for task in filling:
            task.cancel()
    assert budget.used_bytes == 0


async def test_small_bodies_of_one_key_cost_the_larger_body_of_another_nothing() -> None:
    budget, ann = DiskBudget(1000), Body()
    ann.send(*[b"a\n" * 10] * 20)
    ann.end()
    spools = [Spool(LIMITS, budget, "bob") for _ in range(8)]
    for spool in spools:
        spool._write(b"b\n" * 60)
    with Spool(LIMITS, budget, "ann") as spool:
        filling = asyncio.create_task(spool.fill(ann.messages.get))
        await asyncio.wait_for(spool.complete(), 5)
        assert (spool.cut, spool.size_bytes) == (None, 400)
        assert [one.is_arriving for one in spools].count(True) == 5  # 600 bytes
        filling.cancel()
        last = next(one for one in spools if one.is_arriving)
        last._write(b"b\n")
        assert isinstance(last.cut, OverloadedError)
    for one in spools:
        one.__exit__()
    assert budget.used_bytes == 0


async def test_rows_that_were_read_take_no_room() -> None:
    """A caller may send a chunked body for hours."""
    budget, body = DiskBudget(200), Body()
    with Spool(LIMITS, budget) as spool:
        filling = asyncio.create_task(spool.fill(body.messages.get))
        lines = spool.lines()
        for number in range(9):
            body.send(b"x" * 40 + b"%d\n" % number)
            assert (await anext(lines))[1] == b"x" * 40 + b"%d" % number
        waiting = asyncio.ensure_future(anext(lines))
        await asyncio.sleep(0.01)
        assert budget.used_bytes == 0
        body.send(b"an incomplete ")
        await asyncio.sleep(0.01)
        assert budget.used_bytes == 0
        body.send(b"line")
        body.end()
        assert await waiting == (10, b"an incomplete line")
        filling.cancel()


async def test_bodies_that_are_abandoned_give_their_room_back() -> None:
    budget = DiskBudget(10_000)
    for _ in range(50):
        body = Body()
        body.send(b"x\n" * 100)
        body.leave()
        with Spool(LIMITS, budget) as spool:
            await spool.fill(body.messages.get)
            assert budget.used_bytes == 200
            lines = spool.lines()
            assert await anext(lines) == (1, b"x")
            await lines.aclose()
    assert budget.used_bytes == 0


@pytest.mark.parametrize(
    ("max_s", "is_per_row", "sent", "pause_s", "most", "reason"),
    [
        (60, False, b"x\n", 0.8, 1, "The batch is cut: no data arrived for 0.4 s."),
        (0.3, False, b"x\n", 0.05, 8, "The batch is cut: its body did not arrive within 0.3 s."),
        (0.3, True, b"x", 0.05, 0, "The batch is cut: the next row did not arrive within 0.3 s."),
        (0.3, True, b" \n", 0.05, 0, "The batch is cut: the next row did not arrive within 0.3 s."),
    ],
)
async def test_a_body_that_is_too_slow_is_cut(
    max_s: float, is_per_row: bool, sent: bytes, pause_s: float, most: int, reason: str
) -> None:
    body = Body()

    async def drip() -> None:
        while True:
            body.send(sent)
            await asyncio.sleep(pause_s)

    dripping = asyncio.create_task(drip())
    with Spool(SpoolLimits(1000, 50, 0.4, max_s, is_per_row), DiskBudget(10_000)) as spool:
        lines = await asyncio.wait_for(after(spool, body), 5)
    dripping.cancel()
    assert min(most, 1) <= len(lines) <= most
    assert isinstance(spool.cut, InputError)
    assert str(spool.cut) == reason


@pytest.mark.parametrize("pieces", [(b"x\n",), (b"x", b"\n"), (b"\n\n x", b"y\nz")])
async def test_rows_may_follow_each_other_for_longer_than_the_time_of_one(pieces: tuple[bytes, ...]) -> None:
    body, sent = Body(), (pieces * 8)[:8]

    async def drip() -> None:
        for piece in sent:
            body.send(piece)
            await asyncio.sleep(0.1)
        body.end()

    dripping = asyncio.create_task(drip())
    with Spool(SpoolLimits(1000, 50, 5, 0.6, is_per_row=True), DiskBudget(10_000)) as spool:
        lines = await asyncio.wait_for(after(spool, body), 5)
    await dripping
    assert [line.strip() for line in lines] == b"".join(sent).split()
    assert spool.cut is None


@pytest.mark.parametrize("piece_bytes", [1, 7, 100, 1000, 1600])
async def test_a_body_beyond_the_maximum_is_cut_after_its_last_whole_line(piece_bytes: int) -> None:
    body, lines = Body(), [b"%03d" % number + b"x" * 37 for number in range(39)]
    content = b"".join(line + b"\n" for line in lines)
    body.send(*(content[start : start + piece_bytes] for start in range(0, len(content), piece_bytes)))
    with Spool(LIMITS, DiskBudget(10_000)) as spool:
        assert await after(spool, body) == lines[:24]  # 984 bytes
    assert str(spool.cut) == "The batch is cut at 1000 bytes, the maximum size."


async def test_a_body_of_the_maximum_is_whole() -> None:
    body = Body()
    body.send(b"x" * 49 + b"\n", b"y\n" * 474, b"zz")
    body.end()
    with Spool(LIMITS, DiskBudget(10_000)) as spool:
        assert await after(spool, body) == [b"x" * 49, *[b"y"] * 474, b"zz"]
    assert spool.cut is None


async def test_a_line_that_a_pause_or_the_disk_cuts_is_no_line() -> None:
    for limits, budget in [(LIMITS, DiskBudget(10_000)), (SpoolLimits(1000, 50, 5, 60), DiskBudget(12))]:
        body = Body()
        body.send(b"first\nsec", b"ond li")
        with Spool(limits, budget) as spool:
            filling = asyncio.create_task(spool.fill(body.messages.get))
            await asyncio.wait_for(spool.complete(), 5)
            assert [line async for _, line in spool.lines()] == [b"first"]
            assert spool.cut is not None
            filling.cancel()


async def test_many_blank_lines_cost_little_and_leave_the_loop_free() -> None:
    body, longest_s = Body(), 0.0
    body.send(*[b"\n" * 65536] * 20)
    body.end()

    async def watch() -> None:
        nonlocal longest_s
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await asyncio.sleep(0)
            longest_s = max(longest_s, loop.time() - began)

    watching = asyncio.create_task(watch())
    with Spool(SpoolLimits(10**9, 50, 5, 60), DiskBudget(10**10)) as spool:
        assert await asyncio.wait_for(after(spool, body), 10) == []
    watching.cancel()
    assert longest_s < 0.5
