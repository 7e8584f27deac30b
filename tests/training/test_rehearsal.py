"""The rehearsal of a paper recipe: every stage to a served student."""

import json
import os
from pathlib import Path

import httpx
import pytest

from tests.support import forked_training, training_data
from training.data.loaders import is_at_hand
from training.recipe import load
from training.rehearsal.plan import rehearsed
from training.run import Run
from training.sample.served import ServedStudent

pytestmark = pytest.mark.engine

RECIPE = Path(__file__).parents[2] / "training/recipes/llama2-7b-paper.toml"


def _rehearse(directory: Path) -> None:
    os.chdir(directory)  # without the recipe's data
    Run(rehearsed(load(RECIPE), is_at_hand), Path("run"), report=lambda _: None).stage("export")


@pytest.mark.timeout(1200)
def test_a_paper_recipe_is_rehearsed_to_a_served_student(tmp_path: Path) -> None:
    process = forked_training.start(_rehearse, tmp_path)
    process.join()
    assert process.exitcode == 0
    run = tmp_path / "run"
    config = json.loads((run / "export/model/config.json").read_text())
    assert (config["model_type"], config["num_hidden_layers"]) == ("llama", 2)
    metadata = json.loads((run / "export/model/twinpath.json").read_text())
    assert (metadata["recipe"], metadata["base_model"]) == ("llama2-7b-paper-rehearsal", "random:llama")
    assert json.loads((run / "compare/compare.json").read_text())["problems"] == 24
    assert len((run / "train/history.jsonl").read_text().splitlines()) == 6
    with ServedStudent(run / "export/model", 24, tmp_path / "serve.log") as served:
        body = {"problem": training_data.problems(1)[0].question}
        solved = httpx.post(f"{served.url}/solve", json=body, timeout=60).json()
    assert solved["paths"]["started"] == 20
