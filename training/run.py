"""Run: one recipe in one directory, with one artifact per stage.

    sources ─┬─ teacher ─┐
             └───────────┴─ filter ─ dataset ─ base ─ train ─ self_training ─ compare ─ calibrate ─ measure ─ export

A stage makes the stages that it needs first. Artifacts that are up to date are not made again.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from service.amounts import duration
from training.artifact import Artifact, make
from training.data.sources import Sources
from training.progress import print_line
from training.recipe import Recipe

STAGES = (
    "teacher",
    "filter",
    "dataset",
    "base",
    "train",
    "self_training",
    "compare",
    "calibrate",
    "measure",
    "export",
)
"""Names of the stages. `training/stages/NAME.py` makes a stage by its function `stage(run)`."""

RATIONALES = "rationales.jsonl"

_OPTIONAL = ("self_training", "compare", "calibrate", "measure")
"""Stages that a recipe turns on by `enabled` in their section."""


def enabled_stages(recipe: Recipe) -> tuple[str, ...]:
    """Stages that the recipe turns on."""
    off = {name for name in _OPTIONAL if not getattr(recipe, name).enabled}
    if not any(source.teacher for source in recipe.sources):
        off.add("teacher")
    return tuple(name for name in STAGES if name not in off)


@dataclass
class Run:
    """Run of a recipe.

    Args:
        recipe: the recipe.
        root: directory of the run.
        report: function that receives one line per stage.
        shared: stages that another run makes, by name.
        summarize: function that returns the result of a stage in its line.
    """

    recipe: Recipe
    root: Path
    report: Callable[[str], None] = print_line
    shared: Mapping[str, "Run"] = field(default_factory=dict)
    summarize: Callable[[str, Path], str] = lambda _name, _path: ""
    _done: dict[str, Artifact] = field(default_factory=dict)
    _spent_s: float = 0.0
    _goal: str = ""

    def stage(self, name: str) -> Artifact:
        """Artifact of a stage, made now unless it is up to date.

        Raises:
            ValueError: no stage has this name.
        """
        if name not in STAGES:
            raise ValueError(f"`{name}` is not a stage; the stages are {', '.join(STAGES)}")
        if name in self.shared:
            return self.shared[name].stage(name)
        if name not in self._done:
            is_goal, self._goal = not self._goal, self._goal or name
            began_s, before_s = time.monotonic(), self._spent_s
            # Imported here: each stage imports only what it needs, and stages import this module.
            artifact: Artifact = import_module(f"training.stages.{name}").stage(self)
            took_s = time.monotonic() - began_s - (self._spent_s - before_s)  # without the stages that it needed
            self._spent_s += took_s
            self._done[name] = artifact
            self.report(self._line(name, artifact, took_s))
            self._goal = "" if is_goal else self._goal
        return self._done[name]

    def make(
        self, name: str, settings: Mapping[str, Any], inputs: Mapping[str, str], build: Callable[[Path], None]
    ) -> Artifact:
        """Artifact `name` of this run. See `artifact.make`."""
        return make(self.root / name, seed=self.recipe.seed, settings=settings, inputs=inputs, build=build)

    def _line(self, name: str, artifact: Artifact, took_s: float) -> str:
        """Line of a finished stage: its number, duration and result."""
        summary = self.summarize(name, artifact.path)
        needed = {stage for stage in enabled_stages(self.recipe) if STAGES.index(stage) <= STAGES.index(self._goal)}
        number = f"{len(self._done)}/{len(needed | self._done.keys())}"
        state = duration(took_s) if artifact.fresh else "up to date"
        return f"{number:>5} {name:<13} {state:>11}  {summary}".rstrip()

    @property
    def sources(self) -> Sources:
        """Sources of the recipe. Sampled rationales come from the stage `teacher`."""
        return Sources(self.recipe, lambda: self.stage("teacher").path / RATIONALES)
