"""Tensors in safetensors files, by their headers, without the weights."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from service.errors import CheckpointError
from service.model.json_file import read_json_file

Shape = tuple[int, ...]

FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
"""Data types of weights that are not quantized."""

_MAX_HEADER_BYTES = 100_000_000  # the limit of the format
_SIZE_BYTES = 8
_MAX_DIMENSIONS = 16
_MAX_LENGTH = 1 << 62
_MAX_VALUES_PER_BYTE = 8
_INDEX = "model.safetensors.index.json"
_SUFFIX = ".safetensors"
_SINGLE = "model.safetensors"


@dataclass(frozen=True, slots=True)
class Tensor:
    """Tensor in a file.

    Args:
        dtype: data type, by the format's names.
        shape: lengths of its dimensions.
        stored_bytes: size of its values.
    """

    dtype: str
    shape: Shape
    stored_bytes: int

    @property
    def values(self) -> int:
        """Number of its values."""
        return prod(self.shape)


class _Index(BaseModel):
    """Content of the index of several files: the file of each tensor."""

    weight_map: dict[str, str]


def read_tensors(directory: Path) -> dict[str, Tensor]:
    """Tensors of a model's weights by name. Empty if the directory has no safetensors.

    Args:
        directory: model directory.

    Raises:
        CheckpointError: the index or a file is damaged, or a file of the index is missing.
    """
    names = weight_files(directory, sorted(file.name for file in directory.glob("*.safetensors")))
    return {name: tensor for file in names for name, tensor in read_header(directory / file).items()}


def weight_files(directory: Path, names: Sequence[str]) -> list[str]:
    """Names of the files of a model's weights: those of its index, or `model.safetensors`, or all.

    Other files with weights are copies in other formats.

    Args:
        directory: model directory.
        names: names of the safetensors that the model has, relative to its directory.

    Raises:
        CheckpointError: the index is damaged.
    """
    index = read_json_file(directory / _INDEX, _Index)
    if index is not None:
        listed = sorted(set(index.weight_map.values()))
        strange = next((name for name in listed if "/" in name or not name.endswith(_SUFFIX)), None)
        if strange is not None:
            raise CheckpointError(f"{directory / _INDEX} is invalid: {strange!r} is not the name of a {_SUFFIX} file")
        return listed
    here = [name for name in names if name.endswith(_SUFFIX) and "/" not in name]
    return [_SINGLE] if _SINGLE in here else here


def missing_weights(directory: Path) -> list[str]:
    """Names of the files of weights that a model directory lacks.

    Raises:
        CheckpointError: the index is damaged.
    """
    names = weight_files(directory, [file.name for file in directory.glob("*.safetensors")]) or [_SINGLE]
    return [name for name in names if not (directory / name).is_file()]


def tensor_shapes(file: Path, dtypes: frozenset[str] = FLOATS) -> dict[str, Shape]:
    """Shape of each tensor of a file by its name.

    Args:
        file: the file.
        dtypes: data types of the tensors to return, by the format's names.

    Raises:
        CheckpointError: the file cannot be read, or is damaged.
    """
    return {name: tensor.shape for name, tensor in read_header(file).items() if tensor.dtype in dtypes}


def read_header(file: Path) -> dict[str, Tensor]:
    """Tensors of a file by name.

    Raises:
        CheckpointError: the file cannot be read, or is damaged.
    """
    try:
        with file.open("rb") as stream:
            size = int.from_bytes(stream.read(_SIZE_BYTES), "little")
            if size > _MAX_HEADER_BYTES:
                raise ValueError
            header = json.loads(stream.read(size))
        room = file.stat().st_size - _SIZE_BYTES - size
        return {name: _tensor(entry, room) for name, entry in header.items() if name != "__metadata__"}
    except OSError as error:
        raise CheckpointError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise CheckpointError(f"{file} is not a safetensors file, or it is damaged.") from None


def _tensor(entry: dict[str, Any], room: int) -> Tensor:
    """Tensor of an entry of a header.

    Args:
        entry: the entry.
        room: bytes of the file after its header.

    Raises:
        ValueError: the tensor is not in the file.
    """
    begin, end = entry["data_offsets"]
    tensor = Tensor(str(entry["dtype"]), tuple(entry["shape"]), end - begin)
    counts = (begin, end, *tensor.shape)
    if len(tensor.shape) > _MAX_DIMENSIONS or not all(type(one) is int and 0 <= one < _MAX_LENGTH for one in counts):
        raise ValueError
    if not begin <= end <= room or tensor.values > _MAX_VALUES_PER_BYTE * tensor.stored_bytes:
        raise ValueError
    return tensor
