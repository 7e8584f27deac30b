"""Downloads from a hub on loopback: resumes inside a file, damaged files, and refusals."""

import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import huggingface_hub
import numpy as np
import pytest
from huggingface_hub import constants
from safetensors.numpy import save

from service.errors import CheckpointError
from service.model import hub_download, hub_file
from service.model.checkpoint import Download, find_checkpoint, model_directory
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
        monkeypatch.setattr(hub_file, "_PAUSE_S", 0)
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
        "org/model cannot be downloaded: model.safetensors: its SHA-256 differs from the hub's; the file was removed. "
        "Run the command again."
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
    with pytest.raises(CheckpointError, match="its SHA-256 differs from"):
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
    assert hub.ranges == 9 * ["bytes=0-"]


@pytest.mark.parametrize(
    ("status", "requests", "advice"), [(503, 9, " The same command resumes."), (403, 1, ""), (404, 1, "")]
)
def test_a_hub_that_refuses_the_weights(status: int, requests: int, advice: str, hub: Hub, cache: Download) -> None:
    hub.refuses_weights = status
    with pytest.raises(CheckpointError) as raised:
        download_model("org/model", cache)
    assert str(raised.value) == (
        f"org/model cannot be downloaded: model.safetensors: the hub answers with status {status}.{advice}"
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
    assert str(raised.value) == f"{model} cannot be downloaded: {reason}"
    assert hub.ranges == []


def test_a_model_without_safetensors_is_refused(hub: Hub, cache: Download) -> None:
    with pytest.raises(CheckpointError, match=r"^org/old has no \*\.safetensors, "):
        download_model("org/old", cache)


def test_without_the_hub_the_cache_is_used(
    hub: Hub, cache: Download, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = download_model("org/model", cache)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert download_model("org/model", cache) == path
    assert caplog.messages == ["The Hugging Face hub is out of reach; org/model is taken from the cache as it is."]
    with pytest.raises(CheckpointError) as raised:
        download_model("org/old", cache)
    assert str(raised.value) == (
        "org/old cannot be downloaded: the Hugging Face hub is out of reach and its cache has "
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


INDEXED = {
    "config.json": b"{}",
    "model.safetensors.index.json": json.dumps(
        {"weight_map": {"a": "model-1-of-2.safetensors", "b": "model-2-of-2.safetensors"}}
    ).encode(),
    "model-1-of-2.safetensors": save({"a": np.zeros(10, np.float16)}),
    "model-2-of-2.safetensors": save({"b": np.zeros(20, np.float16)}),
    "consolidated.safetensors": save({"c": np.zeros(30, np.float16)}),
    "original/model.safetensors": save({"d": np.zeros(40, np.float16)}),
}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (INDEXED, ["model-1-of-2.safetensors", "model-2-of-2.safetensors"]),
        (FILES | {"consolidated.safetensors": b"copy", "original/model.safetensors": b"other"}, ["model.safetensors"]),
        ({"config.json": b"{}", "part-1.safetensors": WEIGHTS, "original/x.safetensors": b"o"}, ["part-1.safetensors"]),
    ],
)
def test_a_second_copy_of_the_weights_is_not_downloaded(
    files: dict[str, bytes], expected: list[str], hub: Hub, cache: Download
) -> None:
    hub.models["org/copies"] = files
    path = download_model("org/copies", cache)
    assert sorted(file.relative_to(path).as_posix() for file in path.rglob("*.safetensors")) == expected
    assert sorted(hub.fetched) == expected
    assert model_directory("org/copies", download=cache) == path


def test_a_file_of_the_index_that_the_hub_does_not_have(hub: Hub, cache: Download) -> None:
    hub.models["org/lacks"] = {name: content for name, content in INDEXED.items() if "2-of-2" not in name}
    with pytest.raises(CheckpointError) as raised:
        download_model("org/lacks", cache)
    assert str(raised.value) == (
        "org/lacks cannot be downloaded: the hub does not have its file model-2-of-2.safetensors"
    )


def test_a_listing_that_fails_once_is_asked_for_again(hub: Hub, cache: Download) -> None:
    hub.refuses_listings = 1
    download_model("org/model", cache)
    assert hub.ranges == ["bytes=0-"]  # by the download that resumes


@pytest.mark.parametrize(
    ("failures", "retry_after", "expected"),
    [(1, "", 1.0), (4, "", 8.0), (8, "", 60.0), (1, "7", 7.0), (1, "9999", 600.0), (1, "soon", 1.0), (2, "1", 2.0)],
)
def test_the_pauses_grow_and_follow_the_hub(
    failures: int, retry_after: str, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    hub_file.pause(failures, "busy", {"Retry-After": retry_after} if retry_after else {})
    assert slept == [expected]


def test_the_hub_is_asked_after_the_time_that_it_names(
    hub: Hub, cache: Download, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hub.refuses_weights, hub.retry_after = 429, "30"
    slept: list[float] = []
    monkeypatch.setattr(hub_file.time, "sleep", slept.append)  # type: ignore[attr-defined]
    with pytest.raises(CheckpointError, match="status 429"):
        download_model("org/model", cache)
    assert slept == 8 * [30.0]
    assert caplog.messages[0] == "model.safetensors: the hub answers with status 429; next attempt in 30 s."


def test_a_cached_model_does_not_wait_for_a_silent_hub(
    hub: Hub, cache: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = download_model("org/model", cache)
    hub.is_silent = True
    assert model_directory("org/model", download=cache) == path
    assert model_directory("org/model", download=cache, weights=False) == path


CHAT = FILES | {
    "tokenizer_config.json": b'{"chat_template": "{{ messages }}"}',
    "generation_config.json": b'{"temperature": 0.3}',
    "modeling_own.py": b"1",
}


def fetched_one_by_one(model: str, names: tuple[str, ...], cache: Download) -> Path:
    """Snapshot of some files of a model, as other programs leave it."""
    paths = [Path(huggingface_hub.hf_hub_download(model, name, cache_dir=cache.directory)) for name in names]
    return paths[0].parent


@pytest.mark.parametrize("weights", [True, False])
@pytest.mark.parametrize("names", [("config.json",), ("config.json", "model.safetensors"), tuple(FILES)])
def test_a_model_of_which_other_programs_fetched_some_files_is_completed(
    names: tuple[str, ...], weights: bool, hub: Hub, cache: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.models["org/chat"] = CHAT
    path = fetched_one_by_one("org/chat", names, cache)
    found = find_checkpoint("org/chat", path, weights=weights, download=cache)
    assert (found.path, found.style, found.decoding.temperature) == (path, "chat", 0.3)
    assert (path / "model.safetensors").exists() == (weights or "model.safetensors" in names)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert find_checkpoint("org/chat", path, weights=weights, download=cache) == found  # without the hub


def test_code_that_is_asked_for_later_is_completed(hub: Hub, cache: Download) -> None:
    hub.models["org/chat"] = CHAT
    path = model_directory("org/chat", download=cache)
    assert not (path / "modeling_own.py").exists()
    assert model_directory("org/chat", download=replace(cache, has_code=True)) == path
    assert (path / "modeling_own.py").exists()


def test_some_files_of_a_model_are_taken_only_without_the_hub(
    hub: Hub, cache: Download, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hub.models["org/chat"] = CHAT
    path = fetched_one_by_one("org/chat", ("config.json", "model.safetensors"), cache)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert model_directory("org/chat", download=cache) == path
    assert caplog.messages == ["The Hugging Face hub is out of reach; org/chat is taken from the cache as it is."]


def test_some_files_of_a_model_do_not_wait_for_a_silent_hub(
    hub: Hub, cache: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_download, "TIMEOUT_S", 0.2)
    hub_download._prepare_client.cache_clear()
    path = fetched_one_by_one("org/model", ("config.json", "model.safetensors"), cache)
    hub.is_silent = True
    began = time.monotonic()
    assert model_directory("org/model", download=cache) == path
    assert time.monotonic() - began < 10
    hub_download._prepare_client.cache_clear()


def test_a_silent_hub_is_out_of_reach(hub: Hub, cache: Download, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_download, "TIMEOUT_S", 0.2)
    hub_download._prepare_client.cache_clear()
    path = download_model("org/model", cache)
    hub.is_silent = True
    assert download_model("org/model", cache) == path
    with pytest.raises(CheckpointError, match="the Hugging Face hub is out of reach and its cache has no copy"):
        download_model("org/old", cache)
    hub_download._prepare_client.cache_clear()


def test_a_full_disk_is_named(hub: Hub, cache: Download, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: object) -> Iterator[int]:
        raise OSError(errno.ENOSPC, "No space left on device")
        yield 0

    monkeypatch.setattr(hub_file, "_streamed", full)
    with pytest.raises(CheckpointError) as raised:
        download_model("org/model", cache)
    assert str(raised.value) == (
        "org/model cannot be downloaded: model.safetensors: No space left on device. The same command resumes."
    )


def test_a_model_that_is_larger_than_the_disk_is_refused(
    hub: Hub, cache: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(cache, WEIGHTS[: len(WEIGHTS) - 1024])
    monkeypatch.setattr(hub_download.shutil, "disk_usage", lambda path: Mock(free=1000))  # type: ignore[attr-defined]
    with pytest.raises(CheckpointError) as raised:
        download_model("org/model", cache)
    assert str(raised.value) == (
        f"org/model cannot be downloaded: it takes 1 KiB more, and {part(cache).parent} has 1 KiB free; "
        "free some disk, or set HF_HOME to a directory on another one"
    )
    assert hub.ranges == []


def test_a_second_download_waits_and_says_so(
    hub: Hub, cache: Download, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hub_file, "_WAIT_S", 0.05)
    monkeypatch.setattr(hub_file, "_NOTED_WAITS", 2)
    hub.stall_after = 400_000
    reports: list[int] = []
    with ThreadPoolExecutor() as threads:
        first = threads.submit(download_model, "org/model", cache)
        assert hub.stalled.wait(30)
        second = threads.submit(download_model, "org/model", cache, lambda done, total: reports.append(done))
        while not caplog.messages:
            time.sleep(0.01)
        hub.stall_after = None
        hub.released.set()
        assert first.result(30) == second.result(30)
    assert cache.directory is not None
    lock = cache.directory / ".locks/models--org--model" / f"{DIGEST}.lock"
    assert caplog.messages == [f"Another process downloads org/model; waiting. If none does, delete {lock}."]
    assert reports[-1] == len(WEIGHTS)
    assert len([wanted for wanted in hub.ranges if wanted == "bytes=0-"]) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "The name of the model is empty; give a Hugging Face name."),
        ("/no/such", "/no/such: no such directory; --model must be a Hugging Face model directory or name."),
    ],
)
def test_a_name_that_is_none(name: str, message: str) -> None:
    with pytest.raises(CheckpointError) as raised:
        download_model(name, Download())
    assert str(raised.value) == message


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
        "twinpath: org/model cannot be downloaded: the Hugging Face hub is out of reach and its "
        "cache has no copy; connect, or give a directory\n"
    )
