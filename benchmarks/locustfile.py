"""Callers for `benchmarks/overload.py`: each waits a second, more or less, before it asks, and never retries.

The waits are drawn from the exponential distribution, so that the requests of all callers arrive as a Poisson process.
So does the first one: locust makes a second's new callers in one go, and their requests would come at the same instant.
"""

import random

import gevent
from locust import FastHttpUser, task

from benchmarks.capacity import any_request


class Caller(FastHttpUser):
    """One caller; its statistics are kept by the status that it gets."""

    network_timeout = connection_timeout = 120.0

    def on_start(self) -> None:
        """Wait before the first problem, too."""
        gevent.sleep(self.wait_time())

    def wait_time(self) -> float:
        """Seconds before the next problem."""
        return random.expovariate(1.0)

    @task
    def solve(self) -> None:
        """One problem; whatever the service answers is counted and is no failure of the run."""
        with self.client.post("/solve", json=any_request(), name="solve", catch_response=True) as response:
            response.request_meta["name"] = str(response.status_code or "lost")
            response.success()
