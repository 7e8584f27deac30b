"""Artifacts: resumption after a kill."""

import json
from pathlib import Path

import pytest

from training.artifact import make, tree_digest


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


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"key": 5}', b'{"key": "x", "digest": "\xff"}'])
def test_a_damaged_manifest_makes_the_stage_again(content: bytes, tmp_path: Path) -> None:
    def build(out: Path) -> None:
        (out / "whole").write_text("2")

    first = make(tmp_path / "stage", seed=1, settings={}, inputs={}, build=build)
    (tmp_path / "stage/manifest.json").write_bytes(content)
    again = make(tmp_path / "stage", seed=1, settings={}, inputs={}, build=build)
    assert (again.fresh, again.digest) == (True, first.digest)
    assert not make(tmp_path / "stage", seed=1, settings={}, inputs={}, build=build).fresh


def test_the_time_of_an_artifact_is_outside_of_its_hash(tmp_path: Path) -> None:
    def build(out: Path) -> None:
        (out / "whole").write_text("2")

    made = make(tmp_path / "stage", seed=1, settings={}, inputs={}, build=build)
    assert json.loads((made.path / "log/time.json").read_text()) == {"seconds": 0.0}
    assert tree_digest(made.path)[1].keys() == {"whole"}
