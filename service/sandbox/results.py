"""Result of a program: `ans`, its last expression, another result name, a function's value or printed text.

`mark_results` rewrites the syntax tree, so that the program hands over a top-level `return` and its last expression.
`Results.find` then reads hostile objects, so it runs only in the locked child.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from types import FunctionType
from typing import Any

from service.sandbox.printed import printed_result, states_result

RESULT = "ans"
"""Name of the result in the prompt format."""

ANSWER_NAMES = ("final_answer", "answer")
"""Names that state the result as clearly as `ans`."""

OTHER_NAMES = ("final_result", "result", "res", "output", "total")
"""Names that may also hold a step towards the result. Printed text therefore comes before them."""

ENTRY_POINTS = ("solution", "solver", "solve")
"""Functions that return the result of a program, if the program does not call them."""

KEEP, STOP = "_keep_", "_stop_"
"""Names of the two functions that `mark_results` inserts. Programs under the policy cannot name them."""

_MAX_NESTING, _MAX_ITEMS = 8, 16
_NUMBERS: frozenset[type] = frozenset({int, float, Fraction, Decimal})
_PLAIN = _NUMBERS | {bool}
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class NoResultError(Exception):
    """The program ended without a result."""


@dataclass(frozen=True, slots=True)
class Outline:
    """Names and lines of a program that decide which value is its result.

    Args:
        last_name: variable that the last statement assigns, or None.
        used: names that the program reads outside its functions and classes.
        last_lines: last line of the last top-level statement that assigns each name.
    """

    last_name: str | None
    used: frozenset[str]
    last_lines: dict[str, int]


def mark_results(tree: ast.Module) -> Outline:
    """Make a program hand over its top-level `return` and its last expression.

    Args:
        tree: program, which is changed. It may be the output of the policy.
    """
    outline = _outline(tree)
    for block in _blocks(tree.body):
        for index, statement in enumerate(block):
            if isinstance(statement, ast.Return):
                value = statement.value or ast.copy_location(ast.Constant(None), statement)
                block[index] = ast.copy_location(ast.Raise(exc=_call(STOP, value), cause=None), statement)
    for statement in _last_statements(tree.body):
        if isinstance(statement, ast.Expr) and not _writes(statement.value):
            statement.value = _call(KEEP, statement.value)
    return outline


class Results:
    """Results that one program hands over.

    Args:
        outline: outline of the program.
    """

    def __init__(self, outline: Outline) -> None:
        self._outline = outline
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
                return unwrap(candidate)
        raise NoResultError("the program left no answer: set `ans`, define solution() or print it")

    def before_error(self, namespace: dict[str, Any], line: int) -> object:
        """Result that was set in full before a line raised, or None.

        Args:
            namespace: globals of the program.
            line: line of the top-level statement that raised.
        """
        for name in (RESULT, *ANSWER_NAMES):
            value = namespace.get(name)
            if value is not None and self._outline.last_lines.get(name, line) < line:
                return unwrap(value)
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
        yield from _values(namespace, ANSWER_NAMES)
        if self._outline.last_name is not None:
            yield from _values(namespace, (self._outline.last_name,))
        functions = _functions(namespace)
        yield from (functions[name]() for name in ENTRY_POINTS if name in functions and name not in self._outline.used)
        if states_result(printed()):
            yield printed_result(printed())
        yield from _values(namespace, OTHER_NAMES)
        yield from (function() for function in _last_functions(functions))
        yield printed_result(printed())


def unwrap(value: object) -> object:
    """The one value of a collection, or its one number beside units ("(7, 'pens')"). Other values are unchanged."""
    for _ in range(_MAX_NESTING):
        items = _items(value)
        if len(items) > 1:
            numbers = [item for item in items if type(item) in _NUMBERS]
            words = [item for item in items if type(item) is str and not any(map(str.isdigit, item))]
            items = numbers if len(numbers) + len(words) == len(items) else []
        if len(items) != 1:
            return value
        value = items[0]
    return value


def _items(value: object) -> list[object]:
    # Exact types: a subclass may override every method.
    kind = type(value)
    if kind is dict:
        value = value.values()  # type: ignore[attr-defined]
    elif kind not in (list, tuple, set, frozenset):
        return []
    return list(value) if len(value) <= _MAX_ITEMS else []  # type: ignore[call-overload, arg-type]


def _values(namespace: dict[str, Any], names: tuple[str, ...]) -> Iterator[object]:
    """Numbers and texts with a number under these names, in any case."""
    by_name = {name.lower(): value for name, value in namespace.items()}
    for name in names:
        value = by_name.get(name.lower())
        inner = unwrap(value)
        if type(inner) in _PLAIN or (type(inner) is str and states_result(inner)):
            yield value


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


def _outline(tree: ast.Module) -> Outline:
    used, last_lines = set(), {}
    for statement in tree.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                last_lines[node.id] = statement.end_lineno or statement.lineno
            elif isinstance(node, ast.Name) and not isinstance(statement, _DEFINITIONS):
                used.add(node.id)
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):  # a call may assign these at any line
            last_lines.update(dict.fromkeys(node.names, _last_line(tree)))
    last_names = {_assigned(statement) for statement in _last_statements(tree.body)}
    return Outline(last_names.pop() if len(last_names) == 1 else None, frozenset(used), last_lines)


def _last_line(tree: ast.Module) -> int:
    return tree.body[-1].end_lineno or tree.body[-1].lineno


def _blocks(body: list[ast.stmt]) -> Iterator[list[ast.stmt]]:
    """Blocks of a program, without those of functions and classes."""
    waiting = [body]
    while waiting:
        block = waiting.pop()
        yield block
        waiting += [inner for statement in block for inner in _inner_blocks(statement)]


def _inner_blocks(statement: ast.stmt) -> list[list[ast.stmt]]:
    if isinstance(statement, _DEFINITIONS):
        return []
    parts = [statement, *getattr(statement, "handlers", []), *getattr(statement, "cases", [])]
    blocks = [getattr(part, name, []) for part in parts for name in ("body", "orelse", "finalbody")]
    return [block for block in blocks if block]


def _last_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that may be the last one to run: the last of the program, or of each branch of its last statement."""
    waiting = [body]
    while waiting:
        block = [statement for statement in waiting.pop() if not _is_inert(statement)]
        if not block:
            continue
        last = block[-1]
        if isinstance(last, ast.If | ast.With | ast.Try | ast.Match):
            waiting += _inner_blocks(last)
        else:
            yield last


def _is_inert(statement: ast.stmt) -> bool:
    """Whether a statement does nothing, such as a closing docstring."""
    if isinstance(statement, ast.AnnAssign):
        return statement.value is None
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and type(statement.value.value) in (str, type(...))
    )


def _writes(expression: ast.expr) -> bool:
    """Whether an expression is a call such as `sys.stdout.write(text)`, whose value is a length."""
    return isinstance(expression, ast.Call) and getattr(expression.func, "attr", "") == "write"


def _assigned(statement: ast.stmt) -> str | None:
    """The one name that a statement assigns. A loop must assign only one besides its own variables."""
    if isinstance(statement, ast.For | ast.While):
        stored = {n.id for inner in statement.body for n in ast.walk(inner) if _is_stored(n)}
        return stored.pop() if len(stored) == 1 else None
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
    elif isinstance(statement, ast.AugAssign | ast.AnnAssign):
        target = statement.target
    else:
        return None
    return target.id if isinstance(target, ast.Name) else None


def _is_stored(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _call(function: str, value: ast.expr) -> ast.Call:
    name = ast.copy_location(ast.Name(function, ast.Load()), value)
    return ast.copy_location(ast.Call(func=name, args=[value], keywords=[]), value)
