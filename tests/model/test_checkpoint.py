"""Checkpoints: the directory of a model, and its metadata, style and tokens."""

import errno
import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from unittest.mock import Mock

import httpx
import huggingface_hub
import pytest
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from service.errors import CheckpointError
from service.model.checkpoint import Download, find_checkpoint, read_checkpoint
from service.model.metadata import CheckpointMetadata, Decoding, read_metadata
from service.types import PathKind

_FIELDS = st.sampled_from(["bos_token", "chat_template", "added_tokens_decoder", "added_tokens", "content", "a_token"])
JSON = st.dictionaries(_FIELDS, st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_FIELDS | st.just("1"), inner, max_size=3),
    max_leaves=8,
), max_size=4)  # fmt: skip
COT, POT = PathKind.COT, PathKind.POT
V1 = {"format_version": 1, "base_model": "gemma-3-270m"}


def directory(path: Path, **files: object) -> Path:
    """Model directory. File names have `__` for the dot, and dictionaries become JSON."""
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
    found = read_checkpoint(path, "student")
    assert (found.path, found.name, found.style, found.bos) == (path, "student", "v1", "<bos>")
    assert found.decoding == Decoding(temperature=0.5, top_p=0.9)
    assert found.metadata is not None
    assert (found.metadata.format_version, found.metadata.base_model) == (1, "gemma-3-270m")
    assert (found.metadata.recipe, found.metadata.seed) == ("md.toml", 7)


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
        ({"tokenizer_config__json": '\ufeff{"bos_token": "<s>"}'}, "fewshot", "<s>"),
        ({"tokenizer_config__json": {"add_bos_token": True, "pad_token": [1], "x_token": {"y": 1}}}, "fewshot", ""),
        ({"config__json": '{"cap": Infinity, "eps": NaN, "max": 1000000000000000019884624838656}'}, "fewshot", ""),
        ({"chat_template__jinja": "{{ messages }}"}, "chat", ""),
        ({"twinpath__json": V1, "chat_template__jinja": "x"}, "v1", ""),
    ],
)
def test_the_style_of_the_prompts(files: dict[str, object], style: str, bos: str, tmp_path: Path) -> None:
    found = read_checkpoint(directory(tmp_path, **files), "m")
    assert (found.style, found.bos, found.decoding) == (style, bos, Decoding(temperature=0.7, top_p=1.0))
    assert (found.metadata is None) == (style != "v1")


QWEN = {
    "do_sample": True,
    "temperature": 0.7,
    "top_p": 0.8,
    "top_k": 20,
    "repetition_penalty": 1.1,
    "eos_token_id": [1],
}


@pytest.mark.parametrize(
    ("content", "decoding"),
    [
        (QWEN, Decoding(temperature=0.7, top_p=0.8, top_k=20, repetition_penalty=1.1)),
        ({"do_sample": True, "temperature": 0.6, "top_p": 0.95, "min_p": 0.1}, Decoding(temperature=0.6, top_p=0.95, min_p=0.1)),
        ({"temperature": 0.6, "top_p": 0.9}, Decoding(temperature=0.6, top_p=0.9)),
        ({"top_k": 64, "top_p": 0.95}, Decoding(temperature=0.7, top_k=64, top_p=0.95)),
        ({"do_sample": True, "temperature": 0.0, "top_k": -1}, Decoding(temperature=0.7)),
        ({"do_sample": True, "temperature": 1e-06, "repetition_penalty": 1.05}, Decoding(repetition_penalty=1.05)),
        ({"temperature": 0.01, "top_k": 1, "top_p": 0.001}, Decoding()),
        ({"temperature": 0.6, "top_k": 1}, Decoding()),
        ({"temperature": 0.6, "top_p": 0.001}, Decoding()),
        ({"temperature": 0.6, "min_p": 1.0}, Decoding()),
        ({"temperature": 0.1, "top_k": 2, "top_p": 0.1, "min_p": 0.9}, Decoding(temperature=0.1, top_k=2, top_p=0.1, min_p=0.9)),
        (QWEN | {"do_sample": False}, Decoding(temperature=0.7, repetition_penalty=1.1)),
        (dict.fromkeys([*QWEN, "min_p"]), Decoding()),
        ({}, Decoding()),
    ],
)  # fmt: skip
def test_a_stock_model_samples_as_its_maker_recommends(
    content: dict[str, object], decoding: Decoding, tmp_path: Path
) -> None:
    found = read_checkpoint(directory(tmp_path, generation_config__json=content), "m")
    assert found.decoding == decoding


