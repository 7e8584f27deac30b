"""Names that a program changes, or reads for more than its output.

The syntax tree may be the output of the policy: `x.append(1)` is then `_read_(x, "append")(1)`.
"""

import ast
from collections.abc import Iterable, Iterator

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

_FORMATTING = frozenset({"print", "display", "str", "repr", "format", "round", "int", "float", "_read_"})
"""Functions that leave the value of a name as it is."""


def changed_names(statement: ast.stmt) -> set[str]:
    """Names that a statement assigns or deletes, or whose items, attributes or methods may change their value."""
    names: set[str] = set()
    for node in ast.walk(statement):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                names.add(name)
            case ast.Subscript(value=target, ctx=ast.Store() | ast.Del()):
                names |= _names(target)
            case ast.Attribute(value=target, ctx=ast.Store() | ast.Del()):
                names |= _names(target)
            case ast.Call(func=ast.Attribute(value=target)):
                names |= _names(target)
            case ast.Call(func=ast.Call(func=ast.Name(id="_read_"), args=[target, *_])):
                names |= _names(target)
    return names


def step_names(statements: Iterable[ast.stmt]) -> set[str]:
    """Names that statements read for more than their output: in an assignment, an operation or a call."""
    names: set[str] = set()
    waiting = list(statements)
    while waiting:
        statement = waiting.pop()
        blocks = inner_blocks(statement)
        waiting += [inner for block in blocks for inner in block]
        match statement:
            case ast.If() | ast.While() | ast.Try() | ast.Match() | ast.Assert() | ast.Expr(value=ast.Name()):
                continue
            case ast.For(iter=header):
                names |= _names(header)
            case ast.With(items=items):
                names |= {name for item in items for name in _names(item)}
            case ast.Expr(value=ast.Call(func=ast.Name(id="print" | "display")) as output):
                names |= {name for node in ast.walk(output) for name in _operands(node)}
            case _:
                names |= _names(statement)
    return names


def inner_blocks(statement: ast.stmt) -> list[list[ast.stmt]]:
    """Blocks of a compound statement. A function or class has none."""
    if isinstance(statement, DEFINITIONS):
        return []
    parts = [statement, *getattr(statement, "handlers", []), *getattr(statement, "cases", [])]
    blocks = [getattr(part, name, []) for part in parts for name in ("body", "orelse", "finalbody")]
    return [block for block in blocks if block]


def _operands(node: ast.AST) -> Iterator[str]:
    """Names that an expression passes to an operation or to a function, other than to format them."""
    match node:
        case ast.BinOp(left=left, right=right) if not (_is_text(left) or _is_text(right)):
            yield from _direct_names([left, right])
        case ast.Call(func=ast.Name(id=function), args=arguments) if function not in _FORMATTING:
            yield from _direct_names(arguments)


def _is_text(node: ast.expr) -> bool:
    """Whether an operand is a text or joins one, so that the operation formats the other one."""
    parts = [node.left, node.right] if isinstance(node, ast.BinOp) else [node]
    return any(
        isinstance(part, ast.JoinedStr)
        or (isinstance(part, ast.Constant) and isinstance(part.value, str))
        or (isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id == "str")
        for part in parts
    )


def _direct_names(nodes: Iterable[ast.expr]) -> Iterator[str]:
    yield from (node.id for node in nodes if isinstance(node, ast.Name))


def _names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
