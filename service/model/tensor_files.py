"""Headers of safetensors files: shape and size of each tensor."""

from math import prod
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.errors import CheckpointError
from service.faults import fault_texts
from service.model.json_file import read_json_file

_MAX_HEADER_BYTES = 100_000_000  # the limit of the safetensors library
_MAX_VALUES_PER_BYTE = 8
_INDEX = "model.safetensors.index.json"
_SINGLE = "model.safetensors"
_Count = Annotated[int, Field(ge=0, le=1 << 62)]


class Tensor(BaseModel):
    """Entry of a header.

    Args:
        dtype: data type, by the format's names.
        shape: lengths of the dimensions.
        data_offsets: first byte of the values and the byte after them.
    """

    model_config = ConfigDict(frozen=True)

    dtype: str
    shape: Annotated[list[_Count], Field(max_length=16)]
    data_offsets: tuple[_Count, _Count]

    @property
    def stored_bytes(self) -> int:
        """Size of the values."""
        return self.data_offsets[1] - self.data_offsets[0]

    @property
    def values(self) -> int:
        """Number of values."""
        return prod(self.shape)


class _Header(BaseModel):
    """Header of a file: its tensors by name."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Tensor] = Field(init=False)

    metadata: Any = Field(default=None, alias="__metadata__")


class _Index(BaseModel):
    """Content of the index of several files: the file of each tensor."""

    weight_map: dict[str, str]


def read_tensors(directory: Path) -> dict[str, Tensor]:
    """Read the headers of a model's weights. Returns no tensor if the directory has no safetensors.

    Args:
        directory: model directory.

    Raises:
        CheckpointError: the index or a header is damaged, or a file of the index is missing.
    """
    index = read_json_file(directory / _INDEX, _Index)
    if index is not None:
        names = sorted(set(index.weight_map.values()))
        strange = next((name for name in names if Path(name).name != name), None)
        if strange is not None:
            raise CheckpointError(f"{directory / _INDEX} is invalid: {strange!r} is not the name of a file")
    else:
        names = (
            [_SINGLE] if (directory / _SINGLE).is_file() else sorted(f.name for f in directory.glob("*.safetensors"))
        )
    return {name: tensor for file in names for name, tensor in read_header(directory / file).items()}


def read_header(path: Path) -> dict[str, Tensor]:
    """Tensors of one file, by name.

    Raises:
        CheckpointError: the file cannot be read, or is damaged.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = file.read(length) if length <= _MAX_HEADER_BYTES else b""
        room = path.stat().st_size - 8 - length
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from None
    if room < 0 or len(header) != length:
        raise CheckpointError(f"{path} is damaged: its header does not fit. Download or export the model again.")
    try:
        tensors = _Header.model_validate_json(header).__pydantic_extra__
    except ValidationError as error:
        wrong = next(iter(fault_texts(error, _Header, "the header")))
        raise CheckpointError(f"{path} is damaged: {wrong}. Download or export the model again.") from None
    for name, tensor in tensors.items():
        begin, end = tensor.data_offsets
        if not begin <= end <= room or tensor.values > _MAX_VALUES_PER_BYTE * (end - begin):
            raise CheckpointError(f"{path} is damaged: the tensor {name!r} is not in it. Download or export it again.")
    return tensors
