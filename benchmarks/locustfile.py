"""Locust users of `benchmarks/overload.py`: Poisson arrivals, no retries."""

import random

import gevent
from locust import FastHttpUser, task

from benchmarks.capacity import any_request


class Caller(FastHttpUser):
    """One user. Its statistics are kept by HTTP status."""

    network_timeout = connection_timeout = 120.0

    def on_start(self) -> None:
        """Wait before the first problem."""
        # Locust starts the users of one second together, so without this wait their requests would coincide.
        gevent.sleep(self.wait_time())

    def wait_time(self) -> float:
        """Exponentially distributed seconds before the next problem, with mean 1."""
        return random.expovariate(1.0)

    @task
    def solve(self) -> None:
        """Send one problem. Every status counts, and none is a failure of the run."""
        with self.client.post("/solve", json=any_request(), name="solve", catch_response=True) as response:
            response.request_meta["name"] = str(response.status_code or "lost")
            response.success()
