"""The solver's own cost: seconds of a problem beyond its programs, with the scripted engine and the real sandbox.

    python -m benchmarks.solver --data ../shared/data/svamp/train.jsonl [--limit 200]

Each problem is solved with 10 + 10 paths that are there at once, and then its programs alone are run again through the
same sandbox, all at once as the solver does; the difference is parsing, repair, voting and scheduling. Ends with a
profile of where that goes.
"""

import argparse
import asyncio
import cProfile
import pstats
import statistics
import time
from pathlib import Path

from service.components import sandbox_pool
from service.engine.fake import FakeEngine
from service.evaluation.evaluate import Question, read_questions
from service.paths.base import FormatV1
from service.sandbox.base import Sandbox
from service.settings import load_settings
from service.solve.problem import Problem
from service.solve.solver import Solver
from service.types import Policy


def main() -> None:
    """Print the medians, and the profile."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=200)
    arguments = parser.parse_args()
    questions = read_questions(arguments.data, arguments.limit)
    asyncio.run(_measure(questions))


async def _measure(questions: list[Question]) -> None:
    sandbox = sandbox_pool(load_settings())
    engine = FakeEngine()
    await sandbox.start()
    await engine.start()
    solver = Solver(engine, sandbox, FormatV1())
    try:
        await _solve(solver, questions[:20], Policy.FIXED)  # warm
        for policy in (Policy.FIXED, Policy.ADAPTIVE):
            totals, programs = await _solve(solver, questions, policy)
            alone = [await _run(sandbox, part) for part in programs]
            own = sorted(total - part for total, part in zip(totals, alone, strict=True))
            print(
                f"{policy.value:9} problem p50 {statistics.median(totals) * 1e3:.2f} ms, "
                f"its programs alone {statistics.median(alone) * 1e3:.2f} ms; "
                f"solver's own p50 {statistics.median(own) * 1e3:.2f} ms, p95 {own[int(0.95 * len(own))] * 1e3:.2f} ms"
            )
        profile = cProfile.Profile()
        profile.enable()
        await _solve(solver, questions, Policy.FIXED)
        profile.disable()
        pstats.Stats(profile).strip_dirs().sort_stats("tottime").print_stats(15)
    finally:
        await engine.close()
        await sandbox.close()


async def _solve(solver: Solver, questions: list[Question], policy: Policy) -> tuple[list[float], list[list[str]]]:
    totals, programs = [], []
    for number, question in enumerate(questions):
        problem = Problem(question.question, 10, 10, policy, 0.7, 1.0, 320, 60.0, number)
        began = time.perf_counter()
        solution = await solver.solve(problem, "bench")
        totals.append(time.perf_counter() - began)
        programs.append(sorted({path.program for path in solution.paths if path.program is not None}))
    return totals, programs


async def _run(sandbox: Sandbox, programs: list[str]) -> float:
    began = time.perf_counter()
    await asyncio.gather(*map(sandbox.run, programs))
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
