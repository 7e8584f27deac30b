"""LoRA adapters: names, files, and their fit to the base model."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine.base import LoraAdapter
from service.errors import CheckpointError
from service.model.adapter import check_fit, named_directory, read_adapters
from service.model.checkpoint import read_checkpoint
from service.model.metadata import Decoding
from service.model.served import served_models
from service.paths.fewshot import FewShotFormat
from service.types import PathKind
from tests.support.adapters import (
    Q_PROJ,
    STUDENT,
    adapter_directory,
    base_directory,
    lora_shapes,
    tensors_file,
)

FORM = "write NAME=DIR, or DIR"
DOWN = "model.layers.1.mlp.down_proj"


def refusal(*texts: str, weights: bool = True) -> str:
    with pytest.raises(CheckpointError) as raised:
        read_adapters(texts, weights=weights)
    return str(raised.value)


def misfit(adapter: Path, base: Path) -> str:
    with pytest.raises(CheckpointError) as raised:
        check_fit(read_adapters([f"algebra={adapter}"], weights=True), read_checkpoint(base, "tiny"))
    return str(raised.value)


@pytest.mark.parametrize(
    ("text", "name", "path"),
    [
        ("algebra=/models/a", "algebra", "/models/a"),
        ("/models/algebra", "algebra", "/models/algebra"),
        ("/models/algebra/", "algebra", "/models/algebra"),
        ("org=x/algebra", "org", "x/algebra"),
        ("x/r=4/algebra", "algebra", "x/r=4/algebra"),
        ("v1.2:b@c+d-e=a=b", "v1.2:b@c+d-e", "a=b"),
        ("org/algebra=/models/a", "org/algebra", "/models/a"),
        ("org/algebra=./a", "org/algebra", "a"),
        ("org/algebra=../r=4", "org/algebra", "../r=4"),
        ("/x/r=/algebra", "algebra", "/x/r=/algebra"),
        ("./x/r=/algebra", "algebra", "x/r=/algebra"),
        ("=/models/algebra", "algebra", "/models/algebra"),
    ],
)
def test_a_name_is_before_the_sign_or_is_that_of_the_directory(text: str, name: str, path: str) -> None:
    assert named_directory(text) == (name, Path(path))


def test_a_directory_is_relative_to_the_working_directory_or_to_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(adapter_directory(tmp_path / "algebra"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert named_directory(".") == ("algebra", Path())
    assert named_directory("~/algebra") == ("algebra", tmp_path / "algebra")


@pytest.mark.parametrize(
    "text", ["", "=", "a=", "a b=/m/a", "/m/a b", "/m/r=4", "/", "a" * 201 + "=/m/a", "a//b=/m/a", "a/=/m/a"]
)
def test_a_text_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(CheckpointError) as raised:
        named_directory(text)
    assert str(raised.value) == (
        f"--adapter {text}: write NAME=DIR, or DIR, where NAME has only letters, digits and . _ - + : @ /."
    )


@given(text=st.text(max_size=30))
def test_any_text_has_a_name_or_is_refused(text: str) -> None:
    try:
        name, _ = named_directory(text)
    except CheckpointError:
        return
    assert 1 <= len(name) <= 200
    assert not set(name) & set(" \n\0=,'\"")
    assert "" not in name.split("/")


def test_an_adapter_has_the_rank_and_the_modules_of_its_files(tmp_path: Path) -> None:
    path = adapter_directory(tmp_path / "algebra", {Q_PROJ: (8, 8), DOWN: (8, 16)}, rank_pattern={"down_proj": 32})
    (read,) = read_adapters([str(path)], weights=True)
    assert read.lora == LoraAdapter("algebra", path, 32, frozenset({"q_proj", "down_proj"}))
    assert read.layers == {Q_PROJ: (8, 8), DOWN: (8, 16)}
    assert read.metadata is None


def test_an_adapter_of_experts_restricts_no_module(tmp_path: Path) -> None:
    expert = "model.layers.0.mlp.experts.3.gate_proj"
    path = adapter_directory(tmp_path / "moe", {Q_PROJ: (8, 8), expert: (4, 8)})
    (read,) = read_adapters([str(path)], weights=True)
    assert read.lora.modules == frozenset()


def test_an_adapter_on_a_worker_needs_no_weights_here(tmp_path: Path) -> None:
    path = adapter_directory(tmp_path / "algebra", student=STUDENT)
    (path / "adapter_model.safetensors").unlink()
    (read,) = read_adapters([str(path)], weights=False)
    assert (read.layers, read.metadata and read.metadata.base_model) == ({}, "tiny")
    assert refusal(str(path)) == (
        f"{path} has no adapter_model.safetensors; --adapter must hold its weights as safetensors."
    )


def test_wrong_directories_are_refused_in_one_line(tmp_path: Path) -> None:
    assert refusal(f"algebra={tmp_path}/none") == f"--adapter {tmp_path}/none: no such directory; {FORM}."
    assert refusal("org/algebra=models/a") == (
        f"--adapter org/algebra=models/a: no such directory; {FORM}, with a whole path as DIR if NAME has a slash."
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    assert refusal(str(empty)) == (
        f"{empty} has no adapter_config.json; --adapter must be the directory of a LoRA adapter."
    )
    other = adapter_directory(tmp_path / "other", peft_type="IA3")
    assert refusal(str(other)) == (f"{other}/adapter_config.json is of type IA3; --adapter must be a LoRA adapter.")
    ranked = adapter_directory(tmp_path / "ranked", r=0)
    assert refusal(str(ranked)) == f"{ranked}/adapter_config.json is invalid: `r` must be a whole number of at least 1"
    plain = adapter_directory(tmp_path / "plain")
    tensors_file(plain / "adapter_model.safetensors", {"model.norm.weight": (8,)})
    assert refusal(str(plain)) == f"{plain}/adapter_model.safetensors has no weights of a LoRA adapter."
    old = adapter_directory(tmp_path / "old", student=STUDENT | {"format_version": 2})
    assert refusal(str(old)).startswith(f"{old}/twinpath.json has format version 2; this service supports version 1.")


def test_two_adapters_need_two_names(tmp_path: Path) -> None:
    first, second = adapter_directory(tmp_path / "x/algebra"), adapter_directory(tmp_path / "y/algebra")
    assert refusal(str(first), str(second)) == (
        f"Two adapters have the name algebra; {FORM}, with another NAME for one of them."
    )
    read = read_adapters([str(first), f"other={second}"], weights=True)
    assert [adapter.name for adapter in read] == ["algebra", "other"]


def test_an_adapter_fits_a_model_of_its_shape(tmp_path: Path) -> None:
    layers: dict[str, tuple[int, int]] = {Q_PROJ: (8, 8), DOWN: (8, 16)}
    adapter = adapter_directory(tmp_path / "a", layers)
    base = base_directory(tmp_path / "base", layers | {"model.embed_tokens": (100, 8)})
    check_fit(read_adapters([str(adapter)], weights=True), read_checkpoint(base, "tiny"))


def test_an_adapter_of_another_size_is_refused(tmp_path: Path) -> None:
    adapter = adapter_directory(tmp_path / "a", {Q_PROJ: (8, 8)})
    base = base_directory(tmp_path / "base", {Q_PROJ: (16, 16)})
    assert misfit(adapter, base) == (
        f"The adapter algebra does not fit the model tiny: {Q_PROJ} is 8 × 8 in the adapter and 16 × 16 in the model."
    )


def test_an_adapter_with_more_layers_is_refused(tmp_path: Path) -> None:
    adapter = adapter_directory(tmp_path / "a", {Q_PROJ: (8, 8), DOWN: (8, 16)})
    base = base_directory(tmp_path / "base", {Q_PROJ: (8, 8)})
    assert misfit(adapter, base) == f"The adapter algebra does not fit the model tiny: the model has no {DOWN}."


def test_an_adapter_of_another_vocabulary_is_refused(tmp_path: Path) -> None:
    embedding = "base_model.model.model.embed_tokens.lora_embedding_"
    adapter = adapter_directory(tmp_path / "a")
    shapes = lora_shapes({Q_PROJ: (8, 8)}) | {f"{embedding}A": (4, 50), f"{embedding}B": (8, 4)}
    tensors_file(adapter / "adapter_model.safetensors", shapes)
    base = base_directory(tmp_path / "base", {Q_PROJ: (8, 8), "model.embed_tokens": (100, 8)})
    assert misfit(adapter, base) == (
        "The adapter algebra does not fit the model tiny: model.embed_tokens is 8 × 50 in the adapter and 100 × 8 in "
        "the model."
    )


def test_a_layer_that_is_quantized_in_the_model_is_left_to_the_engine(tmp_path: Path) -> None:
    adapter = adapter_directory(tmp_path / "a", {Q_PROJ: (8, 8)})
    base = base_directory(tmp_path / "base", {})
    tensors_file(base / "model.safetensors", {f"{Q_PROJ}.weight": (32, 1)}, dtype="U8")
    check_fit(read_adapters([str(adapter)], weights=True), read_checkpoint(base, "tiny"))


@pytest.mark.parametrize("tensor", ["weight", "qweight", "weight_packed"])
def test_a_layer_that_is_quantized_beside_whole_ones_is_left_to_the_engine(tensor: str, tmp_path: Path) -> None:
    adapter = adapter_directory(tmp_path / "a", {Q_PROJ: (8, 8), DOWN: (8, 16)})
    base = base_directory(tmp_path / "base", {DOWN: (8, 16)})
    tensors_file(base / "quantized.safetensors", {f"{Q_PROJ}.{tensor}": (32, 1)}, dtype="U8")
    check_fit(read_adapters([str(adapter)], weights=True), read_checkpoint(base, "tiny"))
    tensors_file(base / "model.safetensors", {f"{DOWN}.weight": (16, 16)})
    assert misfit(adapter, base) == (
        f"The adapter algebra does not fit the model tiny: {DOWN} is 8 × 16 in the adapter and 16 × 16 in the model."
    )


def test_the_head_of_a_model_without_one_is_its_embedding(tmp_path: Path) -> None:
    adapter = adapter_directory(tmp_path / "a", {Q_PROJ: (8, 8), "lm_head": (100, 8)})
    base = base_directory(tmp_path / "tied", {Q_PROJ: (8, 8), "model.embed_tokens": (100, 8)})
    check_fit(read_adapters([str(adapter)], weights=True), read_checkpoint(base, "tiny"))
    base = base_directory(tmp_path / "other", {Q_PROJ: (8, 8), "model.embed_tokens": (90, 8)})
    assert misfit(adapter, base) == (
        "The adapter algebra does not fit the model tiny: lm_head is 100 × 8 in the adapter and 90 × 8 in the model."
    )
    whole = {Q_PROJ: (8, 8), "model.embed_tokens": (90, 8), "lm_head": (100, 8)}
    check_fit(
        read_adapters([str(adapter)], weights=True), read_checkpoint(base_directory(tmp_path / "whole", whole), "tiny")
    )


@pytest.mark.parametrize("head", [{}, {"lm_head": (100, 8)}])
def test_a_text_adapter_with_a_head_fits_a_model_with_images(head: dict[str, tuple[int, int]], tmp_path: Path) -> None:
    adapter = adapter_directory(tmp_path / "a", {Q_PROJ: (8, 8), "lm_head": (100, 8)})
    prefix = "model.language_model."
    layers = {Q_PROJ.replace("model.", prefix): (8, 8), f"{prefix}embed_tokens": (100, 8)}
    base = base_directory(tmp_path / "b", layers | head)
    check_fit(read_adapters([str(adapter)], weights=True), read_checkpoint(base, "tiny"))
    wrong = adapter_directory(tmp_path / "w", {Q_PROJ: (8, 8), "lm_head": (90, 8)})
    with pytest.raises(CheckpointError, match="lm_head is 90 × 8 in the adapter and 100 × 8 in the model"):
        check_fit(read_adapters([str(wrong)], weights=True), read_checkpoint(base, "tiny"))


def test_an_expert_of_a_model_that_joins_its_experts_is_left_to_the_engine(tmp_path: Path) -> None:
    expert = "model.layers.0.mlp.experts.3.gate_proj"
    adapter = adapter_directory(tmp_path / "a", {Q_PROJ: (8, 8), expert: (4, 8)})
    base = base_directory(tmp_path / "base", {Q_PROJ: (8, 8)})
    tensors_file(base / "experts.safetensors", {"model.layers.0.mlp.experts.gate_up_proj": (4, 8, 8)})
    check_fit(read_adapters([str(adapter)], weights=True), read_checkpoint(base, "tiny"))


def test_an_adapter_of_a_trimmed_vocabulary_needs_the_trimmed_base(tmp_path: Path) -> None:
    adapter = adapter_directory(tmp_path / "a", vocabulary=[0, 1, 5, 9])
    said = (
        "The adapter algebra does not fit the model tiny: its vocabulary is cut to 4 tokens; --model must be the "
        "trimmed base of its training."
    )
    layers: dict[str, tuple[int, int]] = {Q_PROJ: (8, 8)}
    assert misfit(adapter, base_directory(tmp_path / "whole", layers)) == said
    assert misfit(adapter, base_directory(tmp_path / "other", layers, vocabulary__json=[0, 1, 5, 8])) == said
    trimmed = base_directory(tmp_path / "trimmed", layers, vocabulary__json=[0, 1, 5, 9])
    check_fit(read_adapters([str(adapter)], weights=True), read_checkpoint(trimmed, "tiny"))


@pytest.mark.parametrize("content", ["{", "{}", "7", "[" * 100_000])
def test_a_damaged_vocabulary_is_refused(content: str, tmp_path: Path) -> None:
    adapter = adapter_directory(tmp_path / "a")
    (adapter / "vocabulary.json").write_text(content)
    base = base_directory(tmp_path / "base", {Q_PROJ: (8, 8)})
    assert misfit(adapter, base) == f"{adapter}/vocabulary.json is not a list of token ids."


def models(tmp_path: Path, **files: Any) -> tuple[Any, ...]:
    """Base model with these files, an adapter that is a student, and a plain adapter."""
    base = read_checkpoint(base_directory(tmp_path / "base", {Q_PROJ: (8, 8)}, **files), "tiny")
    student = adapter_directory(tmp_path / "student", student=STUDENT)
    plain = adapter_directory(tmp_path / "plain")
    return served_models(base, read_adapters([str(student), str(plain)], weights=True))


def test_a_student_has_its_own_format_decoding_and_calibration(tmp_path: Path) -> None:
    base, student, _ = models(tmp_path, tokenizer_config__json={"bos_token": "<s>"})
    assert (base.name, base.adapter, base.calibration.calibrated) == ("tiny", None, False)
    assert base.path_format.prompt(PathKind.COT, "How many?") == FewShotFormat("<s>").prompt(PathKind.COT, "How many?")
    assert (student.name, student.adapter) == ("student", tmp_path / "student")
    assert student.path_format.prompt(PathKind.COT, "How many?") == "<s>Question: How many?\nReasoning:\n"
    assert student.path_format.prompt(PathKind.COT, "<s>?") == "<s>Question: < s>?\nReasoning:\n"
    assert student.decoding == Decoding(temperature=0.5, top_p=0.9)
    assert (student.calibration.threshold, student.calibration.calibrated) == (0.9, True)
    assert student.kinds == (PathKind.COT,)


def test_a_plain_adapter_has_the_style_of_the_base_and_no_calibration(tmp_path: Path) -> None:
    base, _, plain = models(tmp_path, twinpath__json=STUDENT | {"kinds": ["pot"]})
    assert (base.calibration.calibrated, base.kinds) == (True, (PathKind.POT,))
    assert plain.path_format is base.path_format
    assert (plain.decoding, plain.kinds) == (Decoding(temperature=0.5, top_p=0.9), (PathKind.POT,))
    assert (plain.calibration.calibrated, plain.calibration.threshold) == (False, 0.95)


@pytest.mark.parametrize("name", ["tiny", "twinpath"])
def test_an_adapter_cannot_have_the_name_of_the_base_model(name: str, tmp_path: Path) -> None:
    base = read_checkpoint(base_directory(tmp_path / "base", {Q_PROJ: (8, 8)}), "tiny")
    adapters = read_adapters([f"{name}={adapter_directory(tmp_path / 'a')}"], weights=True)
    with pytest.raises(CheckpointError) as raised:
        served_models(base, adapters)
    assert str(raised.value) == (
        f"An adapter cannot have the name {name}, which is that of the base model; write NAME=DIR."
    )


@given(
    config=st.dictionaries(st.sampled_from(["r", "peft_type", "rank_pattern"]), st.integers() | st.text() | st.none())
)
def test_any_configuration_is_read_or_refused(config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = adapter_directory(tmp_path_factory.getbasetemp() / "any adapter")
    (path / "adapter_config.json").write_text(json.dumps(config))
    try:
        (read,) = read_adapters([str(path)], weights=True)
    except CheckpointError:
        return
    assert read.lora.rank >= 1
