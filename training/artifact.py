"""Artifacts: a stage's output directory with a manifest, content-addressed and resumable.

A stage works in `NAME.partial/`, which is renamed when it is complete. An artifact's key hashes the stage, its settings
and the contents of its inputs. Files under `log/` (times, plots, events) are outside the hash. All others are the same
in every run.
"""

import hashlib
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

MANIFEST = "manifest.json"
LOG = "log"
TIME = "time.json"
"""File in `log/` with the seconds of the build, those of earlier killed builds left out."""

_KEY = "KEY"
_JSON = TypeAdapter(dict[str, Any])


class Report(BaseModel):
    """Base class of a stage's result, kept as a JSON file."""

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the JSON file."""
        return cls.model_validate_json(path.read_bytes())

    def write(self, path: Path) -> None:
        """Write the JSON file."""
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Artifact:
    """Output directory of a finished stage.

    Args:
        path: the directory.
        digest: hash of the contents of its files.
        fresh: True if it was made now, False if it was up to date.
    """

    path: Path
    digest: str
    fresh: bool


def make(
    path: Path,
    *,
    seed: int,
    settings: Mapping[str, Any],
    inputs: Mapping[str, str],
    build: Callable[[Path], None],
) -> Artifact:
    """Build the artifact at `path` unless it is up to date.

    Args:
        path: directory of the artifact. Its name is that of the stage.
        seed: seed of the recipe.
        settings: parts of the recipe that the stage reads.
        inputs: digest of each input, by name.
        build: function that writes the files into a directory. It can find there what a killed run left.
    """
    stage = path.name
    described = {
        "stage": stage,
        "seed": seed,
        "settings": _JSON.dump_python(dict(settings), mode="json"),
        "inputs": dict(sorted(inputs.items())),
    }
    key = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
    found = _manifest(path)
    if found is not None and found.key == key:
        return Artifact(path, found.digest, fresh=False)
    partial = path.with_name(f"{stage}.partial")
    if partial.is_dir() and _read(partial / _KEY) != key:
        shutil.rmtree(partial)
    partial.mkdir(parents=True, exist_ok=True)
    (partial / _KEY).write_text(key)
    began_s = time.monotonic()
    build(partial)
    (partial / LOG).mkdir(exist_ok=True)
    (partial / LOG / TIME).write_text(json.dumps({"seconds": round(time.monotonic() - began_s, 1)}) + "\n")
    digest, files = tree_digest(partial)
    record = described | {"key": key, "digest": digest, "files": files, "commit": commit()}
    (partial / MANIFEST).write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
    _replace(path, partial)
    return Artifact(path, digest, fresh=True)


class _Manifest(BaseModel):
    """Fields of a manifest that decide whether the artifact is up to date."""

    key: str
    digest: str


def _manifest(path: Path) -> _Manifest | None:
    """Manifest of an artifact. None without one, and for one that a full disk has damaged."""
    try:
        return _Manifest.model_validate_json((path / MANIFEST).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _replace(path: Path, partial: Path) -> None:
    """Rename the finished directory. An older artifact is never seen half removed under its name."""
    old = path.with_name(f"{path.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        path.rename(old)
    partial.rename(path)
    (path / _KEY).unlink()
    shutil.rmtree(old, ignore_errors=True)


def tree_digest(directory: Path) -> tuple[str, dict[str, str]]:
    """SHA-256 of a directory's contents and of each file, without `log/`, the manifest and the key."""
    files = {}
    for file in sorted(directory.rglob("*")):
        name = file.relative_to(directory).as_posix()
        if file.is_file() and name not in (MANIFEST, _KEY) and not name.startswith(f"{LOG}/"):
            files[name] = file_digest(file)
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest(), files


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def path_digest(path: Path) -> str:
    """SHA-256 of a file or of a directory's contents."""
    return tree_digest(path)[0] if path.is_dir() else file_digest(path)


def commit() -> str:
    """Commit of the running code. `unknown` outside of a git checkout."""
    here = Path(__file__).parent
    found = subprocess.run(  # noqa: S603 — a fixed command
        ["git", "-C", str(here), "rev-parse", "HEAD"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or "unknown"


def _read(path: Path) -> str:
    return path.read_text() if path.is_file() else ""
