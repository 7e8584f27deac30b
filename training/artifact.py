"""Artifacts and their manifests: what a stage made, from what, and whether it must be made again.

An artifact is a directory with a `manifest.json`. A stage works in `NAME.partial/` and renames it when all is there, so
an artifact is whole or absent; what a killed stage left in `NAME.partial/` is kept for the same inputs and dropped for
others. The key of an artifact hashes the stage, its part of the recipe and the *contents* of its inputs: a stage that
ran again and made the same bytes re-runs nothing behind it.

Files under `log/` (times, plots, event files) are outside the hash; everything else is the same on every run.
"""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

MANIFEST = "manifest.json"
LOG = "log"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A finished stage's directory. `digest` hashes the contents of all its files."""

    path: Path
    digest: str
    fresh: bool
    """True if it was made just now, False if it was there."""


def make(
    path: Path,
    *,
    seed: int,
    settings: Mapping[str, Any],
    inputs: Mapping[str, str],
    build: Callable[[Path], None],
) -> Artifact:
    """The artifact at `path`, built by `build(directory)` unless it is there with the same key.

    `settings` are the parts of the recipe that the stage reads, `inputs` the digests of what it reads.
    """
    stage = path.name
    described = {"stage": stage, "seed": seed, "settings": _plain(settings), "inputs": dict(sorted(inputs.items()))}
    key = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
    manifest = path / MANIFEST
    if manifest.is_file():
        found = json.loads(manifest.read_text())
        if found["key"] == key:
            return Artifact(path, found["digest"], fresh=False)
    partial = path.with_name(f"{stage}.partial")
    if partial.is_dir() and _read(partial / "KEY") != key:
        shutil.rmtree(partial)
    partial.mkdir(parents=True, exist_ok=True)
    (partial / "KEY").write_text(key)
    build(partial)
    digest, files = tree_digest(partial)
    record = described | {"key": key, "digest": digest, "files": files, "commit": commit()}
    (partial / MANIFEST).write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
    _replace(path, partial)
    return Artifact(path, digest, fresh=True)


def _replace(path: Path, partial: Path) -> None:
    """Put the finished directory in the place of an older one, which is never seen half removed under its name."""
    old = path.with_name(f"{path.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        path.rename(old)
    partial.rename(path)
    (path / "KEY").unlink()
    shutil.rmtree(old, ignore_errors=True)


def tree_digest(directory: Path) -> tuple[str, dict[str, str]]:
    """The digest of a directory's contents, and of each file; `log/`, the manifest and the key are left out."""
    files = {}
    for file in sorted(directory.rglob("*")):
        name = file.relative_to(directory).as_posix()
        if file.is_file() and name not in (MANIFEST, "KEY") and not name.startswith(f"{LOG}/"):
            files[name] = file_digest(file)
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest(), files


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def path_digest(path: Path) -> str:
    """SHA-256 of a file, or of a directory's contents."""
    return tree_digest(path)[0] if path.is_dir() else file_digest(path)


def commit() -> str:
    """The commit of the code that runs, `unknown` outside a checkout."""
    here = Path(__file__).parent
    found = subprocess.run(  # noqa: S603 — a fixed command
        ["git", "-C", str(here), "rev-parse", "HEAD"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or "unknown"


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.model_dump(mode="json")
        if isinstance(value, BaseModel)
        else [_plain({"": item})[""] for item in value]
        if isinstance(value, tuple)
        else value
        for name, value in settings.items()
    }


def _read(path: Path) -> str:
    return path.read_text() if path.is_file() else ""
