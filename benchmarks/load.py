"""Concurrent load on the solver, and its results."""

import argparse
import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from service.components import Components
from service.evaluation.problems import LabeledProblem, is_right, read_problems
from service.schemas import PathBudget, SolveRequest
from service.solve.problem import Problem, Solution, path_seed
from service.types import Policy
from training.data.problem import Problem as Row
from training.data.sources import split

DEADLINE_S = 600.0


@dataclass(frozen=True, slots=True)
class Run:
    """Results of one policy over the problems.

    Args:
        right: whether each answer is right.
        tokens: completion tokens of each problem.
        paths: started paths of each problem.
        seconds: latency of each problem.
        problems_per_s: throughput of the run.
    """

    right: list[bool]
    tokens: list[int]
    paths: list[int]
    seconds: list[float]
    problems_per_s: float


def add_problems(parser: argparse.ArgumentParser, default: Path | None = None) -> None:
    """Flags that select the problems. `problems` reads them. Without a default, `--data` is required."""
    parser.add_argument(
        "--data", type=Path, required=default is None, default=default, help="JSON Lines of id, question, answer"
    )
    parser.add_argument(
        "--test", type=int, default=0, help="number of test problems that the recipe drew; only those are asked"
    )
    parser.add_argument("--split-seed", type=int, default=7, help="seed of the recipe")


def problems(arguments: argparse.Namespace, limit: int | None = None) -> list[LabeledProblem]:
    """The first problems of the file or, with `--test`, of the test problems that the recipe's split draws."""
    questions = read_problems(arguments.data)
    if arguments.test:
        rows = [Row(q.id, q.text, q.answer) for q in questions]
        drawn = split(rows, seed=arguments.split_seed, dev=0, test=arguments.test).test
        questions = [LabeledProblem(row.id, row.question, row.answer) for row in drawn]
    return questions[:limit]


async def solve_all(
    components: Components,
    questions: Sequence[LabeledProblem],
    policy: Policy,
    seed: int,
    clients: int,
    paths: int | None = None,
) -> tuple[Run, list[Solution]]:
    """Solve every question.

    Args:
        components: started components.
        questions: problems with their gold answers.
        policy: stopping policy.
        seed: seed from which the seed of every problem is derived.
        clients: number of problems at a time.
        paths: maximum number of paths of each kind (default: the settings').
    """
    places = asyncio.Semaphore(clients)

    async def solve(number: int, question: LabeledProblem) -> tuple[Solution, float]:
        async with places:
            began = time.monotonic()
            solution = await components.solve(
                _problem(components, question, policy, path_seed(seed, number), paths), "bench"
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


def _problem(components: Components, question: LabeledProblem, policy: Policy, seed: int, paths: int | None) -> Problem:
    budget = None if paths is None else PathBudget(cot=paths, pot=paths)
    request = SolveRequest(problem=question.text, policy=policy, paths=budget, seed=seed, deadline_s=DEADLINE_S)
    return components.problem(request)


def latency(seconds: Sequence[float]) -> dict[str, float]:
    """Median and 95th percentile, in seconds."""
    ordered = sorted(seconds)
    return {"p50_s": statistics.median(ordered), "p95_s": ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]}
