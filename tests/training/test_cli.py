"""The command `twinpath train`: light imports and refusals."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.errors import ConfigurationError
from tests.support import training_data
from tests.support.imports import HEAVY
from tests.support.training_recipes import recipe_text
from training import progress
from training.cli import app
from training.run import STAGES

MAX_CPU_S = 2.0


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


def _command(*arguments: str) -> tuple[str, set[str], float]:
    """Output of `twinpath`, its heavy imports, and the CPU seconds that it took."""
    code = f"""
import sys, time
from service.cli.entry import main
sys.argv = ['twinpath', *{arguments!r}]
sys.modules['trackio'] = None  # as if it were not installed
try:
    main()
except SystemExit:
    print(time.process_time(), *{HEAVY!r} & sys.modules.keys())
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *output, last = run.stdout.splitlines()
    seconds, *heavy = last.split()
    return "\n".join(output) + run.stderr, set(heavy), float(seconds)


def test_the_command_line_lists_train() -> None:
    shown, heavy, _ = _command("--help")
    assert "│ train " in shown
    assert heavy == set()


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["train", "--help"], "│ self_training "),
        (["train", "run", "--help"], "--quiet"),
        (
            ["train", "run", "TYPO"],
            "is not a valid recipe: `train.rnk` is an unknown field; did you mean `train.rank`?",
        ),
        (["train", "run", "TRACKER"], "`watch.report_to` has trackio, which is not installed: pip install trackio"),
    ],
)
def test_help_and_refusals_take_little_time(arguments: list[str], shown: str, tmp_path: Path) -> None:
    for name, line in (("TYPO", "[train]\nrnk = 4\n"), ("TRACKER", "[watch]\nreport_to = ['trackio']\n")):
        (tmp_path / name).write_text(recipe_text("nowhere/base", tmp_path) + line)
    command = [str(tmp_path / name) if name.isupper() else name for name in arguments]
    output, heavy, cpu_s = _command(*command)
    assert shown in output
    assert heavy == set()
    assert cpu_s < MAX_CPU_S or _command(*command)[2] < MAX_CPU_S  # a busy machine counts more seconds


def test_an_up_to_date_command_takes_little_time_and_shows_its_result(data: Path) -> None:
    recipe = data / "recipe.toml"
    recipe.write_text(recipe_text("nowhere/base", data))
    arguments = ["train", "dataset", str(recipe), "--out", str(data / "run")]
    first, _, _ = _command(*arguments)
    again, heavy, cpu_s = _command(*arguments)
    assert heavy == set()
    assert cpu_s < MAX_CPU_S or _command(*arguments)[2] < MAX_CPU_S
    assert again.splitlines()[:2] == [
        "  1/2 filter         up to date  64 rationales kept of 80",
        "  2/2 dataset        up to date  64 examples, 4 dev and 4 test problems",
    ]
    assert again.splitlines()[2:] == (data / "run/dataset/card.md").read_text().splitlines()
    for line, stage in zip(first.splitlines(), ("1/2 filter", "2/2 dataset"), strict=False):
        assert re.match(rf"  {stage} +(less than 0\.1|\S+) s  64 ", line)


def test_quiet_prints_only_the_result(data: Path) -> None:
    recipe = data / "recipe.toml"
    recipe.write_text(recipe_text("nowhere/base", data))
    shown = CliRunner().invoke(app, ["dataset", str(recipe), "--out", str(data / "run"), "--quiet"])
    assert shown.output == (data / "run/dataset/card.md").read_text()
    assert not progress.is_quiet()


def test_an_interrupt_is_one_line(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("training.stages.filter._filter_sources", interrupt)
    recipe = data / "recipe.toml"
    recipe.write_text(recipe_text("nowhere/base", data))
    ended = CliRunner().invoke(app, ["filter", str(recipe), "--out", str(data / "run")])
    assert ended.exit_code == 130
    assert ended.stderr == "\nInterrupted. The same command resumes the run.\n"


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


def test_text_of_a_rationale_file_is_safe_for_a_terminal(data: Path) -> None:
    recipe, rationales = data / "recipe.toml", data / "rationales.jsonl"
    recipe.write_text(recipe_text("nowhere/base", data))
    hostile = json.dumps("\x1b[2J\x1b]0;x\x07|y")
    rationales.write_text(rationales.read_text().replace('"script"', hostile))
    shown = CliRunner().invoke(app, ["filter", str(recipe), "--out", str(data / "run")]).output
    assert "| \ufffd[2J\ufffd]0;x\ufffd\\|y | cot | 40 |" in shown
    assert "\x1b" not in shown


def test_a_rehearsal_leaves_a_run_as_it_is(data: Path) -> None:
    recipe = data / "recipe.toml"
    recipe.write_text(recipe_text("random:llama", data))
    for more in ([], ["--rehearse"]):
        shown = CliRunner().invoke(app, ["dataset", str(recipe), "--out", str(data / "run"), *more])
        assert shown.exit_code == 0
    assert {path.name for path in (data / "run").iterdir()} == {"filter", "dataset"}
    assert (data / "run-rehearsal/teacher/manifest.json").is_file()


def test_only_a_command_that_makes_stages_needs_a_tracker(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.learn.trackers.find_spec", lambda _name: None)
    recipe = data / "recipe.toml"
    recipe.write_text(recipe_text("random:llama", data) + "[watch]\nreport_to = ['wandb']\n")
    (data / "run").mkdir()
    arguments = [str(recipe), "--out", str(data / "run")]
    assert CliRunner().invoke(app, ["run", *arguments, "--estimate"]).exit_code == 0
    refused = CliRunner().invoke(app, ["dataset", *arguments])
    assert "`watch.report_to` has wandb, which is not installed" in str(refused.exception)


def test_a_shipped_recipe_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("smoke", "smoke.toml"):
        shown = CliRunner().invoke(app, ["run", name, "--estimate"])
        assert shown.output.startswith("Estimate for smoke. ")
    (tmp_path / "smoke").write_text(recipe_text("random:llama", tmp_path / "nowhere"))
    assert "nowhere" in str(CliRunner().invoke(app, ["run", "smoke", "--estimate"]).exception)


def test_the_report_imports_nothing_heavy(data: Path) -> None:
    recipe = data / "recipe.toml"
    recipe.write_text(recipe_text("nowhere/base", data))
    CliRunner().invoke(app, ["dataset", str(recipe), "--out", str(data / "run")])
    make = f"from training.cli import app; app(['report', {str(recipe)!r}, '--out', {str(data / 'run')!r}], standalone_mode=False)"
    assert _heavy_imports(make) == set()
    assert (data / "run/report.html").is_file()
