"""Procedural story problems with a CoT and a program each: `problems = "stories:COUNT"` in a recipe.

One- and two-step problems of the kinds that the literature on word problems knows (change, combine and compare: Riley,
Greeno & Heller 1983; equal groups and rates), each asked for every unknown and told with quantities that do not matter.
`stories.toml` holds them; people, things and numbers are drawn. The same count and seed give the same problems, and a
longer list begins with the shorter one.
"""

import random
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from service.types import PathKind
from training.mechanical import evaluate
from training.rationale import Problem, Rationale

TEACHER = "stories"

_TRIES = 500
_NUMBERS = "abcdef"
_HIDDEN = "qr"
_OPERATOR = re.compile(r" ([-+*/]) ")
_LIMIT = 100_000
_HIS = ("his", "her")


@dataclass(frozen=True, slots=True)
class Step:
    """One line of reasoning: what is known, and the name of what it computes by an expression of names."""

    known: str
    name: str
    operands: tuple[str, ...]
    operators: tuple[str, ...]

    def written(self, values: Mapping[str, str]) -> str:
        """The expression with each operand as `values` has it, or as it is."""
        parts = [values.get(operand, operand) for operand in self.operands]
        return " ".join(part for pair in zip(parts, (*self.operators, ""), strict=True) for part in pair if part)


def stories(count: int, seed: int) -> Iterator[tuple[Problem, Rationale, Rationale]]:
    """`count` problems, each with its CoT and its program; no question is told twice."""
    book = _book()
    rng = random.Random(f"{TEACHER}:{seed}")
    asks = [(story, ask) for story in book["story"] for ask in story["asks"]]
    seen: set[str] = set()
    while len(seen) < count:
        told = _tell(*rng.choice(asks), book, rng)
        if told is None or told[0] in seen:
            continue
        question, answer, reasoning, program = told
        id_ = f"{TEACHER}/{seed}-{len(seen)}"
        seen.add(question)
        yield (
            Problem(id_, question, answer),
            Rationale(id_, PathKind.COT, TEACHER, reasoning),
            Rationale(id_, PathKind.POT, TEACHER, program),
        )


@cache
def _book() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def _tell(
    story: Mapping[str, Any], ask: Mapping[str, Any], book: Mapping[str, Any], rng: random.Random
) -> tuple[str, str, str, str] | None:
    """Question, answer, CoT and program, or None where no numbers were found that the steps can be computed on."""
    words = _words(book, rng)
    steps = [_step(text, words) for text in ask["steps"]]
    found = next((n for _ in range(_TRIES) if (n := _numbers(story, steps, rng))), None)
    if found is None:
        return None
    numbers, results = found
    literal = {name: str(value) for name, value in numbers.items()}
    written = words | literal
    question = _question([fact.format(**written) for fact in story["facts"]], ask["q"].format(**written), rng)
    reasoning, program = [], []
    so = rng.choice((", so {} = {}", ": {} = {}", ". So {} = {}"))
    computed = {step.name: str(result) for step, result in zip(steps, results, strict=True)}
    names = {step.name: re.sub(r"\W+", "_", step.name) for step in steps}
    for step, result in zip(steps, results, strict=True):
        known = step.known.format(**written)
        known = known[:1].upper() + known[1:]
        reasoning.append(known + so.format(step.written(literal | computed), result))
        target = "ans" if step is steps[-1] else names[step.name]
        program += [f"# {known}", f"{target} = {step.written(literal | names)}"]
    return question, str(results[-1]), f"{'. '.join(reasoning)}. The answer is {results[-1]}", "\n".join(program)


def _words(book: Mapping[str, Any], rng: random.Random) -> dict[str, str]:
    n, m, o = rng.sample(book["people"], 3)
    x, y, z = rng.sample(rng.choice(book["things"]), 3)
    female = set(book["female"])
    he, his = ("she", "her") if n in female else ("he", "his")
    place, box = rng.choice(book["places"]), rng.choice(book["boxes"])
    people = {"n": n, "m": m, "o": o, "he": he, "He": he.capitalize(), "his": his, "his2": _HIS[m in female]}
    return people | {"x": x, "y": y, "z": z, "p": place, "k": box}


def _step(text: str, words: Mapping[str, str]) -> Step:
    known, _, formula = text.partition(" | ")
    name, _, expression = formula.partition(" = ")
    pieces = _OPERATOR.split(_things(expression, words))
    return Step(known, _things(name, words), tuple(pieces[::2]), tuple(pieces[1::2]))


def _things(text: str, words: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda slot: words[slot[1]], text)


def _numbers(
    story: Mapping[str, Any], steps: Sequence[Step], rng: random.Random
) -> tuple[dict[str, int], list[int]] | None:
    """Numbers for the letters, all different, and each step's result: a positive whole number."""
    size = rng.choice((9, 20, 99, 99, 400))
    drawn = {letter: rng.randint(2, size) for letter in _NUMBERS + _HIDDEN}
    for letter, expression in story.get("given", {}).items():
        value = evaluate(re.sub(r"\b[a-fqr]\b", lambda name: str(drawn[name[0]]), expression))
        drawn[letter] = int(value or 0)
    values = {letter: str(value) for letter, value in drawn.items()}
    results: list[int] = []
    for step in steps:
        result = evaluate(step.written(values))
        if result is None or result.denominator != 1 or not 0 < result < _LIMIT:
            return None
        values[step.name] = str(result.numerator)
        results.append(result.numerator)
    told = {letter: drawn[letter] for letter in _NUMBERS if any("{" + letter + "}" in f for f in story["facts"])}
    asked = {letter: drawn[letter] for step in steps for letter in step.operands if letter in drawn}
    told |= asked
    ambiguous = len(set(told.values())) < len(told) or set(told.values()) & set(results[:-1])
    return None if ambiguous else (told, results)


def _question(facts: list[str], question: str, rng: random.Random) -> str:
    """The facts and what is asked; now and then the last fact is a condition, as SVAMP likes to tell it."""
    if len(facts) > 1 and rng.random() < 0.25 and not facts[-1].startswith("If "):
        last = facts[-1]
        first = last.split()[0]
        facts = [*facts[:-1], f"If {last[:1].lower() + last[1:] if first in _LOWER else last}"]
    return " ".join([*facts, question])


_LOWER = frozenset(
    "He She There Now Then They Each It Another In The A After At Together".split()  # what a sentence may begin with
)
