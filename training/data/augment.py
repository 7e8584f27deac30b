"""Number augmentation: copies of a verified problem with other numbers.

The numbers of the question are drawn again at the same size. The program computes the new answer, and the service's
calculator recomputes the CoT. A copy is kept only if both agree and no number is ambiguous. Copies stay with their
question, and `source` gets `+numbers`.
"""

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from service.paths.answer import parse_answer
from service.paths.cot import parse_cot
from service.types import PathKind
from training.data.derived_programs import evaluate, program_of
from training.data.problem import Example

ATTEMPTS = 8

_NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?![\w]|\.\d)")
_LINE = re.compile(r"([A-Za-z_]\w*)\s*=\s*([^=]+)")
_NAME = re.compile(r"[A-Za-z_]\w*")
_COMMENT = re.compile(r"#.*")


@dataclass(frozen=True, slots=True)
class Copy:
    """Copy of a problem's CoT and PoT with other numbers, and its answer."""

    answer: str
    cot: Example
    pot: Example


def augment(cot: Example, pot: Example, answer: str, count: int, seed: int) -> list[Copy]:
    """Copies of a question's CoT and PoT with other numbers.

    Args:
        cot: CoT of the question.
        pot: PoT of the question.
        answer: gold answer.
        count: maximum number of copies.
        seed: seed of the drawn numbers.
    """
    gold = _exact(answer)
    numbers = _given_numbers(cot.question)
    if gold is None or not numbers or run_lines(pot.text) != gold:
        return []
    # A number that the program has twice can be two numbers: the 2 of "2 calories" and that of "up and down".
    literals = Counter(m[0] for m in _NUMBER.finditer(_COMMENT.sub("", pot.text)))
    if any(literals[number] > 1 for number in numbers):
        return []
    rng = random.Random(f"{seed}:{cot.id}")
    copies: list[Copy] = []
    for _ in range(count * ATTEMPTS):
        if len(copies) == count:
            break
        drawn = {old: _draw(old, rng) for old in numbers}
        copy = _copy(cot, pot, gold, drawn, len(copies) + 1)
        if copy is not None and all(copy.cot.question != other.cot.question for other in copies):
            copies.append(copy)
    return copies


def run_lines(program: str) -> Fraction | None:
    """Exact `ans` of a program that only assigns arithmetic. None for any other program."""
    values: dict[str, Fraction] = {}
    for line in program.splitlines():
        if not line.strip() or line.strip().startswith("#"):
            continue
        found = _LINE.fullmatch(line.partition("#")[0].strip())
        if found is None:
            return None
        unknown = [name for name in _NAME.findall(found[2]) if name not in values]
        if unknown:
            return None
        value = evaluate(_NAME.sub(lambda name: f"({values[name[0]]})", found[2].strip()))
        if value is None:
            return None
        values[found[1]] = value
    return values.get("ans")


def _copy(cot: Example, pot: Example, gold: Fraction, drawn: Mapping[str, str], number: int) -> Copy | None:
    question = _replace(cot.question, drawn)
    reasoning = _recompute(cot.text, drawn)
    if reasoning is None:
        return None
    program = _replace(pot.text, drawn)
    answer = run_lines(program)
    # The new answer must be of the old one's kind: a whole number stays whole, a positive one positive.
    if answer is None or answer <= 0 or answer == gold or (gold.denominator == 1) != (answer.denominator == 1):
        return None
    stated = parse_cot(reasoning)
    if stated.repaired or stated.answer is None or stated.answer.value != answer:
        return None
    id_ = f"{cot.id}+{number}"
    text = _written(answer)
    if text is None:
        return None
    source = f"{cot.source}+numbers"
    return Copy(
        text,
        Example(id_, PathKind.COT, question, reasoning, source, cot.weight),
        Example(id_, PathKind.POT, question, program, source, cot.weight),
    )


def _recompute(text: str, drawn: Mapping[str, str]) -> str | None:
    """CoT with the new numbers and recomputed results. None if an old result is left."""
    results = {m[0] for m in _NUMBER.finditer(text)} - set(drawn)
    changed = _replace(text, drawn)
    repaired = parse_cot(changed)
    if not repaired.repaired:
        return None
    left = {m[0] for m in _NUMBER.finditer(repaired.text)}
    # An old result that is left was not linked to an equation: the text would contradict itself.
    return None if results & left else repaired.text


def _given_numbers(question: str) -> list[str]:
    """Numbers of a question that can be drawn again: none occurs twice, or is 0, 1, 100 or part of a word."""
    counts = Counter(m[0] for m in _NUMBER.finditer(question))
    if any(count > 1 for count in counts.values()):
        return []
    return [number for number in counts if _exact(number) not in (None, 0, 1, 100)]


def _draw(old: str, rng: random.Random) -> str:
    """Draw a number of the same notation and about the same size."""
    whole, point, decimals = old.replace(",", "").partition(".")
    value = int(whole + decimals)
    low, high = max(2, value // 2), max(9, value * 2)
    drawn = str(rng.randint(low, high)).rjust(len(decimals) + 1, "0")
    return f"{drawn[: len(drawn) - len(decimals)]}.{drawn[-len(decimals) :]}" if point else drawn


def _replace(text: str, drawn: Mapping[str, str]) -> str:
    return _NUMBER.sub(lambda m: drawn.get(m[0], m[0]), text)


def _exact(text: str) -> Fraction | None:
    answer = parse_answer(text)
    return answer.value if answer else None


def _written(value: Fraction) -> str | None:
    """Gold answer as text: an integer, or up to two decimals. None for any other number."""
    if value.denominator == 1:
        return str(value.numerator)
    decimal = f"{float(value):.2f}".rstrip("0")
    return decimal if Fraction(decimal) == value else None


def pairs(examples: Sequence[Example]) -> list[tuple[Example, Example]]:
    """CoT and PoT of each question that has both: a CoT and the program derived from it, else the first of each."""
    groups: dict[str, dict[PathKind, list[Example]]] = {}
    for example in examples:
        groups.setdefault(example.id, {}).setdefault(example.kind, []).append(example)
    return [_pair(found[PathKind.COT], found[PathKind.POT]) for found in groups.values() if len(found) == 2]


def _pair(cots: Sequence[Example], pots: Sequence[Example]) -> tuple[Example, Example]:
    programs = {pot.text: pot for pot in pots}
    own = ((cot, programs.get(program_of(cot.text, cot.question) or "")) for cot in cots)
    return next(((cot, pot) for cot, pot in own if pot), (cots[0], pots[0]))
