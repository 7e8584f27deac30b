"""Random programs: a small grammar of typical programs, mixed with hostile parts, and mutations of both.

Every program contains a number that a correct answer repeats. A reply for another program is therefore detected.
"""

import random

from tests.sandbox.attacks.run import CORPUS

NAMES = ["a", "b", "total", "ans", "x", "self", "print", "_read_", "__class__", "solution"]
CALLS = ["sum", "max", "len", "range", "sorted", "int", "str", "print", "open", "type", "getattr", "eval", "f", "list"]
HARMLESS = [attack.program for group in ("answers", "parser", "formats", "attributes") for attack in CORPUS[group]]


def program(rng: random.Random, number: int) -> str:
    """Random program. Most raise, some answer, some attack."""
    kind = rng.random()
    if kind < 0.25:
        return f"try:\n{_block(rng, 2, ' ')}\nexcept Exception: pass\nans = {number}\n"
    if kind < 0.5:
        return _block(rng, 3)
    if kind < 0.75:
        return _mutate(rng, rng.choice(HARMLESS))
    return _mutate(rng, _block(rng, 3))


def _block(rng: random.Random, depth: int, indent: str = "") -> str:
    return "\n".join(_statement(rng, depth, indent) for _ in range(rng.randint(1, 4)))


def _statement(rng: random.Random, depth: int, indent: str) -> str:
    if depth == 0 or rng.random() < 0.5:
        name, value = rng.choice(NAMES), _expression(rng, 3)
        return indent + rng.choice(
            [
                f"{name} = {value}",
                f"{name} += {value}",
                value,
                f"{name}[{value}] = {value}",
                f"{name}.n = {value}",
                f"del {name}",
                f"print({value})",
                f"import {name}",
            ]
        )
    head = rng.choice(["if {0}:", "for {1} in {0}:", "try:", "def {1}({1}=1):", "class {1}:", "with {0} as {1}:"])
    text = indent + head.format(_expression(rng, 2), rng.choice(NAMES)) + "\n" + _block(rng, depth - 1, indent + " ")
    return text + (f"\n{indent}except Exception: pass" if head == "try:" else "")


def _expression(rng: random.Random, depth: int) -> str:
    if depth == 0 or rng.random() < 0.3:
        return rng.choice([str(rng.randint(-9, 99)), "2.5", "'x'", "None", "[]", "{}", rng.choice(NAMES), "10**9"])
    left, right = _expression(rng, depth - 1), _expression(rng, depth - 1)
    return rng.choice(
        [
            f"({left} + {right})",
            f"({left} * {right})",
            f"({left} % {right})",
            f"[{left}, {right}]",
            f"{rng.choice(CALLS)}({left})",
            f"({left}).{rng.choice(NAMES)}",
            f"({left})[{right}]",
            f"(lambda x: {left})",
            f"[{left} for x in {right}]",
            f"f'{{{left}}}'",
            f"({left} or {right})",
        ]
    )


def _mutate(rng: random.Random, text: str) -> str:
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(text) + 1)
        junk = rng.choice(["(", ")", "\n", " ", "\0", "_", "é", "\ud800", "0", "'", "lambda:", "**", "#", "ans="])
        text = text[:at] + rng.choice([junk, ""]) + text[at + rng.randint(0, 4) :]
    return text
