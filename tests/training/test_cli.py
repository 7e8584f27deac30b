"""The command `twinpath train`: light imports and refusals."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.errors import ConfigurationError
from tests.support import training_data
from tests.support.imports import HEAVY
from tests.support.training_recipes import recipe_text
from training.cli import app
from training.run import STAGES


def _heavy_imports(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*{HEAVY!r} & sys.modules.keys())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.splitlines()[-1].split())


def test_no_stage_imports_anything_heavy_before_it_builds() -> None:
    modules = ["training.cli", "training.recipe", *(f"training.stages.{name}" for name in STAGES)]
    assert _heavy_imports(f"import {', '.join([*modules, 'training.stages.ablate'])}") == set()


def test_an_up_to_date_stage_imports_nothing_heavy(data: Path) -> None:
    recipe = data / "recipe.toml"
    recipe.write_text(recipe_text("nowhere/base", data))
    make = f"from training.cli import app; app(['dataset', {str(recipe)!r}, '--out', {str(data / 'run')!r}], standalone_mode=False)"
    _heavy_imports(make)
    assert (data / "run/dataset/manifest.json").is_file()
    assert _heavy_imports(make) == set()


def test_the_command_line_lists_train() -> None:
    code = "import sys; sys.argv = ['twinpath', '--help']; from service.cli.main import main; main()"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "│ train " in run.stdout


def test_every_stage_has_a_command() -> None:
    listed = CliRunner().invoke(app, ["--help"]).output
    for stage in set(STAGES) - {"base"}:
        assert f"│ {stage} " in listed, stage


def test_a_command_that_does_not_exist_is_refused() -> None:
    refused = CliRunner().invoke(app, ["calibratr"])
    assert refused.exit_code == 2
    assert "calibratr" in refused.output


def test_an_invalid_key_of_a_recipe_is_refused_by_name(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(recipe_text("nowhere/base", tmp_path) + "[train]\nrnk = 4\n")
    refused = CliRunner().invoke(app, ["run", str(recipe)])
    assert isinstance(refused.exception, ConfigurationError)
    assert "`train.rnk` is an unknown field; did you mean `train.rank`?" in str(refused.exception)


@pytest.mark.parametrize("count", [0, 2])
def test_dataset_shows_examples_with_masked_prompts(base: Path, data: Path, count: int) -> None:
    recipe = data / "recipe.toml"
    recipe.write_text(recipe_text("nowhere/base", data).replace("nowhere/base", str(base)))
    shown = CliRunner().invoke(app, ["dataset", str(recipe), "--out", str(data / "run"), "--show", str(count)])
    assert shown.exit_code == 0
    assert shown.output.count("prompt tokens, ") == shown.output.count("⟦") == count
    if count:
        assert f"⟦<bos>Question: {training_data.problems(1)[0].question[:8]}" in shown.output


def test_report_writes_a_page_and_prints_its_path(data: Path) -> None:
    recipe = data / "recipe.toml"
    recipe.write_text(recipe_text("nowhere/base", data))
    for command in ("dataset", "report"):
        shown = CliRunner().invoke(app, [command, str(recipe), "--out", str(data / "run")])
        assert shown.exit_code == 0
    assert shown.output == f"{data}/run/report.html\n"
    page = (data / "run/report.html").read_text()
    assert "Not made yet: base, train, calibrate, measure, export." in page
    assert "script</td><td>CoT</td><td>40</td><td>32</td>" in page


def test_the_report_imports_nothing_heavy(data: Path) -> None:
    recipe = data / "recipe.toml"
    recipe.write_text(recipe_text("nowhere/base", data))
    make = f"from training.cli import app; app(['report', {str(recipe)!r}, '--out', {str(data / 'run')!r}], standalone_mode=False)"
    assert _heavy_imports(make) == set()
    assert (data / "run/report.html").is_file()
