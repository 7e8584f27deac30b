"""Downloads from a hub on loopback: resumes inside a file, damaged files, and refusals."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
from huggingface_hub import constants
from safetensors.numpy import save

from service.errors import CheckpointError
from service.model import hub_download
from service.model.checkpoint import Download, model_directory
from service.model.hub_download import download_model
from tests.support.hub import Hub

WEIGHTS = save({"model.layers.0.w": np.arange(300_000, dtype=np.float16)})
FILES = {"config.json": b'{"model_type": "llama"}', "model.safetensors": WEIGHTS, "README.md": b"not downloaded"}
DIGEST = hashlib.sha256(WEIGHTS).hexdigest()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Hub with one model, one gated model, and one without weights."""
    models = {"org/model": FILES, "org/gated": FILES, "org/old": {"config.json": b"{}"}}
    with Hub(models, gated={"org/gated"}).served() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(hub_download, "_PAUSE_S", 0)
        yield hub


@pytest.fixture
def cache(tmp_path: Path) -> Download:
    return Download(directory=tmp_path)


def part(cache: Download) -> Path:
    assert cache.directory is not None
    return cache.directory / "models--org--model/blobs" / f"{DIGEST}.twinpath-part"


def begun(cache: Download, content: bytes) -> None:
    """Leave what an interrupted download leaves."""
    part(cache).parent.mkdir(parents=True)
    part(cache).write_bytes(content)


def test_a_model_is_downloaded_once(hub: Hub, cache: Download) -> None:
    reports: list[tuple[int, int]] = []
    path = download_model("org/model", cache, lambda done, total: reports.append((done, total)))
    assert sorted(file.name for file in path.iterdir()) == ["config.json", "model.safetensors"]
    assert (path / "model.safetensors").read_bytes() == WEIGHTS
    assert (reports[0], reports[-1]) == ((0, len(WEIGHTS)), (len(WEIGHTS), len(WEIGHTS)))
    assert reports == sorted(reports)
    assert download_model("org/model", cache) == path == model_directory("org/model", download=cache)
    assert hub.ranges == ["bytes=0-"]
    assert not part(cache).exists()


def test_a_download_resumes_inside_a_file(hub: Hub, cache: Download) -> None:
    begun(cache, WEIGHTS[:123_456])
    reports: list[int] = []
    path = download_model("org/model", cache, lambda done, total: reports.append(done))
    assert hub.ranges == ["bytes=123456-"]
    assert reports[0] == 123_456
    assert (path / "model.safetensors").read_bytes() == WEIGHTS


def test_a_hub_without_ranges_sends_the_file_again(hub: Hub, cache: Download) -> None:
    hub.ignores_ranges = True
    begun(cache, WEIGHTS[:1000])
    reports: list[int] = []
    path = download_model("org/model", cache, lambda done, total: reports.append(done))
    assert (reports[0], min(reports), reports[-1]) == (1000, 0, len(WEIGHTS))
    assert (path / "model.safetensors").read_bytes() == WEIGHTS


def test_a_part_of_another_file_is_found_and_removed(hub: Hub, cache: Download) -> None:
    begun(cache, bytes(1000))
    with pytest.raises(CheckpointError) as raised:
        download_model("org/model", cache)
    assert str(raised.value) == (
        "org/model cannot be downloaded: model.safetensors: its SHA-256 is another. The same command resumes."
    )
    assert (download_model("org/model", cache) / "model.safetensors").read_bytes() == WEIGHTS
    assert hub.ranges == ["bytes=1000-", "bytes=0-"]


def test_a_part_that_is_too_long_starts_again(hub: Hub, cache: Download) -> None:
    begun(cache, bytes(len(WEIGHTS) + 1))
    reports: list[int] = []
    download_model("org/model", cache, lambda done, total: reports.append(done))
    assert (reports[0], reports[-1], hub.ranges) == (len(WEIGHTS) + 1, len(WEIGHTS), ["bytes=0-"])


def test_damaged_weights_are_refused(hub: Hub, cache: Download) -> None:
    hub.damaged = True
    with pytest.raises(CheckpointError, match="its SHA-256 is another"):
        download_model("org/model", cache)
    assert not part(cache).exists()
    assert not part(cache).with_name(DIGEST).exists()


def test_a_connection_that_breaks_is_resumed(hub: Hub, cache: Download) -> None:
    hub.stall_after = 100_000
    hub.released.set()  # the hub closes the connection instead of a stall
    path = download_model("org/model", cache)
    assert hub.ranges == [f"bytes={100_000 * turn}-" for turn in range(7)]
    assert (path / "model.safetensors").read_bytes() == WEIGHTS


