"""Who may start: slots, the queue before them, and what is given back."""

import asyncio
from types import SimpleNamespace

import pytest

from service.errors import OverloadedError
from service.fair_queue import Owner
from service.settings import Settings
from service.solve.admission import Admission, Slots
from service.solve.stopping import paths_to_start
from tests.support.components import fake_components


async def entered(admission: Admission, paths: int = 4) -> Slots:
    slots = await admission.enter(paths, 10.0)
    assert slots is not None
    return slots


def eager(slots: Slots) -> int:
    """Number of paths that start though the vote needs none."""
    return paths_to_start(0, 0, 64, slots.load)


async def idle_slots(admission: Admission) -> int:
    """Number of paths that a problem starts on an engine without other problems."""
    with await entered(admission, 0) as slots:
        return eager(slots) if slots.load.active_problems == 1 else 0


async def test_problems_enter_while_a_slot_is_free() -> None:
    admission = Admission(slots=8, max_queue=10)
    for _ in range(2):
        (await entered(admission)).start(4)
    waiting = asyncio.create_task(entered(admission))
    await asyncio.sleep(0)
    assert (admission.waiting, waiting.done()) == (1, False)


async def test_a_problem_that_needs_more_than_there_is_enters_an_idle_engine() -> None:
    admission = Admission(slots=8, max_queue=10)
    assert await admission.enter(20, 0.0) is not None
    assert await admission.enter(1, 0.0) is None


async def test_the_last_free_slot_lets_a_whole_problem_in() -> None:
    admission = Admission(slots=5, max_queue=0)
    await entered(admission, 4)
    await entered(admission, 4)
    with pytest.raises(OverloadedError):
        await admission.enter(4, 10.0)


async def test_the_first_who_waits_is_the_first_to_enter() -> None:
    admission = Admission(slots=4, max_queue=100)
    first = await entered(admission)
    order: list[int] = []

    async def problem(number: int) -> None:
        with await entered(admission) as slots:
            slots.start(4)
            order.append(number)
            await asyncio.sleep(0)

    problems = [asyncio.create_task(problem(number)) for number in range(50)]
    await asyncio.sleep(0)
    assert (admission.waiting, order) == (50, [])
    first.__exit__(None, None, None)
    await asyncio.gather(*problems)
    assert order == list(range(50))
    assert (admission.waiting, await idle_slots(admission)) == (0, 4)


async def test_who_comes_later_does_not_pass_those_who_wait() -> None:
    admission = Admission(slots=4, max_queue=10)
    holder = await entered(admission)
    waiting = asyncio.create_task(entered(admission))
    await asyncio.sleep(0)
    holder.__exit__(None, None, None)
    late = asyncio.create_task(entered(admission))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (waiting.done(), late.done()) == (True, False)
    late.cancel()


async def test_slots_come_back_as_paths_end_and_once_at_the_end() -> None:
    admission = Admission(slots=8, max_queue=10)
    with await entered(admission) as slots:
        assert eager(slots) == 8
        slots.start(4)
        assert eager(slots) == 4
        slots.start(2)
        assert eager(slots) == 2
        slots.end()
        assert eager(slots) == 3
    slots.end()  # a path that ends after its problem
    assert await idle_slots(admission) == 8


async def test_free_slots_are_shared_and_nobody_gets_more_while_others_wait() -> None:
    admission = Admission(slots=16, max_queue=10)
    one, two = await entered(admission), await entered(admission)
    one.start(4)
    two.start(4)
    assert (eager(one), eager(two)) == (4, 4)
    two.start(8)
    waiting = asyncio.create_task(entered(admission))
    await asyncio.sleep(0)
    assert (eager(one), eager(two)) == (0, 0)
    waiting.cancel()


async def test_a_problem_runs_ahead_of_its_vote_by_so_many_paths_at_most() -> None:
    admission = Admission(slots=16, max_queue=10, max_eager_paths=6)
    one, two = await entered(admission), await entered(admission)
    assert (eager(one), eager(two)) == (6, 6)
    one.start(4)
    assert (eager(one), eager(two)) == (2, 6)
    two.start(10)  # its vote needs so many
    assert (eager(one), eager(two)) == (1, 0)
    for _ in range(8):
        two.end()
    assert (eager(one), eager(two)) == (2, 4)


