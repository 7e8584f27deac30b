"""The systems that are compared: how each is started, asked and read, with the best settings that it offers.

| system | asked | paths |
|---|---|---|
| twinpath | `twinpath serve`, the engine in its own process | 10 CoT + 10 PoT at most, its default policy |
| twinpath-few | the same service | 2 CoT + 2 PoT at most |
| twinpath-remote | `twinpath serve --engine remote` over `vllm serve` | 10 CoT + 10 PoT at most |
| its-hub, its-hub-beta | as a library over `vllm serve` (`clients/its_hub_client.py`) | 20 CoT; Beta: at most |
| optillm-majority | its proxy over `vllm serve`, plugin majority_voting with k = 20 | 20 CoT |
| optillm-consistency | its proxy over `vllm serve`, self_consistency | 5 CoT at T = 1, one after the other |
| script | `clients/script.py` over `vllm serve` | 10 CoT + 10 PoT |

its-hub and optillm know no programs, so their whole budget is CoT paths. optillm's self_consistency takes neither a
number of samples nor a temperature: its code fixes 5 and 1. Chat goes through `chat_template.jinja`, which renders
prompt format v1, the prompt that the student was trained on. twinpath-few shows what equal accuracy costs: few paths,
repaired and of both kinds, against the peers' twenty.
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
from service.evaluation.evaluate import Question
from tests.support.servers import SERVED_NAME, Server

COT, POT, TEMPERATURE, MAX_TOKENS = 10, 10, 0.7, 320
FEW = 2
TIMEOUT_S = 600.0
CLIENTS = Path(__file__).parent / "clients"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one problem; `stages` holds seconds of the service's own parts, where it tells them."""

    answer: str | None
    seconds: float
    error: str | None = None
    stages: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a system's problems; `cpu_s` is that of a client that is part of the system."""

    replies: list[Reply]
    seconds: float
    cpu_s: float = 0.0


Watch = Callable[[psutil.Process], None]
"""Told of a process that belongs to the system while it runs."""


@dataclass(frozen=True, slots=True)
class Service:
    """A system that is asked over HTTP.

    Args:
        name: as in the tables.
        servers: all that serve it; the first is asked.
        engine: the one of them whose metrics count tokens.
        path: where it is asked.
        body: the request for a question and a seed.
        read: answer and stages from the response's JSON and the seconds it took.
    """

    name: str
    servers: Sequence[Server]
    engine: Server
    path: str
    body: Callable[[str, int], dict[str, Any]]
    read: Callable[[dict[str, Any], float], tuple[str | None, dict[str, float]]]

    async def run(self, questions: Sequence[Question], concurrency: int, seed: int, watch: Watch) -> Outcome:
        """Ask every question, so many at a time. The asking process is the load, no part of the system."""
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
            replies = await asyncio.gather(*(one(number, q.question) for number, q in enumerate(questions)))
            return Outcome(list(replies), time.monotonic() - began)


@dataclass(frozen=True, slots=True)
class Client:
    """A system that is a client of `vllm serve`: a process of its own, in its own environment.

    Args:
        name: as in the tables.
        servers: `vllm serve`.
        engine: the same.
        command: the client, see `clients/protocol.py`.
        prompts: format v1 of both kinds, with `{question}` in them.
        read: the answer in what it returns for a question.
    """

    name: str
    servers: Sequence[Server]
    engine: Server
    command: Sequence[object]
    prompts: Sequence[str]
    read: Callable[[str], str | None]

    async def run(self, questions: Sequence[Question], concurrency: int, seed: int, watch: Watch) -> Outcome:
        """Ask every question, so many at a time. Peers offer no seeds."""
        job = {
            "questions": [question.question for question in questions],
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
    """The service, at its default policy."""
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
    """The proxy; the answer is read from the text that it chose."""

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
    """The library; the answer is read from the text that it chose."""
    return Client(name, [engine], engine, [python, CLIENTS / "its_hub_client.py", kind], [], stated)


def script(python: Path, prompts: Sequence[str], engine: Server) -> Client:
    """The plain script, which returns the answer itself."""
    return Client("script", [engine], engine, [python, CLIENTS / "script.py"], prompts, str)
