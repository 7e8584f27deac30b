"""Models on this machine: built ones, and snapshots of Hugging Face."""

import json
from pathlib import Path

import pytest

from service.errors import CheckpointError
from service.model import bundled
from service.model.checkpoint import Download
from service.model.local import LocalModel, local_checkpoint, local_models

V1 = {"format_version": 1, "base_model": "gemma-3-270m", "calibration": {"confidence_map": [[0.2, 0.3], [0.9, 0.8]]}}


INDEX = {"model.safetensors.index": {"weight_map": {"a": "model-1-of-2.safetensors", "b": "model-2-of-2.safetensors"}}}


def directory(path: Path, *, weights: bool = True, **files: object) -> Path:
    path.mkdir(parents=True)
    for name, content in ({"config": {}} | files).items():
        (path / f"{name}.json").write_text(json.dumps(content))
    if weights:
        (path / "model.safetensors").write_bytes(b"12345678")
    return path


def snapshot(cache: Path, name: str, *, weights: bool = True, **files: object) -> Path:
    """Directory of a model, as the client of the hub leaves it."""
    folder = cache / f"models--{name.replace('/', '--')}"
    path = directory(folder / "snapshots" / ("a" * 40), weights=weights, **files)
    (folder / "refs").mkdir()
    (folder / "refs/main").write_text("a" * 40)
    return path


@pytest.fixture
def caches(tmp_path: Path) -> tuple[Path, Download]:
    """Cache directory of the service, and cache of Hugging Face."""
    return tmp_path / "own", Download(directory=tmp_path / "hub")


def test_built_models_come_before_those_of_the_hub(caches: tuple[Path, Download], tmp_path: Path) -> None:
    own, download = caches
    built = directory(bundled.directory_of(own, bundled.adapter_directory()), twinpath=V1)
    base = directory(bundled.directory_of(own, None))
    old = directory(own / "models" / f"{bundled.STUDENT_NAME}-0123456789ab")
    (own / "models/.unfinished-x").mkdir()
    stock = snapshot(tmp_path / "hub", "org/stock")
    empty = snapshot(tmp_path / "hub", "org/empty", weights=False)
    damaged = snapshot(tmp_path / "hub", "org/damaged", twinpath=[1])
    old_format = snapshot(tmp_path / "hub", "org/old", weights=False)
    (old_format / "pytorch_model.bin").write_bytes(b"1")
    half = snapshot(tmp_path / "hub", "org/half", weights=False, **INDEX)
    (half / "model-1-of-2.safetensors").write_bytes(b"1")
    found = {one.path: one for one in local_models(own, download)}
    assert [one.name for one in found.values()] == [
        bundled.BASE_NAME, *2 * [bundled.STUDENT_NAME], "org/damaged", "org/empty", "org/half", "org/old",
        "org/stock",
    ]  # fmt: skip
    checkpoint = found[built].checkpoint
    assert checkpoint is not None
    assert (checkpoint.style, checkpoint.calibration.calibrated, found[built].disk_bytes) == (
        "v1",
        True,
        sum(file.stat().st_size for file in built.iterdir()),
    )
    assert found[base].checkpoint is not None
    assert found[stock].checkpoint is not None
    assert found[old] == LocalModel(bundled.STUDENT_NAME, old, 10, None, f"built by another release; delete {old}")
    assert found[empty].fault == "no weights; `twinpath model pull org/empty` downloads them"
    assert (
        found[old_format].fault
        == f"its weights are not safetensors; serve it from its directory with --model {old_format}"
    )
    assert found[half].fault == "model-2-of-2.safetensors is missing; `twinpath model pull org/half` downloads it"
    assert found[half].checkpoint is None
    assert found[damaged].fault == f"{damaged / 'twinpath.json'} is invalid: the file must be an object"


def test_without_caches_there_is_no_model(caches: tuple[Path, Download]) -> None:
    assert local_models(*caches) == []
    assert local_checkpoint(None, *caches) is None
    assert local_checkpoint("org/model", *caches) is None


def test_a_checkpoint_is_found_without_a_download(caches: tuple[Path, Download], tmp_path: Path) -> None:
    own, download = caches
    stock = snapshot(tmp_path / "hub", "org/stock")
    found = local_checkpoint("org/stock", own, download)
    assert found is not None
    assert (found.name, found.path) == ("org/stock", stock)
    mine = local_checkpoint(str(directory(tmp_path / "mine", twinpath=V1)), own, download)
    assert mine is not None
    assert (mine.name, mine.style) == ("mine", "v1")
    built = directory(bundled.directory_of(own, bundled.adapter_directory()), twinpath=V1)
    student = local_checkpoint(None, own, download)
    assert student is not None
    assert (student.name, student.path) == (bundled.STUDENT_NAME, built)
    assert local_checkpoint("org/stock", own, Download(directory=tmp_path / "hub", revision="v9")) is None


def test_a_download_without_weights_is_only_a_description(caches: tuple[Path, Download], tmp_path: Path) -> None:
    snapshot(tmp_path / "hub", "org/empty", weights=False)
    assert local_checkpoint("org/empty", *caches) is None
    assert local_checkpoint("org/empty", *caches, weights=False) is not None


def test_a_model_without_one_of_its_files_is_not_complete(caches: tuple[Path, Download], tmp_path: Path) -> None:
    path = snapshot(tmp_path / "hub", "org/half", weights=False, **INDEX)
    (path / "model-1-of-2.safetensors").write_bytes(b"1")
    assert local_checkpoint("org/half", *caches) is None
    (path / "model-2-of-2.safetensors").write_bytes(b"1")
    assert local_checkpoint("org/half", *caches) is not None


@pytest.mark.parametrize("model", ["/no/such", "./no", "a/b/c"])
def test_a_path_without_a_directory_is_refused(model: str, caches: tuple[Path, Download]) -> None:
    with pytest.raises(CheckpointError) as raised:
        local_checkpoint(model, *caches)
    assert str(raised.value) == f"{model}: no such directory; --model must be a Hugging Face model directory or name."
