"""Accuracy of stock models by prompt, on the same problems and seeds.

    python -m benchmarks.prompts --model DIR [--model DIR …] [--data problems.jsonl] [--limit 60] [--paths 5]
        [--prompt NAME …] [--rows FILE] [--json FILE]

Without `--data` the problems are the public test set of SVAMP. The prompts take turns on each problem. A row is written
as each vote ends, and a second run measures only the missing rows.
"""

import argparse
import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from benchmarks import results
from benchmarks.load import DEADLINE_S, add_problems, problems
from service.components import Components, build
from service.evaluation.problems import LabeledProblem, is_right
from service.evaluation.statistics import wilson
from service.model.checkpoint import find_checkpoint
from service.model.prompt_format import prompt_format
from service.model.prompts import known_prompts, read_prompt
from service.paths.chat import ChatPrompt
from service.schemas import PathBudget, SolveRequest
from service.settings import EngineKind, load_settings
from service.solve.problem import Solution, path_seed
from service.solve.solver import Solver
from service.types import PathKind, PathOutcome, Policy
from training.data.loaders import advice
from training.data.public.write import PUBLIC
from training.sample.statistics import difference

SVAMP = PUBLIC / "svamp/test.jsonl"
VOTE = "vote"
PARTS = (*PathKind, VOTE)
"""Measures of a prompt: the paths of each kind, and the vote over all paths."""

Row = dict[str, Any]


class Run(NamedTuple):
    """Conditions of the measurement. Rows of other conditions are kept, but not counted."""

    paths: int
    temperature: float
    max_tokens: int
    seed: int


class Measured(NamedTuple):
    """A prompt and how to give it to the service."""

    setting: str
    prompt: ChatPrompt


