"""What a rationale answers, by the service's own parsers and sandbox: training believes exactly what serving would.

A CoT's answer is the stated and the repaired one; a PoT's is what its program leaves in the sandbox. A judge runs many
programs at a time and gives verdicts in the order it was asked.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from service.paths.answer import Answer, answer_from_value
from service.paths.cot import parse_cot
from service.paths.pot import extract_program
from service.sandbox.base import Outcome, Sandbox
from service.sandbox.pool import SandboxPool
from service.types import PathKind

TIMEOUT_S = 3.0
MEMORY_BYTES = 256 * 1024 * 1024
OUTPUT_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a text answers. `stated` is a CoT's answer before repair; `reason` says why there is none."""

    answer: Answer | None
    stated: Answer | None
    repaired: bool
    reason: str


def judge(texts: Sequence[tuple[PathKind, str]], *, workers: int = 2, sandbox: Sandbox | None = None) -> list[Verdict]:
    """A verdict for each text; equal programs run once. Without `sandbox` a pool is started and closed."""
    return asyncio.run(_judge(texts, workers, sandbox))


def pool(workers: int) -> SandboxPool:
    """The sandbox that training runs programs in: the service's."""
    return SandboxPool(
        workers=workers,
        timeout_s=TIMEOUT_S,
        memory_bytes=MEMORY_BYTES,
        output_bytes=OUTPUT_BYTES,
        max_queue=1 << 20,
    )


async def _judge(texts: Sequence[tuple[PathKind, str]], workers: int, sandbox: Sandbox | None) -> list[Verdict]:
    programs = {extract_program(text) for kind, text in texts if kind is PathKind.POT} - {None}
    results = await _run(sorted(program for program in programs if program is not None), workers, sandbox)
    return [_cot(text) if kind is PathKind.COT else _pot(extract_program(text), results) for kind, text in texts]


async def _run(programs: Sequence[str], workers: int, sandbox: Sandbox | None) -> dict[str, Verdict]:
    if not programs:
        return {}
    used: Sandbox = sandbox if sandbox is not None else pool(workers)
    await used.start()
    free = asyncio.Semaphore(2 * workers)

    async def run(program: str) -> Verdict:
        async with free:
            execution = await used.run(program)
        if execution.outcome is not Outcome.OK or execution.value is None:
            return Verdict(None, None, False, execution.outcome.value)
        answer = answer_from_value(execution.value)
        return Verdict(answer, None, False, "" if answer else "no answer")

    try:
        verdicts = await asyncio.gather(*map(run, programs))
    finally:
        await used.close()
    return dict(zip(programs, verdicts, strict=True))


def _cot(text: str) -> Verdict:
    path = parse_cot(text)
    return Verdict(path.answer, path.stated, path.repaired, "" if path.answer else "unparsed")


def _pot(program: str | None, results: dict[str, Verdict]) -> Verdict:
    return Verdict(None, None, False, "unparsed") if program is None else results[program]
