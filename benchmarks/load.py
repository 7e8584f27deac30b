"""Load on the solver: many problems, some at a time, and what came of each."""

import argparse
import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from service.components import Parts
from service.evaluation.evaluate import Question, is_right, read_questions
from service.settings import Settings
from service.solve.problem import Problem, Solution
from service.solve.solver import path_seed
from service.types import Policy
from training.rationale import Problem as Row
from training.split import split


@dataclass(frozen=True, slots=True)
class Run:
    """One policy over the problems."""

    right: list[bool]
    tokens: list[int]
    paths: list[int]
    seconds: list[float]
    problems_per_s: float


def add_problems(parser: argparse.ArgumentParser) -> None:
    """The flags that say which problems are asked; `problems` reads them."""
    parser.add_argument("--data", type=Path, required=True, help="JSON Lines of id, question, answer")
    parser.add_argument("--test", type=int, default=0, help="ask held-out problems only: how many the recipe drew")
    parser.add_argument("--split-seed", type=int, default=7, help="the recipe's seed")


def problems(arguments: argparse.Namespace, limit: int | None = None) -> list[Question]:
    """The first problems of the file or, with `--test`, of those that `training/split.py` draws as test problems."""
    questions = read_questions(arguments.data)
    if arguments.test:
        rows = [Row(q.id, q.question, q.answer) for q in questions]
        drawn = split(rows, seed=arguments.split_seed, dev=0, test=arguments.test).test
        questions = [Question(row.id, row.question, row.answer) for row in drawn]
    return questions[:limit]


async def solve_all(
    settings: Settings,
    parts: Parts,
    questions: Sequence[Question],
    policy: Policy,
    seed: int,
    clients: int,
    paths: int | None = None,
) -> tuple[Run, list[Solution]]:
    """Solve every question, `clients` of them at a time, with `paths` of each kind at most (None: as set)."""
    solver = parts.solver(settings)
    places = asyncio.Semaphore(clients)

    async def solve(number: int, question: Question) -> tuple[Solution, float]:
        async with places:
            began = time.monotonic()
            solution = await solver.solve(
                _problem(settings, parts, question, policy, path_seed(seed, number), paths), "bench"
            )
            return solution, time.monotonic() - began

    began = time.monotonic()
    found = await asyncio.gather(*(solve(number, question) for number, question in enumerate(questions)))
    seconds = time.monotonic() - began
    solutions = [solution for solution, _ in found]
    run = Run(
        right=[
            is_right(s.answer.text if s.answer else None, q.answer) for s, q in zip(solutions, questions, strict=True)
        ],
        tokens=[sum(path.completion_tokens for path in s.paths) for s in solutions],
        paths=[len(s.paths) for s in solutions],
        seconds=[took for _, took in found],
        problems_per_s=len(questions) / seconds,
    )
    return run, solutions


def _problem(
    settings: Settings, parts: Parts, question: Question, policy: Policy, seed: int, paths: int | None
) -> Problem:
    return Problem(
        text=question.question,
        cot=settings.cot if paths is None else paths,
        pot=settings.pot if paths is None else paths,
        policy=policy,
        temperature=parts.decoding.temperature if settings.temperature is None else settings.temperature,
        top_p=parts.decoding.top_p,
        max_tokens=settings.max_tokens,
        deadline_s=600.0,
        seed=seed,
    )


def latency(seconds: Sequence[float]) -> dict[str, float]:
    """Median and 95th percentile, in seconds."""
    ordered = sorted(seconds)
    return {"p50_s": statistics.median(ordered), "p95_s": ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]}
