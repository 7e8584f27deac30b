"""Bounded load of problems with known answers, and losses in the middle of it."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx

_AT_ONCE = 8
_PATHS = {"cot": 4, "pot": 4}


@dataclass(frozen=True)
class Load:
    """Problems for one service.

    Args:
        url: address of the service.
        key: API key.
    """

    url: str
    key: str

    def solve(self, number: int, at: Mapping[int, Callable[[], object]]) -> list[dict[str, Any]]:
        """Solutions of the problems in order. Each must be a response with status 200.

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
        text, _ = problem(index)
        body = {"problem": text, "seed": index, "paths": _PATHS, "policy": "fixed"}
        headers = {"Authorization": f"Bearer {self.key}"}
        response = httpx.post(f"{self.url}/solve", json=body, headers=headers, timeout=120)
        assert response.status_code == 200, (index, response.status_code, response.text)
        solution: dict[str, Any] = response.json()
        return solution


def problem(index: int) -> tuple[str, str]:
    """Problem with its answer."""
    price, pens = 3 + index % 5, 4 + index
    return f"A pen costs {price} dollars. How much do {pens} pens cost in all, each at that price?", str(price * pens)
