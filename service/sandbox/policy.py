"""Language policy: RestrictedPython, extended for the programs that models write.

A compiled program reads and writes attributes only through `guards.py`. It cannot bind the name of a guard, and it uses
only syntax that RestrictedPython supports. The policy narrows the language and names each refused part. The security
boundary is the kernel lock.
"""

# RestrictedPython also wraps iteration, subscription, unpacking and calls. Nothing is guarded there, so these wrappers
# are left out: loops run at the speed of CPython, and `d[k] += 1` works.

import ast
import builtins
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from RestrictedPython import RestrictingNodeTransformer

SPECIAL_METHODS = frozenset(
    f"__{name}__"
    for name in (
        "init repr str format len contains getitem setitem delitem iter next call enter exit hash bool "
        "eq ne lt le gt ge add radd iadd sub rsub isub mul rmul imul truediv rtruediv floordiv rfloordiv mod rmod "
        "pow rpow neg pos abs int float index round floor ceil trunc"
    ).split()
)
"""Special methods that a class may define. None is part of attribute access, class creation or pickling."""

READABLE_SPECIAL_ATTRIBUTES = frozenset({"__name__"})
"""Special attributes of classes and functions that a program may read."""

_LEAVES = frozenset(
    kind
    for kind in vars(ast).values()
    if isinstance(kind, type)
    and (
        issubclass(kind, ast.expr_context | ast.operator | ast.unaryop | ast.boolop | ast.cmpop) or kind is ast.Constant
    )
    and hasattr(RestrictingNodeTransformer, f"visit_{kind.__name__}")
)
"""Contexts, operators and constants, which RestrictedPython leaves unchanged."""

_Node = TypeVar("_Node", bound=ast.AST)


class RefusedError(Exception):
    """The policy refuses a part of the program, at compile time or at run time. The message names it."""


class RefusedImportError(RefusedError, ImportError):
    """The program imports a module that is not offered. A program may catch it as an `ImportError`."""


StarNames = Callable[[str], Iterable[str] | None]
"""Module → names that `from module import *` binds, or None if the module is not offered."""


def restrict(tree: ast.Module, star_names: StarNames) -> None:
    """Apply the policy to a program.

    A star import of a module that is not offered binds the names that nothing else in the program binds. Their use is
    then refused as that of any name of this module.

    Args:
        tree: parsed program, which is changed.
        star_names: names of star imports.

    Raises:
        RefusedError: the policy refuses the program.
    """
    transformer = _Transformer(star_names, unbound_names(tree, star_names))
    transformer.visit(tree)
    if transformer.errors:
        raise RefusedError(transformer.errors[0])


def is_private(name: str) -> bool:
    """Whether a name is reserved: a special method, a private name with two underscores, or a guard."""
    return name.startswith("__") or (name.startswith("_") and name.endswith("_") and name != "_")


def unbound_names(tree: ast.Module, star_names: StarNames) -> list[str]:
    """Public names that a program reads and that neither it nor Python binds, sorted."""
    read: set[str] = set()
    bound = {"math", *vars(builtins)}  # `guards.py` offers math as a builtin
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                read.add(name)
            case ast.Name(id=name) | ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
            case ast.ImportFrom(module=module, names=[ast.alias(name="*")]):
                bound.update(star_names(module or "") or ())
            case ast.alias(name=name, asname=other):
                bound.add(other or name.partition(".")[0])
            case ast.ExceptHandler(name=name) | ast.MatchAs(name=name) | ast.MatchStar(name=name) if name:
                bound.add(name)
    return sorted(name for name in read - bound if not name.startswith("_"))


