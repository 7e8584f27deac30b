"""Samples of a student: reuse for the same decoding."""

from pathlib import Path
from typing import Any

import pytest

from service.evaluation.calibration.samples import SampledPath
from service.types import PathKind
from tests.support.training_recipes import recipe_text, write_recipe
from training.artifact import Artifact
from training.data.problem import Problem
from training.recipe import Calibrate, Compare, Decoding, load
from training.run import Run
from training.stages import samples as stage


class _Silent:
    """A sampler whose paths are empty."""

    group = 1

    def __enter__(self) -> "_Silent":
        return self

    def __exit__(self, *_: object) -> None: ...

    def sample(self, questions: list[str], **_: Any) -> list[list[SampledPath]]:
        return [[] for _ in questions]


def test_samples_are_kept_where_the_decoding_stays(base: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    student = Artifact(data / "train", "0", fresh=False)
    monkeypatch.setattr(stage, "merged", lambda run, trained: student)
    monkeypatch.setattr(stage, "open_sampler", lambda *_: _Silent())
    run = Run(load(write_recipe(data, recipe_text(base, data))), data / "run")
    problems = [Problem("p", "How many?", "1")]

    def sampled_anew(settings: Decoding) -> bool:
        return stage.samples(run, student, settings, "test", problems, {PathKind.COT: 1}).fresh

    assert sampled_anew(Compare())
    assert not sampled_anew(Compare(steps=4, split="dev"))
    assert not sampled_anew(Calibrate(bins=5))
    assert sampled_anew(Compare(max_tokens=9))
