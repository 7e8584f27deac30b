"""Files of a run: states of the stages, and damaged files."""

import json
import shutil
from pathlib import Path

import pytest
from pydantic import BaseModel

from tests.support.training_report import recipe
from training.artifact import make
from training.data.card import DataCard
from training.report.files import RunFiles, State
from training.report.plan import Plan
from training.run import STAGES, Run

CHAIN: tuple[tuple[str, dict[str, str]], ...] = (
    ("teacher", {}),
    ("filter", {"teacher": "teacher"}),
    ("dataset", {"filter": "filter"}),
    ("base", {"dataset": "dataset"}),
    ("train", {"dataset": "dataset", "base": "base"}),
    ("train-merged", {"student": "train", "base": "base"}),
    ("train-dev-t0.7", {"model": "train-merged"}),
    ("calibrate", {"samples at 0.7": "train-dev-t0.7"}),
)


class Row(BaseModel):
    """Row of a file."""

    step: int


def _write(root: Path) -> None:
    """A chain of artifacts with the settings of the recipe. Their contents hold their names."""
    digests = {"problems.jsonl": "f00", "model": "ba5e"}
    for name, inputs in CHAIN:
        known = {given: digests[source] for given, source in inputs.items()}
        if name == "base":
            known["model"] = digests["model"]  # the base model is not an artifact of the run

        def build(out: Path, name: str = name) -> None:
            (out / "content").write_text(name)

        settings = Plan.of(Run(recipe(), root), dict.fromkeys(STAGES, "") | digests).settings.get(name, {})
        made = make(
            root / name, seed=recipe().seed, settings=settings, inputs={"problems.jsonl": "f00"} | known, build=build
        )
        digests[name] = made.digest


def test_stages_are_made_missing_or_off(tmp_path: Path) -> None:
    _write(tmp_path)
    states = RunFiles(recipe(compare={"enabled": False}), tmp_path).states
    made = dict.fromkeys(("teacher", "filter", "dataset", "base", "train", "calibrate"), State.MADE)
    missing = dict.fromkeys(("self_training", "measure", "export"), State.MISSING)
    assert states == made | missing | {"compare": State.OFF}
    assert list(states) == list(STAGES)


def test_a_recipe_without_a_teacher_turns_the_stage_off(tmp_path: Path) -> None:
    plain = recipe(sources=[{"name": "a", "problems": "a.jsonl", "dev": 1, "test": 1}])
    assert RunFiles(plain, tmp_path).states["teacher"] is State.OFF


@pytest.mark.parametrize(
    ("changed", "older"),
    [
        ("teacher", {"filter", "dataset", "base", "train", "calibrate"}),
        ("dataset", {"base", "train", "calibrate"}),
        ("train", {"calibrate"}),  # by way of the merged model and its samples, which are artifacts too
        ("calibrate", set()),
    ],
)
def test_what_was_made_from_an_artifact_that_changed_is_older(changed: str, older: set[str], tmp_path: Path) -> None:
    _write(tmp_path)
    manifest = json.loads((tmp_path / changed / "manifest.json").read_text())
    (tmp_path / changed / "manifest.json").write_text(json.dumps(manifest | {"digest": "0" * 64}))
    states = RunFiles(recipe(), tmp_path).states
    assert {name for name, state in states.items() if state is State.OLDER} == older


def test_a_stage_counts_what_was_made_for_it(tmp_path: Path) -> None:
    _write(tmp_path)
    for number, (name, _) in enumerate(CHAIN):
        (tmp_path / name / "log/time.json").write_text(json.dumps({"seconds": 2**number}))
    files = RunFiles(recipe(), tmp_path)
    assert list(files.made) == [name for name, _ in CHAIN]
    assert files.seconds == {
        "teacher": 1,
        "filter": 2,
        "dataset": 4,
        "base": 8,
        "train": 16,
        "calibrate": 32 + 64 + 128,
    }


def test_artifacts_of_older_versions_have_no_time(tmp_path: Path) -> None:
    _write(tmp_path)
    for file in tmp_path.glob("*/log/time.json"):
        file.write_text("{}")
    files = RunFiles(recipe(), tmp_path)
    assert {one.seconds for one in files.made.values()} == {None}
    assert files.seconds["teacher"] == 0.0


@pytest.mark.parametrize("manifest", ["", "{", "[]", '{"seed": 1}'])
def test_a_damaged_manifest_counts_as_not_made(manifest: str, tmp_path: Path) -> None:
    _write(tmp_path)
    (tmp_path / "train/manifest.json").write_text(manifest)
    shutil.copytree(tmp_path / "teacher", tmp_path / "measure.partial")
    files = RunFiles(recipe(), tmp_path)
    assert files.states["train"] is State.MISSING
    assert "measure.partial" not in files.made


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"rows": 5}', b"\xff"])
def test_a_file_that_cannot_be_read_is_left_out(content: bytes | None, tmp_path: Path) -> None:
    _write(tmp_path)
    if content is not None:
        (tmp_path / "dataset/card.json").write_bytes(content)
    files = RunFiles(recipe(), tmp_path)
    assert files.read("dataset", "card.json", DataCard) is None
    assert files.rows("dataset", "none.jsonl", Row) == []


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b'{"step": 1}\n{"step": 2, "more": 3}\n', [1, 2]),
        (b"[1]\n", []),
        (b'{"a": 1}\n', []),
        (b'{"step": 1}\n{"step": "x"}\n', []),
    ],
)
def test_rows_of_another_shape_are_left_out(content: bytes, rows: list[int], tmp_path: Path) -> None:
    _write(tmp_path)
    (tmp_path / "dataset/rows.jsonl").write_bytes(content)
    files = RunFiles(recipe(), tmp_path)
    assert [row.step for row in files.rows("dataset", "rows.jsonl", Row)] == rows


def test_a_stage_that_is_off_is_not_read(tmp_path: Path) -> None:
    _write(tmp_path)
    off = recipe(calibrate={"enabled": False}, measure={"enabled": False})
    assert RunFiles(off, tmp_path).path("calibrate") is None
    assert RunFiles(recipe(), tmp_path).path("calibrate") == tmp_path / "calibrate"
