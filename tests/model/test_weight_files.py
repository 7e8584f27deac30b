"""Headers of safetensors files: those of the library, and damaged ones."""

import json
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from service.errors import CheckpointError
from service.model.safetensors_file import read_tensors


def test_files_of_the_library(tmp_path: Path) -> None:
    tensors = {"a": np.zeros((3, 4), np.float32), "b": np.zeros((), np.int8), "c": np.zeros((0, 5), np.float16)}
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "consolidated.safetensors").write_bytes(b"not read")
    found = read_tensors(tmp_path)
    assert {name: (tensor.dtype, tensor.shape, tensor.values, tensor.stored_bytes) for name, tensor in found.items()} == {
        "a": ("F32", (3, 4), 12, 48), "b": ("I8", (), 1, 1), "c": ("F16", (0, 5), 0, 0),
    }  # fmt: skip


def test_the_files_of_an_index(tmp_path: Path) -> None:
    for number in (1, 2):
        save_file({f"w{number}": np.zeros(number, np.float16)}, tmp_path / f"part-{number}.safetensors")
    (tmp_path / "other.safetensors").write_bytes(b"not read")
    names = {f"w{number}": f"part-{number}.safetensors" for number in (1, 2)}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": names}))
    assert sum(tensor.stored_bytes for tensor in read_tensors(tmp_path).values()) == 6
    (tmp_path / "part-2.safetensors").unlink()
    with pytest.raises(CheckpointError) as raised:
        read_tensors(tmp_path)
    assert str(raised.value) == f"{tmp_path / 'part-2.safetensors'} cannot be read: No such file or directory"


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/b", "a/b.safetensors", "", ".", "..", "modeling.py"])
def test_an_index_names_no_other_place(name: str, tmp_path: Path) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"w": name}}))
    with pytest.raises(CheckpointError) as raised:
        read_tensors(tmp_path)
    assert str(raised.value) == f"{index} is invalid: {name!r} is not the name of a .safetensors file"


def test_a_directory_without_weights_has_no_tensor(tmp_path: Path) -> None:
    assert read_tensors(tmp_path) == {}


def written(folder: Path, header: object, *, room: int = 8, length: int | None = None) -> Path:
    """File with a header of its own."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path = folder / "model.safetensors"
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + bytes(room))
    return path


def entry(shape: object = (2, 2), begin: object = 0, end: object = 8) -> dict[str, object]:
    return {"dtype": "F16", "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    "header",
    [
        {"w": entry(begin=8, end=0)},
        {"w": entry(end=9)},
        {"w": entry(begin=-1, end=7)},
        {"w": entry(begin=False, end=8)},
        {"w": entry(end=8.0)},
        {"w": entry(end=2**70)},
        {"w": entry(shape=[2**40, 2**40])},
        {"w": entry(shape=[-2, -2])},
        {"w": entry(shape=17 * [1])},
        {"w": entry(shape="22")},
        {"w": entry(shape=None)},
        {"w": {"dtype": "F16", "shape": [], "data_offsets": [1]}},
        {"w": 5},
        [1],
        b"{",
    ],
)
def test_a_damaged_header_is_refused(header: object, tmp_path: Path) -> None:
    path = written(tmp_path, header)
    with pytest.raises(CheckpointError) as raised:
        read_tensors(tmp_path)
    assert str(raised.value) == f"{path} is not a safetensors file, or it is damaged."


@pytest.mark.parametrize("length", [0, 3, 10**6, 2**63, 2**64 - 1])
def test_a_header_with_another_length_is_refused(length: int, tmp_path: Path) -> None:
    written(tmp_path, {"w": entry()}, length=length)
    with pytest.raises(CheckpointError, match="or it is damaged"):
        read_tensors(tmp_path)


@given(st.binary(max_size=100))
def test_random_bytes_are_read_or_refused(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model.safetensors").write_bytes(content)
        with suppress(CheckpointError):
            assert read_tensors(Path(folder)) == {}
