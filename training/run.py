"""A run: one recipe, one directory, an artifact a stage. `pipeline.py` says which stages there are.

Asking for a stage makes what it needs first and nothing behind it; what is there and fresh is not made again
(`manifest.py` decides). A run made by another recipe in the same directory is replaced stage by stage, never mixed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.manifest import Artifact, make
from training.recipe import Recipe
from training.sources import Sources

Stage = Callable[["Run"], Artifact]


@dataclass
class Run:
    """One recipe's run in the directory `root`; `report` is told what each stage did."""

    recipe: Recipe
    root: Path
    stages: Mapping[str, Stage]
    report: Callable[[str], None] = print
    _made: dict[str, Artifact] = field(default_factory=dict)

    def stage(self, name: str) -> Artifact:
        """The artifact of a stage, made now or found fresh."""
        if name not in self._made:
            artifact = self.stages[name](self)
            self.report(f"{name}: {'made' if artifact.fresh else 'fresh'} {artifact.digest[:12]} {artifact.path}")
            self._made[name] = artifact
        return self._made[name]

    def make(
        self, name: str, settings: Mapping[str, Any], inputs: Mapping[str, str], build: Callable[[Path], None]
    ) -> Artifact:
        """The artifact `name` of these settings and input digests, built into a directory unless it is there."""
        return make(self.root / name, seed=self.recipe.seed, settings=settings, inputs=inputs, build=build)

    @property
    def sources(self) -> Sources:
        """What the recipe's sources hold; sampled rationales are read from the stage `teacher`."""
        return Sources(self.recipe, lambda: self.stage("teacher").path / "rationales.jsonl")
