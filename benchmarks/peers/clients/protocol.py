"""How a client process is told what to ask, and how it reports: JSON on its standard input and output."""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable

Ask = Callable[[str], Awaitable[str]]
"""Takes a question, returns the text or number that answers it; whatever it raises is a failure."""


def serve(ask: Callable[[dict[str, object]], Ask]) -> None:
    """Read the job, ask all its questions, so many at a time, and print what came of it as the last line.

    Args:
        ask: given the job (`questions`, `concurrency`, `url`, `model`, `prompts`, `paths`, `temperature`,
            `max_tokens`), how one question is asked.
    """
    job = json.load(sys.stdin)
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
    """CPU seconds of this process and of the processes that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
