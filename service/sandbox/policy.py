"""The language policy: RestrictedPython, widened to what today's models write.

It stands in the locked child, before a program runs. It promises that a program that compiles here reaches attributes
and writes only through `guards.py`, binds no guard's name, and uses no syntax that RestrictedPython does not know.
It narrows what can go wrong and names it well; it is not the boundary. The kernel lock is.

RestrictedPython also wraps iteration, subscription, unpacking and calls, for integrators who guard containers. Nothing
is guarded there here, so those wrappers are left out: loops run at CPython's speed, and `d[k] += 1` needs no help.
"""

import ast
from types import CodeType

from RestrictedPython import RestrictingNodeTransformer

METHODS = frozenset(
    f"__{name}__"
    for name in (
        "init repr str format len contains getitem setitem delitem iter next call enter exit hash bool "
        "eq ne lt le gt ge add radd iadd sub rsub isub mul rmul imul truediv rtruediv floordiv rfloordiv mod rmod "
        "pow rpow neg pos abs int float index round floor ceil trunc"
    ).split()
)
"""Special methods that a class may define. None of them takes part in attribute access, class creation or pickling."""

READABLE = frozenset({"__name__"})
"""Special attributes that a program may read, of classes and functions."""


class RefusedError(Exception):
    """The program uses something that the policy refuses, when compiled or when run; the message names it."""


class RefusedImportError(RefusedError, ImportError):
    """It imports what is not offered; a program may catch this as the ImportError it expects."""


def compile_program(source: str) -> CodeType:
    """Compile a program under the policy.

    Raises:
        RefusedError: the policy refuses it.
        SyntaxError, ValueError, RecursionError, MemoryError: Python itself does.
    """
    tree = ast.parse(source, "<program>")
    transformer = _Transformer()
    transformer.visit(tree)
    if transformer.errors:
        raise RefusedError(transformer.errors[0])
    return compile(tree, "<program>", "exec", dont_inherit=True)


def is_private(name: str) -> bool:
    """Whether a name is a special method, a guard, or reaches into an object that is not the program's own."""
    return name.startswith("__") or (name.startswith("_") and name.endswith("_") and name != "_")


class _Transformer(RestrictingNodeTransformer):  # type: ignore[misc]  # RestrictedPython is untyped
    """What is not overridden here is RestrictedPython's rule; an unknown node is refused there."""

    def visit(self, node: ast.AST) -> ast.AST | list[ast.AST] | None:
        # Half of all nodes have no fields (contexts, operators): nothing to check, and half the time saved.
        if not node._fields or type(node) is ast.Constant:
            return self._visit_leaf(node)
        visited: ast.AST | list[ast.AST] | None = super().visit(node)
        return visited

    def _visit_leaf(self, node: ast.AST) -> ast.AST | None:
        if hasattr(self, f"visit_{type(node).__name__}"):
            return node
        self.not_allowed(node)
        return None

    def _visit_contents(self, node: ast.AST) -> ast.AST:
        contents: ast.AST = self.node_contents_visit(node)
        return contents

    # Not wrapped here, see above. Print needs no collector in each scope either: `guards.py` has one for all.
    visit_Assign = visit_AugAssign = visit_Call = visit_For = visit_With = visit_Module = _visit_contents

    def check_name(self, node: ast.AST, name: str | None, allow_magic_methods: bool = False) -> None:
        if name is None or not (is_private(name) or name == "print"):
            return
        if not (allow_magic_methods and name in METHODS and node.col_offset):  # type: ignore[attr-defined]
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
        if _is_super_call(node.value) and name in METHODS and reads:
            return _call("_super_", node, [self.node_contents_visit(node.value), ast.Constant(name)])
        if is_private(name) and not (reads and name in READABLE):
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
        """Annotations are dropped unread: they name modules that a program need not import."""
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

    def check_import_names(self, node: ast.Import | ast.ImportFrom) -> ast.AST:
        if isinstance(node, ast.ImportFrom) and node.level:
            self.error(node, "relative imports are not allowed")
        if any(alias.name.startswith("_") for alias in node.names):
            self.error(node, "private names may not be imported")
        checked: ast.AST = super().check_import_names(node)
        return checked


def _is_super_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def _call(guard: str, at: ast.AST, arguments: list[ast.expr]) -> ast.Call:
    """The call of a guard, at the place of what it guards (RestrictedPython's own helper walks the whole subtree)."""
    name = ast.copy_location(ast.Name(guard, ast.Load()), at)
    for argument in arguments:
        if not hasattr(argument, "lineno"):
            ast.copy_location(argument, at)
    return ast.copy_location(ast.Call(func=name, args=arguments, keywords=[]), at)