async def test_a_full_queue_refuses_and_says_when_to_come_back() -> None:
    admission = Admission(slots=4, max_queue=2)
    holder = await entered(admission)
    waiting = [asyncio.create_task(entered(admission)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError, match=r"^The queue is full: 2 problems are waiting") as raised:
        await admission.enter(4, 10.0)
    assert raised.value.retry_after_s == 2
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    holder.__exit__(None, None, None)
    assert (admission.waiting, await idle_slots(admission)) == (0, 4)


async def test_time_runs_out_in_the_queue() -> None:
    admission = Admission(slots=4, max_queue=2)
    with await entered(admission):
        assert await admission.enter(4, 0.01) is None
        assert admission.waiting == 0
    assert await idle_slots(admission) == 4


@pytest.mark.parametrize("at_the_same_moment", [False, True])
async def test_who_leaves_the_queue_holds_nothing(at_the_same_moment: bool) -> None:
    admission = Admission(slots=4, max_queue=2)
    holder = await entered(admission)
    waiting = asyncio.create_task(entered(admission))
    await asyncio.sleep(0)
    if at_the_same_moment:
        holder.__exit__(None, None, None)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    if not at_the_same_moment:
        holder.__exit__(None, None, None)
    assert (admission.waiting, await idle_slots(admission)) == (0, 4)


async def test_the_setting_overrides_the_default_of_the_engine() -> None:
    def admission(default: int | None, setting: int | None = None) -> Admission:
        settings = Settings(max_num_seqs=16, max_eager_paths=setting)
        return fake_components(settings=settings, max_eager_paths=default).admission

    assert eager(await entered(admission(6), 2)) == 6
    assert eager(await entered(admission(6, setting=3), 2)) == 3
    assert eager(await entered(admission(None), 2)) == 16


async def queued(admission: Admission, *places: tuple[Owner, int]) -> tuple[list[str], list[asyncio.Task[None]]]:
    """Names of the problems in the order of their entry, each of which ends at once, and their tasks."""
    order: list[str] = []

    async def problem(owner: Owner, paths: int) -> None:
        slots = await admission.enter(paths, 10.0, owner)
        assert slots is not None
        with slots:
            order.append(owner.problem)
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(problem(owner, paths)) for owner, paths in places]
    await asyncio.sleep(0)
    return order, tasks


def owners(key: str, request: str, number: int) -> list[tuple[Owner, int]]:
    return [(Owner(key, request, f"{key}{request}{index}"), 4) for index in range(number)]


@pytest.mark.parametrize(
    ("first", "second", "order"),
    [
        (owners("b", "r", 4), owners("a", "r", 2), "br0 ar0 br1 ar1 br2 br3"),  # keys
        (owners("", "r", 4), owners("", "s", 2), "r0 s0 r1 s1 r2 r3"),  # requests without keys
        (owners("b", "r", 2), owners("b", "r", 4)[2:], "br0 br1 br2 br3"),  # problems of one request: as they came
    ],
)
async def test_callers_enter_in_turn(
    first: list[tuple[Owner, int]], second: list[tuple[Owner, int]], order: str
) -> None:
    admission = Admission(slots=4, max_queue=100)
    holder = await entered(admission)
    entries, tasks = await queued(admission, *first, *second)
    assert entries == []
    holder.__exit__(None, None, None)
    await asyncio.gather(*tasks)
    assert entries == order.split()


async def test_a_key_leaves_slots_for_others() -> None:
    admission = Admission(slots=16, max_queue=100, key_share=0.75)
    bob = await admission.enter(128, 0.0, Owner("bob", "r", "p"))
    assert bob is not None
    assert (bob.guaranteed, bob.load.room) == (12, 12)
    bob.start(12)
    assert bob.load.room == 0
    assert await admission.enter(1, 0.0, Owner("bob", "r", "q")) is None
    ann = await admission.enter(4, 0.0, Owner("ann", "r", "p"))
    assert ann is not None
    assert ann.guaranteed == 4
    bob.end()
    assert bob.load.room == 1  # the next of its own paths, not more
    ann.__exit__(None, None, None)
    bob.__exit__(None, None, None)
    assert await idle_slots(admission) == 16


