"""Artifacts that a recipe makes, with their settings. Nothing is built, and no source is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from service.errors import ConfigurationError
from training.artifact import Artifact
from training.data.sources import Sources
from training.run import Run, enabled_stages

_JSON = TypeAdapter(dict[str, Any])


class _Unread(Sources):
    """Sources without files. Their content does not belong to the settings."""

    def digests(self, *fields: str) -> dict[str, str]:
        return {}


@dataclass
class Plan(Run):
    """Walk through the stages of a recipe that are made.

    Args:
        digests: digests of the artifacts that are made, by name.
        settings: settings of each artifact of the recipe as JSON, by name.
        stages: stage that needs each artifact first, by name.
        is_whole: whether every stage is made and could be walked. A stage can need a file of an earlier one.
    """

    digests: Mapping[str, str] = field(default_factory=dict)
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)
    is_whole: bool = True
    _open: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, run: Run, digests: Mapping[str, str]) -> "Plan":
        """Plan of a run."""
        plan = cls(run.recipe, run.root, digests=digests)
        for name in enabled_stages(run.recipe):
            plan.stage(name)
        return plan

    def stage(self, name: str) -> Artifact:
        """See `Run.stage`."""
        if name not in self.digests:
            self.is_whole = False
            return self._artifact(name)
        if name not in self._done:
            self._open.append(name)
            try:
                self._done[name] = import_module(f"training.stages.{name}").stage(self)
            except (ConfigurationError, OSError, ValidationError):
                self.is_whole = False
                self._done[name] = self._artifact(name)
            self._open.pop()
        return self._done[name]

    def make(
        self, name: str, settings: Mapping[str, Any], inputs: Mapping[str, str], build: Callable[[Path], None]
    ) -> Artifact:
        """See `Run.make`."""
        if name not in self.settings:
            self.settings[name] = _JSON.dump_python(dict(settings), mode="json")
            self.stages[name] = self._open[-1]
        return self._artifact(name)

    @property
    def sources(self) -> Sources:
        """See `Run.sources`."""
        return _Unread(self.recipe, lambda: self.root)

    def _artifact(self, name: str) -> Artifact:
        return Artifact(self.root / name, self.digests.get(name, ""), fresh=False)
