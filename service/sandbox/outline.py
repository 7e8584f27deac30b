"""Outline of a program: the statements and names that decide its result.

`mark_results` also rewrites the syntax tree, so that a top-level `return` and the last expression reach `Results`.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from service.sandbox.steps import DEFINITIONS, changed_names, inner_blocks, step_names

KEEP, STOP = "_keep_", "_stop_"
"""Names of the two functions that `mark_results` inserts. Programs under the policy cannot name them."""


@dataclass(frozen=True, slots=True)
class Outline:
    """Names and lines of a program that decide which value is its result.

    Args:
        last_name: variable that the last statement assigns, or None.
        used: names that the program reads outside its functions and classes.
        last_lines: last line of the last top-level statement that assigns or changes each name. It is the last line of
            the program for a step, which a later statement reads other than to print it.
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


def _outline(tree: ast.Module) -> Outline:
    used: set[str] = set()
    steps: set[str] = set()
    anywhere: set[str] = set()  # a call may read or assign these at any line
    last_lines: dict[str, int] = {}
    for statement in tree.body:
        changed = changed_names(statement)
        last_lines.update(dict.fromkeys(changed, statement.end_lineno or statement.lineno))
        if isinstance(statement, DEFINITIONS):
            own = {node.arg for node in ast.walk(statement) if isinstance(node, ast.arg)}
            anywhere |= step_names(statement.body) - changed - own
        else:
            steps = (steps | step_names([statement])) - changed
            used |= {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            anywhere |= set(node.names)
    last_lines.update(dict.fromkeys(steps | anywhere, _last_line(tree)))
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
        waiting += [inner for statement in block for inner in inner_blocks(statement)]


def _last_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that may be the last one to run: the last of the program, or of each branch of its last statement."""
    waiting = [body]
    while waiting:
        block = [statement for statement in waiting.pop() if not _is_inert(statement)]
        if not block:
            continue
        last = block[-1]
        if isinstance(last, ast.If | ast.With | ast.Try | ast.Match):
            waiting += inner_blocks(last)
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
    match expression:
        case ast.Call(func=ast.Attribute(attr="write")):
            return True
        case ast.Call(func=ast.Call(func=ast.Name(id="_read_"), args=[_, ast.Constant(value="write")])):
            return True
    return False


def _assigned(statement: ast.stmt) -> str | None:
    """The one name that a statement assigns. A loop must assign only one besides its own variables."""
    if isinstance(statement, ast.For | ast.While):
        stored = {name for inner in statement.body for name in changed_names(inner)}
        return stored.pop() if len(stored) == 1 else None
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
    elif isinstance(statement, ast.AugAssign | ast.AnnAssign):
        target = statement.target
    else:
        return None
    return target.id if isinstance(target, ast.Name) else None


def _call(function: str, value: ast.expr) -> ast.Call:
    name = ast.copy_location(ast.Name(function, ast.Load()), value)
    return ast.copy_location(ast.Call(func=name, args=[value], keywords=[]), value)
