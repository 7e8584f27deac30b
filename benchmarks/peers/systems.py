"""The compared systems, each with the best settings that it offers.

| system | asked | paths |
|---|---|---|
| twinpath | `twinpath serve`, the engine in its process | at most 10 CoT + 10 PoT, default policy |
| twinpath-few | the same service | at most 2 CoT + 2 PoT |
| twinpath-remote | `twinpath serve --engine remote` over `vllm serve` | at most 10 CoT + 10 PoT |
| its-hub, its-hub-beta | as a library over `vllm serve` | 20 CoT (Beta: at most) |
| optillm-majority | its proxy, plugin majority_voting, k = 20 | 20 CoT |
| optillm-consistency | its proxy, self_consistency | 5 CoT at T = 1, one after the other |
| script | `clients/script.py` over `vllm serve` | 10 CoT + 10 PoT |

its-hub and optillm run no programs, so all their paths are CoT. The code of optillm's self_consistency fixes 5 samples
and T = 1. `chat_template.jinja` renders prompt format v1.
"""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.peers.clients.answers import stated
from service.evaluation.problems import LabeledProblem
from tests.support.servers import SERVED_NAME, Server

COT, POT, TEMPERATURE, MAX_TOKENS = 10, 10, 0.7, 320
FEW = 2
TIMEOUT_S = 600.0
CLIENTS = Path(__file__).parent / "clients"


@dataclass(frozen=True, slots=True)
class Reply:
    """Result of one problem. `stages` holds seconds by stage if the system reports them."""

    answer: str | None
    seconds: float
    error: str | None = None
    stages: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Results of a system. `cpu_s` is that of a client which is part of the system."""

    replies: list[Reply]
    seconds: float
    cpu_s: float = 0.0


Watch = Callable[[psutil.Process], None]
"""Called with a process that belongs to the system."""


@dataclass(frozen=True, slots=True)
class Service:
    """A system behind HTTP.

    Args:
        name: name in the tables.
        servers: all its servers. The first one gets the requests.
        engine: the server whose metrics count tokens.
        path: URL path of the requests.
        body: request body of a question and a seed.
        read: answer and stages of a response body and its seconds.
    """

    name: str
    servers: Sequence[Server]
    engine: Server
    path: str
    body: Callable[[str, int], dict[str, Any]]
    read: Callable[[dict[str, Any], float], tuple[str | None, dict[str, float]]]

    async def run(self, questions: Sequence[LabeledProblem], concurrency: int, seed: int, watch: Watch) -> Outcome:
        """Ask every question, `concurrency` at a time. This process is not part of the system."""
        places = asyncio.Semaphore(concurrency)
        limits = httpx.Limits(max_connections=concurrency)
        async with httpx.AsyncClient(base_url=self.servers[0].url, timeout=TIMEOUT_S, limits=limits) as client:

            async def one(number: int, question: str) -> Reply:
                async with places:
                    began = time.monotonic()
                    try:
                        response = await client.post(self.path, json=self.body(question, 1000 * seed + number))
                        response.raise_for_status()
                        seconds = time.monotonic() - began
                        answer, stages = self.read(response.json(), seconds)
                        return Reply(answer, seconds, stages=stages)
                    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
                        return Reply(None, time.monotonic() - began, repr(error)[:300])

            began = time.monotonic()
            replies = await asyncio.gather(*(one(number, q.text) for number, q in enumerate(questions)))
            return Outcome(list(replies), time.monotonic() - began)


@dataclass(frozen=True, slots=True)
class Client:
    """A client of `vllm serve` in its own process and environment.

    Args:
        name: name in the tables.
        servers: `vllm serve`.
        engine: the same server.
        command: command of the client, see `clients/protocol.py`.
        prompts: prompts of both kinds in format v1, with `{question}`.
        read: answer in the text that the client returns for a question.
    """

    name: str
    servers: Sequence[Server]
    engine: Server
    command: Sequence[object]
    prompts: Sequence[str]
    read: Callable[[str], str | None]

    async def run(self, questions: Sequence[LabeledProblem], concurrency: int, seed: int, watch: Watch) -> Outcome:
        """Ask every question, `concurrency` at a time. The peers have no seeds."""
        job = {
            "questions": [question.text for question in questions],
            "concurrency": concurrency,
            "url": self.engine.url,
            "model": SERVED_NAME,
            "prompts": self.prompts,
            "paths": COT + POT,
            "temperature": TEMPERATURE,
            "max_tokens": MAX_TOKENS,
        }
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*map(str, self.command), stdin=pipe, stdout=pipe, stderr=pipe)
        watch(psutil.Process(process.pid))
        output, errors = await process.communicate(json.dumps(job).encode())
        if process.returncode:
            raise RuntimeError(f"{self.name}: {errors.decode(errors='replace')[-3000:]}")
        said = json.loads(output.splitlines()[-1])
        replies = [
            Reply(self.read(reply["text"]) if reply["text"] else None, reply["seconds"], reply["error"])
            for reply in said["replies"]
        ]
        return Outcome(replies, said["seconds"], said["cpu_s"])


System = Service | Client


def twinpath(name: str, servers: Sequence[Server], engine: Server, cot: int = COT, pot: int = POT) -> Service:
    """Twinpath under its default policy."""
    fields = {"paths": {"cot": cot, "pot": pot}, "temperature": TEMPERATURE, "max_tokens": MAX_TOKENS}

    def body(question: str, seed: int) -> dict[str, Any]:
        return fields | {"problem": question, "seed": seed, "deadline_s": TIMEOUT_S}

    def read(said: dict[str, Any], seconds: float) -> tuple[str | None, dict[str, float]]:
        timing = said["timing"]
        queue, engine_s, total = timing["queue_s"], timing["engine_s"], timing["total_s"]
        stages = {"queue": queue, "engine": engine_s, "after": total - queue - engine_s, "http": seconds - total}
        return said["answer"], stages | {"programs": timing["sandbox_s"]}

    return Service(name, servers, engine, "/solve", body, read)


def optillm(name: str, approach: str, servers: Sequence[Server], engine: Server) -> Service:
    """The proxy of optillm. The answer is read from the chosen text."""

    def body(question: str, seed: int) -> dict[str, Any]:
        return {
            "model": f"{approach}-{SERVED_NAME}",
            "messages": [{"role": "user", "content": question}],
            "k": COT + POT,
            "temperature": TEMPERATURE,
            "max_tokens": MAX_TOKENS,
        }

    def read(said: dict[str, Any], seconds: float) -> tuple[str | None, dict[str, float]]:
        return stated(said["choices"][0]["message"]["content"]), {}

    return Service(name, servers, engine, "/v1/chat/completions", body, read)


def its_hub(name: str, kind: str, python: Path, engine: Server) -> Client:
    """its-hub as a library. The answer is read from the chosen text."""
    return Client(name, [engine], engine, [python, CLIENTS / "its_hub_client.py", kind], [], stated)


def script(python: Path, prompts: Sequence[str], engine: Server) -> Client:
    """The plain script, which returns the answer."""
    return Client("script", [engine], engine, [python, CLIENTS / "script.py"], prompts, str)
