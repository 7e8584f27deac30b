"""Checkpoints: what a directory says about itself, and the embedded default, built whole and once or not at all."""

import json
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import huggingface_hub
import pytest
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from hypothesis import given
from hypothesis import strategies as st

from service import checkpoint
from service.checkpoint import Decoding, Metadata, describe, embedded, find
from service.errors import CheckpointError

V1 = {"format_version": 1, "base_model": "gemma-3-270m"}
Build = Callable[[Path, checkpoint.Progress], None]


def directory(path: Path, **files: object) -> Path:
    """A model directory; names with `__` for the dot, dictionaries as JSON."""
    path.mkdir(parents=True, exist_ok=True)
    for name, content in ({"config__json": {}} | files).items():
        text = content if isinstance(content, str) else json.dumps(content)
        (path / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return path


def test_a_distilled_student(tmp_path: Path) -> None:
    metadata = V1 | {"decoding": {"temperature": 0.5, "top_p": 0.9}, "recipe": "md.toml", "seed": 7}
    path = directory(
        tmp_path, twinpath__json=metadata, tokenizer_config__json={"bos_token": "<bos>", "chat_template": "x"}
    )
    found = describe(path, "student")
    assert (found.path, found.name, found.style, found.bos) == (path, "student", "v1", "<bos>")
    assert found.decoding == Decoding(temperature=0.5, top_p=0.9)
    assert found.metadata is not None
    assert (found.metadata.format_version, found.metadata.base_model) == (1, "gemma-3-270m")
    assert found.metadata.model_extra == {"recipe": "md.toml", "seed": 7}


@pytest.mark.parametrize(
    ("files", "style", "bos"),
    [
        ({}, "fewshot", ""),
        ({"tokenizer_config__json": {}}, "fewshot", ""),
        ({"tokenizer_config__json": {"bos_token": None}}, "fewshot", ""),
        ({"tokenizer_config__json": {"bos_token": "<s>"}}, "fewshot", "<s>"),
        ({"tokenizer_config__json": {"bos_token": {"content": "<s>", "lstrip": False}}}, "fewshot", "<s>"),
        ({"tokenizer_config__json": {"chat_template": "{{ messages }}"}}, "chat", ""),
        ({"tokenizer_config__json": {"chat_template": ""}}, "fewshot", ""),
        ({"tokenizer_config__json": [1]}, "fewshot", ""),
        ({"chat_template__jinja": "{{ messages }}"}, "chat", ""),
        ({"twinpath__json": V1, "chat_template__jinja": "x"}, "v1", ""),
    ],
)
def test_how_a_model_is_asked(files: dict[str, object], style: str, bos: str, tmp_path: Path) -> None:
    found = describe(directory(tmp_path, **files), "m")
    assert (found.style, found.bos, found.decoding) == (style, bos, Decoding(temperature=0.7, top_p=1.0))
    assert (found.metadata is None) == (style != "v1")


def message(path: Path) -> str:
    with pytest.raises(CheckpointError) as raised:
        describe(path, "m")
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("version", [0, 2])
def test_another_format_version_is_refused(version: int, tmp_path: Path) -> None:
    path = directory(tmp_path, twinpath__json=V1 | {"format_version": version})
    assert message(path).startswith(
        f"{path / 'twinpath.json'} is of format version {version}; this service speaks version 1. "
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "Invalid JSON: EOF while parsing an object at line 1 column 1"),
        ("", "Invalid JSON: EOF while parsing a value at line 1 column 0"),
        ([1], "Input should be an object"),
        ({"base_model": "m"}, "format_version: Field required"),
        ({"format_version": 1}, "base_model: Field required"),
        (
            V1 | {"format_version": "one"},
            "format_version: Input should be a valid integer, unable to parse string as an integer",
        ),
        (V1 | {"decoding": {"temperature": -1}}, "decoding: temperature: Input should be greater than or equal to 0"),
        (V1 | {"decoding": {"top_p": 0}}, "decoding: top_p: Input should be greater than 0"),
        (V1 | {"decoding": {"top_k": 5}}, "decoding: top_k: Extra inputs are not permitted"),
    ],
)
def test_wrong_metadata_is_refused(content: object, said: str, tmp_path: Path) -> None:
    path = directory(tmp_path, twinpath__json=content)
    assert message(path) == f"{path / 'twinpath.json'} is wrong: {said}"


def test_a_broken_tokenizer_configuration_is_refused(tmp_path: Path) -> None:
    path = directory(tmp_path, tokenizer_config__json='{"bos_token": ')
    assert message(path).startswith(f"{path / 'tokenizer_config.json'} is no JSON: ")


def test_what_is_no_model_directory_is_refused(tmp_path: Path) -> None:
    expected = f"{tmp_path} holds no config.json; --model takes a Hugging Face model directory or name."
    assert message(tmp_path) == expected
    (tmp_path / "config.json").mkdir()
    assert message(tmp_path) == expected


