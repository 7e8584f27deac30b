"""Number augmentation: a verified problem told again with other numbers, its program and its reasoning with it.

The numbers of the question that its rationales use are drawn anew, at the same size. A program whose literals are those
numbers gives the new answer; a CoT is recomputed equation by equation with the service's own calculator. A copy is kept
only if the program's new result and the recomputed CoT agree, if the answer is of the old answer's kind (whole stays
whole, positive stays positive), and if nothing in the texts is ambiguous: a number that question or program have twice
(the 2 of "2 calories" and that of "up and down"), or a result that equals a given number, makes no copy. Copies are
labelled (`source` gets `+numbers`) and stay with their question.
"""

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction

from service.paths.answer import parse_answer
from service.paths.cot import parse_cot
from service.types import PathKind
from training.mechanical import evaluate, program_of
from training.packs import Example

ATTEMPTS = 8

_NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?![\w]|\.\d)")
_LINE = re.compile(r"([A-Za-z_]\w*)\s*=\s*([^=]+)")
_NAME = re.compile(r"[A-Za-z_]\w*")
_COMMENT = re.compile(r"#.*")


def augment(cot: Example, pot: Example, answer: str, count: int, seed: int) -> list[tuple[str, Example, Example]]:
    """Up to `count` copies of one question's pair: the new answer, the new CoT and the new PoT."""
    gold = _exact(answer)
    numbers = _givens(cot.question)
    if gold is None or not numbers or run_lines(pot.text) != gold:
        return []
    literals = Counter(m[0] for m in _NUMBER.finditer(_COMMENT.sub("", pot.text)))
    if any(literals[number] > 1 for number in numbers):
        return []
    rng = random.Random(f"{seed}:{cot.id}")
    copies: list[tuple[str, Example, Example]] = []
    for _ in range(count * ATTEMPTS):
        if len(copies) == count:
            break
        drawn = {old: _draw(old, rng) for old in numbers}
        copy = _copy(cot, pot, gold, drawn, len(copies) + 1)
        if copy is not None and all(copy[1].question != other[1].question for other in copies):
            copies.append(copy)
    return copies


def run_lines(program: str) -> Fraction | None:
    """The exact `ans` of a program that is assignments of arithmetic alone, None for any other."""
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


def _copy(
    cot: Example, pot: Example, gold: Fraction, drawn: Mapping[str, str], number: int
) -> tuple[str, Example, Example] | None:
    question = _replace(cot.question, drawn)
    reasoning = _recompute(cot.text, drawn)
    if reasoning is None:
        return None
    program = _replace(pot.text, drawn)
    answer = run_lines(program)
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
    return (
        text,
        Example(id_, PathKind.COT, question, reasoning, source, cot.weight),
        Example(id_, PathKind.POT, question, program, source, cot.weight),
    )


def _recompute(text: str, drawn: Mapping[str, str]) -> str | None:
    """The CoT with the new numbers and every result computed anew; None unless all its numbers are accounted for."""
    results = {m[0] for m in _NUMBER.finditer(text)} - set(drawn)
    changed = _replace(text, drawn)
    repaired = parse_cot(changed)
    if not repaired.repaired:
        return None
    left = {m[0] for m in _NUMBER.finditer(repaired.text)}
    # An old intermediate result that still stands was not linked to an equation: the text would contradict itself.
    return None if results & left else repaired.text


def _givens(question: str) -> list[str]:
    """The numbers of a question that may be drawn anew: each occurs once, none is 0, 1 or a part of a word."""
    counts = Counter(m[0] for m in _NUMBER.finditer(question))
    if any(count > 1 for count in counts.values()):
        return []
    return [number for number in counts if _exact(number) not in (0, 1, 100)]


def _draw(old: str, rng: random.Random) -> str:
    """A number of the same notation and about the same size."""
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
    """As a gold answer: a whole number, or up to two decimals."""
    if value.denominator == 1:
        return str(value.numerator)
    decimal = f"{float(value):.2f}".rstrip("0")
    return decimal if Fraction(decimal) == value else None


def pairs(examples: Sequence[Example]) -> list[tuple[Example, Example]]:
    """A CoT with a PoT of each question, what `augment` starts from: a CoT with its own program, or the first two."""
    groups: dict[str, dict[PathKind, list[Example]]] = {}
    for example in examples:
        groups.setdefault(example.id, {}).setdefault(example.kind, []).append(example)
    return [_pair(found[PathKind.COT], found[PathKind.POT]) for found in groups.values() if len(found) == 2]


def _pair(cots: Sequence[Example], pots: Sequence[Example]) -> tuple[Example, Example]:
    programs = {pot.text: pot for pot in pots}
    own = ((cot, programs.get(program_of(cot.text, cot.question) or "")) for cot in cots)
    return next(((cot, pot) for cot, pot in own if pot), (cots[0], pots[0]))
