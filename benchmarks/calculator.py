"""A calculator in the loop of a chain of thought, against repairing it afterwards, on the same problems and seeds.

    python -m benchmarks.calculator --data problems.jsonl [--test 150] [--limit 100] [--paths 4] [--model M]

In the loop, decoding stops at each `=`; where an equation stands before it, its right result is written in, and
decoding goes on over the cached prefix. That costs a round through the engine for each equation. Prints what one path
answers rightly (as stated, repaired afterwards, in the loop), the votes, tokens, rounds and seconds.
"""

import argparse
import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.load import add_problems, problems
from service.components import Parts, assemble
from service.engine.base import Finish, Sampling
from service.evaluation.evaluate import Question, wilson
from service.paths.answer import Answer, matches
from service.paths.cot import parse_cot
from service.settings import EngineKind, Settings, load_settings
from service.solve.solver import path_seed
from service.solve.vote import Ballot, count
from service.types import PathKind

_WRONG = "987654321.5"
"""A result that no equation has: whatever repair writes in its place is the result."""

_MAX_ROUNDS = 24


@dataclass(frozen=True, slots=True)
class Sampled:
    """One path's answers, and what it cost."""

    stated: Answer | None
    answer: Answer | None
    tokens: int
    rounds: int


def main() -> None:
    """Sample both ways, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_problems(parser)
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--paths", type=int, default=4)
    parser.add_argument("--model")
    arguments = parser.parse_args()
    settings = load_settings(model=arguments.model, engine=EngineKind.VLLM)
    asyncio.run(_compare(settings, problems(arguments, arguments.limit), arguments.paths))


async def _compare(settings: Settings, questions: list[Question], paths: int) -> None:
    parts = assemble(settings)
    await parts.engine.start()
    try:
        for name, looped in (("afterwards", False), ("in the loop", True)):
            began = time.monotonic()
            asked = [
                _path(settings, parts, q, path_seed(i, p), looped)
                for i, q in enumerate(questions)
                for p in range(paths)
            ]
            found = await asyncio.gather(*asked)
            seconds = time.monotonic() - began
            groups = [found[i * paths : (i + 1) * paths] for i in range(len(questions))]
            print(
                f"{name}: {len(found)} paths, {sum(p.tokens for p in found) / len(found):.1f} tokens and "
                f"{sum(p.rounds for p in found) / len(found):.2f} rounds a path, {seconds:.1f} s"
            )
            _print("  one path, as stated", [p.stated for p in found], [q for q in questions for _ in range(paths)])
            _print("  one path, repaired", [p.answer for p in found], [q for q in questions for _ in range(paths)])
            _print(f"  vote of {paths}", [_elected(group) for group in groups], questions)
    finally:
        await parts.engine.close()


async def _path(settings: Settings, parts: Parts, question: Question, seed: int, looped: bool) -> Sampled:
    prompt = parts.path_format.prompt(PathKind.COT, question.question)
    text, tokens, rounds, left = "", 0, 0, settings.max_tokens
    while left > 0 and rounds < _MAX_ROUNDS:
        sampling = Sampling(
            temperature=settings.temperature or parts.decoding.temperature,
            top_p=parts.decoding.top_p,
            max_tokens=left,
            seed=path_seed(seed, rounds),
            stop=(*parts.path_format.stop, "=") if looped else parts.path_format.stop,
        )
        completion = await parts.engine.sample(f"{question.id}-{seed}-{rounds}", prompt + text, sampling)
        text += completion.text
        tokens += completion.completion_tokens
        left -= completion.completion_tokens
        rounds += 1
        if not looped or completion.finish is not Finish.STOP or parse_cot(text).stated is not None:
            break
        text += f"= {_result(text)}".rstrip()  # where nothing can be computed, the model goes on behind its own `=`
    path = parse_cot(text, complete=True)
    return Sampled(path.stated, path.answer, tokens, rounds)


def _result(text: str) -> str:
    """The right result of the equation that `text` ends before; empty where there is none."""
    repaired = parse_cot(f"{text}= {_WRONG}").text
    result = repaired[len(text) + 2 :] if repaired.startswith(text) else ""
    return "" if result == _WRONG else result


def _elected(paths: Sequence[Sampled]) -> Answer | None:
    votes = count(Ballot(i, PathKind.COT, path.answer) for i, path in enumerate(paths) if path.answer)
    return votes[0].answer if votes else None


def _print(name: str, answers: Sequence[Answer | None], questions: Sequence[Question]) -> None:
    right = sum(a is not None and matches(a, q.answer) for a, q in zip(answers, questions, strict=True))
    low, high = wilson(right, len(answers))
    print(f"{name:22} {right / len(answers):6.1%} ({low:.1%} to {high:.1%})")


if __name__ == "__main__":
    main()
