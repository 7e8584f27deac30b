"""Shapes of the tensors in a safetensors file, without its weights."""

import json
from pathlib import Path

from service.errors import CheckpointError

Shape = tuple[int, ...]

FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
"""Data types of weights that are not quantized."""

_MAX_HEADER_BYTES = 100_000_000  # the limit of the format
_SIZE_BYTES = 8


def tensor_shapes(file: Path, dtypes: frozenset[str] = FLOATS) -> dict[str, Shape]:
    """Shape of each tensor by its name, from the header of a file.

    Args:
        file: the file.
        dtypes: data types of the tensors to return, by the format's names.

    Raises:
        CheckpointError: the file cannot be read, or is damaged.
    """
    try:
        with file.open("rb") as stream:
            size = int.from_bytes(stream.read(_SIZE_BYTES), "little")
            if size > _MAX_HEADER_BYTES:
                raise ValueError
            header = json.loads(stream.read(size))
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        return {name: _shape(entry["shape"]) for name, entry in tensors.items() if entry["dtype"] in dtypes}
    except OSError as error:
        raise CheckpointError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise CheckpointError(f"{file} is not a safetensors file, or it is damaged.") from None


def _shape(sizes: list[int]) -> Shape:
    if not all(type(size) is int and size >= 0 for size in sizes):
        raise ValueError
    return tuple(sizes)
