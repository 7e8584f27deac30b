"""Synthetic story problems, each with a CoT and a program.

A recipe names them as `problems = "synthetic:COUNT"`. The templates hold one- and two-step problems: change, combine
and compare (Riley, Greeno and Heller, 1983), equal groups and rates. People, things and numbers are drawn. A longer
list starts with the shorter one of the same seed.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from service.errors import ConfigurationError
from service.types import PathKind
from training.data.derived_programs import evaluate
from training.data.problem import Problem, Rationale
from training.recipe import read_toml

TEACHER = "synthetic"

# Part of each id and of the generator's seed: another text would draw other problems for the same seed.
_STREAM = "stories"
_TRIES = 500
_MAX_MISSES = 1000
"""Draws in a row without a new problem after which the templates are exhausted."""
_NUMBERS = "abcdef"
_HIDDEN = "qr"
_OPERATOR = re.compile(r" ([-+*/]) ")
_LIMIT = 100_000
_HIS = ("his", "her")
_LOWERED = frozenset("He She There Now Then They Each It Another In The A After At Together".split())
"""First words of a sentence that are written in lower case after "If"."""


_Item = TypeVar("_Item")
Some = Annotated[tuple[_Item, ...], Field(min_length=1)]
Three = Annotated[tuple[_Item, ...], Field(min_length=3)]


class Question(BaseModel):
    """Question of a story, with the steps of its solution, each `known | name = expression`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    q: str
    steps: Some[str]


class Story(BaseModel):
    """Story template.

    Args:
        facts: sentences of the story.
        asks: questions about it.
        given: expressions of the numbers that depend on other numbers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    facts: Some[str]
    asks: Some[Question]
    given: dict[str, str] = {}


class Templates(BaseModel):
    """Content of a template file: word lists and stories."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    people: Three[str]
    female: frozenset[str]
    things: Some[Three[str]]
    places: Some[str]
    boxes: Some[str]
    story: Some[Story]


@dataclass(frozen=True, slots=True)
class StoryProblem:
    """Problem from a template, as text."""

    question: str
    answer: str
    reasoning: str
    program: str


@dataclass(frozen=True, slots=True)
class _Step:
    """Step of a solution.

    Args:
        known: sentence that precedes the equation.
        name: name of the result.
        operands: names in the expression.
        operators: operators between them.
    """

    known: str
    name: str
    operands: tuple[str, ...]
    operators: tuple[str, ...]

    def expression(self, values: Mapping[str, str]) -> str:
        """The expression, with the operands replaced that `values` holds."""
        parts = [values.get(operand, operand) for operand in self.operands]
        return " ".join(part for pair in zip(parts, (*self.operators, ""), strict=True) for part in pair if part)


def load_templates(path: Path) -> Templates:
    """Read a template file.

    Raises:
        ConfigurationError: the file cannot be read or is invalid.
    """
    return read_toml(path, Templates, "template file")


def draw(count: int, seed: int, templates: Templates) -> Iterator[tuple[Problem, Rationale, Rationale]]:
    """Draw problems with distinct questions, each with its CoT and its program.

    Raises:
        ConfigurationError: a template names an unknown slot, or the templates give too few problems.
    """
    rng = random.Random(f"{_STREAM}:{seed}")
    questions = [(story, question) for story in templates.story for question in story.asks]
    seen: set[str] = set()
    misses = 0
    while len(seen) < count:
        story, question = rng.choice(questions)
        try:
            drawn = fill(story, question, templates, rng)
        except (LookupError, ValueError, AttributeError) as error:
            raise ConfigurationError(f"the template {question.q!r} cannot be filled: {error}") from None
        if drawn is None or drawn.question in seen:
            misses += 1
            if misses == _MAX_MISSES:
                raise ConfigurationError(f"the templates give only about {len(seen)} problems, not {count}")
            continue
        misses = 0
        id_ = f"{_STREAM}/{seed}-{len(seen)}"
        seen.add(drawn.question)
        yield (
            Problem(id_, drawn.question, drawn.answer),
            Rationale(id_, PathKind.COT, TEACHER, drawn.reasoning),
            Rationale(id_, PathKind.POT, TEACHER, drawn.program),
        )


