"""Rows of JSON Lines, or the items of a JSON array."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.cli.columns import Role, columns_line
from service.errors import ConfigurationError
from service.json_lines import BOM, Line, file_lines, json_line, json_value


@dataclass(frozen=True, slots=True)
class JsonTable:
    """Rows of JSON.

    Args:
        place: name of the file, for messages.
        unit: name of a row in messages.
        lines: number and JSON of each row. They are iterated several times.
        roles: the texts that the command reads.
        chosen: column names from options, by the name of the role.
    """

    place: str
    unit: str
    lines: Iterable[Line]
    roles: Sequence[Role]
    chosen: Mapping[str, str]
    first: int = 0
    style: None = None

    @classmethod
    def of_lines(
        cls, file: Path, place: str, roles: Sequence[Role], chosen: Mapping[str, str], max_line_bytes: int
    ) -> "JsonTable":
        """Rows of JSON Lines. Longer lines than the maximum are cut right after it."""
        return cls(place, "line", _Lines(file, max_line_bytes), roles, chosen)

    @classmethod
    def of_array(cls, file: Path, place: str, roles: Sequence[Role], chosen: Mapping[str, str]) -> "JsonTable":
        """Items of an array.

        Raises:
            ConfigurationError: the file is not a valid JSON array.
        """
        try:
            items = json_value(file.read_bytes().removeprefix(BOM))
        except (ValueError, RecursionError) as error:
            raise ConfigurationError(
                f"{place} starts with [ but is not a valid JSON array: {error}. Write an array of objects, or JSON "
                "Lines with one object on each line."
            ) from None
        lines = [(number, json_line(item)) for number, item in enumerate(items, 1)]
        return cls(place, "item", lines, roles, chosen)

    @property
    def count(self) -> int:
        """Number of rows."""
        return sum(1 for _ in self.lines)

    @property
    def columns(self) -> str:
        """Line about the columns from options, or an empty string."""
        return columns_line(self.chosen)

    def rows(self) -> Iterator[Line]:
        """Number and JSON of each row. Columns from options have the names of their roles."""
        for number, line in self.lines:
            yield number, self._renamed(line) if self.chosen else line

    def header(self) -> list[str]:
        """Names of all fields, in the order of their first rows."""
        names: dict[str, None] = {}
        for _, line in self.lines:
            names.update(dict.fromkeys(_fields(line) or {}))
        return list(names)

    def cells(self) -> Iterator[tuple[int, list[str]]]:
        """Number and cells of each row. An invalid row has empty cells."""
        header = self.header()
        for number, line in self.lines:
            fields = _fields(line) or {}
            yield number, [_cell(fields.get(name)) for name in header]

    def _renamed(self, line: bytes) -> bytes:
        fields = _fields(line)
        if fields is None:
            return line
        replaced = {name for role in self.roles if role.name in self.chosen for name in (role.name, *role.aliases)}
        kept = {name: value for name, value in fields.items() if name not in replaced}
        found = {name: fields[column] for name, column in self.chosen.items() if column in fields}
        return json_line(kept | found)


@dataclass(frozen=True, slots=True)
class _Lines:
    """Lines of a file, which can be iterated several times."""

    file: Path
    max_line_bytes: int

    def __iter__(self) -> Iterator[Line]:
        return file_lines(self.file, self.max_line_bytes)


def _fields(line: bytes) -> dict[str, Any] | None:
    """Fields of an object, or None if the line is not a JSON object."""
    try:
        fields = json_value(line)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
