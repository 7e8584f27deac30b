"""Rules for names, and the errors of refusals.

Policy and guards share them. A plain name is one whose guarded read is Python's own read, for every object.
"""

from RestrictedPython.transformer import INSPECT_ATTRIBUTES

SPECIAL_METHODS = frozenset(
    f"__{name}__"
    for name in (
        "init post_init repr str format len contains getitem setitem delitem missing iter next reversed call enter "
        "exit hash bool bytes eq ne lt le gt ge neg pos abs invert complex int float index round floor ceil trunc copy "
        "add sub mul matmul truediv floordiv mod divmod pow lshift rshift and or xor "
        "radd rsub rmul rmatmul rtruediv rfloordiv rmod rdivmod rpow rlshift rrshift rand ror rxor "
        "iadd isub imul imatmul itruediv ifloordiv imod ipow ilshift irshift iand ior ixor"
    ).split()
) | {"_missing_", "_generate_next_value_"}
"""Special methods that a class may define. None is part of attribute access, class creation or pickling."""

SET_ATTRIBUTE = "__setattr__"
"""Special method that a program may call on `object` and `super()`, as frozen data classes need it."""

CLASS_LISTS = frozenset({"__slots__", "__match_args__"})
"""Lists of attributes that a class may have. `classes.py` checks the names in them."""

READABLE_SPECIAL_ATTRIBUTES = frozenset({"__name__", "__qualname__", "__doc__", "__dict__", "__members__", "__cause__"})
"""Special attributes that a program may read. `guards.py` has the types of their objects."""

HIDDEN_ATTRIBUTES = INSPECT_ATTRIBUTES | {"mro"}

HIDDEN_OF_TYPES: dict[str, tuple[type, ...]] = dict.fromkeys(
    ("obj", "path", "name_from", "with_traceback", "add_note"), (BaseException,)
)
"""Attribute → types that hide it. `libraries.py` adds those of arrays."""

FORMAT_METHODS = frozenset({"format", "format_map"})
"""Methods of texts that read attributes in C."""


class RefusedError(Exception):
    """The policy refuses a part of the program, at compile time or at run time. The message names it."""


class RefusedImportError(RefusedError, ModuleNotFoundError):
    """The program imports a module or a name that is not offered. A program may catch it as an `ImportError`."""


def is_private(name: str) -> bool:
    """Whether a name is reserved: a special method, a private name with two underscores, or a guard.

    A subclass of `str` is reserved, because the program may have written its methods.
    """
    return type(name) is not str or name.startswith("__") or (name[:1] == name[-1:] == "_" and name != "_")


def is_plain(name: str) -> bool:
    """Whether Python itself may read this attribute, without a guard at run time."""
    if type(name) is not str:
        return False
    hidden = name in HIDDEN_ATTRIBUTES or name in HIDDEN_OF_TYPES or name in FORMAT_METHODS
    return not hidden and name[:1] != "_"


def mangle(name: str, owner: str | None) -> str:
    """Name that Python gives to a private attribute in a class: `__x` in `Pen` is `_Pen__x`.

    Args:
        name: name in the program.
        owner: name of the innermost class around it, or None.
    """
    stem = (owner or "").lstrip("_")
    return f"_{stem}{name}" if stem and name.startswith("__") and not name.endswith("__") else name
