"""Language policy: RestrictedPython, extended for the programs that models write.

A compiled program reads and writes attributes only through `guards.py`. It cannot bind the name of a guard, and it uses
only syntax that RestrictedPython supports. The policy narrows the language and names each refused part. The security
boundary is the kernel lock.
"""

import ast
import builtins
from collections.abc import Callable, Iterable

from service.sandbox.expression_guard import ExpressionGuard, guard_call
from service.sandbox.names import RefusedError, is_plain, mangle

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


class _Transformer(ExpressionGuard):
    """Adds guard calls to a program."""

    def __init__(self, star_names: StarNames, unbound: Iterable[str]) -> None:
        super().__init__()
        self._star_names = star_names
        self._unbound = unbound
        self._pattern_classes: list[ast.stmt] = []
        self._pattern_count = 0
        self._requires_imports = False

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        """Drop the annotation: it may name a module that the program does not import."""
        if node.value is None:
            if isinstance(node.target, ast.Name):  # it becomes a field of a data class
                self.check_name(node, self.mangle(node.target.id))
            return ast.copy_location(ast.Pass(), node)
        assign = ast.copy_location(ast.Assign(targets=[node.target], value=node.value), node)
        return self.visit_contents(assign)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self.mangle(node.name)
        node.returns = None
        kinds = [arg.annotation for arg in (*node.args.posonlyargs, *node.args.args) if arg.annotation is not None]
        registers = [getattr(decorator, "attr", "") == "register" for decorator in node.decorator_list]
        contents: ast.FunctionDef = super().visit_FunctionDef(node)
        if kinds and any(registers):  # `@function.register` reads the first annotation
            contents.decorator_list = [
                guard_call("_register_", decorator, [decorator, self.visit(kinds[0])]) if registered else decorator
                for decorator, registered in zip(contents.decorator_list, registers, strict=True)
            ]
        return contents

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Create the class with the guard `__metaclass__`, which gets the annotations as texts."""
        self.check_name(node, node.name)
        keywords = [self._class_keyword(node, keyword) for keyword in node.keywords]
        if getattr(node, "type_params", None):
            self.error(node, "class keywords are not allowed")
        fields = tuple(
            (mangle(item.target.id, node.name), ast.unparse(item.annotation))
            for item in node.body
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
        )
        if fields:
            keywords.append(ast.keyword("annotations", ast.Constant(fields)))  # type: ignore[arg-type]
        keywords.append(ast.keyword("metaclass", ast.Name("__metaclass__", ast.Load())))
        body, node.body, node.keywords = node.body, [], []
        node = self.node_contents_visit(node)
        self._classes.append(node.name)
        node.body = [new for statement in body for new in self.visit_item(statement)]  # type: ignore[misc]
        self._classes.pop()
        node.keywords = [ast.copy_location(keyword, node) for keyword in keywords]
        ast.fix_missing_locations(node)
        return node

    def _class_keyword(self, node: ast.ClassDef, keyword: ast.keyword) -> ast.keyword:
        """Keyword of a class: an abstract metaclass, or `total` of a `TypedDict`."""
        named = getattr(keyword.value, "attr", getattr(keyword.value, "id", ""))
        if keyword.arg == "metaclass" and named == "ABCMeta":
            return ast.keyword("declared", self.visit(keyword.value))
        if keyword.arg != "total":
            self.error(node, "class keywords are not allowed")
        return ast.keyword(keyword.arg, self.visit(keyword.value))

    def visit_Global(self, node: ast.Global | ast.Nonlocal) -> ast.AST:
        for name in node.names:
            self.check_name(node, name)
        return node

    visit_Nonlocal = visit_Global

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        if node.is_async:
            self.not_allowed(node)
        return self.visit_contents(node)

    def visit_Match(self, node: ast.Match) -> ast.AST | list[ast.stmt]:
        outer, self._pattern_classes = self._pattern_classes, []
        node = self.node_contents_visit(node)
        before, self._pattern_classes = self._pattern_classes, outer
        return [*before, node]

    visit_match_case = visit_MatchSingleton = visit_MatchSequence = visit_MatchOr = ExpressionGuard.visit_contents

    def visit_MatchValue(self, node: ast.MatchValue) -> ast.AST:
        node.value = self._pattern_value(node.value)
        return node

    def visit_MatchMapping(self, node: ast.MatchMapping) -> ast.AST:
        self.check_name(node, node.rest)
        node.keys = [self._pattern_value(key) for key in node.keys]
        node.patterns = [self.visit(pattern) for pattern in node.patterns]
        return node

    def visit_MatchClass(self, node: ast.MatchClass) -> ast.AST:
        """Allow plain attributes only: Python reads them itself. `classes.py` checks those of positional patterns."""
        for name in node.kwd_attrs:
            if not is_plain(name):
                self.error(node, f'the attribute "{name}" is reserved')
        node = self.node_contents_visit(node)
        if not isinstance(node.cls, ast.Name):  # a pattern may not contain the call of a guard
            self._pattern_count += 1
            name = f"_pattern_{self._pattern_count}_"
            assign = ast.Assign(targets=[ast.Name(name, ast.Store())], value=node.cls)
            self._pattern_classes.append(ast.fix_missing_locations(ast.copy_location(assign, node)))
            node.cls = ast.copy_location(ast.Name(name, ast.Load()), node)
        return node

    def _pattern_value(self, value: ast.expr) -> ast.expr:
        """Literal, or attribute that Python reads itself, because a pattern may not be the call of a guard."""
        if not isinstance(value, ast.Attribute):
            visited: ast.expr = self.visit(value)
            return visited
        name = self.mangle(value.attr)
        if not is_plain(name):
            self.error(value, f'the attribute "{name}" is reserved')
        value.value = self.visit(value.value)
        return self.guard_own_read(value, name, "_plain_")

    def visit_MatchStar(self, node: ast.MatchStar | ast.MatchAs) -> ast.AST:
        self.check_name(node, node.name)
        return self.visit_contents(node)

    visit_MatchAs = visit_MatchStar

    def visit_Try(self, node: ast.Try) -> ast.AST:
        """Make an import raise at once where the program catches its `ImportError`."""
        outer = self._requires_imports
        self._requires_imports = outer or _catches_import_errors(node)
        node.body = [new for statement in node.body for new in self.visit_item(statement)]  # type: ignore[misc]
        self._requires_imports = outer
        body, node.body = node.body, []
        node = self.node_contents_visit(node)
        node.body = body
        return node

    def check_import_names(self, node: ast.Import | ast.ImportFrom) -> ast.AST | list[ast.AST]:
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
        bound = [alias.asname or alias.name.partition(".")[0] for alias in node.names]
        checked: ast.AST = super().check_import_names(node)
        if not self._requires_imports:
            return checked
        calls = [guard_call("_require_", node, [ast.Name(name, ast.Load())]) for name in bound]
        return [checked, *(ast.copy_location(ast.Expr(call), node) for call in calls)]


def _catches_import_errors(node: ast.Try) -> bool:
    """Whether a handler names `ImportError`, or the body only imports and sets constants."""
    kinds = [handler.type for handler in node.handlers if handler.type is not None]
    caught = {part.id for kind in kinds for part in ast.walk(kind) if isinstance(part, ast.Name)}
    only_imports = all(
        isinstance(statement, ast.Import | ast.ImportFrom)
        or isinstance(getattr(statement, "value", None), ast.Constant)
        for statement in node.body
    )
    return bool(node.handlers) and (only_imports or not caught.isdisjoint(("ImportError", "ModuleNotFoundError")))
