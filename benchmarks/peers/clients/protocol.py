"""Protocol of a client process: JSON on its standard input and output."""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

Job = dict[str, Any]
"""`questions`, `concurrency`, `url`, `model`, `prompts`, `paths`, `temperature` and `max_tokens`."""
Ask = Callable[[str], Awaitable[str]]
"""Returns the text or number that answers a question. An exception is a failure."""


def serve(ask: Callable[[Job], Ask]) -> None:
    """Read the job, send all its questions and print the replies as the last line.

    Args:
        ask: returns a function that sends one question of the job.
    """
    job: Job = json.load(sys.stdin)
    print(json.dumps(asyncio.run(_run(ask(job), job["questions"], job["concurrency"]))))


async def _run(ask: Ask, questions: list[str], concurrency: int) -> dict[str, object]:
    places = asyncio.Semaphore(concurrency)

    async def one(question: str) -> dict[str, object]:
        async with places:
            began = time.monotonic()
            try:
                text, error = await ask(question), None
            except Exception as failure:
                text, error = None, repr(failure)[:300]
            return {"text": text, "error": error, "seconds": time.monotonic() - began}

    before = _cpu_s()
    began = time.monotonic()
    replies = await asyncio.gather(*map(one, questions))
    return {"replies": replies, "seconds": time.monotonic() - began, "cpu_s": _cpu_s() - before}


def _cpu_s() -> float:
    """CPU seconds of this process and its ended children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
