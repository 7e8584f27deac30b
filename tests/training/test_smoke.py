"""The recipe `smoke`: every stage, killed and resumed, and its student served."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import httpx
import pytest

from tests.support import forked_training, training_data
from tests.support.imports import HEAVY
from training.data.problem import read_rationales, read_rows
from training.recipe import load
from training.run import STAGES, Run
from training.sample.served import ServedStudent
from training.stages.ablate import ablate
from training.stages.calibrate import BestCalibration

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[2]
KILLS = 2


@dataclass
class Smoke:
    """Directory with the recipe, and the seconds of each stage in the undisturbed run."""

    directory: Path
    seconds: dict[str, float] = field(default_factory=dict)

    def start(self, run: str, stage: str) -> ForkServerProcess:
        return forked_training.start(_make, self.directory, run, stage)

    def make(self, run: str, stage: str) -> None:
        process = self.start(run, stage)
        process.join()
        assert process.exitcode == 0, stage

    def digest(self, run: str, stage: str) -> str:
        digest: str = json.loads((self.directory / run / stage / "manifest.json").read_text())["digest"]
        return digest


def _make(directory: Path, run: str, stage: str) -> None:
    os.chdir(directory)
    Run(load(Path("recipe.toml")), Path(run), report=lambda _: None).stage(stage)


def _ablate(directory: Path) -> None:
    os.chdir(directory)
    recipe = load(Path("recipe.toml"))
    train = recipe.train.model_copy(update={"max_steps": 4})
    ablate(recipe.model_copy(update={"train": train}), Path("ablated"), ["numbers"])


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Smoke:
    """Undisturbed run of the recipe in the directory `whole`."""
    found = Smoke(tmp_path_factory.mktemp("smoke"))
    shutil.copy(ROOT / "training/recipes/smoke.toml", found.directory / "recipe.toml")
    for stage in STAGES:
        began = time.monotonic()
        found.make("whole", stage)
        found.seconds[stage] = time.monotonic() - began
    return found


@pytest.mark.timeout(1200)  # runs every stage several times
def test_each_stage_killed_at_random_moments_makes_the_same(smoke: Smoke) -> None:
    rng = random.Random(4)
    for stage in STAGES:
        longest, kills = smoke.seconds[stage], 0
        while kills < KILLS:
            process = smoke.start("killed", stage)
            process.join(rng.uniform(0.1, 0.9) * longest)
            process.kill()
            process.join()
            if process.exitcode == -signal.SIGKILL:
                kills += 1
            else:  # it ended before the signal: start again and kill sooner
                assert process.exitcode == 0
                longest *= 0.7
                shutil.rmtree(smoke.directory / "killed" / stage)
        smoke.make("killed", stage)
        assert smoke.digest("killed", stage) == smoke.digest("whole", stage), stage


def test_a_run_that_is_moved_is_not_made_again(smoke: Smoke) -> None:
    whole, moved = smoke.directory / "whole", smoke.directory / "moved"
    shutil.copytree(whole, moved)
    smoke.make("moved", "export")
    for manifest in whole.glob("*/manifest.json"):
        assert (moved / manifest.relative_to(whole)).stat().st_mtime_ns == manifest.stat().st_mtime_ns, manifest


def test_an_up_to_date_run_imports_nothing_heavy(smoke: Smoke) -> None:
    run = "app(['run', 'recipe.toml', '--out', 'whole'], standalone_mode=False)"
    code = f"import sys; from training.cli import app; {run}; print(*{HEAVY!r} & sys.modules.keys())"
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=smoke.directory, env=env, capture_output=True, text=True, check=True)
    *lines, heavy = done.stdout.split("\n")[:-1]
    assert heavy == ""
    stages, ending = lines[: len(STAGES)], lines[len(STAGES) :]
    for number, line in enumerate(stages, start=1):
        assert line.startswith(f"{number:>2}/{len(STAGES)} ")
        assert " up to date " in line
    assert ending[0] == ""
    assert [line.split()[0] for line in ending if line[:1].strip()] == ["Result", "Compared", "Took", "Report", "Next"]
    assert ending[-1] == "Next     twinpath serve --model whole/export/model"


def test_what_the_stages_leave(smoke: Smoke) -> None:
    whole = smoke.directory / "whole"
    report = (whole / "filter/report.md").read_text()
    assert "wrong answer" in report
    assert "held-out problem" in report
    watched = [json.loads(line) for line in (whole / "train/log/watch.jsonl").read_text().splitlines()]
    assert watched[0].keys() == {"step", "cot", "pot", "vote"}
    assert [row["step"] for row in watched] == [*range(4, 4 * len(watched) + 1, 4)]
    compared = json.loads((whole / "compare/compare.json").read_text())
    assert compared["problems"] == 6
    assert {"MD, vote", "ensemble, vote"} <= compared["accuracies"].keys()
    first, second = (list(read_rows(whole / f"{name}/history.jsonl")) for name in ("train", "self_training"))
    assert len(second) == 3 < len(first)
    assert second[0]["loss"] < 0.98 * first[0]["loss"]  # it continues from the first student
    for kind in ("cot", "pot"):
        assert len((whole / f"train-{kind}/history.jsonl").read_text().splitlines()) == 4
    said = json.loads((whole / "export/model/twinpath.json").read_text())
    assert said["recipe"] == "smoke"
    assert said["calibration"].keys() == {"threshold", "confidence_map", "all_numbers_shift", "left_out_shift"}
    assert (said["decoding"]["temperature"], said["max_tokens"]) == (0.7, 24)
    calibrated = BestCalibration.read(whole / "calibrate/calibration.json")
    assert calibrated.report.problems == 6
    assert said["calibration"] == json.loads(calibrated.report.calibration.model_dump_json())
    assert said["accuracy"]["scripted, 2 + 2 paths"]["problems"] == 6
    assert {path.name for path in (whole / "export").iterdir()} >= {"model", "adapter", "int8"}
    assert "| script |" in (card := (whole / "export/model/README.md").read_text())
    own = list(read_rationales(whole / "own/rationales.jsonl"))
    assert ("| student | the student's own verified paths |" in card) == bool(own)


def test_a_part_of_the_data_is_left_out_without_asking_the_teacher_again(smoke: Smoke) -> None:
    process = forked_training.start(_ablate, smoke.directory)
    process.join()
    assert process.exitcode == 0
    facts = json.loads((smoke.directory / "ablated/ablation.json").read_text())
    assert facts["problems"] == 6
    assert list(facts["students"]) == ["all", "without numbers"]
    without = smoke.directory / "ablated/without-numbers"
    rows = (without / "dataset/train.jsonl").read_text().splitlines()
    assert {json.loads(row)["source"] for row in rows} == {"scripted"}
    sizes = {name: sum(student["examples"].values()) for name, student in facts["students"].items()}
    assert sizes["without numbers"] == len(rows) < sizes["all"]
    assert not list(without.glob("teacher*")) + list(without.glob("base*"))


def test_the_exported_student_is_served_and_is_a_teacher_itself(smoke: Smoke) -> None:
    with ServedStudent(smoke.directory / "whole/export/model", 24, smoke.directory / "serve.log") as served:
        solved = httpx.post(
            f"{served.url}/solve", json={"problem": training_data.problems(1)[0].question}, timeout=60
        ).json()
        recipe = (smoke.directory / "recipe.toml").read_text()
        lines = [
            f'base_url = "{served.url}"\nstyle = "solve"\nmax_tokens = 24' if line.startswith("base_url") else line
            for line in recipe.splitlines()
        ]
        (smoke.directory / "recipe.toml").write_text("\n".join(lines))
        smoke.make("own", "teacher")
        (smoke.directory / "recipe.toml").write_text(recipe)
    assert solved["model"] == "model"
    assert solved["paths"]["started"] == 20
    assert solved["status"] in ("answered", "abstained")
    cost = json.loads((smoke.directory / "own/teacher/log/cost.json").read_text())
    assert cost["failed"] == 0
    assert cost["completion_tokens"] > 0
    answers = list((smoke.directory / "own/teacher.cache").glob("*/*.json"))
    assert len(answers) == 30 * 4
    texts = [rationale.text for rationale in read_rationales(smoke.directory / "own/teacher/rationales.jsonl")]
    whole = [answer for answer in map(json.loads, (path.read_text() for path in answers)) if answer["finish"] == "stop"]
    assert sorted(text.strip() for text in texts) == sorted(answer["text"].strip() for answer in whole)