def test_a_student_samples_as_it_was_calibrated(tmp_path: Path) -> None:
    path = directory(tmp_path, twinpath__json=V1, generation_config__json=QWEN)
    assert read_checkpoint(path, "m").decoding == Decoding()


@given(
    st.dictionaries(
        st.sampled_from(["do_sample", *Decoding.model_fields]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    )
)
def test_any_generation_config_gives_samples_that_differ(content: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as name:
        found = read_checkpoint(directory(Path(name), generation_config__json=content), "m").decoding
    assert 0.1 <= found.temperature <= 2
    assert 0.1 <= found.top_p <= 1
    assert found.top_k != 1
    assert found.top_k >= 0
    assert 0 <= found.min_p <= 0.9
    assert 0 < found.repetition_penalty <= 2


def test_a_value_of_the_maker_that_cannot_be_used_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = {"do_sample": "yes", "temperature": 0.6, "top_p": 0, "top_k": 20, "repetition_penalty": 2.5}
    path = directory(tmp_path, generation_config__json=content)
    assert read_checkpoint(path, "m").decoding == Decoding(temperature=0.6, top_k=20)
    file = path / "generation_config.json"
    assert sorted(caplog.messages) == [
        f"{file}: `repetition_penalty` must be a number above 0 and up to 2; it is left out",
        f"{file}: `top_p` must be a number above 0 and up to 1; it is left out",
    ]


@pytest.mark.parametrize("content", ["[]", "{", "7"])
def test_a_generation_config_that_is_no_object_is_refused(content: str, tmp_path: Path) -> None:
    path = directory(tmp_path, generation_config__json=content)
    with pytest.raises(CheckpointError, match=r"/generation_config\.json is invalid: ") as raised:
        read_checkpoint(path, "m")
    assert "\n" not in str(raised.value)


def test_neutral_decoding_parameters_are_left_out_of_the_file(tmp_path: Path) -> None:
    for decoding, written in (
        (Decoding(temperature=0.5), {"temperature": 0.5, "top_p": 1.0}),
        (Decoding(top_k=20, min_p=0.1, repetition_penalty=1.1),
         {"temperature": 0.7, "top_p": 1.0, "top_k": 20, "min_p": 0.1, "repetition_penalty": 1.1}),
    ):  # fmt: skip
        CheckpointMetadata(**V1, decoding=decoding).write(tmp_path)
        assert json.loads((tmp_path / "twinpath.json").read_text())["decoding"] == written
        metadata = read_metadata(tmp_path)
        assert metadata is not None
        assert metadata.decoding == decoding


def message(path: Path) -> str:
    with pytest.raises(CheckpointError) as raised:
        read_checkpoint(path, "m")
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("version", [0, 2])
def test_another_format_version_is_refused(version: int, tmp_path: Path) -> None:
    path = directory(tmp_path, twinpath__json=V1 | {"format_version": version})
    assert message(path).startswith(
        f"{path / 'twinpath.json'} has format version {version}; this service supports version 1. "
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "the file is not valid JSON: EOF while parsing an object at line 1 column 1"),
        ("", "the file is not valid JSON: EOF while parsing a value at line 1 column 0"),
        ([1], "the file must be an object"),
        ({"base_model": "m"}, "`format_version` is missing"),
        ({"format_version": 1}, "`base_model` is missing"),
        (V1 | {"format_version": "one"}, "`format_version` must be a whole number"),
        (V1 | {"decoding": {"temperature": -1}}, "`decoding.temperature` must be a number from 0 to 2"),
        (V1 | {"decoding": {"top_p": 0}}, "`decoding.top_p` must be a number above 0 and up to 1"),
        (V1 | {"decoding": {"top_k": -1}}, "`decoding.top_k` must be a whole number of at least 0"),
        (
            V1 | {"decoding": {"repetition_penalty": 0}},
            "`decoding.repetition_penalty` must be a number above 0 and up to 2",
        ),
        (V1 | {"decoding": {"beams": 5}}, "`decoding.beams` is an unknown field"),
    ],
)
def test_invalid_metadata_is_refused(content: object, reason: str, tmp_path: Path) -> None:
    path = directory(tmp_path, twinpath__json=content)
    assert message(path) == f"{path / 'twinpath.json'} is invalid: {reason}"


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("config.json", "{", "the file is not valid JSON: EOF while parsing an object at line 1 column 1"),
        ("config.json", [1], "the file must be an object"),
        ("config.json", DEEP, "the file is not valid JSON: recursion limit exceeded at line 1 column 202"),
        ("config.json", '{"a": ' + "1" * 5000 + "}", "the file is not valid JSON: number out of range at line 1 column 4308"),
        ("tokenizer_config.json", '{"bos_token": ', "the file is not valid JSON: EOF while parsing a value at line 1 column 14"),
        ("tokenizer_config.json", [1], "the file must be an object"),
        ("tokenizer_config.json", DEEP, "the file is not valid JSON: recursion limit exceeded at line 1 column 202"),
        ("tokenizer_config.json", {"bos_token": ["<s>"]}, "`bos_token` must be an object, or a text"),
        ("tokenizer_config.json", {"bos_token": 5}, "`bos_token` must be an object, or a text"),
        ("tokenizer_config.json", {"added_tokens_decoder": [1]}, "`added_tokens_decoder` must be an object"),
        ("tokenizer_config.json", {"added_tokens_decoder": {"1": "x"}}, "`added_tokens_decoder.1` must be an object"),
        ("tokenizer_config.json", {"added_tokens_decoder": {"1": {}}}, "`added_tokens_decoder.1.content` is missing"),
        ("tokenizer_config.json", {"chat_template": 5}, "`chat_template` must be a text, or a list, or an object"),
        ("tokenizer.json", {"added_tokens": {"a": 1}}, "`added_tokens` must be a list"),
        ("tokenizer.json", {"added_tokens": [{"special": True}]}, "`added_tokens.0.content` is missing"),
        ("tokenizer.json", "", "the file is not valid JSON: EOF while parsing a value at line 1 column 0"),
        ("twinpath.json", DEEP, "the file is not valid JSON: recursion limit exceeded at line 1 column 202"),
    ],
)  # fmt: skip
def test_damaged_files_are_refused_by_name(file: str, content: object, reason: str, tmp_path: Path) -> None:
    path = directory(tmp_path, **{file.replace(".", "__"): content})
    assert message(path) == f"{path / file} is invalid: {reason}"


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    path = directory(tmp_path)
    (path / "tokenizer.json").mkdir()
    assert message(path) == f"{path / 'tokenizer.json'} cannot be read: Is a directory"


