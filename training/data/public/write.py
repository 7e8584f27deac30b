"""Files of a public set in `data/public/NAME/`, and their description in `source.json`.

A file whose hash and origin are those of its description is not written again.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError

from training.artifact import file_digest
from training.data.public.fetch import write_whole
from training.data.public.public_set import PublicSet

PUBLIC = Path("data/public")
"""Directory of the public sets, relative to the current directory."""
SOURCE = "source.json"
CONVERSION = 1
"""Version of the conversion. A new version makes all files again."""


class Made(BaseModel):
    """Description of a file's content.

    Args:
        rows: number of rows.
        sha256: hash of the content.
        revision: commit of the set on the hub. Empty for original files, whose commits are in `origin`.
    """

    rows: int
    sha256: str
    revision: str = ""


class Output(BaseModel):
    """Description of a file.

    Args:
        licence: licence of the content.
        origin: original files, or the set on the hub.
        terms: providers of the teachers, whose terms apply too. Empty for problems.
        conversion: version of the conversion.
        made: the file, once it is made.
    """

    licence: str
    origin: list[dict[str, str]]
    terms: str = ""
    conversion: int = CONVERSION
    made: Made | None = None


class SourceNote(BaseModel):
    """Content of `source.json`.

    Args:
        name: name of the set.
        title: name with the kind of problem.
        split: description of the split.
        files: description of each file.
    """

    name: str
    title: str
    split: str
    files: dict[str, Output] = {}


class Material(Protocol):
    """Content of a public set from one origin."""

    @property
    def revision(self) -> str:
        """Commit of the set on the hub, or nothing."""

    def outputs(self) -> dict[str, Output]:
        """Description of each file, by its name."""

    def rows(self, file: str) -> Iterable[dict[str, Any]]:
        """JSON objects of a file."""


def write_set(known: PublicSet, material: Material, root: Path, report: Callable[[str], None] = print) -> None:
    """Write the files of a set, unless they are up to date.

    Args:
        known: the set.
        material: its content.
        root: directory of the public sets.
        report: function that receives one line per file.

    Raises:
        ConfigurationError: the content cannot be read.
    """
    directory = root / known.name
    kept = _described(directory / SOURCE)
    for name, output in material.outputs().items():
        path = directory / name
        made = _current(path, kept.get(name), output)
        if made is not None:
            report(f"{path}: up to date, {made.rows:,} rows")
            continue
        lines = [json.dumps(row, ensure_ascii=False) for row in material.rows(name)]
        write_whole(path, "".join(f"{line}\n" for line in lines).encode())
        made = Made(rows=len(lines), sha256=file_digest(path), revision=material.revision)
        kept[name] = output.model_copy(update={"made": made})
        note = SourceNote(name=known.name, title=known.title, split=known.split, files=kept)
        write_whole(directory / SOURCE, f"{note.model_dump_json(indent=2)}\n".encode())
        report(f"{path}: {len(lines):,} rows, licence {output.licence}")


def _current(path: Path, before: Output | None, output: Output) -> Made | None:
    """Content of a file that is up to date. None for any other file."""
    if before is None or before.made is None or before.model_copy(update={"made": None}) != output:
        return None
    return before.made if path.is_file() and file_digest(path) == before.made.sha256 else None


def _described(path: Path) -> dict[str, Output]:
    """Descriptions of the files. Empty without a valid `source.json`."""
    try:
        return SourceNote.model_validate_json(path.read_bytes()).files
    except (FileNotFoundError, ValidationError):
        return {}