class _Transformer(RestrictingNodeTransformer):  # type: ignore[misc]  # RestrictedPython is untyped
    """Adds guard calls to a program. RestrictedPython checks the other nodes and refuses unknown ones."""

    def __init__(self, star_names: StarNames, unbound: Iterable[str]) -> None:
        super().__init__()
        self._star_names = star_names
        self._unbound = unbound

    def node_contents_visit(self, node: _Node) -> _Node:
        """Visit the children, as `ast.NodeTransformer.generic_visit` does, without a call per leaf."""
        for name in node._fields:
            value = getattr(node, name, None)
            if type(value) is list:
                value[:] = [new for item in value for new in self._visit_item(item)]
            elif isinstance(value, ast.AST) and type(value) not in _LEAVES:
                setattr(node, name, self.visit(value))
        return node

    def _visit_item(self, item: object) -> Sequence[object]:
        if not isinstance(item, ast.AST) or type(item) in _LEAVES:
            return (item,)
        visited = self.visit(item)
        return visited if isinstance(visited, list) else (visited,)

    def _visit_contents(self, node: ast.AST) -> ast.AST:
        return self.node_contents_visit(node)

    # RestrictedPython wraps these; see the top of the module. `guards.py` has one print collector for all scopes.
    visit_Assign = visit_AugAssign = visit_Call = visit_For = visit_With = visit_Module = _visit_contents

    def check_name(self, node: ast.AST, name: str | None, allow_magic_methods: bool = False) -> None:
        if name is None or not (is_private(name) or name == "print"):
            return
        if not (allow_magic_methods and name in SPECIAL_METHODS and node.col_offset):  # type: ignore[attr-defined]
            self.error(node, f'the name "{name}" is reserved')

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id == "print" and isinstance(node.ctx, ast.Load):
            return node
        if node.id == "__name__" and isinstance(node.ctx, ast.Load):  # if __name__ == "__main__":
            return node
        self.check_name(node, node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        name, reads = node.attr, isinstance(node.ctx, ast.Load)
        if _is_super_call(node.value) and name in SPECIAL_METHODS and reads:
            return _call("_super_", node, [self.node_contents_visit(node.value), ast.Constant(name)])
        if is_private(name) and not (reads and name in READABLE_SPECIAL_ATTRIBUTES):
            self.error(node, f'the attribute "{name}" is reserved')
        node = self.node_contents_visit(node)
        if reads:
            return _call("_read_", node, [node.value, ast.Constant(name)])
        node.value = _call("_write_", node.value, [node.value, ast.Constant(name)])
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        node = self.node_contents_visit(node)
        if not isinstance(node.ctx, ast.Load):
            node.value = _call("_write_", node.value, [node.value])
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        """Drop the annotation: it may name a module that the program does not import."""
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        assign = ast.copy_location(ast.Assign(targets=[node.target], value=node.value), node)
        return self._visit_contents(assign)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        contents: ast.AST = super().visit_FunctionDef(node)
        return contents

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        if node.keywords or getattr(node, "type_params", None):
            self.error(node, "class keywords are not allowed")
        self.check_name(node, node.name)
        node = self.node_contents_visit(node)
        node.keywords = [ast.keyword("metaclass", ast.copy_location(ast.Name("__metaclass__", ast.Load()), node))]
        ast.fix_missing_locations(node)
        return node

    def visit_Global(self, node: ast.Global | ast.Nonlocal) -> ast.AST:
        for name in node.names:
            self.check_name(node, name)
        return node

    visit_Nonlocal = visit_Global

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        if node.is_async:
            self.not_allowed(node)
        return self._visit_contents(node)

    def visit_Match(self, node: ast.Match) -> ast.AST:
        return self._visit_contents(node)

    visit_match_case = visit_MatchSingleton = visit_MatchSequence = visit_MatchOr = _visit_contents

    def visit_MatchValue(self, node: ast.MatchValue) -> ast.AST:
        """Allow literals only: Python reads the attributes in a pattern without a guard."""
        if any(isinstance(part, ast.Attribute) for part in ast.walk(node)):
            self.error(node, "attributes in patterns are not allowed")
        return node

    def visit_MatchMapping(self, node: ast.MatchMapping) -> ast.AST:
        if any(isinstance(part, ast.Attribute) for key in node.keys for part in ast.walk(key)):
            self.error(node, "attributes in patterns are not allowed")
        self.check_name(node, node.rest)
        node.patterns = [self.visit(pattern) for pattern in node.patterns]
        return node

    def visit_MatchStar(self, node: ast.MatchStar | ast.MatchAs) -> ast.AST:
        self.check_name(node, node.name)
        return self._visit_contents(node)

    visit_MatchAs = visit_MatchStar

    def check_import_names(self, node: ast.Import | ast.ImportFrom) -> ast.AST:
        if isinstance(node, ast.ImportFrom) and node.level:
            self.error(node, "relative imports are not allowed")
        elif isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            offered = self._star_names(node.module or "")
            names = self._unbound if offered is None else offered
            node.names = [ast.copy_location(ast.alias(name), node) for name in names]
            if not node.names:
                return ast.copy_location(ast.Pass(), node)
        if any(alias.name.startswith("_") for alias in node.names):
            self.error(node, "private names may not be imported")
        checked: ast.AST = super().check_import_names(node)
        return checked


def _is_super_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def _call(guard: str, at: ast.AST, arguments: list[ast.expr]) -> ast.Call:
    """Call of a guard, with the source location of the guarded node."""
    # RestrictedPython's helper for locations walks the whole subtree.
    name = ast.copy_location(ast.Name(guard, ast.Load()), at)
    for argument in arguments:
        if not hasattr(argument, "lineno"):
            ast.copy_location(argument, at)
    return ast.copy_location(ast.Call(func=name, args=arguments, keywords=[]), at)
