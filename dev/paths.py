r"""Reading and repair of teachers' rationales on whole data sets.

    python -m dev.paths FOLDER [--show unparsed|harmed|missed] [--limit N]

FOLDER holds a directory per data set with `train.jsonl` and `teacher_cot.jsonl`. Every rationale states its gold
answer. Harmed: repair changed a right answer. Recovered: repair restored gold in a text with one false result.
A field `solution` of `train.jsonl` is measured too, with its `<<48/2=24>>` annotations and without them.
"""

import argparse
import json
import random
import re
import time
from collections import Counter
from fractions import Fraction
from pathlib import Path
from statistics import median

from service.paths.answer import Answer
from service.paths.cot import parse_cot
from service.paths.equality import matches
from service.paths.numbers import decimals_of, write

_EQUATION = re.compile(
    r"(?<![\w.*/+-])\$?([\d.]+)( ?[a-z ]{0,20}?) ?([-+*/]) ?\$?([\d.]+)( ?[a-z /]{0,20}?) ?= ?\$?([\d.]*\d)"
)
_STATEMENT = re.compile(r"\s*(?:The answer is|####).*\Z", re.DOTALL)
_ANNOTATION = re.compile(r"<<[^<>]*>>")


def main() -> None:
    """Print the shares of each data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument(
        "--show", default="", choices=["", "unparsed", "harmed", "missed", "lost", "harmed by the parser"]
    )
    parser.add_argument("--limit", type=int, default=40)
    arguments = parser.parse_args()
    for path in sorted(arguments.data.glob("*/train.jsonl")):
        problems = _rows(path)
        gold = {row["id"]: row["answer"] for row in problems}
        rows = [(row["text"], gold[row["id"]]) for row in _rows(path.with_name("teacher_cot.jsonl"))]
        measure(path.parent.name, rows, arguments.show, arguments.limit)
        solutions = [
            (f"{row['solution']}\n#### {row['answer']}", row["answer"]) for row in problems if "solution" in row
        ]
        if solutions:
            name = f"{path.parent.name}, human solutions"
            measure(name, solutions, arguments.show, arguments.limit)
            bare = [(_ANNOTATION.sub("", text), answer) for text, answer in solutions]
            measure(f"{name} without annotations", bare, arguments.show, arguments.limit)


def measure(name: str, rows: list[tuple[str, str]], show: str, limit: int) -> None:
    """Parse every row unchanged, without its statement, cut and corrupted."""
    counts: Counter[str] = Counter()
    micros = []
    for number, (text, gold) in enumerate(rows):
        start = time.perf_counter()
        path = parse_cot(text)
        micros.append((time.perf_counter() - start) * 1e6)
        outcomes = [(text, "parsed" if _right(path.stated, gold) else "unparsed")]
        if outcomes[0][1] == "parsed" and not _right(path.answer, gold):
            outcomes.append((text, "harmed" if has_false_equation(text) else "harmed by the parser"))
        cut = _STATEMENT.sub("", text)
        concluded = parse_cot(cut, complete=True).answer
        if concluded is not None:
            outcomes.append((cut, "concluded" if _right(concluded, gold) else "missed"))
        broken = parse_cot(text[: random.Random(number).randrange(len(cut) + 1)], complete=True).answer
        if broken is not None:
            outcomes.append((text, "cut, right" if _right(broken, gold) else "cut, wrong"))
        corrupted = corrupt(text, random.Random(number))
        if corrupted is not None and not path.repaired:
            outcomes.append((corrupted, "recovered" if _right(parse_cot(corrupted).answer, gold) else "lost"))
        for variant, outcome in outcomes:
            counts[outcome] += 1
            if outcome == show and counts[outcome] <= limit:
                print(f"--- {outcome}, gold {gold}\n{variant}\n=> {parse_cot(variant)}")
    total = len(rows)
    harmed = counts["harmed"] + counts["harmed by the parser"]
    corrupted_total = counts["recovered"] + counts["lost"]
    print(f"{name}: {total} rationales, {median(micros):.0f} µs median")
    print(f"  stated answer read and right  {counts['parsed'] / total:.3%}")
    print(f"  harmed  {harmed / total:.3%} ({harmed}, of which {counts['harmed']} with a false equation)")
    print(f"  without statement: right {counts['concluded'] / total:.2%}, wrong {counts['missed'] / total:.2%}")
    print(f"  cut: right {counts['cut, right'] / total:.2%}, wrong {counts['cut, wrong'] / total:.2%}")
    print(f"  recovered  {counts['recovered'] / max(corrupted_total, 1):.2%} of {corrupted_total} corrupted")


_BARE = re.compile(r"(?<![\w.,/])[\d.(]+(?: ?[-+*/x] ?[\d.()]+)+ ?= ?-?(\d+(?:\.\d+)?)")


def has_false_equation(text: str) -> bool:
    """Whether arithmetic in the text differs from its result by at least one, as Python computes it."""
    plain = re.sub(r"(?<=\d),(?=\d{3})|[$€£]|(?<=[\d)]) ?[a-z]+(?: [a-z]+){0,3}(?:/[a-z]+)?(?= ?[-+*/x=] ?)", "", text)
    for found in _BARE.finditer(plain):
        try:
            value = eval(found[0].split("=")[0].replace("x", "*"), {"__builtins__": {}})
        except (SyntaxError, TypeError, ZeroDivisionError):
            continue
        if abs(abs(value) - float(found[1])) >= 1:
            return True
    return False


def corrupt(text: str, chance: random.Random) -> str | None:
    """The text with one false result and all that depends on it, or None. All equations must be simple and true.

    The equations are found by a regular expression, independent of the parser.
    """
    found = list(_EQUATION.finditer(text))
    if not found or text.count("=") != len(found) or any(_true(match) is None for match in found):
        return None
    target = chance.randrange(len(found))
    false: dict[str, str] = {}
    parts, place = [], 0
    for number, match in enumerate(found):
        parts.append(_substitute(text[place : match.start(6)], false))
        result = match[6]
        left, right = (Fraction(false.get(match[group], match[group])) for group in (1, 4))
        if number == target:
            false[result] = write(Fraction(result) + chance.choice([-1, 1]) * chance.randint(1, 9) * 10)
            if false[result] in text or false[result].startswith("-"):
                return None
        elif match[1] in false or match[4] in false:
            if match[3] == "/" and not right:
                return None
            false[result] = write(_OPERATIONS[match[3]](left, right))
            if "/" in false[result] or "-" in false[result]:
                return None
        else:
            false.pop(result, None)
        parts.append(false.get(result, result))
        place = match.end()
    parts.append(_substitute(text[place:], false))
    corrupted = "".join(parts)
    return corrupted if _STATEMENT.findall(corrupted) != _STATEMENT.findall(text) else None


_OPERATIONS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


def _true(match: re.Match[str]) -> Fraction | None:
    try:
        left, right, result = (Fraction(match[group]) for group in (1, 4, 6))
        value = _OPERATIONS[match[3]](left, right)
    except (ValueError, ZeroDivisionError):
        return None
    return value if value == result and decimals_of(value) is not None else None


def _substitute(text: str, false: dict[str, str]) -> str:
    return re.sub(r"(?<![\d.,])\d+(?:\.\d+)?(?![\d]|[.,]\d)", lambda number: false.get(number[0], number[0]), text)


def _right(answer: Answer | None, gold: str) -> bool:
    return answer is not None and matches(answer, gold)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


if __name__ == "__main__":
    main()