@given(st.binary(max_size=200))
def test_metadata_is_read_or_refused_whatever_its_bytes(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = directory(Path(folder))
        (path / "twinpath.json").write_bytes(content)
        with pytest.raises(CheckpointError):
            describe(path, "m")


def test_a_directory_is_found_by_its_name(tmp_path: Path) -> None:
    path = directory(tmp_path / "student", twinpath__json=V1)
    found = find(str(path), tmp_path / "cache")
    assert (found.path, found.name, found.style) == (path, "student", "v1")
    assert not (tmp_path / "cache").exists()


def test_a_name_is_looked_up_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def download(name: str, *, allow_patterns: list[str]) -> str:
        asked.append(name)
        return str(directory(tmp_path / "snapshot-4f1c", chat_template__jinja="x"))

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    found = find("Qwen/Qwen2.5-0.5B-Instruct", tmp_path)
    assert (found.name, found.path, found.style) == ("Qwen/Qwen2.5-0.5B-Instruct", tmp_path / "snapshot-4f1c", "chat")
    assert asked == ["Qwen/Qwen2.5-0.5B-Instruct"]


@pytest.mark.parametrize(
    "failure",
    [
        LocalEntryNotFoundError("no such thing\nin the cache"),
        HfHubHTTPError("401 Unauthorized", response=Mock()),
    ],
)
def test_a_name_that_cannot_be_downloaded(failure: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(name: str, *, allow_patterns: list[str]) -> str:
        raise failure

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    with pytest.raises(
        CheckpointError, match=r"^'no/model' is no model directory, and cannot be downloaded: "
    ) as raised:
        find("no/model", tmp_path)
    assert "\n" not in str(raised.value)


def test_a_name_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"^'/no/such/directory' is no model directory, and cannot be downloaded: "
    ):
        find("/no/such/directory", tmp_path)


def build(target: Path, progress: checkpoint.Progress) -> None:
    """Stands in for the dequantization."""
    directory(target, tokenizer_config__json={"bos_token": "<bos>"}, model__safetensors="weights")
    progress("write", 1.0)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Puts `build` in the place of the real one, and lists its calls."""
    calls: list[Path] = []

    def counted(target: Path, progress: checkpoint.Progress) -> None:
        calls.append(target)
        build(target, progress)

    monkeypatch.setattr(checkpoint, "_dequantize", counted)
    return calls


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir())


TARGET = "gemma-3-270m-a5fd3b62"


def test_the_embedded_default_is_built_once_and_verified_ever_after(tmp_path: Path, built: list[Path]) -> None:
    steps: list[tuple[str, float]] = []
    found = find(None, tmp_path, lambda what, share: steps.append((what, share)))
    assert (found.path, found.name) == (tmp_path / "models" / TARGET, "gemma-3-270m")
    assert (found.style, found.bos) == ("fewshot", "<bos>")
    assert names(found.path) == ["SHA256SUMS.json", "config.json", "model.safetensors", "tokenizer_config.json"]
    assert steps == [("write", 1.0)]
    assert find(None, tmp_path, lambda what, share: steps.append((what, share))) == found
    assert steps == [("write", 1.0), ("verify", 0.0), ("verify", 1.0)]
    assert len(built) == 1
    assert built[0].parent == tmp_path / "models"
    assert names(tmp_path / "models") == [TARGET, f"{TARGET}.lock"]
    assert found.path.stat().st_mode & 0o777 == 0o755


def cut(path: Path) -> None:
    path.write_text("weight", encoding="utf-8")


def remove(path: Path) -> None:
    path.unlink()


def flip(path: Path) -> None:
    path.write_text("veights", encoding="utf-8")


@pytest.mark.parametrize("damage", [cut, remove, flip])
def test_damage_is_noticed(damage: Callable[[Path], None], tmp_path: Path, built: list[Path]) -> None:
    path = embedded(tmp_path)
    damage(path / "model.safetensors")
    with pytest.raises(CheckpointError) as raised:
        embedded(tmp_path)
    assert str(raised.value) == f"{path / 'model.safetensors'} is damaged. Delete {path}; it will be built anew."


@pytest.mark.parametrize("content", [None, "{}", "[]"])
def test_a_directory_without_its_hashes_is_damaged(content: str | None, tmp_path: Path, built: list[Path]) -> None:
    path = embedded(tmp_path)
    hashes = path / "SHA256SUMS.json"
    if content is None:
        hashes.unlink()
    else:
        hashes.write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError) as raised:
        embedded(tmp_path)
    assert str(raised.value) == f"{hashes} is damaged. Delete {path}; it will be built anew."


def test_hashes_cut_short_are_damaged(tmp_path: Path, built: list[Path]) -> None:
    hashes = embedded(tmp_path) / "SHA256SUMS.json"
    hashes.write_text(hashes.read_text(encoding="utf-8")[:40], encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"SHA256SUMS\.json is no JSON"):
        embedded(tmp_path)


@pytest.mark.parametrize("failure", [OSError("disk full"), KeyboardInterrupt(), CheckpointError("no"), MemoryError()])
@pytest.mark.parametrize("where", ["_dequantize", "_write_hashes"])
def test_an_interrupted_build_leaves_nothing_behind(
    failure: BaseException, where: str, tmp_path: Path, built: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(target: Path, *rest: object) -> None:
        directory(target, model__safetensors="half")
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, where, interrupted)
        with pytest.raises(type(failure)):
            embedded(tmp_path)
    assert names(tmp_path / "models") == [f"{TARGET}.lock"]
    assert names(embedded(tmp_path)) == [
        "SHA256SUMS.json", "config.json", "model.safetensors", "tokenizer_config.json",
    ]  # fmt: skip


def test_two_builds_at_the_same_time_build_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Path] = []

    def slow(target: Path, progress: checkpoint.Progress) -> None:
        calls.append(target)
        time.sleep(0.2)
        build(target, progress)

    monkeypatch.setattr(checkpoint, "_dequantize", slow)
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(embedded(tmp_path))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [tmp_path / "models" / TARGET] * 3
    assert len(calls) == 1
    assert names(tmp_path / "models") == [TARGET, f"{TARGET}.lock"]


def test_metadata_is_frozen_and_keeps_what_training_adds() -> None:
    metadata = Metadata.model_validate(V1 | {"accuracies": {"vote": 0.5}})
    assert metadata.model_dump()["accuracies"] == {"vote": 0.5}
