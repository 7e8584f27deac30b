"""Fair queue: turns over API keys, their requests and their problems.

The owner that was served least goes first. Served amounts decay, so that an old debt does not count.
"""

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, NamedTuple, TypeVar

_HALF_LIFE_S = 10.0
_MAX_HALVINGS = 500.0  # far below the largest exponent of a float
_MAX_METERS = 16_384  # an old meter has decayed to almost nothing

_T = TypeVar("_T")
_Level = tuple[str, ...]


class Owner(NamedTuple):
    """Owner of work: a problem, its request and its API key.

    Args:
        key: name of the API key. Empty without keys.
        request: id of the HTTP request. Empty without one.
        problem: name of the problem that no other problem has. Empty for work of no problem.
    """

    key: str = ""
    request: str = ""
    problem: str = ""

    def levels(self) -> tuple[_Level, _Level, _Level]:
        """Key, request of the key, and problem of the request."""
        return self[:1], self[:2], self[:3]


class FairQueue(Generic[_T]):
    """Waiting items of many owners, and the amount that each owner was served.

    The items of one owner wait in the order of their arrival.
    """

    def __init__(self) -> None:
        self._items: dict[Owner, deque[_T]] = {}
        self._length = 0
        # Waiting owners by key and request. A tie is won by the earliest arrival, which is the first of its dict.
        self._tree: dict[_Level, dict[_Level, dict[_Level, Owner]]] = {}
        # Served amounts, multiplied by the weight at the time. Later amounts weigh more, so that none has to decay.
        self._meters: dict[_Level, float] = {}
        self._epoch = time.monotonic()

    def __len__(self) -> int:
        """Number of waiting items."""
        return self._length

    def __iter__(self) -> Iterator[_T]:
        """All waiting items, one owner after the other."""
        return itertools.chain.from_iterable(self._items.values())

    def push(self, owner: Owner, item: _T) -> None:
        """Add an item behind those of its owner."""
        key, request, problem = owner.levels()
        self._tree.setdefault(key, {}).setdefault(request, {})[problem] = owner
        self._items.setdefault(owner, deque()).append(item)
        self._length += 1

    def first(self, may_start: Callable[[Owner, _T], bool] = lambda owner, item: True) -> Owner | None:
        """Waiting owner that was served least. The earliest arrival wins a tie.

        Args:
            may_start: whether an item can be served now. Only the first item of each key is tried, so that no item
                waits for ever behind smaller ones.
        """
        for key in sorted(self._tree, key=self._served):
            problems = self._tree[key][min(self._tree[key], key=self._served)]
            owner = problems[min(problems, key=self._served)]
            if may_start(owner, self._items[owner][0]):
                return owner
        return None

    def pop(self, owner: Owner) -> _T:
        """Take the oldest item of a waiting owner."""
        return self._take(owner, 0)

    def pop_newest(self, owner: Owner) -> _T:
        """Take the newest item of a waiting owner."""
        return self._take(owner, -1)

    def remove(self, owner: Owner, item: _T) -> bool:
        """Remove an item. Returns whether it was waiting."""
        for place, waiting in enumerate(self._items.get(owner, ())):
            if waiting is item:
                self._take(owner, place)
                return True
        return False

    def count(self, owner: Owner) -> int:
        """Number of the owner's waiting items."""
        return len(self._items.get(owner, ()))

    def longest(self) -> Owner | None:
        """Owner with the most waiting items. None if no item waits."""
        return max(self._items, key=self.count, default=None)

    def charge(self, owner: Owner, amount: float) -> None:
        """Add to the amount that an owner, its request and its key were served."""
        weighted = amount * self._weight()
        for level in owner.levels():
            self._meters[level] = self._meters.pop(level, 0.0) + weighted  # the latest is the last
        while len(self._meters) > _MAX_METERS:
            del self._meters[next(iter(self._meters))]

    def compare(self, owner: Owner, other: Owner) -> tuple[float, float]:
        """Amounts that two owners were served, at the first level at which they differ. Both are 0 for one owner."""
        weight = self._weight()
        for level, other_level in zip(owner.levels(), other.levels(), strict=True):
            if level != other_level:
                return self._served(level) / weight, self._served(other_level) / weight
        return 0.0, 0.0

    def _take(self, owner: Owner, place: int) -> _T:
        items = self._items[owner]
        item = items[place]
        del items[place]
        self._length -= 1
        if not items:
            del self._items[owner]
            key, request, problem = owner.levels()
            del self._tree[key][request][problem]
            if not self._tree[key][request]:
                del self._tree[key][request]
            if not self._tree[key]:
                del self._tree[key]
        return item

    def _served(self, level: _Level) -> float:
        return self._meters.get(level, 0.0)

    def _weight(self) -> float:
        """Weight of an amount that is served now. It doubles with every half-life."""
        now = time.monotonic()
        halvings = (now - self._epoch) / _HALF_LIFE_S
        if halvings > _MAX_HALVINGS:
            self._meters = {level: amount * 0.5**halvings for level, amount in self._meters.items()}
            self._epoch, halvings = now, 0.0
        return float(2.0**halvings)
