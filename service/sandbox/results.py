"""Result of a program: names, functions, last expression, printed text.

It reads hostile objects, so it runs only in the locked child. `service.sandbox.base` lists the order.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from types import FunctionType
from typing import Any

from service.sandbox.outline import KEEP, STOP, Outline
from service.sandbox.printed import printed_result, states_result
from service.sandbox.wire import Convert, unchanged

RESULT = "ans"
"""Name of the result in the prompt format."""

ANSWER_NAMES = ("final_answer", "answer")
"""Names that state the result as clearly as `ans`."""

OTHER_NAMES = ("final_result", "result", "res", "output", "total")
"""Names that may also hold a step towards the result. Printed text therefore comes before them."""

RESULT_WORDS = frozenset({"ans", "answer", "final", "output", "res", "result", "solution", "total"})
"""Words in the name of a result, such as `total_pens`."""

ENTRY_POINTS = ("solution", "solver", "solve")
"""Functions that return the result of a program, if the program does not call them."""

_MAX_NESTING, _MAX_ITEMS = 8, 16
_NUMBERS: frozenset[type] = frozenset({int, float, Fraction, Decimal})
_PLAIN = _NUMBERS | {bool}


class NoResultError(Exception):
    """The program ended without a result."""


class Results:
    """Results that one program hands over.

    Args:
        outline: outline of the program.
        convert: conversion of a library's objects.
    """

    def __init__(self, outline: Outline, convert: Convert = unchanged) -> None:
        self._outline = outline
        self._convert = convert
        self._kept: object = None
        self.hooks: dict[str, Callable[[object], object]] = {KEEP: self._keep, STOP: self._stop}

    def find(self, namespace: dict[str, Any], printed: Callable[[], str]) -> object:
        """Result of a program that has ended. Each candidate that is None is skipped.

        Args:
            namespace: globals of the program.
            printed: returns the text that the program has printed.

        Raises:
            NoResultError: there is no result.
        """
        for candidate in self._candidates(namespace, printed):
            if candidate is not None:
                return unwrap(candidate, self._convert)
        raise NoResultError("the program left no answer: set `ans`, define solution() or print it")

    def before_error(self, namespace: dict[str, Any], line: int) -> object:
        """Result that was set in full before a line raised, or None. A step towards the result does not count.

        Args:
            namespace: globals of the program.
            line: line of the top-level statement that raised.
        """
        for name in (RESULT, *ANSWER_NAMES):
            value = namespace.get(name)
            if value is not None and self._outline.last_lines.get(name, line) < line:
                return unwrap(value, self._convert)
        return None

    def _keep(self, value: object) -> None:
        self._kept = value

    def _stop(self, value: object) -> SystemExit:
        self._kept = value
        return SystemExit()

    def _candidates(self, namespace: dict[str, Any], printed: Callable[[], str]) -> Iterator[object]:
        yield namespace.get(RESULT)
        if type(self._kept) is not FunctionType:  # the program named a function and did not call it
            yield self._kept
        yield from self._values(namespace, ANSWER_NAMES)
        last = self._outline.last_name
        if last is not None and not RESULT_WORDS.isdisjoint(last.lower().split("_")):
            yield from self._values(namespace, (last,))
        functions = _functions(namespace)
        yield from (functions[name]() for name in ENTRY_POINTS if name in functions and name not in self._outline.used)
        if states_result(printed()):
            yield printed_result(printed())
        yield from self._values(namespace, OTHER_NAMES)
        yield from (function() for function in _last_functions(functions))
        yield printed_result(printed())

    def _values(self, namespace: dict[str, Any], names: tuple[str, ...]) -> Iterator[object]:
        """Numbers and texts with a number under these names, in any case."""
        by_name = {name.lower(): value for name, value in namespace.items()}
        for name in names:
            value = by_name.get(name.lower())
            inner = unwrap(value, self._convert)
            if type(inner) in _PLAIN or (type(inner) is str and states_result(inner)):
                yield value


def unwrap(value: object, convert: Convert = unchanged) -> object:
    """The one value of a collection, or its one number beside units ("(7, 'pens')"). Other values are unchanged."""
    for _ in range(_MAX_NESTING):
        value = convert(value)
        items = [convert(item) for item in _items(value)]
        if len(items) > 1:
            numbers = [item for item in items if type(item) in _NUMBERS]
            words = [item for item in items if type(item) is str and not any(map(str.isdigit, item))]
            items = numbers if len(numbers) + len(words) == len(items) else []
        if len(items) != 1:
            return value
        value = items[0]
    return convert(value)


def _items(value: object) -> list[object]:
    # Exact types: a subclass may override every method.
    kind = type(value)
    if kind is dict:
        value = value.values()  # type: ignore[attr-defined]
    elif kind not in (list, tuple, set, frozenset):
        return []
    return list(value) if len(value) <= _MAX_ITEMS else []  # type: ignore[call-overload, arg-type]


def _functions(namespace: dict[str, Any]) -> dict[str, FunctionType]:
    """Functions of the program that need no arguments."""
    return {
        name: value
        for name, value in namespace.items()
        if type(value) is FunctionType and value.__globals__ is namespace and _needs_no_arguments(value)
    }


def _last_functions(functions: dict[str, FunctionType]) -> list[FunctionType]:
    """`main`, or the only function that no other function uses."""
    if "main" in functions:
        return [functions["main"]]
    used = {name for own, function in functions.items() for name in function.__code__.co_names if name != own}
    last = [function for name, function in functions.items() if name not in used]
    return last if len(last) == 1 else []


def _needs_no_arguments(function: FunctionType) -> bool:
    code = function.__code__
    defaults, keyword_defaults = function.__defaults__ or (), function.__kwdefaults__ or {}
    return code.co_argcount == len(defaults) and code.co_kwonlyargcount == len(keyword_defaults)
