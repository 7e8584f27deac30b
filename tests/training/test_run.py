"""Runs: which stages are made again, and missing inputs."""

from pathlib import Path

import pytest

from service.errors import CheckpointError, ConfigurationError
from tests.support.training_recipes import recipe_text, write_recipe
from training.artifact import Artifact
from training.recipe import load
from training.run import STAGES, Run, enabled_stages


def test_a_changed_line_reruns_what_it_touches(base: Path, data: Path) -> None:
    text = recipe_text(base, data)

    def stages(changed: str) -> dict[str, bool]:
        run = Run(load(write_recipe(data, changed)), data / "run", report=lambda _: None)
        return {name: run.stage(name).fresh for name in ("filter", "dataset", "base")}

    assert stages(text) == {"filter": True, "dataset": True, "base": True}
    assert stages(text) == {"filter": False, "dataset": False, "base": False}
    assert stages(text + "[train]\nlr = 1e-5") == {"filter": False, "dataset": False, "base": False}
    assert stages(text + "[dataset]\nmax_chars = 900") == {"filter": False, "dataset": True, "base": False}
    assert stages(text + "[filter]\nsimilarity = 0.95") == {"filter": True, "dataset": True, "base": False}
    (data / "rationales.jsonl").write_text((data / "rationales.jsonl").read_text() + "\n")  # other bytes, same rows
    again = stages(text + "[filter]\nsimilarity = 0.95")
    assert again == {"filter": True, "dataset": False, "base": False}  # it ran again and made the same


@pytest.mark.parametrize("vocabulary", [0, 300])
def test_a_base_that_is_nowhere_is_told_by_name(data: Path, vocabulary: int) -> None:
    text = recipe_text(data / "nowhere", data).replace("[[", f"vocabulary = {vocabulary}\n[[", 1)
    recipe = load(write_recipe(data, text))
    with pytest.raises(CheckpointError, match="nowhere: no such directory"):
        Run(recipe, data / "run", report=lambda _: None).stage("base")
    assert not (data / "run" / "base").exists()


def test_a_missing_file_is_named(base: Path, data: Path) -> None:
    text = recipe_text(base, data / "nowhere")
    with pytest.raises(ConfigurationError, match=r"the file .*nowhere/problems.jsonl does not exist"):
        Run(load(write_recipe(data, text)), data / "run").stage("filter")


def test_a_name_that_is_no_stage_is_refused(base: Path, data: Path) -> None:
    run = Run(load(write_recipe(data, recipe_text(base, data))), data / "run")
    with pytest.raises(ValueError, match="`samples` is not a stage; the stages are teacher, filter, dataset, base, "):
        run.stage("samples")


def test_a_recipe_turns_stages_on_and_off(base: Path, data: Path) -> None:
    text = recipe_text(base, data)
    assert enabled_stages(load(write_recipe(data, text))) == (
        "filter", "dataset", "base", "train", "calibrate", "measure", "export",
    )  # fmt: skip
    text += "teacher = true\n[teacher]\nbase_url = 'x'\nmodel = 'm'\n[compare]\nenabled = true\n"
    text += "[self_training]\nenabled = true\n[measure]\nenabled = false\n"
    assert set(STAGES) - set(enabled_stages(load(write_recipe(data, text)))) == {"measure"}


def test_a_stage_has_one_line_with_its_own_duration(base: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 0.0

    def takes(seconds: float, artifact: Artifact, needs: str = "") -> object:
        def stage(run: Run) -> Artifact:
            nonlocal now_s
            if needs:
                run.stage(needs)
            now_s += seconds
            return artifact

        return stage

    monkeypatch.setattr("time.monotonic", lambda: now_s)
    monkeypatch.setattr("training.stages.filter.stage", takes(130, Artifact(Path("f"), "", fresh=True)))
    monkeypatch.setattr("training.stages.dataset.stage", takes(3, Artifact(Path("d"), "", fresh=True), "filter"))
    monkeypatch.setattr("training.stages.base.stage", takes(1, Artifact(Path("b"), "", fresh=False), "dataset"))
    lines: list[str] = []
    recipe = load(write_recipe(data, recipe_text(base, data)))
    summarize = "{0} in {1.name}".format
    Run(recipe, data / "run", report=lines.append, summarize=summarize).stage("base")
    assert lines == [
        "  1/3 filter         2 min 10 s  filter in f",
        "  2/3 dataset               3 s  dataset in d",
        "  3/3 base           up to date  base in b",
    ]
