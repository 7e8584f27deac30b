"""One measurement: a system on some problems at one concurrency."""

import asyncio
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, NamedTuple

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.load import latency
from benchmarks.peers.systems import Reply, System
from service.evaluation.problems import LabeledProblem, is_right
from tests.support.servers import Server, memory_bytes

_EVERY_S = 1.0
_IDLE_S = 60.0
STAGES = ("queue", "engine", "after", "http")
"""Parts of a problem's wall-clock time. `after` is the rest of the programs, the vote and the abort."""


def measure(system: System, questions: Sequence[LabeledProblem], concurrency: int, seed: int) -> dict[str, Any]:
    """One row of the results.

    `tokens` and `steps` are the engine's counts, discarded paths included. CPU seconds and memory are those of all
    processes of the system, the engine included.
    """
    before, cpu = _idle(system.engine), sum(server.cpu_s() for server in system.servers)
    with Memory(system.servers) as memory:
        outcome = asyncio.run(system.run(questions, concurrency, seed, memory.watch))
    after = _idle(system.engine)
    cpu = sum(server.cpu_s() for server in system.servers) - cpu + outcome.cpu_s
    pairs = list(zip(outcome.replies, questions, strict=True))
    return {
        "system": system.name,
        "concurrency": concurrency,
        "problems": len(pairs),
        "right": [is_right(reply.answer, question.answer) for reply, question in pairs],
        "failures": [reply.error for reply, _ in pairs if reply.error],
        "tokens": after.tokens - before.tokens,
        "steps": after.steps - before.steps,
        "seconds": outcome.seconds,
        "problems_per_s": len(pairs) / outcome.seconds,
        "latency": [reply.seconds for reply, _ in pairs],
        **latency([reply.seconds for reply, _ in pairs]),
        "cpu_s": cpu,
        "peak_bytes": memory.peak_bytes,
        "stages": _stages([reply for reply, _ in pairs]),
    }


def _stages(replies: Sequence[Reply]) -> dict[str, float]:
    """Mean seconds of each stage, for systems that report stages."""
    seen = [reply.stages for reply in replies if reply.stages]
    return {name: sum(stages[name] for stages in seen) / len(seen) for name in seen[0]} if seen else {}


class Work(NamedTuple):
    """Completion tokens and steps of an engine since its start."""

    tokens: float
    steps: float


def _idle(engine: Server) -> Work:
    """Wait until the engine is idle. Returns its work so far."""
    until = time.monotonic() + _IDLE_S
    while True:
        values: dict[str, float] = {}
        for family in text_string_to_metric_families(httpx.get(f"{engine.url}/metrics", timeout=30).text):
            for sample in family.samples:
                values[sample.name] = values.get(sample.name, 0.0) + sample.value
        if not values["vllm:num_requests_running"] + values["vllm:num_requests_waiting"]:
            return Work(values["vllm:generation_tokens_total"], values["vllm:iteration_tokens_total_count"])
        if time.monotonic() > until:
            raise RuntimeError("the engine still runs requests whose clients have left")
        time.sleep(0.2)


class Memory:
    """Peak memory of servers and of watched processes, sampled once per second."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self.peak_bytes = 0
        self._servers = servers
        self._watched: list[psutil.Process] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def watch(self, process: psutil.Process) -> None:
        """Include this process."""
        self._watched.append(process)

    def _look(self) -> None:
        while True:
            now = sum(server.memory_bytes() for server in self._servers) + sum(map(memory_bytes, self._watched))
            self.peak_bytes = max(self.peak_bytes, now)
            if self._ended.wait(_EVERY_S):
                return

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