def fill(story: Story, question: Question, templates: Templates, rng: random.Random) -> StoryProblem | None:
    """Fill a template with drawn words and numbers. None if no drawn numbers fit its steps."""
    words = _words(templates, rng)
    steps = [_step(text, words) for text in question.steps]
    found = next((n for _ in range(_TRIES) if (n := _numbers(story, steps, rng))), None)
    if found is None:
        return None
    numbers, results = found
    literal = {name: str(value) for name, value in numbers.items()}
    slots = words | literal
    asked = _question([fact.format(**slots) for fact in story.facts], question.q.format(**slots), rng)
    reasoning, program = [], []
    conclusion = rng.choice((", so {} = {}", ": {} = {}", ". So {} = {}"))
    computed = {step.name: str(result) for step, result in zip(steps, results, strict=True)}
    names = {step.name: re.sub(r"\W+", "_", step.name) for step in steps}
    for step, result in zip(steps, results, strict=True):
        known = step.known.format(**slots)
        known = known[:1].upper() + known[1:]
        reasoning.append(known + conclusion.format(step.expression(literal | computed), result))
        target = "ans" if step is steps[-1] else names[step.name]
        program += [f"# {known}", f"{target} = {step.expression(literal | names)}"]
    text = f"{'. '.join(reasoning)}. The answer is {results[-1]}"
    return StoryProblem(asked, str(results[-1]), text, "\n".join(program))


def _words(templates: Templates, rng: random.Random) -> dict[str, str]:
    n, m, o = rng.sample(templates.people, 3)
    x, y, z = rng.sample(rng.choice(templates.things), 3)
    he, his = ("she", "her") if n in templates.female else ("he", "his")
    place, box = rng.choice(templates.places), rng.choice(templates.boxes)
    people = {"n": n, "m": m, "o": o, "he": he, "He": he.capitalize(), "his": his, "his2": _HIS[m in templates.female]}
    return people | {"x": x, "y": y, "z": z, "p": place, "k": box}


def _step(text: str, words: Mapping[str, str]) -> _Step:
    known, _, formula = text.partition(" | ")
    name, _, expression = formula.partition(" = ")
    pieces = _OPERATOR.split(_with_words(expression, words))
    return _Step(known, _with_words(name, words), tuple(pieces[::2]), tuple(pieces[1::2]))


def _with_words(text: str, words: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda slot: words[slot[1]], text)


def _numbers(story: Story, steps: Sequence[_Step], rng: random.Random) -> tuple[dict[str, int], list[int]] | None:
    """Draw distinct numbers for the letters. None unless each step's result is a positive integer.

    Returns:
        The numbers by letter, and the result of each step.
    """
    size = rng.choice((9, 20, 99, 99, 400))
    drawn = {letter: rng.randint(2, size) for letter in _NUMBERS + _HIDDEN}
    for letter, expression in story.given.items():
        value = evaluate(re.sub(r"\b[a-fqr]\b", lambda name: str(drawn[name[0]]), expression))
        drawn[letter] = int(value or 0)
    values = {letter: str(value) for letter, value in drawn.items()}
    results: list[int] = []
    for step in steps:
        result = evaluate(step.expression(values))
        if result is None or result.denominator != 1 or not 0 < result < _LIMIT:
            return None
        values[step.name] = str(result.numerator)
        results.append(result.numerator)
    used = {letter: drawn[letter] for letter in _NUMBERS if any("{" + letter + "}" in f for f in story.facts)}
    used |= {letter: drawn[letter] for step in steps for letter in step.operands if letter in drawn}
    ambiguous = len(set(used.values())) < len(used) or set(used.values()) & set(results[:-1])
    return None if ambiguous else (used, results)


def _question(facts: list[str], question: str, rng: random.Random) -> str:
    """Facts and question as text. A quarter of the stories turn the last fact into a condition, as SVAMP does."""
    if len(facts) > 1 and rng.random() < 0.25 and not facts[-1].startswith("If "):
        last = facts[-1]
        first = last.split()[0]
        facts = [*facts[:-1], f"If {last[:1].lower() + last[1:] if first in _LOWERED else last}"]
    return " ".join([*facts, question])