async def test_a_keys_large_problem_is_not_passed_by_its_small_ones() -> None:
    admission = Admission(slots=16, max_queue=100, key_share=0.75)
    holder = await admission.enter(4, 0.0, Owner("bob", "r", "p"))
    assert holder is not None
    order, tasks = await queued(
        admission, (Owner("bob", "l", "large"), 12), (Owner("bob", "s", "small"), 1), (Owner("ann", "r", "other"), 8)
    )
    assert order == ["other"]
    holder.__exit__(None, None, None)
    await asyncio.gather(*tasks)
    assert order == ["other", "large", "small"]


async def test_without_keys_all_slots_and_places_are_for_everyone() -> None:
    admission = Admission(slots=16, max_queue=4, key_share=0.5)
    slots = await admission.enter(128, 0.0)
    assert slots is not None
    assert (slots.guaranteed, slots.load.room) == (16, 16)
    _, tasks = await queued(admission, *owners("", "r", 4))
    assert admission.waiting == 4
    slots.__exit__(None, None, None)
    await asyncio.gather(*tasks)


async def test_a_key_leaves_places_in_the_queue_for_others() -> None:
    admission = Admission(slots=4, max_queue=8, key_share=0.75)
    holder = await entered(admission)
    _, tasks = await queued(admission, *owners("bob", "r", 6))
    with pytest.raises(OverloadedError, match=r"^The queue is full for this API key: 6 of its problems are waiting"):
        await admission.enter(4, 10.0, Owner("bob", "r", "p"))
    with pytest.raises(OverloadedError, match="for this API key"):
        admission.require_room("bob")
    admission.require_room("ann")
    _, more = await queued(admission, *owners("ann", "r", 2))
    with pytest.raises(OverloadedError, match=r"^The queue is full: 8 problems are waiting"):
        admission.require_room("carol")
    holder.__exit__(None, None, None)
    await asyncio.gather(*tasks, *more)
    admission.require_room("bob")
    assert (admission.waiting, dict(admission._queued), dict(admission._taken)) == (0, {}, {})


async def test_a_problem_can_always_run_a_path() -> None:
    admission = Admission(slots=4, max_queue=8, key_share=0.75)
    slots = await admission.enter(2, 0.0, Owner("bob", "r", "p"))
    other = await admission.enter(1, 0.0, Owner("bob", "r", "q"))
    assert slots is not None
    assert other is not None
    for _ in range(20):
        assert slots.load.room == 2
        slots.start(2)
        slots.end()
        slots.end()
        assert other.load.room >= 1


@pytest.mark.parametrize("problem_s", [0.4, 3.0, 40.0])
@pytest.mark.parametrize("warm", [0, 3])
async def test_the_time_to_retry_is_when_the_queue_has_been_served(
    monkeypatch: pytest.MonkeyPatch, problem_s: float, warm: int
) -> None:
    """A burst on an idle engine, whose first problems take all slots. Then callers who come every second."""
    now = [0.0]
    monkeypatch.setattr("service.solve.admission.time", SimpleNamespace(monotonic=lambda: now[0]))
    admission = Admission(slots=16, max_queue=200)
    refused: list[tuple[float, float]] = []
    running: list[tuple[float, Slots]] = []

    async def problem() -> None:
        try:
            slots = await admission.enter(4, 1e9)
        except OverloadedError as error:
            refused.append((now[0], error.retry_after_s))
            return
        assert slots is not None
        slots.start(paths_to_start(4, 0, 16, slots.load))
        running.append((now[0] + problem_s, slots))

    async def end_first() -> None:
        now[0], slots = running.pop(0)
        slots.__exit__(None, None, None)
        for _ in range(5):
            await asyncio.sleep(0)

    for _ in range(warm):
        await problem()
        await end_first()
    tasks = [asyncio.create_task(problem()) for _ in range(300)]
    await asyncio.sleep(0)
    for rounds in range(10_000):
        if not running:
            break
        await end_first()
        if rounds < 20:  # more come while the queue is full
            tasks += [asyncio.create_task(problem()) for _ in range(9)]
            await asyncio.sleep(0)
    assert len(refused) > 100
    served = now[0]
    late = [(at, retry) for at, retry in refused if at > refused[0][0]] if warm == 0 else refused
    assert all((served - at) / 2 < retry < 2 * (served - at) + 1 for at, retry in late)