@given(st.sampled_from(["config", "tokenizer_config", "tokenizer", "twinpath"]), JSON)
def test_any_json_is_read_or_refused(name: str, content: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = directory(Path(folder), **{f"{name}__json": json.dumps(content)})
        with suppress(CheckpointError):
            assert isinstance(read_checkpoint(path, "m").bos, str)


def test_a_directory_without_a_model_is_refused(tmp_path: Path) -> None:
    expected = f"{tmp_path} has no config.json; --model must be a Hugging Face model directory or name."
    assert message(tmp_path) == expected
    (tmp_path / "config.json").mkdir()
    assert message(tmp_path) == expected


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = directory(Path(folder))
        (path / "twinpath.json").write_bytes(content)
        with pytest.raises(CheckpointError):
            read_checkpoint(path, "m")


def test_a_directory_is_found_by_its_name(tmp_path: Path) -> None:
    path = directory(tmp_path / "student", twinpath__json=V1)
    found = find_checkpoint(str(path), tmp_path / "cache")
    assert (found.path, found.name, found.style) == (path, "student", "v1")
    assert not (tmp_path / "cache").exists()


def test_the_name_of_a_directory_does_not_depend_on_its_spelling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = directory(tmp_path / "student", twinpath__json=V1)
    monkeypatch.chdir(path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for spelling in (".", "./", "../student", "../student/.", "~/student"):
        found = find_checkpoint(spelling, tmp_path)
        assert (found.name, found.path.resolve()) == ("student", path)


def test_a_tilde_without_a_home_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as raised:
        find_checkpoint("~nobody-here/student", tmp_path)
    assert str(raised.value) == (
        "The home directory of --model ~nobody-here/student is not known; write the whole path."
    )


def fail(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    """Let the cache be empty, and the hub's own client fail."""
    absent = LocalEntryNotFoundError("not in the cache")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", Mock(side_effect=absent))
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", Mock(side_effect=failure))


def serve_files(monkeypatch: pytest.MonkeyPatch, download: Callable[..., str]) -> None:
    """Let the cache be empty, and the hub's own client download with this function."""

    def snapshot_download(name: str, *, local_files_only: bool = False, **parameters: object) -> str:
        if local_files_only:
            raise LocalEntryNotFoundError("not in the cache")
        return download(name, **parameters)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    entry = Mock(rfilename="model.safetensors", lfs=None)
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", Mock(return_value=Mock(siblings=[entry])))


@pytest.mark.parametrize(
    "failure",
    [httpx.LocalProtocolError("Illegal header value b'Bearer hf_secret'"), ValueError("http://user:hf_secret@proxy"),
     UnicodeEncodeError("ascii", "Bearer hf_secret\u2026", 16, 17, "ordinal not in range(128)")],
)  # fmt: skip
def test_a_refused_token_is_not_shown(failure: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(monkeypatch, failure)
    with pytest.raises(CheckpointError) as raised:
        find_checkpoint("org/model", tmp_path)
    assert str(raised.value) == (
        f"org/model cannot be downloaded: {type(failure).__name__}; check HF_TOKEN, HF_ENDPOINT and the proxy variables"
    )


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failure = PermissionError(errno.EACCES, "Permission denied", "/nonexistent/hub")
    fail(monkeypatch, failure)
    with pytest.raises(CheckpointError, match=r"downloaded: \[Errno 13\] Permission denied: '/nonexistent/hub'$"):
        find_checkpoint("org/model", tmp_path)


def test_a_model_is_downloaded_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def download(name: str, **_: object) -> str:
        asked.append(name)
        return str(directory(tmp_path / "snapshot-4f1c", chat_template__jinja="x", model__safetensors=""))

    serve_files(monkeypatch, download)
    found = find_checkpoint("Qwen/Qwen2.5-0.5B-Instruct", tmp_path)
    assert (found.name, found.path, found.style) == ("Qwen/Qwen2.5-0.5B-Instruct", tmp_path / "snapshot-4f1c", "chat")
    assert asked == 2 * ["Qwen/Qwen2.5-0.5B-Instruct"]  # the weights come after the other files


def test_a_download_has_its_revision_its_directory_and_only_trusted_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, object]] = []

    def download(name: str, **parameters: object) -> str:
        asked.append(parameters)
        revision = parameters["revision"]
        path = directory(tmp_path / f"snapshot-{revision}", model__safetensors="")
        if revision == "student":
            (path / "twinpath.json").write_text(json.dumps(V1), encoding="utf-8")
        return str(path)

    serve_files(monkeypatch, download)
    main = find_checkpoint("org/model", tmp_path)
    chosen = find_checkpoint(
        "org/model", tmp_path, download=Download(revision="student", directory=tmp_path / "hub", has_code=True)
    )
    assert (main.name, main.metadata, chosen.name) == ("org/model", None, "org/model")
    assert chosen.metadata == CheckpointMetadata.model_validate(V1)
    usual = ["*.json", "*.model", "*.jinja", "*.txt"]
    student = {"revision": "student", "cache_dir": tmp_path / "hub"}
    assert asked == [
        {"revision": None, "cache_dir": None, "allow_patterns": usual},
        {"revision": None, "cache_dir": None, "allow_patterns": [*usual, "model.safetensors"]},
        student | {"allow_patterns": [*usual, "*.py"]},
        student | {"allow_patterns": [*usual, "*.py", "model.safetensors"]},
    ]


def test_a_revision_needs_a_name(tmp_path: Path) -> None:
    path = directory(tmp_path / "student", twinpath__json=V1)
    with pytest.raises(CheckpointError) as raised:
        find_checkpoint(str(path), tmp_path, download=Download(revision="main"))
    assert str(raised.value) == f"`revision` needs a Hugging Face name in --model; {path} is a directory."
    with pytest.raises(CheckpointError) as raised:
        find_checkpoint(None, tmp_path, download=Download(revision="main"))
    assert str(raised.value) == "`revision` needs a Hugging Face name in --model; the bundled model has none."


def test_a_name_without_safetensors_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(name: str, **_: object) -> str:
        return str(directory(tmp_path / "snapshot"))

    serve_files(monkeypatch, download)
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", Mock(return_value=Mock(siblings=[])))
    with pytest.raises(CheckpointError, match=r"^old/model has no \*\.safetensors, .*; give a directory"):
        find_checkpoint("old/model", tmp_path)
    assert find_checkpoint("old/model", tmp_path, weights=False).path == tmp_path / "snapshot"


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (
            LocalEntryNotFoundError("no such thing\nin the cache"),
            "the Hugging Face hub is out of reach and its cache has no copy; connect, or give a directory",
        ),
        (
            GatedRepoError("403 Client Error.\nCannot access gated repo", response=Mock()),
            "access is restricted; accept its licence on Hugging Face and set HF_TOKEN",
        ),
        (HfHubHTTPError("401\nUnauthorized", response=Mock()), "401 Unauthorized"),
    ],
)
def test_a_name_that_cannot_be_downloaded(
    failure: Exception, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(monkeypatch, failure)
    with pytest.raises(CheckpointError) as raised:
        find_checkpoint("no/model", tmp_path)
    assert str(raised.value) == f"no/model cannot be downloaded: {reason}"


@pytest.mark.parametrize("path", ["/no/such/directory", "./no", "../no", "~/no", "a/b/c", "runs/no/"])
def test_a_path_without_a_directory_is_refused(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", Mock(side_effect=AssertionError))
    with pytest.raises(CheckpointError) as raised:
        find_checkpoint(path, tmp_path)
    assert str(raised.value) == f"{path}: no such directory; --model must be a Hugging Face model directory or name."


def test_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF")
    with pytest.raises(CheckpointError) as raised:
        find_checkpoint(str(path), tmp_path)
    assert str(raised.value) == f"{path} is a file; --model must be a Hugging Face model directory or name."


def test_an_invalid_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"^a b cannot be downloaded: Repo id must use "):
        find_checkpoint("a b", tmp_path)


def test_metadata_keeps_unknown_fields() -> None:
    metadata = CheckpointMetadata.model_validate(V1 | {"accuracies": {"vote": 0.5}})
    assert metadata.model_extra == {"accuracies": {"vote": 0.5}}
    assert metadata.model_dump()["accuracies"] == {"vote": 0.5}


def test_metadata_is_frozen() -> None:
    with pytest.raises(ValidationError):
        CheckpointMetadata.model_validate(V1).seed = 7  # type: ignore[misc]


def test_metadata_is_written_without_empty_fields_and_read_again(tmp_path: Path) -> None:
    metadata = CheckpointMetadata.model_validate(V1 | {"recipe": "md.toml", "accuracy": {"vote": 0.5}})
    metadata.write(tmp_path)
    written = json.loads((tmp_path / "twinpath.json").read_text(encoding="utf-8"))
    assert {name: written[name] for name in (*V1, "recipe", "accuracy")} == V1 | {
        "recipe": "md.toml", "accuracy": {"vote": 0.5},
    }  # fmt: skip
    assert not {"seed", "commit", "data"} & set(written)
    assert read_metadata(tmp_path) == metadata


@pytest.mark.parametrize(("kinds", "read"), [(None, (COT, POT)), (["cot"], (COT,)), (["pot"], (POT,))])
def test_a_checkpoint_names_the_kinds_that_it_learned(
    kinds: list[str] | None, read: tuple[PathKind, ...], tmp_path: Path
) -> None:
    path = directory(tmp_path, twinpath__json=V1 | ({} if kinds is None else {"kinds": kinds}))
    assert read_checkpoint(path, "m").kinds == read
    metadata = read_metadata(path)
    assert metadata is not None
    metadata.write(path)
    assert json.loads((path / "twinpath.json").read_text()).get("kinds") == kinds


@pytest.mark.parametrize("kinds", [[], ["tot"], "cot"])
def test_unknown_kinds_are_refused(kinds: object, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="kinds"):
        read_metadata(directory(tmp_path, twinpath__json=V1 | {"kinds": kinds}))
