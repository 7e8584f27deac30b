"""Sampled paths as JSON Lines, for `benchmarks/reading.py`.

    python -m benchmarks.record OUT --data problems.jsonl [--test 150] [--limit 60] [--model M] [--paths 5]

The engine samples the paths with the model's own prompts. The seed of every path is fixed. OUT gets a row as each path
ends, and a second run samples only the paths that are missing.
"""

import argparse
import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

from benchmarks.load import add_problems, problems
from service.components import Components, build
from service.engine.base import Finish, Sampling
from service.evaluation.problems import LabeledProblem
from service.schemas import PathBudget, SolveRequest
from service.settings import load_settings
from service.solve.problem import Problem, path_seed
from service.solve.problem_run import plan
from service.types import PathKind


class Planned(NamedTuple):
    """A path to sample. `place` is its position in the fixed order of the problem."""

    question: LabeledProblem
    problem: Problem
    place: int
    kind: PathKind


def main() -> None:
    """Sample the missing paths."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_problems(parser)
    parser.add_argument("out", type=Path)
    parser.add_argument("--limit", type=int, default=60)
    parser.add_argument("--model")
    parser.add_argument("--paths", type=int, default=5, help="number of paths of each kind")
    parser.add_argument("--clients", type=int, default=40, help="number of paths at a time")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    components = build(load_settings(model=arguments.model))
    known = recorded(arguments.out)
    paths = planned(components, problems(arguments, arguments.limit), arguments.paths, arguments.seed)
    missing = [path for path in paths if (path.question.id, path.place) not in known]
    with arguments.out.open("a", encoding="utf-8") as out:
        asyncio.run(sample(components, missing, out, arguments.clients))


def recorded(path: Path) -> set[tuple[str, int]]:
    """Problem and index of every path in a file. A missing file has none."""
    if not path.is_file():
        return set()
    with path.open(encoding="utf-8") as lines:
        return {(row["id"], row["index"]) for row in map(json.loads, lines)}


def planned(components: Components, questions: list[LabeledProblem], paths: int, seed: int) -> Iterator[Planned]:
    """Paths of all problems in their fixed order.

    Args:
        components: components of the model.
        questions: problems with their gold answers.
        paths: number of paths of each kind.
        seed: seed from which the seed of every problem is derived.
    """
    for number, question in enumerate(questions):
        budget = PathBudget(cot=paths, pot=paths)
        request = SolveRequest(problem=question.text, paths=budget, seed=path_seed(seed, number))
        problem = components.problem(request)
        for place, kind in enumerate(plan(problem.cot, problem.pot)):
            yield Planned(question, problem, place, kind)


async def sample(components: Components, paths: list[Planned], out: TextIO, clients: int) -> None:
    """Sample paths, and write a row as each ends.

    Args:
        components: components of the model.
        paths: paths to sample.
        out: file of the rows.
        clients: number of paths at a time.
    """
    places, path_format = asyncio.Semaphore(clients), components.models[0].path_format

    async def write_row(path: Planned) -> None:
        question, problem, place, kind = path
        sampling = Sampling(
            temperature=problem.temperature,
            top_p=problem.top_p,
            max_tokens=problem.max_tokens,
            seed=path_seed(problem.seed, place),
            stop=path_format.stop(kind),
        )
        async with places:
            prompt = path_format.prompt(kind, problem.text)
            completion = await components.engine.sample(f"{question.id}-{place}", prompt, sampling)
        row = {
            "id": question.id,
            "model": components.engine.model,
            "kind": kind.value,
            "index": place,
            "text": completion.text,
            "complete": completion.finish is Finish.STOP,
            "gold": question.answer,
            "tokens": completion.completion_tokens,
        }
        out.write(json.dumps(row, ensure_ascii=False) + "\n")
        out.flush()

    async with components:
        await asyncio.gather(*map(write_row, paths))


if __name__ == "__main__":
    main()
