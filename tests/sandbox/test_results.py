"""Results of programs, with and without the policy."""

import ast
import asyncio
from decimal import Decimal
from fractions import Fraction

import pytest

from service.sandbox.base import Value
from service.sandbox.outline import mark_results
from service.sandbox.results import unwrap
from tests.conftest import MakePool

PRINTING = [
    "print(total)",
    "print(f'{answer} {total}')",
    "print(f'{answer:.2f} {round(answer, 2)} {total}')",
    "print('Answer: ' + answer)",
    "print('Answer: ' + answer + ' pens')",
    "print('A: ' + str(total) + answer)",
    "print('%d' % answer, total)",
    "print('%d %d' % (answer, total))",
    "print('{} {}'.format(answer, total))",
    "print(answer, total, sep=', ')",
    "if answer > 5:\n    print(total)",
    "if answer > 5:\n    print(answer)\nelse:\n    pass\nprint(total)",
    "try:\n    print(answer, total)\nfinally:\n    print(answer)",
    "assert answer == 7\nprint(total)",
    "answer\nprint(total)",
    "cost = 3 * total",
]
"""Statements that raise and only print `answer`."""

CALCULATING = [
    "per_day = answer / days\nprint(per_day)",
    "half = answer / 2\nprint(half, total)",
    "answer / days",
    "print(answer / days)",
    "print(f'{answer * days} in all')",
    "print(per_day(answer))",
    "if answer > 5:\n    per_day = answer / days",
    "for pens in answer:\n    print(pens)",
    "answer = answer / days",
    "answer /= days",
    "answer.append(days)",
    "pens.append(answer)",
    "return answer / days",
    "del answer, days",
]
"""Statements that raise and make `answer` a step."""

RESULTS: list[tuple[str, Value | None]] = [
    # last expressions
    ("pens = 3\npens + 4", 7),
    ('pens = 3\npens + 4\n"""The pens."""', 7),
    ("if 3 > 2:\n    7\nelse:\n    8", 7),
    ("try:\n    7\nexcept ValueError:\n    8", 7),
    ("x = [3]\nprint(7)\nx.append(4)", "7"),
    ("print(3)\n7", 7),
    ("total = 3\ntotal + 4", 7),
    ("result = [7, 8]\nresult[0]", 7),
    ("def main():\n    return 7\nif __name__ == '__main__':\n    main()", 7),
    ("def main():\n    print(7)\nif __name__ == '__main__':\n    main()", "7"),
    ("for i in range(3):\n    i", None),
    # returns
    ("pens = 3\nreturn pens + 4\n1 / 0", 7),
    ("for x in range(9):\n    if x == 7:\n        return x", 7),
    ("try:\n    return 7\nexcept Exception:\n    pass", 7),
    ("print(7)\nreturn", "7"),
    ("class A:\n    return 7", None),
    # names
    ("answer = 3 + 4", 7),
    ("Final_Answer = 7\nprint('Done in 3 steps')", 7),
    ("answer = 7\nprint(8)", 7),
    ("result = 3.5\nprint(round(result * 2))", "7"),
    ("print('Step 1: 3 pens')\nresult = 7", 7),
    ("result = 7\nprint('Done')", 7),
    ("solution = 3 + 4", 7),
    ("pens = 3\ntotal_pens = pens + 4", 7),
    ("total_pens: int = 7", 7),
    ("pens_total = 3 + 4", 7),
    ("pens: int = 7", None),
    ("shirts = 12 * 5\n# The answer is 12", None),
    ("total = 0\nfor i in range(7):\n    total += 1", 7),
    ("days, x = 0, 1\nwhile x < 9:\n    days += 1\n    x *= 3", None),
    ("if 3 > 2:\n    total_cost = 7\nelse:\n    total_cost = 8", 7),
    ("if 3 > 2:\n    cost = 7\nelse:\n    cost = 8", None),
    ("if 3 > 2:\n    cost = 7\nelse:\n    price = 8", None),
    ("name = 'Ann'", None),
    ("ans = None\nprint(7)", "7"),
    # functions
    ("def solve(n=7):\n    return n", 7),
    ("def solution(*, n=7):\n    return n", 7),
    ("def solve(n=3):\n    return n\nprint(solve(7))", "7"),
    ("def solver():\n    return 7\nprint('Example 3')", 7),
    ("def total_pens():\n    return 7", 7),
    ("def pens():\n    return 3\ndef total():\n    return pens() + 4", 7),
    ("def a():\n    return 3\ndef b():\n    return 4", None),
    ("def total(a, b):\n    return a + b", None),
    ("def total(a, b):\n    return a + b\ncost = total(3, 4)", None),
    ("def total(a, b):\n    return a + b\nfinal_cost = total(3, 4)", 7),
    ("def main():\n    return 7", 7),
    ("def solution():\n    return 7\nsolution", 7),
    # printed text
    ("print('Total:', 7)\nprint('Done.')", "7"),
    ("print('In 2 weeks there are 14 days')", "14 days"),
    ("print('x =', 5, 'y =', 7)", ["5", "7"]),
    ("print('yes')", "yes"),
    # collections
    ("ans = (7, 'pens')", 7),
    ("ans = {'answer': 7}", 7),
    ("ans = {7}", 7),
    ("ans = [3, 4, 'pens']", [3, 4, "pens"]),
    # ends
    ("import sys\nans = 7\nif ans < sys.maxsize: sys.exit(0)\nans = 8", 7),
    ("ans = 7\nprint(total)", 7),
    ("answer = 7\n1 / 0", 7),
    ("ans = 3\nans = ans + total", None),
    ("ans = 0\nfor x in [3, '4']:\n    ans += x", None),
    ("def f():\n    global ans\n    ans = ans + 1 / 0\nans = 3\nf()", None),
    ("total = 7\n1 / 0", None),
    ("ans = 7; 1 / 0", None),
    # errors after the result
    *((f"answer = 7\n{rest}", 7) for rest in PRINTING),
    *((f"answer = 7\n{rest}", None) for rest in CALCULATING),
    ("ans = [5]\nans[0] += undefined", None),
    ("ans = {'pens': 5}\nans['pens'] = undefined", None),
    ("ans = [5]\nans.append(undefined)", None),
    ("class A: pass\nans = A()\nans.pens = undefined", None),
    ("answer = 5\nanswer = answer + 2\nprint(total)", 7),
    ("answer = 5\nhalf = answer / 2\nanswer = 7\nprint(half, total)", 7),
    ("def f():\n    return answer / days\nanswer = 7\nprint(f())", None),
    ("def f(answer):\n    return answer / 0\nanswer = 7\nprint(f(1))", 7),
    ("def f():\n    print(answer, days)\nanswer = 7\nf()", 7),
    ("1 / 0\nans = 7", None),
]


