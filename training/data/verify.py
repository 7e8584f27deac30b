"""Answers of rationales, by the service's own parsers and sandbox."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from service.paths.answer import Answer, answer_from_value
from service.paths.cot import parse_cot
from service.paths.pot import extract_program
from service.sandbox.base import Outcome, Sandbox
from service.sandbox.pool import SandboxPool
from service.types import PathKind
from training.progress import Step, bar

TIMEOUT_S = 3.0
MEMORY_BYTES = 256 * 1024 * 1024
OUTPUT_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Verified:
    """Answer of a rationale.

    Args:
        answer: the answer, after repair for a CoT, or None.
        stated: answer of a CoT before repair, or None.
        repaired: whether repair changed the CoT.
        reason: reason for a missing answer, else empty.
    """

    answer: Answer | None
    stated: Answer | None
    repaired: bool
    reason: str


def verify(
    texts: Sequence[tuple[PathKind, str]], *, workers: int = 2, sandbox: Sandbox | None = None, title: str = ""
) -> list[Verified]:
    """Answer of each text, in order. Equal programs run once.

    Args:
        texts: kind and text of each rationale.
        workers: sandbox processes.
        sandbox: sandbox to use, which is closed afterwards. None starts one.
        title: title of the progress bar. Empty shows none.
    """
    return asyncio.run(_verify(texts, workers, sandbox, title))


def sandbox_pool(workers: int) -> SandboxPool:
    """Sandbox for programs of training."""
    return SandboxPool(
        workers=workers,
        timeout_s=TIMEOUT_S,
        memory_bytes=MEMORY_BYTES,
        output_bytes=OUTPUT_BYTES,
        max_queue=1 << 20,
    )


async def _verify(
    texts: Sequence[tuple[PathKind, str]], workers: int, sandbox: Sandbox | None, title: str
) -> list[Verified]:
    programs = {extract_program(text) for kind, text in texts if kind is PathKind.POT} - {None}
    rationales = sum(kind is PathKind.COT for kind, _ in texts)
    with bar(title, len(programs) + rationales, is_shown=bool(title)) as step:
        results = await _run(sorted(program for program in programs if program is not None), workers, sandbox, step)
        found = []
        for kind, text in texts:
            if kind is PathKind.COT:
                found.append(_cot(text))
                step()
            else:
                found.append(_pot(extract_program(text), results))
    return found


async def _run(programs: Sequence[str], workers: int, sandbox: Sandbox | None, step: Step) -> dict[str, Verified]:
    if not programs:
        return {}
    used: Sandbox = sandbox if sandbox is not None else sandbox_pool(workers)
    await used.start()
    slots = asyncio.Semaphore(2 * workers)

    async def run(program: str) -> Verified:
        async with slots:
            execution = await used.run(program)
        step()
        if execution.outcome is not Outcome.OK or execution.value is None:
            return Verified(None, None, False, execution.outcome.value)
        answer = answer_from_value(execution.value)
        return Verified(answer, None, False, "" if answer else "no answer")

    try:
        results = await asyncio.gather(*map(run, programs))
    finally:
        await used.close()
    return dict(zip(programs, results, strict=True))


def _cot(text: str) -> Verified:
    path = parse_cot(text)
    return Verified(path.answer, path.stated, path.repaired, "" if path.answer else "unparsed")


def _pot(program: str | None, results: dict[str, Verified]) -> Verified:
    return Verified(None, None, False, "unparsed") if program is None else results[program]