def test_a_download_without_progress_ends(hub: Hub, cache: Download) -> None:
    hub.stall_after = 0
    hub.released.set()
    with pytest.raises(
        CheckpointError, match=r"^org/model cannot be downloaded: model\.safetensors: .*command resumes\.$"
    ):
        download_model("org/model", cache)
    assert hub.ranges == 5 * ["bytes=0-"]


@pytest.mark.parametrize(("status", "requests"), [(503, 5), (403, 1)])
def test_a_hub_that_refuses_the_weights(status: int, requests: int, hub: Hub, cache: Download) -> None:
    hub.refuses_weights = status
    with pytest.raises(CheckpointError) as raised:
        download_model("org/model", cache)
    assert str(raised.value) == (
        f"org/model cannot be downloaded: model.safetensors: the hub answers with status {status}. The same command "
        "resumes."
    )
    assert len(hub.ranges) == requests


@pytest.mark.parametrize(
    ("model", "revision", "reason"),
    [
        ("org/gated", None, "access is restricted; accept its licence on Hugging Face and set HF_TOKEN"),
        ("org/nothing", None, "the Hugging Face hub has no such model; check the name, or set HF_TOKEN if it is private"),
        ("org/model", "v9", "the model has no such revision; check --revision"),
    ],
)  # fmt: skip
def test_a_refusal_comes_before_the_weights(
    model: str, revision: str | None, reason: str, hub: Hub, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError) as raised:
        download_model(model, Download(revision=revision, directory=tmp_path))
    assert str(raised.value) == f"{model} is not a directory and cannot be downloaded: {reason}"
    assert hub.ranges == []


def test_a_model_without_safetensors_is_refused(hub: Hub, cache: Download) -> None:
    with pytest.raises(CheckpointError, match=r"^org/old has no \*\.safetensors, "):
        download_model("org/old", cache)


def test_without_the_hub_the_cache_is_used(hub: Hub, cache: Download, monkeypatch: pytest.MonkeyPatch) -> None:
    path = download_model("org/model", cache)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert download_model("org/model", cache) == path
    with pytest.raises(CheckpointError) as raised:
        download_model("org/old", cache)
    assert str(raised.value) == (
        "org/old is not a directory and cannot be downloaded: the Hugging Face hub is out of reach and its cache has "
        "no copy; connect, or give a directory"
    )


def test_a_directory_is_not_downloaded(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as raised:
        download_model(str(tmp_path), Download())
    assert str(raised.value) == f"{tmp_path} is a directory; there is nothing to download."


def test_a_digest_of_the_hub_is_no_path(hub: Hub, cache: Download, monkeypatch: pytest.MonkeyPatch) -> None:
    real = huggingface_hub.HfApi.model_info

    def hostile(self: huggingface_hub.HfApi, *arguments: object, **options: object) -> object:
        info = real(self, *arguments, **options)  # type: ignore[arg-type]
        for entry in info.siblings or []:
            if entry.lfs:
                entry.lfs.sha256 = "../../../etc/passwd"
        return info

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", hostile)
    path = download_model("org/model", cache)
    assert (path / "model.safetensors").read_bytes() == WEIGHTS
    assert hub.ranges == [""]  # by the hub's own client


@pytest.mark.e2e
def test_a_killed_pull_resumes(hub: Hub, tmp_path: Path) -> None:
    hub.stall_after = 400_000
    command = [sys.executable, "-m", "service.cli.main", "model", "pull", "org/model"]
    environment = os.environ | {"HF_HOME": str(tmp_path), "HF_ENDPOINT": hub.url}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as first:
        assert hub.stalled.wait(60)
        found = tmp_path / f"hub/models--org--model/blobs/{DIGEST}.twinpath-part"
        for _ in range(100):
            if found.exists() and found.stat().st_size:
                break
            threading.Event().wait(0.1)
        first.send_signal(signal.SIGKILL)
    kept = found.stat().st_size
    hub.stall_after = None
    hub.released.set()
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    path = tmp_path / f"hub/models--org--model/snapshots/{'c' * 40}"
    assert (run.returncode, run.stderr) == (0, "Downloading org/model.\n")
    assert run.stdout == (
        f"org/model: 300,000 parameters, 0.6 MiB of weights\n{path}\n\nServe it: twinpath serve --model org/model\n"
    )
    assert 0 < kept <= 400_000
    assert hub.ranges == ["bytes=0-", f"bytes={kept}-"]
    assert (path / "model.safetensors").read_bytes() == WEIGHTS
    shutil.rmtree(tmp_path / "hub")
    offline = subprocess.run(
        command, env=environment | {"HF_HUB_OFFLINE": "1"}, capture_output=True, text=True, timeout=60
    )
    assert (offline.returncode, offline.stdout) == (2, "")
    assert offline.stderr.endswith(
        "twinpath: org/model is not a directory and cannot be downloaded: the Hugging Face hub is out of reach and its "
        "cache has no copy; connect, or give a directory\n"
    )
