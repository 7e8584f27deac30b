"""Checks of the Python code that sympy generates.

`nsolve` and `Sum.evalf` print an expression as Python and execute it (`sympy.utilities.lambdify`). A symbol's name, or
a printing method of an object in the expression, could put other code there.
"""

import ast
import builtins
import re
from collections.abc import Callable
from types import CodeType
from typing import Any, Literal

import sympy

from service.sandbox.names import RefusedError, RefusedImportError

_SYMBOL = re.compile(r"[\w \\{}^'+-]*")
"""Names of symbols: words, indices, LaTeX, and the signs of sympy itself. They cannot form a call or an attribute."""

_NODES = (
    *(ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Assign, ast.Return, ast.Call, ast.Name, ast.Constant),
    *(ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.List, ast.Tuple, ast.expr_context),
    *(ast.operator, ast.unaryop, ast.boolop, ast.cmpop),
)
_BUILTINS = frozenset("abs complex float int list max min pow range round sum tuple".split())


def guard_generated_code() -> None:
    """Check each symbol's name, and the code that `lambdify` generates. Its imports are done ahead of time."""
    module: dict[str, Any] = sympy.lambdify.__globals__
    for name in ("math", "mpmath", "numpy", "sympy"):
        module["_import"](name)
    module.update(compile=compile_arithmetic, exec=execute_compiled)
    sympy.Symbol.__xnew__ = staticmethod(_with_checked_name(sympy.Symbol.__xnew__))


def nsolve(*arguments: Any, modules: object = None, **options: Any) -> Any:
    """`sympy.nsolve` without `modules`, which are the functions that generated code may call."""
    if modules is not None:
        raise RefusedError("sympy.nsolve() is offered without modules")
    return sympy.nsolve(*arguments, **options)


def _with_checked_name(make: Callable[..., Any]) -> Callable[..., Any]:
    def checked(cls: type, name: object, **assumptions: Any) -> Any:
        if isinstance(name, str) and not (type(name) is str and _SYMBOL.fullmatch(name)):
            raise RefusedError("the name of a symbol may contain only letters, digits and spaces")
        return make(cls, name, **assumptions)

    return checked


def compile_arithmetic(source: str, filename: str, mode: Literal["exec"]) -> Any:
    """`compile` of generated code: numbers, operators, and calls of functions by name."""
    tree = ast.parse(source, filename, mode)
    for node in ast.walk(tree):
        if not isinstance(node, _NODES) or not _is_arithmetic(node):
            raise RefusedError("the code of an expression may contain only arithmetic")
    return compile(tree, filename, mode)


def _is_arithmetic(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=value):
            return isinstance(value, int | float | complex | None)
        case ast.Name(id=name):
            return name in _BUILTINS or not (name.startswith("__") or hasattr(builtins, name))
        case ast.Call(func=function, keywords=keywords):
            return isinstance(function, ast.Name) and not keywords
    return True


def execute_compiled(code: str | CodeType, *namespaces: Any) -> None:
    """`exec` of compiled code. A text is an import that `lambdify` takes from the printer of an expression."""
    if isinstance(code, str):
        raise RefusedImportError("the code of an expression may not import")
    exec(code, *namespaces)  # noqa: S102 (`compile_arithmetic` checked it)