@pytest.mark.parametrize("policy", [True, False])
async def test_results(make_pool: MakePool, policy: bool) -> None:
    pool = make_pool(policy=policy, max_queue=len(RESULTS))
    await pool.start()
    executions = await asyncio.gather(*(pool.run(program) for program, _ in RESULTS))
    found = [(program, execution.value) for (program, _), execution in zip(RESULTS, executions, strict=True)]
    assert found == RESULTS


@pytest.mark.parametrize(
    ("value", "inner"),
    [
        (7, 7),
        ([7], 7),
        ([[(7,)]], 7),
        (("pens", 7.5), 7.5),
        ([Fraction(1, 2), "of it"], Fraction(1, 2)),
        ({"cost": Decimal(7), "unit": "dollars"}, Decimal(7)),
        (frozenset({7}), 7),
        ([True], True),
        (["7 pens"], "7 pens"),
        ([], []),
        ([3, 4], [3, 4]),
        ((7, "8 boxes"), (7, "8 boxes")),
        ((7, None), (7, None)),
        (["a", "b"], ["a", "b"]),
        ([7, *["x"] * 20], [7, *["x"] * 20]),
        ({"a": 1, "b": 2}, {"a": 1, "b": 2}),
    ],
)
def test_one_value_of_a_collection(value: object, inner: object) -> None:
    assert unwrap(value) == inner
    assert type(unwrap(value)) is type(inner)


def test_nesting_is_bounded() -> None:
    value: list[object] = []
    value.append(value)
    assert unwrap(value) is value


def test_marking_keeps_functions_and_classes() -> None:
    tree = ast.parse("def f():\n    return 7\nclass A:\n    x = 7\nf()\nprint(1)\nf()")
    mark_results(tree)
    assert ast.unparse(tree) == "def f():\n    return 7\n\nclass A:\n    x = 7\nf()\nprint(1)\n_keep_(f())"


def test_deep_programs_are_marked() -> None:
    mark_results(ast.parse("if 1:\n pass\n" + "elif 1:\n pass\n" * 2000))
