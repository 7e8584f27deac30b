"""Rate and places of one request under the limits of its key.

The request itself has taken the rate and the place of its first problem.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import Scope

from service.api.api_key import ApiKey
from service.errors import OverloadedError

RATE_LIMITED = "rate_limited"


class Allowance:
    """Rate and places of the problems of one request. Without keys, neither has a limit.

    Args:
        key: API key of the request.
    """

    def __init__(self, key: ApiKey | None) -> None:
        self._key = key
        self._counted = 1
        self._has_prepaid_rate = True
        self._has_free_place = True

    @classmethod
    def of(cls, scope: Scope) -> "Allowance":
        """Allowance of a request."""
        allowance: Allowance | None = scope.get("twinpath.allowance")
        return allowance or cls(None)

    def charge(self, problems: int) -> None:
        """Count all problems of the request against the rate limit.

        Args:
            problems: number of problems, at least 1.

        Raises:
            OverloadedError: the rate limit refuses them. Nothing was counted.
        """
        wait_s = self._key.acquire_more(problems - 1) if self._key else 0.0
        self._counted = 0 if wait_s else problems
        if self._key and wait_s:
            raise OverloadedError(self._key.rate_text, wait_s, RATE_LIMITED)

    def refund(self) -> None:
        """Take back the count of a request that the queue refuses."""
        if self._key:
            self._key.refund(self._counted)
        self._counted = 0

    @asynccontextmanager
    async def problem(self) -> AsyncIterator[None]:
        """Wait for the rate and for a place, and hold the place. A problem that the queue refuses is not counted."""
        key, is_prepaid = self._key, self._has_prepaid_rate
        self._has_prepaid_rate = False
        if key and not is_prepaid:
            await key.wait_for_rate()
        async with self.place():
            try:
                yield
            except OverloadedError:
                if key:
                    key.refund()
                raise

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place among the open problems of the key, and hold it. The request's own place is the first."""
        key = self._key
        if key is None:
            yield
            return
        while not self._has_free_place and key.is_full:
            await key.wait_for_place()
        is_own, self._has_free_place = self._has_free_place, False
        if not is_own:
            key.open_place()
        began = time.monotonic()
        try:
            yield
        finally:
            if is_own:
                self._has_free_place = True
                key.wake_waiting()
            else:
                key.close_place(time.monotonic() - began)
