"""The fair queue: order of owners, of their items, and of what they were served."""

import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import fair_queue
from service.fair_queue import FairQueue, Owner

ANN, BOB = Owner("ann", "r", "p"), Owner("bob", "r", "p")
OWNERS = st.builds(Owner, st.sampled_from(["", "ann", "bob"]), st.sampled_from("rs"), st.sampled_from("pq"))


def served(queue: FairQueue[str], cost: float = 1.0) -> list[str]:
    """All items in the order in which they are served, each at the same cost."""
    items = []
    while (owner := queue.first()) is not None:
        items.append(queue.pop(owner))
        queue.charge(owner, cost)
    return items


def queue_of(*rows: tuple[Owner, str]) -> FairQueue[str]:
    queue: FairQueue[str] = FairQueue()
    for owner, item in rows:
        queue.push(owner, item)
    return queue


def test_an_owners_items_keep_their_order() -> None:
    assert served(queue_of(*((ANN, str(number)) for number in range(9)))) == list("012345678")


def test_keys_take_turns_whatever_the_number_of_their_problems() -> None:
    bobs = [(Owner("bob", f"r{number}", f"p{number}"), f"b{number}") for number in range(4)]
    assert served(queue_of(*bobs, (ANN, "a0"), (ANN, "a1"))) == ["b0", "a0", "b1", "a1", "b2", "b3"]


def test_requests_of_a_key_take_turns_whatever_the_number_of_their_problems() -> None:
    batch = [(Owner("", "batch", f"p{number}"), f"b{number}") for number in range(4)]
    assert served(queue_of(*batch, (Owner("", "one", "p"), "one"))) == ["b0", "one", "b1", "b2", "b3"]


def test_problems_of_a_request_take_turns_whatever_the_number_of_their_items() -> None:
    rows = [(Owner("", "r", "p"), f"p{number}") for number in range(3)]
    assert served(queue_of(*rows, (Owner("", "r", "q"), "q0"))) == ["p0", "q0", "p1", "p2"]


def test_who_was_served_more_waits_until_the_other_was_served_as_much() -> None:
    queue = queue_of(*((owner, f"{owner.key}{number}") for number in range(3) for owner in (BOB, ANN)))
    queue.charge(BOB, 2.5)
    assert served(queue) == ["ann0", "ann1", "ann2", "bob0", "bob1", "bob2"]
    assert [round(amount, 1) for amount in queue.compare(BOB, ANN)] == [5.5, 3.0]
    assert [round(amount, 1) for amount in queue.compare(Owner("bob", "r", "other"), BOB)] == [0.0, 5.5]
    assert queue.compare(BOB, BOB) == (0.0, 0.0)


def test_a_debt_decays(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    queue: FairQueue[str] = FairQueue()
    queue.charge(BOB, 8.0)
    assert queue.compare(BOB, ANN) == (8.0, 0.0)
    now[0] += 10.0
    assert queue.compare(BOB, ANN) == (4.0, 0.0)
    queue.charge(BOB, 1.0)
    now[0] += 10.0
    assert queue.compare(BOB, ANN) == (2.5, 0.0)
    now[0] += 30 * 24 * 3600.0
    assert queue.compare(BOB, ANN) == (0.0, 0.0)
    queue.charge(BOB, 8.0)
    now[0] += 20.0
    assert queue.compare(BOB, ANN) == (2.0, 0.0)


def test_an_item_that_cannot_start_holds_up_its_key_and_no_other() -> None:
    queue = queue_of((BOB, "large"), (Owner("bob", "s", "q"), "small"), (ANN, "one"))
    assert queue.first(lambda owner, item: item != "large") == ANN
    queue.pop(ANN)
    assert queue.first(lambda owner, item: item != "large") is None


def test_items_can_be_removed_and_counted() -> None:
    queue = queue_of((ANN, "a"), (BOB, "b0"), (BOB, "b1"), (BOB, "b2"))
    assert (len(queue), queue.count(BOB), queue.longest()) == (4, 3, BOB)
    assert [queue.remove(BOB, "b1"), queue.remove(BOB, "b1"), queue.remove(ANN, "b0")] == [True, False, False]
    assert queue.pop_newest(BOB) == "b2"
    assert sorted(queue) == ["a", "b0"]
    assert served(queue) == ["a", "b0"]
    assert (len(queue), queue.first(), queue.longest()) == (0, None, None)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fair_queue, "_MAX_METERS", 30)
    queue: FairQueue[str] = FairQueue()
    for number in range(1000):
        queue.charge(Owner("bob", f"r{number}", f"p{number}"), 1.0)
    assert len(queue._meters) == 30
    assert queue.compare(BOB, ANN)[0] > 900


@given(st.lists(st.tuples(OWNERS, st.integers(0, 3)), max_size=40))
def test_every_item_is_served_once_and_in_fair_order(rows: list[tuple[Owner, int]]) -> None:
    queue: FairQueue[tuple[Owner, int]] = FairQueue()
    for number, (who, _) in enumerate(rows):
        queue.push(who, (who, number))
    waiting = Counter(owner.key for owner, _ in rows)
    count: Counter[str] = Counter()
    order = []
    while (owner := queue.first()) is not None:
        item = queue.pop(owner)
        queue.charge(owner, 1.0)
        assert item[0] == owner
        order.append(item)
        count[owner.key] += 1
        waiting[owner.key] -= 1
        # No key that still waits was served less than another key by more than one item.
        assert all(count[owner.key] - count[key] <= 1 for key, left in waiting.items() if left)
    assert sorted(order, key=lambda item: item[1]) == [(owner, number) for number, (owner, _) in enumerate(rows)]
    for one in {owner for owner, _ in rows}:
        numbers = [number for who, number in order if who == one]
        assert numbers == sorted(numbers)
