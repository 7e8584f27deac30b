"""LoRA adapters on the served model: their files, and whether they fit."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from service.engine.base import LoraAdapter
from service.errors import CheckpointError
from service.model.checkpoint import Checkpoint
from service.model.json_file import read_json_file
from service.model.metadata import CheckpointMetadata, read_metadata
from service.model.safetensors_file import FLOATS, Shape, read_header, tensor_shapes
from service.model.vocabulary import TRIM_FILE
from service.settings import expanded

_CONFIG = "adapter_config.json"
_WEIGHTS = "adapter_model.safetensors"
_NAME = re.compile(r"(?=.{1,200}\Z)[\w.+:@-]+(?:/[\w.+:@-]+)*")
_WHOLE_PATH = re.compile(r"/|~|\.{1,2}/")
_TENSOR = re.compile(r"(?:base_model\.model\.)?(.+)\.lora_(?:embedding_)?([AB])(?:\.weight)?")
_HEAD = "lm_head"
_EXPERTS = ".experts"  # a model may have all experts of a layer in one tensor
_FORM = "write NAME=DIR, or DIR"

_Rank = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True)
class Adapter:
    """LoRA adapter in a directory.

    Args:
        lora: part of it that the engine needs.
        metadata: content of its `twinpath.json`, or None without the file.
        layers: output and input size of each layer that it changes, by the layer's name in the base model. Empty if
            its weights were not read.
    """

    lora: LoraAdapter
    metadata: CheckpointMetadata | None
    layers: Mapping[str, Shape]

    @property
    def name(self) -> str:
        """Name in requests and responses."""
        return self.lora.name


class _Config(BaseModel):
    """Content of `adapter_config.json`. The engine reads its other fields."""

    peft_type: str = "LORA"
    r: _Rank
    rank_pattern: dict[str, _Rank] | None = None

    @property
    def rank(self) -> int:
        """Largest rank of a layer."""
        return max([self.r, *(self.rank_pattern or {}).values()])


def named_directory(text: str) -> tuple[str, Path]:
    """Name and directory of an adapter.

    Args:
        text: NAME=DIR, or DIR, whose own name is then that of the adapter. If NAME has a slash, DIR begins with `/`,
            `./`, `../` or `~`.

    Raises:
        CheckpointError: the text has another form, or the home directory is not known.
    """
    name, sign, directory = text.partition("=")
    is_path = "/" in name and (_WHOLE_PATH.match(name) or not _WHOLE_PATH.match(directory))
    if not sign or is_path:
        name, directory = "", text
    try:
        path = expanded(Path(directory))
        name = name or Path(os.path.realpath(path)).name
    except ValueError as error:
        raise CheckpointError(f"--adapter {text}: {error}; {_FORM}.") from None
    if not directory or not _NAME.fullmatch(name):
        raise CheckpointError(f"--adapter {text}: {_FORM}, where NAME has only letters, digits and . _ - + : @ /.")
    return name, path


def read_adapters(texts: Sequence[str], *, weights: bool) -> tuple[Adapter, ...]:
    """Read the files of adapters.

    Args:
        texts: name and directory of each adapter, as for `named_directory`.
        weights: whether their weights must be there. The workers of a remote engine have their own.

    Raises:
        CheckpointError: a directory has no LoRA adapter, a file in it is damaged or of another format version, or two
            adapters have the same name.
    """
    adapters = tuple(_adapter(*named_directory(text), weights=weights) for text in texts)
    names = [adapter.name for adapter in adapters]
    for name in names:
        if names.count(name) > 1:
            raise CheckpointError(f"Two adapters have the name {name}; {_FORM}, with another NAME for one of them.")
    return adapters


def check_fit(adapters: Sequence[Adapter], base: Checkpoint) -> None:
    """Check that adapters were trained on a model of the shape and the vocabulary of the base model.

    A layer that the base model has in another form, such as a quantized one, is left to the engine. So are all layers
    if it has none of them by name.

    Raises:
        CheckpointError: an adapter does not fit, or a file of the base model is damaged.
    """
    layers = _base_layers(base.path) if adapters else {}
    for adapter in adapters:
        has_any = not (adapter.layers.keys() - {_HEAD}).isdisjoint(layers)  # all models name their head alike
        for name, shape in adapter.layers.items():
            if has_any and name not in layers and _EXPERTS not in name:
                raise _misfit(adapter, base, f"the model has no {name}")
            its_shape = layers.get(name)
            if its_shape and sorted(its_shape) != sorted(shape):
                own, its = (" × ".join(map(str, sizes)) for sizes in (shape, its_shape))
                raise _misfit(adapter, base, f"{name} is {own} in the adapter and {its} in the model")
        kept = _vocabulary(adapter.lora.path)
        if kept is not None and kept != _vocabulary(base.path):
            reason = f"its vocabulary is cut to {len(kept)} tokens; --model must be the trimmed base of its training"
            raise _misfit(adapter, base, reason)


def _base_layers(directory: Path) -> dict[str, Shape | None]:
    """Shape of each layer's weights in a model by the layer's name, or None if its weights are in another form.

    Raises:
        CheckpointError: a file of the model is damaged.
    """
    layers: dict[str, Shape | None] = {}
    for file in sorted(directory.glob("*.safetensors")):
        for tensor_name, tensor in read_header(file).items():
            layer, _, part = tensor_name.rpartition(".")
            is_whole = part == "weight" and tensor.dtype in FLOATS
            layers[layer] = tensor.shape if is_whole else layers.get(layer)
    embedding = next((layer for layer in layers if layer.endswith("embed_tokens")), None)
    if embedding is not None:  # without a head of its own, a model has the embedding as its head
        layers.setdefault(_HEAD, layers[embedding])
    return layers


def _adapter(name: str, path: Path, *, weights: bool) -> Adapter:
    if not path.is_dir():
        hint = f"{_FORM}, with a whole path as DIR if NAME has a slash" if "=" in str(path) else _FORM
        raise CheckpointError(f"--adapter {path}: no such directory; {hint}.")
    config = read_json_file(path / _CONFIG, _Config)
    if config is None:
        raise CheckpointError(f"{path} has no {_CONFIG}; --adapter must be the directory of a LoRA adapter.")
    if config.peft_type != "LORA":
        raise CheckpointError(f"{path / _CONFIG} is of type {config.peft_type}; --adapter must be a LoRA adapter.")
    layers = _layers(path / _WEIGHTS) if weights else {}
    has_experts = any(_EXPERTS in layer for layer in layers)  # the engine gives them other names
    modules = frozenset() if has_experts else frozenset(layer.rpartition(".")[2] for layer in layers)
    return Adapter(LoraAdapter(name, path, config.rank, modules), read_metadata(path), layers)


def _layers(file: Path) -> dict[str, Shape]:
    """Output and input size of each layer that an adapter changes."""
    if not file.is_file():
        raise CheckpointError(f"{file.parent} has no {file.name}; --adapter must hold its weights as safetensors.")
    sizes: dict[str, dict[str, int]] = {}
    for name, shape in tensor_shapes(file).items():
        if (found := _TENSOR.fullmatch(name)) and len(shape) == 2:
            sizes.setdefault(found[1], {})[found[2]] = shape[1 if found[2] == "A" else 0]
    layers: dict[str, Shape] = {
        layer: (both["B"], both["A"]) for layer, both in sizes.items() if both.keys() == {"A", "B"}
    }
    if not layers:
        raise CheckpointError(f"{file} has no weights of a LoRA adapter.")
    return layers


def _vocabulary(directory: Path) -> list[object] | None:
    """Kept token ids of a trimmed vocabulary, or None of a whole one.

    Raises:
        CheckpointError: the file cannot be read, or is damaged.
    """
    file = directory / TRIM_FILE
    try:
        kept = json.loads(file.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CheckpointError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        kept = None
    if not isinstance(kept, list):
        raise CheckpointError(f"{file} is not a list of token ids.")
    return kept


def _misfit(adapter: Adapter, base: Checkpoint, reason: str) -> CheckpointError:
    return CheckpointError(f"The adapter {adapter.name} does not fit the model {base.name}: {reason}.")
