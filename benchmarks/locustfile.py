"""Callers for `benchmarks/overload.py`: each asks once a second, or as soon as it has its answer, and never retries."""

import os
import random
from typing import Any

from locust import FastHttpUser, constant_throughput, task

_BODY: dict[str, Any] = {"paths": {"cot": 2, "pot": 2}, "policy": "fixed", "max_tokens": 64}


class Caller(FastHttpUser):
    """One caller; its statistics are kept by the status that it gets."""

    wait_time = constant_throughput(1)
    network_timeout = connection_timeout = 120.0

    @task
    def solve(self) -> None:
        """One problem; whatever the service answers is counted and is no failure of the run."""
        price, number, seed = random.randrange(2, 90), random.randrange(2, 90), random.randrange(2**31)
        problem = f"A pen costs {price} dollars. How much do {number} pens cost in all, each at that price?"
        body = _BODY | {"problem": problem, "seed": seed, "deadline_s": float(os.environ["OVERLOAD_DEADLINE_S"])}
        with self.client.post("/solve", json=body, name="solve", catch_response=True) as response:
            response.request_meta["name"] = str(response.status_code or "lost")
            response.success()