def main() -> None:
    """Measure the missing rows and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_problems(parser, default=SVAMP)
    parser.add_argument("--model", required=True, action="append", help="directory or name of an instruct model")
    parser.add_argument("--prompt", action="append", help="name or TOML file (default: all known prompts)")
    parser.add_argument("--limit", type=int, default=60)
    parser.add_argument("--paths", type=int, default=5, help="number of paths of each kind")
    parser.add_argument("--temperature", type=float, default=0.7)
    parser.add_argument("--max-tokens", type=int, default=512)
    parser.add_argument("--clients", type=int, default=4, help="number of votes at a time")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rows", type=Path, default=Path("runs/prompts.jsonl"), help="file of the rows")
    parser.add_argument("--json", type=Path, help="result file")
    arguments = parser.parse_args()
    if not arguments.data.is_file():
        raise SystemExit(f"{arguments.data} does not exist; {advice(str(arguments.data))}.")
    run = Run(arguments.paths, arguments.temperature, arguments.max_tokens, arguments.seed)
    prompts = [Measured(setting, read_prompt(setting)) for setting in arguments.prompt or known_prompts()]
    questions = drawn(problems(arguments), arguments.limit, arguments.seed)
    rows = read_rows(arguments.rows)
    for model in arguments.model:
        rows += asyncio.run(measure(model, prompts, questions, run, rows, arguments.rows, arguments.clients))
    facts = figures(rows, [measured.prompt for measured in prompts], questions, run)
    print(table(facts))
    if arguments.json:
        results.write(arguments.json, facts)


def drawn(questions: Sequence[LabeledProblem], limit: int, seed: int) -> list[LabeledProblem]:
    """Random problems, in random order. A smaller limit draws the first ones of the same problems."""
    return random.Random(seed).sample(questions, len(questions))[:limit]


async def measure(
    model: str,
    prompts: Sequence[Measured],
    questions: Sequence[LabeledProblem],
    run: Run,
    known: Sequence[Row],
    out: Path,
    clients: int,
) -> list[Row]:
    """Rows of a model that are missing. Each is written to `out`."""
    settings = load_settings(model=model, engine=EngineKind.VLLM)
    checkpoint = find_checkpoint(model, settings.cache_dir)
    have = {_key(row) for row in known}
    places, rows = asyncio.Semaphore(clients), list[Row]()
    missing = [
        (number, question, measured)
        for number, question in enumerate(questions)
        for measured in _turned(prompts, number)
        if (checkpoint.name, measured.prompt.digest, question.id, *run) not in have
    ]
    if not missing:
        return rows
    formats = {measured: prompt_format(checkpoint, measured.setting) for measured in prompts}
    out.parent.mkdir(parents=True, exist_ok=True)
    async with build(settings) as components:
        with out.open("a", encoding="utf-8") as file:

            async def solve(number: int, question: LabeledProblem, measured: Measured) -> None:
                async with places:
                    solver = _solver(components, measured, formats)
                    request = _request(question, run, path_seed(run.seed, number))
                    solution = await solver.solve(components.problem(request), f"{question.id} {measured.prompt.name}")
                rows.append(row(checkpoint.name, measured.prompt, question, run, solution))
                file.write(json.dumps(rows[-1]) + "\n")
                file.flush()
                print(f"{len(rows)}/{len(missing)} {measured.prompt.name} {question.id}", flush=True)

            await asyncio.gather(*(solve(*one) for one in missing))
    return rows


def _turned(prompts: Sequence[Measured], number: int) -> Sequence[Measured]:
    first = number % len(prompts)
    return [*prompts[first:], *prompts[:first]]


def _solver(components: Components, measured: Measured, formats: dict[Measured, Any]) -> Solver:
    return Solver(components.engine, components.sandbox, formats[measured], components.admission)


def _request(question: LabeledProblem, run: Run, seed: int) -> SolveRequest:
    return SolveRequest(
        problem=question.text,
        policy=Policy.FIXED,
        paths=PathBudget(cot=run.paths, pot=run.paths),
        temperature=run.temperature,
        max_tokens=run.max_tokens,
        seed=seed,
        deadline_s=DEADLINE_S,
    )


def row(model: str, prompt: ChatPrompt, question: LabeledProblem, run: Run, solution: Solution) -> Row:
    """Row of one vote, with all its paths."""
    answer = solution.answer.text if solution.answer else None
    paths = [
        {
            "kind": path.kind,
            "answer": path.answer.text if path.outcome is PathOutcome.VOTED and path.answer else None,
            "outcome": path.outcome,
            "tokens": path.completion_tokens,
            "text": path.text,
        }
        for path in solution.paths
    ]
    return {
        "model": model,
        "prompt": prompt.name,
        "digest": prompt.digest,
        "id": question.id,
        "gold": question.answer,
        **run._asdict(),
        "answer": answer,
        "sampled": paths,
    }


def read_rows(path: Path) -> list[Row]:
    """Rows of a file. A last row that was cut off is removed from it. A missing file has none."""
    if not path.is_file():
        return []
    whole = path.read_bytes()
    complete = whole[: whole.rfind(b"\n") + 1]
    if complete != whole:
        path.write_bytes(complete)
    return [json.loads(line) for line in complete.splitlines()]


def _key(row: Row) -> tuple[Any, ...]:
    return (row["model"], row["digest"], row["id"], *(row[name] for name in Run._fields))


def figures(
    rows: Sequence[Row], prompts: Sequence[ChatPrompt], questions: Sequence[LabeledProblem], run: Run
) -> dict[str, Any]:
    """Figures of every model on the problems that all of its prompts have answered.

    A model counts if the first prompt has rows of it, because the others are compared with that one.
    """
    found = {_key(row): row for row in rows}
    models = {}
    for model in dict.fromkeys(row["model"] for row in rows):
        answered = {
            prompt.name: {
                question.id: found[key]
                for question in questions
                if (key := (model, prompt.digest, question.id, *run)) in found
            }
            for prompt in prompts
        }
        own = {name: by_question for name, by_question in answered.items() if by_question}
        shared = [
            question.id for question in questions if all(question.id in by_question for by_question in own.values())
        ]
        if prompts[0].name in own and shared:
            by_prompt = {name: [by_question[one] for one in shared] for name, by_question in own.items()}
            shares = {name: {part: shares_of(of, part) for part in PARTS} for name, of in by_prompt.items()}
            models[model] = {"problems": len(shared), "prompts": _by_prompt(shares)}
    return {**run._asdict(), "base": prompts[0].name, "models": models}


def shares_of(rows: Sequence[Row], part: str) -> dict[str, list[float]]:
    """Values of each problem: share of right answers, of answers and of cut-off paths, and mean tokens of a path."""
    shares: dict[str, list[float]] = {"right": [], "answered": [], "cut_off": [], "tokens": []}
    for row in rows:
        paths = [path for path in row["sampled"] if part in (path["kind"], VOTE)]
        answers = [row["answer"]] if part == VOTE else [path["answer"] for path in paths]
        shares["right"].append(fmean(is_right(answer, row["gold"]) for answer in answers))
        shares["answered"].append(fmean(answer is not None for answer in answers))
        shares["cut_off"].append(fmean(path["tokens"] >= row["max_tokens"] for path in paths))
        shares["tokens"].append(fmean(path["tokens"] for path in paths))
    return shares


def _by_prompt(shares: dict[str, dict[str, dict[str, list[float]]]]) -> dict[str, Any]:
    base = next(iter(shares.values()))
    return {
        name: {
            part: {measure: fmean(values) for measure, values in own.items()}
            | {
                "interval": _interval(own["right"], is_vote=part == VOTE),
                "ahead": astuple(difference(own["right"], base[part]["right"])),
            }
            for part, own in parts.items()
        }
        for name, parts in shares.items()
    }


def _interval(right: Sequence[float], *, is_vote: bool) -> tuple[float, float]:
    """95 % interval: Wilson's for votes, else a normal one over problems, whose paths depend on each other."""
    if is_vote:
        return wilson(round(sum(right)), len(right))
    mean, margin = astuple(difference(right, [0.0] * len(right)))
    return max(0.0, mean - margin), min(1.0, mean + margin)


def table(facts: dict[str, Any]) -> str:
    """Markdown: one row per model and prompt."""
    base = facts["base"]
    lines = [
        f"{facts['paths']} + {facts['paths']} paths of at most {facts['max_tokens']} tokens, "
        f"T = {facts['temperature']:g}, all counted. Points are the paired difference from `{base}`.",
        "",
        "| model | problems | prompt | CoT paths right (95 %) | CoT points | CoT answered | CoT cut off | CoT tokens "
        "| PoT paths right (95 %) | PoT points | PoT answered | PoT cut off | PoT tokens | vote right (95 %) "
        "| vote points |",
        "|---|---:|---|---|---|---:|---:|---:|---|---|---:|---:|---:|---|---|",
    ]
    for model, measured in facts["models"].items():
        for name, parts in measured["prompts"].items():
            cells = [_right(parts[part], is_base=name == base, with_paths=part != VOTE) for part in PARTS]
            lines.append(f"| {model.rpartition('/')[2]} | {measured['problems']} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _right(part: dict[str, Any], *, is_base: bool, with_paths: bool) -> str:
    (low, high), (mean, margin) = part["interval"], part["ahead"]
    points = "" if is_base else f"{100 * mean:+.1f} ± {100 * margin:.1f}"
    cells = [f"{part['right']:.1%} ({low:.1%} to {high:.1%})", points]
    if with_paths:
        cells += [f"{part['answered']:.1%}", f"{part['cut_off']:.1%}", f"{part['tokens']:.0f}"]
    return " | ".join(cells)


if __name__ == "__main__":
    main()
