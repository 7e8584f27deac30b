"""Bounded load of problems, and losses in the middle of it."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx

PATIENT = {"TWINPATH_SANDBOX_TIMEOUT_S": "20"}
"""Settings of a service whose answers depend only on the seeds, however busy the machine is."""
_AT_ONCE = 8
_DEADLINE_S = 300


@dataclass(frozen=True)
class Load:
    """Problems for one service.

    Args:
        url: address of the service.
        key: API key.
        each: number of paths of each kind.
    """

    url: str
    key: str
    each: int

    def solve(self, number: int, at: Mapping[int, Callable[[], object]]) -> list[dict[str, Any]]:
        """Solutions of the problems in order. Each response must have the status 200.

        Args:
            number: number of problems, eight at a time.
            at: events, each before the problem of that number is sent.
        """
        with ThreadPoolExecutor(_AT_ONCE) as callers, ThreadPoolExecutor(1) as events:

            def one(index: int) -> dict[str, Any]:
                if index in at:
                    happened.append(events.submit(at[index]))
                return self._solve(index)

            happened: list[Any] = []
            solutions = list(callers.map(one, range(number)))
            for event in happened:
                event.result()
        assert len(happened) == len(at)
        return solutions

    def _solve(self, index: int) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.key}"}
        response = httpx.post(f"{self.url}/solve", json=request(index, self.each), headers=headers, timeout=_DEADLINE_S)
        assert response.status_code == 200, (index, response.status_code, response.text)
        solution: dict[str, Any] = response.json()
        return solution


def request(index: int, each: int) -> dict[str, Any]:
    """Body of a request with a seed and a fixed number of paths of each kind."""
    text = f"A pen costs {3 + index % 5} dollars. How much do {4 + index} pens cost in all, each at that price?"
    paths = {"cot": each, "pot": each}
    return {"problem": text, "seed": index, "paths": paths, "policy": "fixed", "deadline_s": _DEADLINE_S}
