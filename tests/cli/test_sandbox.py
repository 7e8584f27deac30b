"""The command `twinpath sandbox`: rows of programs to rows of outcomes."""

from decimal import Decimal
from fractions import Fraction

import pytest

from service.cli.sandbox import OutcomeRow, answer_text, run_rows
from service.errors import InputError
from service.sandbox.base import Execution, Outcome, Value
from service.sandbox.fake import FakeSandbox
from tests.conftest import MakePool


async def test_rows_come_out_in_order(make_pool: MakePool) -> None:
    pool = make_pool()
    await pool.start()
    rows = [
        {"id": "slow", "program": "x = 0\nwhile x < 300000: x += 1\nans = x"},
        {"id": 2, "program": "ans = [1, 2.5, 'x']"},
        {"id": "three", "program": "open('x')"},
    ]
    out = [row async for row in run_rows(rows, pool, concurrency=2)]
    assert [{**row, "seconds": None} for row in out] == [
        {"id": "slow", "outcome": "ok", "answer": "300000", "detail": "", "seconds": None},
        {"id": 2, "outcome": "ok", "answer": "[1, 2.5, x]", "detail": "", "seconds": None},
        {
            "id": "three",
            "outcome": "denied",
            "answer": None,
            "detail": "open() is not available to programs",
            "seconds": None,
        },
    ]


@pytest.mark.parametrize("bad", [{"id": "x"}, {"program": "ans = 1"}, {"id": None, "program": ""}, [], "x"])
async def test_bad_row_is_named_after_those_before_it(bad: object) -> None:
    sandbox = FakeSandbox({"a": Execution(Outcome.OK, 5, "", 0.25)})
    await sandbox.start()
    out: list[OutcomeRow] = []
    with pytest.raises(InputError, match=r"^Row 2 must be") as caught:
        out.extend([row async for row in run_rows([{"id": "1", "program": "a"}, bad], sandbox, concurrency=4)])
    assert caught.value.field == "input"
    assert sandbox.programs == ["a"]


def test_answers_as_text() -> None:
    values: list[Value] = [5, 2.5, Fraction(1, 3), Decimal("1.10"), True, "x", [1, [Fraction(1, 2)]]]
    assert [answer_text(value) for value in values] == ["5", "2.5", "1/3", "1.10", "True", "x", "[1, [1/2]]"]
