"""The wire format: every value survives exactly, and no bytes make `decode` raise."""

import json
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.sandbox.base import Execution, Outcome, Value
from service.sandbox.wire import MAX_INT_BITS, MAX_ITEMS, NotAValueError, decode, encode, one_line

LIMIT = 2**MAX_INT_BITS
integers = st.integers(1 - LIMIT, LIMIT - 1)
scalars = (
    integers
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.fractions(-(10**200), 10**200, max_denominator=10**50)
    | st.decimals(Decimal("-1e200"), Decimal("1e200"), places=20)
)
values = st.recursive(scalars, lambda items: st.lists(items, max_size=5), max_leaves=20)
forged = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda items: st.lists(items, max_size=4) | st.dictionaries(st.text(), items, max_size=3),
    max_leaves=10,
)
tags = st.sampled_from(["int", "float", "fraction", "decimal", "str", "bool", "list", "", "object"])


@given(values)
def test_values_survive_exactly(value: Value) -> None:
    execution = decode(encode(Outcome.OK, "", value), 0.5)
    assert execution == Execution(Outcome.OK, value, "", 0.5)
    assert repr(execution.value) == repr(value)


@given(st.binary())
def test_no_bytes_make_it_raise(body: bytes) -> None:
    assert isinstance(decode(body, 0.0).outcome, Outcome)


@given(
    st.sampled_from([*Outcome, "splendid"]), forged, st.lists(st.tuples(tags, forged).map(list) | forged, max_size=3)
)
def test_no_forgery_makes_it_raise(outcome: str, detail: object, tagged: list[object]) -> None:
    for payload in ([outcome, detail, tagged], [outcome, "", tagged], [outcome, "", ["list", tagged]]):
        execution = decode(json.dumps(payload).encode(), 0.0)
        assert (execution.value is not None) == (execution.outcome is Outcome.OK)
        assert len(execution.detail) <= 200


@pytest.mark.parametrize(
    "value",
    [
        LIMIT,
        -LIMIT,
        Fraction(1, LIMIT),
        float("nan"),
        float("-inf"),
        Decimal("nan"),
        Decimal("1e309"),
        Decimal("0e309"),
        None,
        1j,
        b"1",
        {},
        "\ud800",
        [0] * (MAX_ITEMS + 1),
        [[[[[[[[[1]]]]]]]]],
    ],
)
def test_invalid_values_are_not_sent(value: object) -> None:
    with pytest.raises(NotAValueError):
        encode(Outcome.OK, "", value)


def test_details_are_one_printable_line() -> None:
    assert one_line("a\nb\x1b[2J\u202e\ud800" + "x" * 300) == "a b [2J  " + "x" * 191
    assert decode(encode(Outcome.ERROR, "a\nb"), 0.0).detail == "a b"
