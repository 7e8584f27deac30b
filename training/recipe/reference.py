"""Reference of the recipe's sections and keys, from their types and docstrings."""

import inspect
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic.fields import FieldInfo

from training.recipe import Recipe
from training.recipe.base import Section

_ENTRY = re.compile(r"    (\w+): (.*)")


@dataclass(frozen=True, slots=True)
class Key:
    """Key of a section.

    Args:
        name: name of the key.
        schema: JSON schema of its values, without references.
        required: whether a recipe must have the key.
        default: value without the key. None if it is required.
        unit: unit of its values. Empty without one.
        meaning: description.
        example: value of a starter recipe. None takes the default.
    """

    name: str
    schema: Mapping[str, Any]
    required: bool
    default: Any
    unit: str
    meaning: str
    example: Any

    @property
    def choices(self) -> tuple[str, ...]:
        """Valid texts, if only some are valid."""
        return tuple(self.schema.get("enum", ()))


@dataclass(frozen=True, slots=True)
class SectionReference:
    """Section of a recipe.

    Args:
        name: name of the table. Empty for the keys outside of all tables.
        summary: first line of its docstring.
        repeated: whether it is an array of tables.
        optional: whether a recipe can leave it out, and then has none.
        keys: its keys.
    """

    name: str
    summary: str
    repeated: bool
    optional: bool
    keys: tuple[Key, ...]

    @property
    def heading(self) -> str:
        """The table's heading in TOML."""
        return f"[[{self.name}]]" if self.repeated else f"[{self.name}]"


def sections() -> list[SectionReference]:
    """Every section of a recipe, the keys outside of all tables first."""
    tables = {name: table for name, field in Recipe.model_fields.items() if (table := _table(field))}
    found = [section("", Recipe, skip=tables)]
    for name, table in tables.items():
        field = Recipe.model_fields[name]
        repeated = field.annotation not in (table, table | None)
        found.append(section(name, table, repeated=repeated, optional=field.default is None))
    return found


def section(
    name: str,
    table: type[Section],
    *,
    skip: Container[str] = (),
    repeated: bool = False,
    optional: bool = False,
) -> SectionReference:
    """Reference of one table.

    Args:
        name: name of the table.
        table: its type.
        skip: names of fields that are tables of their own.
        repeated: whether it is an array of tables.
        optional: whether a recipe can leave it out.
    """
    schema = table.model_json_schema()
    meanings = _meanings(table)
    keys = tuple(
        _key(field_name, field, _resolved(schema["properties"][field_name], schema), meanings.get(field_name, ""))
        for field_name, field in table.model_fields.items()
        if field_name not in skip
    )
    summary = (inspect.getdoc(table) or "").partition("\n\n")[0].replace("\n", " ")
    return SectionReference(name, summary, repeated, optional, keys)


def _table(field: FieldInfo) -> type[Section] | None:
    """Type of a field that is a table, an array of tables, or an optional table. None for any other field."""
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, Section):
            return kind
    return None


def _key(name: str, field: FieldInfo, schema: Mapping[str, Any], meaning: str) -> Key:
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    example = field.examples[0] if field.examples else None
    return Key(name, schema, field.is_required(), default, schema.get("unit", ""), meaning, example)


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    """Schema with its references replaced by their targets."""
    if "$ref" in schema:
        return _resolved(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    items = {"items": _resolved(schema["items"], root)} if "items" in schema else {}
    return {**schema, **items}


def _meanings(table: type[Section]) -> dict[str, str]:
    """Entries of the section `Args:` in the docstrings of a type and of its bases."""
    found: dict[str, str] = {}
    for kind in reversed(table.__mro__):
        arguments = (inspect.cleandoc(kind.__doc__ or "")).partition("Args:\n")[2]
        name = ""
        for line in arguments.splitlines():
            if entry := _ENTRY.fullmatch(line):
                name, found[entry[1]] = entry[1], entry[2]
            elif line.startswith(" " * 8) and name:
                found[name] += " " + line.strip()
            elif line.strip():
                break
    return found
