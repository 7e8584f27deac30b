"""Recipes and artifacts: what is refused, what re-runs, and what a kill leaves."""

from pathlib import Path
from typing import Any

import pytest

from service.errors import CheckpointError, ConfigurationError
from service.types import PathKind
from training.artifact import Artifact, make
from training.data.problem import Problem
from training.recipe import Calibrate, Compare, Decoding, load
from training.run import Run
from training.sample.sampling import SampledPath
from training.stages import samples as stage

ROOT = Path(__file__).parents[2]

RECIPE = """
name = "tiny"
[student]
model = "{base}"
[[sources]]
name = "tiny"
problems = "{data}/problems.jsonl"
rationales = ["{data}/rationales.jsonl"]
dev = 4
test = 4
"""


def _recipe(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("[train]\nlambda = 0.5", "train.lambda: Extra inputs are not permitted"),
        ("[train]\ncot_weight = 1.5", "train.cot_weight: Input should be less than or equal to 1"),
        ("[train]\nkinds = []", "train.kinds must name cot, pot or both"),
        ("[train]\nadapter = 'full'\nstart = 'x'", 'train.start needs train.adapter = "lora"'),
        ("[train]\nadapter = 'full'\n[self_training]\nstart = 'student'", 'self_training.start = "student" needs'),
        ("[train]\nstart = 'x'\n[compare]\nenabled = true", "train.start and compare.enabled exclude each other"),
        ("[calibrate]\nenabled = false", "measure.enabled needs calibrate.enabled"),
        ("[train", "is not valid TOML"),
        ("[[sources]]\nname = 'tiny'\nproblems = 'x'", "two sources have the same name"),
        ("[[sources]]\nname = 't'\nproblems = 'x'\nteacher = true", "the recipe has no [teacher]"),
    ],
)
def test_a_wrong_recipe_is_refused_by_name(tmp_path: Path, line: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(_recipe(tmp_path, RECIPE.format(base="b", data="d") + line))
    assert complaint in str(raised.value)


@pytest.mark.parametrize("path", sorted((ROOT / "training/recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_recipes_are_valid(path: Path) -> None:
    names = {
        "bundled": "llama-3-gemma-270m",
        "bundled-ablation": "llama-3-gemma-270m-ablation",
        "claims": "llama-3-gemma-270m-claims",
    }
    recipe = load(path)
    assert recipe.name == names.get(path.stem, path.stem)
    for source in recipe.sources:
        for file in (source.problems, source.templates):
            if file.startswith("data/"):
                assert (ROOT / file).is_file()


def test_a_changed_line_reruns_what_it_touches(base: Path, data: Path) -> None:
    text = RECIPE.format(base=base, data=data)

    def stages(changed: str) -> dict[str, bool]:
        run = Run(load(_recipe(data, changed)), data / "run", report=lambda _: None)
        return {name: run.stage(name).fresh for name in ("filter", "dataset", "base")}

    assert stages(text) == {"filter": True, "dataset": True, "base": True}
    assert stages(text) == {"filter": False, "dataset": False, "base": False}
    assert stages(text + "[train]\nlr = 1e-5") == {"filter": False, "dataset": False, "base": False}
    assert stages(text + "[dataset]\nmax_chars = 900") == {"filter": False, "dataset": True, "base": False}
    assert stages(text + "[filter]\nsimilarity = 0.95") == {"filter": True, "dataset": True, "base": False}
    (data / "rationales.jsonl").write_text((data / "rationales.jsonl").read_text() + "\n")  # other bytes, same rows
    again = stages(text + "[filter]\nsimilarity = 0.95")
    assert again == {"filter": True, "dataset": False, "base": False}  # it ran again and made the same


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
    run = Run(load(_recipe(data, RECIPE.format(base=base, data=data))), data / "run")
    problems = [Problem("p", "How many?", "1")]

    def sampled_anew(settings: Decoding) -> bool:
        return stage.samples(run, student, settings, "test", problems, {PathKind.COT: 1}).fresh

    assert sampled_anew(Compare())
    assert not sampled_anew(Compare(steps=4, split="dev"))
    assert not sampled_anew(Calibrate(bins=5))
    assert sampled_anew(Compare(max_tokens=9))


@pytest.mark.parametrize("vocabulary", [0, 300])
def test_a_base_that_is_nowhere_is_told_by_name(data: Path, vocabulary: int) -> None:
    text = RECIPE.format(base=data / "nowhere", data=data).replace("[[", f"vocabulary = {vocabulary}\n[[", 1)
    recipe = load(_recipe(data, text))
    with pytest.raises(CheckpointError, match="nowhere' is no model directory, and cannot be downloaded"):
        Run(recipe, data / "run", report=lambda _: None).stage("base")
    assert not (data / "run" / "base").exists()


def test_a_killed_stage_goes_on_only_for_the_same_inputs(tmp_path: Path) -> None:
    seen = []

    def build(out: Path) -> None:
        seen.append(sorted(path.name for path in out.iterdir() if path.name != "KEY"))
        (out / "half").write_text("1")
        if len(seen) < 3:
            raise KeyboardInterrupt
        (out / "whole").write_text("2")

    for setting in (1, 2, 2):
        try:
            artifact = make(tmp_path / "stage", seed=1, settings={"x": setting}, inputs={}, build=build)
        except KeyboardInterrupt:
            assert not (tmp_path / "stage").exists()
    assert seen == [[], [], ["half"]]
    assert artifact.fresh
    assert not make(tmp_path / "stage", seed=1, settings={"x": 2}, inputs={}, build=build).fresh


def test_a_missing_file_is_named(base: Path, data: Path) -> None:
    text = RECIPE.format(base=base, data=data / "nowhere")
    with pytest.raises(ConfigurationError, match=r"the file .*nowhere/problems.jsonl does not exist"):
        Run(load(_recipe(data, text)), data / "run").stage("filter")
