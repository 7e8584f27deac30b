"""Summaries of finished stages and runs."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.solve.calibration import Calibration
from service.types import PathKind
from tests.support.samples import sampled
from tests.support.training_recipes import recipe_text, write_recipe
from training.artifact import Artifact
from training.data.card import data_card
from training.data.filtered import FilterReport, FilterResult
from training.recipe import load
from training.run import STAGES, Run
from training.stages.calibrate import best_temperature
from training.stages.compare import Students, compare
from training.stages.measure import measure
from training.stages.summaries import ending, summary

TWINS = [replace(sampled(["7"] * 3, ["7"] * 3, number=i), id=f"a/{i}") for i in range(3)]
OTHERS = [replace(sampled(["8"] * 3, ["8"] * 3, number=i), id=f"b/{i}") for i in range(1)]


def _rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Directory of a run with the files that the summaries read."""
    root = tmp_path / "my run"
    for stage in STAGES:
        (root / stage).mkdir(parents=True)
    _rows(root / "teacher/rationales.jsonl", [{}] * 1200)
    _rows(root / "teacher/log/cost.json", [{"dollars": 1.234}])
    _rows(root / "filter/rationales.jsonl", [{}])
    (root / "filter/log").mkdir()
    results = {("gpt", PathKind.COT): Counter({FilterResult.KEPT: 1, FilterResult.WRONG: 1199})}
    FilterReport.of(results).write(root / "filter/log/report.json")
    data_card([], {}).write(root / "dataset/card.json")
    _rows(root / "dataset/dev.jsonl", [{}] * 2)
    _rows(root / "dataset/test.jsonl", [{}])
    (root / "base/vocabulary.json").write_text("[1, 5, 7]")
    _rows(root / "train/history.jsonl", [{"cot_loss": 9.0}] + [{"cot_loss": 1.0, "pot_loss": 0.5}] * 10)
    _rows(root / "self_training/history.jsonl", [{"pot_loss": 0.5}])
    compare(Students(TWINS, TWINS, OTHERS * 3), 1).write(root / "compare/compare.json")
    calibration = Calibration(confidence_map=((0.0, 0.5), (1.0, 0.5)))
    best_temperature({0.7: TWINS}, 2, 10, seed=1).write(root / "calibrate/calibration.json")
    measure([*TWINS, *OTHERS], 2, calibration, 10, seed=1).write(root / "measure/measure.json")
    for variant in ("model", "int8"):
        (root / "export" / variant).mkdir()
    return root


def test_the_summary_of_each_stage(root: Path) -> None:
    assert {stage: summary(stage, root / stage) for stage in STAGES} == {
        "teacher": "1,200 rationales, $1.23",
        "filter": "1 rationale kept of 1,200",
        "dataset": "0 examples, 2 dev and 1 test problem",
        "base": "vocabulary of 3 tokens",
        "train": "11 steps, mean loss CoT 1.000 PoT 0.500",
        "self_training": "1 step, mean loss PoT 0.500",
        "compare": "vote of both kinds 100.0%, only CoT 100.0%, only PoT 0.0%",
        "calibrate": "vote 100.0% of 3 dev problems, temperature 0.7, threshold 0.95",
        "measure": "vote 100.0% of a, 0.0% of b",
        "export": "model, int8",
    }


def test_files_outside_of_the_hash_may_be_gone(root: Path) -> None:
    (root / "teacher/log/cost.json").unlink()
    assert summary("teacher", root / "teacher") == "1,200 rationales"
    (root / "filter/log/report.json").unlink()
    assert summary("filter", root / "filter") == "1 rationale kept"
    (root / "base/vocabulary.json").unlink()
    assert summary("base", root / "base") == ""


@pytest.mark.parametrize("content", ["{", "[]", "3", '{"rows": [], "more": 1}', "[{}]", "\udcff"])
def test_a_damaged_file_or_one_of_another_version_has_no_summary(content: str, root: Path) -> None:
    files = {
        "teacher": "teacher/log/cost.json",
        "filter": "filter/log/report.json",
        "dataset": "dataset/card.json",
        "compare": "compare/compare.json",
        "calibrate": "calibrate/calibration.json",
        "measure": "measure/measure.json",
    }
    for stage, file in files.items():
        (root / file).write_bytes(content.encode(errors="surrogateescape"))
        assert summary(stage, root / stage) == ""
    (root / "train/history.jsonl").write_text("{")
    assert summary("train", root / "train") == ""
    lines = ending(_run(root, "[compare]\nenabled = true\n"), 0.01).splitlines()
    assert lines == ["Took     less than 0.1 s", f"Next     twinpath serve --model '{root}/export/model'"]


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_has_a_warning(loss: float, root: Path) -> None:
    _rows(root / "train/history.jsonl", [{"cot_loss": 1.0, "pot_loss": 1.0}, {"cot_loss": 1.0, "pot_loss": loss}])
    lines = ending(_run(root, "[measure]\nenabled = false\n"), 0.01).splitlines()
    assert lines[0] == "Warning  the loss of train is not finite, so the student is useless; lower train.lr"
    assert len(lines) == 3


def _run(root: Path, changes: str) -> Run:
    run = Run(load(write_recipe(root, recipe_text("base", root) + changes)), root)
    for stage in STAGES:
        run._done[stage] = Artifact(root / stage, "", fresh=True)
    return run


def test_a_run_ends_with_result_duration_report_and_next_command(root: Path) -> None:
    (root / "report.html").touch()
    assert ending(_run(root, "[compare]\nenabled = true\n"), 335.2).splitlines() == [
        "Result   a: vote 100.0% (43.9% to 100.0%) of 3 test problems",
        "         one CoT path 100.0% (43.9% to 100.0%), one PoT path 100.0% (43.9% to 100.0%)",
        "Result   b: vote 0.0% (0.0% to 79.3%) of 1 test problem",
        "         one CoT path 0.0% (0.0% to 79.3%), one PoT path 0.0% (0.0% to 79.3%)",
        "Compared both kinds 100.0% (43.9% to 100.0%) of 3 test problems, by vote",
        "         only CoT   100.0% (43.9% to 100.0%)",
        "         only PoT   0.0% (0.0% to 56.1%)",
        "Took     5 min 35 s",
        f"Report   {root}/report.html",
        f"Next     twinpath serve --model '{root}/export/model'",
    ]


def test_a_run_that_measures_nothing_ends_with_the_next_command(root: Path) -> None:
    lines = ending(_run(root, "[measure]\nenabled = false\n"), 0.01).splitlines()
    assert lines == ["Took     less than 0.1 s", f"Next     twinpath serve --model '{root}/export/model'"]
