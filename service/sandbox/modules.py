"""Modules of programs: facades, and replacements of missing packages.

An import returns a facade instead of a module, because a module exposes its own imports
(`fractions.sys.modules["os"]`). Programs import many modules without use (`os`, `numpy`). The import of any other
module therefore returns a `MissingPackage`, which refuses its first use.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType, ModuleType
from typing import Any

from service.sandbox.names import RefusedImportError

LIBRARY_NAMES = frozenset({"numpy", "sympy"})
"""Packages that the libraries lane offers."""


class Facade:
    """Replacement of a module, with fixed members. It has no other public attribute: `from m import name` reads all.

    Args:
        name: name of the module.
        members: name → member.
        star_names: names that `from module import *` binds, by default all.
    """

    __slots__ = ("_members", "_name", "_star_names")

    def __init__(self, name: str, members: Mapping[str, Any], star_names: Iterable[str] | None = None) -> None:
        self._name = name
        self._members = MappingProxyType(dict(members))
        self._star_names = tuple(members if star_names is None else star_names)

    def __getattr__(self, name: str) -> Any:  # what `from math import sqrt` calls
        return member_of(self, name)


LIBRARIES: dict[str, Facade] = {}
"""Module name → facade of numpy and sympy. Only `libraries.py` fills it, in the zygote of the libraries lane."""


class MissingPackage:
    """Replacement of a module that is not offered, or of a name in it. Every use raises `RefusedImportError`."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> "MissingPackage":  # what `from sympy import Symbol` calls
        return MissingPackage(self._name)

    def __call__(self, *_: object, **__: object) -> None:
        member_of(self, "")


def member_of(module: Facade | MissingPackage, name: str) -> Any:
    """Member of a module. Raises `RefusedImportError` if it is not offered."""
    if isinstance(module, MissingPackage):
        hint = "; set sandbox_libraries" if module._name in LIBRARY_NAMES else ""
        raise RefusedImportError(f"{module._name} is not available to programs{hint}")
    if name not in module._members:
        raise RefusedImportError(f"{module._name}.{name} is not offered")
    return module._members[name]


def import_facade(name: str, names: object, find: Callable[[str], Facade | None]) -> Facade | MissingPackage:
    """Implementation of `import` in a program.

    Args:
        name: module.
        names: names of `from name import names`, or None.
        find: returns the facade of a module, or None.

    Raises:
        RefusedImportError: the name is not a text, or a submodule is not offered.
    """
    if type(name) is not str:
        raise RefusedImportError("the name of a module must be a string")
    root = name.partition(".")[0]
    package, module = find(root), find(name)
    if package is None:
        return MissingPackage(root[:50])
    if not names and (module is not None or root in LIBRARIES):
        return package
    if module is not None:
        return module
    if root not in LIBRARIES:
        raise RefusedImportError(f"import of {name[:50]} is not allowed")
    return package if root == "sympy" else MissingPackage(name)  # sympy offers its submodules' functions itself


def star_names(facade: Facade | None) -> Iterable[str] | None:
    """Names that `from module import *` binds, or None for a module that is not offered."""
    return None if facade is None else facade._star_names


def members_of(module: ModuleType, names: str) -> dict[str, Any]:
    """Members of a module that this Python has."""
    return {name: getattr(module, name) for name in names.split() if hasattr(module, name)}
