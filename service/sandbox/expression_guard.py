"""Guard calls in expressions: names, attributes, items.

A compiled program reads and writes attributes only through `guards.py`, and it cannot bind the name of a guard.
`policy.py` adds the statements.
"""

# RestrictedPython also wraps iteration, subscription, unpacking and calls. Nothing is guarded there, so these wrappers
# are left out: loops run at the speed of CPython, and `d[k] += 1` works.

import ast
from collections.abc import Sequence
from typing import TypeVar

from RestrictedPython import RestrictingNodeTransformer

from service.sandbox.names import (
    CLASS_LISTS,
    READABLE_SPECIAL_ATTRIBUTES,
    SET_ATTRIBUTE,
    SPECIAL_METHODS,
    is_private,
    mangle,
)

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


class ExpressionGuard(RestrictingNodeTransformer):  # type: ignore[misc]  # RestrictedPython is untyped
    """Adds guard calls to expressions. RestrictedPython checks the other nodes and refuses unknown ones."""

    def __init__(self) -> None:
        super().__init__()
        self._classes: list[str] = []  # around the node, the innermost last

    def node_contents_visit(self, node: _Node) -> _Node:
        """Visit the children, as `ast.NodeTransformer.generic_visit` does, without a call per leaf."""
        for name in node._fields:
            value = getattr(node, name, None)
            if type(value) is list:
                value[:] = [new for item in value for new in self.visit_item(item)]
            elif isinstance(value, ast.AST) and type(value) not in _LEAVES:
                setattr(node, name, self.visit(value))
        return node

    def visit_item(self, item: object) -> Sequence[object]:
        if not isinstance(item, ast.AST) or type(item) in _LEAVES:
            return (item,)
        visited = self.visit(item)
        return visited if isinstance(visited, list) else (visited,)

    def visit_contents(self, node: ast.AST) -> ast.AST:
        return self.node_contents_visit(node)

    # RestrictedPython wraps these; see the top of the module. `guards.py` has one print collector for all scopes.
    visit_Assign = visit_Call = visit_For = visit_With = visit_Module = visit_contents

    def check_name(self, node: ast.AST, name: str | None, allow_magic_methods: bool = False) -> None:
        if name is None or not (is_private(name) or name == "print"):
            return
        if not (allow_magic_methods and name in SPECIAL_METHODS and node.col_offset):  # type: ignore[attr-defined]
            self.error(node, f'the name "{name}" is reserved')

    def visit_Name(self, node: ast.Name) -> ast.AST:
        reads = isinstance(node.ctx, ast.Load)
        if reads and node.id in ("print", "__name__"):  # if __name__ == "__main__":
            return node
        if self._classes and (node.id in SPECIAL_METHODS or node.id in CLASS_LISTS):  # __radd__ = __add__
            return node
        node.id = self.mangle(node.id)
        self.check_name(node, node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        name, reads = self.mangle(node.attr), isinstance(node.ctx, ast.Load)
        if name == SET_ATTRIBUTE and reads and isinstance(node.value, ast.Name) and node.value.id == "object":
            return ast.copy_location(ast.Name("_setattr_", ast.Load()), node)
        if _is_super_call(node.value) and (name in SPECIAL_METHODS or name == SET_ATTRIBUTE) and reads:
            return guard_call("_super_", node, [self.node_contents_visit(node.value), ast.Constant(name)])
        if name == "__class__" and reads and self._classes and isinstance(node.value, ast.Name):
            return guard_call("_type_", node, [self.visit(node.value)])
        if name == "__name__" and reads and isinstance(node.value, ast.Attribute) and node.value.attr == "__class__":
            kind = guard_call("_type_", node, [self.visit(node.value.value)])
            return guard_call("_read_", node, [kind, ast.Constant(name)])
        if is_private(name) and not (reads and name in READABLE_SPECIAL_ATTRIBUTES):
            self.error(node, f'the attribute "{name}" is reserved')
        node = self.node_contents_visit(node)
        if reads:
            return guard_call("_read_", node, [node.value, ast.Constant(name)])
        return self.guard_own_read(node, name, "_write_")

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """Guard the read and the write of `a.b += c`, whose read Python does itself."""
        target = node.target
        if not isinstance(target, ast.Attribute):
            return self.visit_contents(node)
        name = self.mangle(target.attr)
        if is_private(name):
            self.error(node, f'the attribute "{name}" is reserved')
        target.value = self.visit(target.value)
        node.target = self.guard_own_read(target, name, "_update_")
        node.value = self.visit(node.value)
        return node

    def guard_own_read(self, node: ast.Attribute, name: str, guard: str) -> ast.Attribute:
        """Attribute that Python reads or writes itself, on the object that a guard returns."""
        node.value = guard_call(guard, node.value, [node.value, ast.Constant(name)])
        node.attr = name
        return node

    def mangle(self, name: str) -> str:
        return mangle(name, self._classes[-1] if self._classes else None)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        node = self.node_contents_visit(node)
        if not isinstance(node.ctx, ast.Load):
            node.value = guard_call("_write_", node.value, [node.value])
        return node


def guard_call(guard: str, at: ast.AST, arguments: list[ast.expr]) -> ast.Call:
    """Call of a guard, with the source location of the guarded node."""
    # RestrictedPython's helper for locations walks the whole subtree.
    name = ast.copy_location(ast.Name(guard, ast.Load()), at)
    for argument in arguments:
        if not hasattr(argument, "lineno"):
            ast.copy_location(argument, at)
    return ast.copy_location(ast.Call(func=name, args=arguments, keywords=[]), at)


def _is_super_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"
