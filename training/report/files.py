"""Files of a run, as far as they were made."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from service.errors import ConfigurationError
from training.artifact import LOG, MANIFEST, TIME, Report
from training.data.problem import read_rows
from training.recipe import Recipe
from training.report.plan import Plan
from training.run import STAGES, Run, enabled_stages

_Content = TypeVar("_Content", bound=Report)
_Row = TypeVar("_Row", bound=BaseModel)
_INNER_INPUTS = frozenset({*STAGES, "own", "student", "samples", "mixed", "cot", "pot"})


class State(StrEnum):
    """State of a stage."""

    MADE = "made"
    CHANGED = "made from other settings"
    OLDER = "made from older inputs"
    MISSING = "not made"
    OFF = "off in the recipe"


class Manifest(BaseModel):
    """Fields of an artifact's manifest."""

    seed: int
    settings: dict[str, Any]
    inputs: dict[str, str]
    digest: str
    commit: str = "unknown"


class _Time(BaseModel):
    """Content of `log/time.json`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Made:
    """Artifact of the run.

    Args:
        name: name of its directory.
        path: the directory.
        manifest: its manifest.
        seconds: duration of its making. None if an older version made it.
        made_at: time of its making, in seconds since the epoch.
    """

    name: str
    path: Path
    manifest: Manifest
    seconds: float | None
    made_at: float


@dataclass(frozen=True)
class RunFiles:
    """Reader of a run's directory. It makes nothing.

    Args:
        recipe: recipe of the run.
        root: directory of the run.
    """

    recipe: Recipe
    root: Path

    @cached_property
    def made(self) -> dict[str, Made]:
        """Artifacts of the recipe by name, in the order of their making."""
        # Without a file that a later stage needs, it is not known which artifacts that stage has.
        known = self._plan.settings if self._plan.is_whole else self._found
        off = [name for name, state in self._switched.items() if not state]
        return {name: one for name, one in self._found.items() if name in known and name not in off}

    @property
    def leftovers(self) -> list[str]:
        """Names of artifacts that were made from an earlier recipe, and do not belong to this one."""
        return [name for name in self._found if name not in self.made]

    @cached_property
    def _found(self) -> dict[str, Made]:
        """All artifacts in the directory by name, in the order of their making."""
        found = [_made(path.parent) for path in self.root.glob(f"*/{MANIFEST}")]
        ordered = sorted((one for one in found if one), key=lambda one: (one.made_at, one.name))
        return {one.name: one for one in ordered}

    @cached_property
    def seconds(self) -> dict[str, float]:
        """Time of each stage with the artifacts that were made for it, which come before it."""
        found: dict[str, float] = {}
        waiting = 0.0
        for one in self.made.values():
            waiting += one.seconds or 0.0
            if one.name in STAGES:
                found[one.name], waiting = waiting, 0.0
        return found

    @cached_property
    def states(self) -> dict[str, State]:
        """State of each stage, in the order of the pipeline."""
        return {name: self._state(name) if is_on else State.OFF for name, is_on in self._switched.items()}

    @cached_property
    def _switched(self) -> dict[str, bool]:
        enabled = enabled_stages(self.recipe)
        return {name: name in enabled for name in STAGES}

    def path(self, name: str) -> Path | None:
        """Directory of an artifact. None if it was not made or does not belong to the recipe."""
        return self.made[name].path if name in self.made else None

    def read(self, name: str, file: str, content: type[_Content]) -> _Content | None:
        """Content of a stage's JSON file. None without the file, or if another version wrote it."""
        path = self.path(name)
        try:
            return content.read(path / file) if path else None
        except (OSError, ValidationError):
            return None

    def rows(self, name: str, file: str, row: type[_Row]) -> list[_Row]:
        """Rows of a stage's JSON Lines file. Empty if it cannot be read, or if another version wrote it."""
        path = self.path(name)
        try:
            return [row.model_validate(found) for found in read_rows(path / file)] if path else []
        except (ConfigurationError, ValidationError):
            return []

    def _state(self, name: str) -> State:
        if name not in self.made:
            return State.MISSING
        if name in self._changed:
            return State.CHANGED
        return State.OLDER if name in self._older else State.MADE

    @cached_property
    def _plan(self) -> Plan:
        digests = {name: one.manifest.digest for name, one in self._found.items()}
        return Plan.of(Run(self.recipe, self.root), digests)

    @cached_property
    def _changed(self) -> set[str]:
        """Stages with an artifact whose settings or seed differ from those of the recipe."""
        planned = {name: (self.recipe.seed, settings) for name, settings in self._plan.settings.items()}
        made = {name: (one.manifest.seed, one.manifest.settings) for name, one in self._found.items()}
        return {self._plan.stages[name] for name in planned.keys() & made.keys() if planned[name] != made[name]}

    @cached_property
    def _older(self) -> set[str]:
        """Artifacts that were made from an artifact that has changed since."""
        older: set[str] = set()
        while True:
            current = {one.manifest.digest for one in self._found.values() if one.name not in older}
            found = {name for name, one in self._found.items() if not _inner_inputs(one) <= current}
            if found <= older:
                return older
            older |= found


def _inner_inputs(made: Made) -> set[str]:
    """Digests of the inputs that are artifacts of the run. The others are files, and the base model."""
    inputs: Mapping[str, str] = made.manifest.inputs
    return {
        digest
        for name, digest in inputs.items()
        if name in _INNER_INPUTS or name.startswith("samples at ") or (name == "model" and made.name != "base")
    }


def _made(path: Path) -> Made | None:
    """Artifact in a directory. None for an unfinished one, and for one with a damaged manifest."""
    if path.suffix in (".partial", ".old"):
        return None
    try:
        manifest = Manifest.model_validate_json((path / MANIFEST).read_bytes())
        return Made(path.name, path, manifest, _seconds(path / LOG / TIME), (path / MANIFEST).stat().st_mtime)
    except (OSError, ValidationError):
        return None


def _seconds(path: Path) -> float | None:
    try:
        return _Time.model_validate_json(path.read_bytes()).seconds
    except (OSError, ValidationError):
        return None
