"""Headers of safetensors files."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.errors import CheckpointError
from service.model.safetensors_file import tensor_shapes
from tests.support.adapters import tensors_file

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["F32", "shape", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["shape", "dtype", "a"]), inner),
    max_leaves=6,
)


def test_each_tensor_has_its_shape(tmp_path: Path) -> None:
    file = tensors_file(tmp_path / "f", {"a": (2, 3), "b": (5,), "c": (), "d": (0, 7)})
    assert tensor_shapes(file) == {"a": (2, 3), "b": (5,), "c": (), "d": (0, 7)}


def test_quantized_tensors_are_left_out(tmp_path: Path) -> None:
    file = tensors_file(tmp_path / "f", {"packed": (4, 1)}, dtype="U8")
    assert tensor_shapes(file) == {}
    assert tensor_shapes(file, frozenset({"U8"})) == {"packed": (4, 1)}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x02",
        (10**9).to_bytes(8, "little") + b"{}",
        (100).to_bytes(8, "little") + b"{}" * 20,
        (2).to_bytes(8, "little") + b"[]",
        (4).to_bytes(8, "little") + b"\xff\xfe{}",
        (9).to_bytes(8, "little") + b'{"a":{}} ',
        (200_000).to_bytes(8, "little") + b"[" * 200_000,
    ],
)
def test_a_damaged_file_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(content)
    with pytest.raises(CheckpointError) as raised:
        tensor_shapes(file)
    assert str(raised.value) == f"{file} is not a safetensors file, or it is damaged."


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as raised:
        tensor_shapes(tmp_path)
    assert str(raised.value) == f"{tmp_path} cannot be read: Is a directory"


@given(header=st.dictionaries(st.text(max_size=4), _VALUES, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # a slow disk
def test_any_header_has_shapes_or_is_refused(header: dict[str, object], tmp_path: Path) -> None:
    text = json.dumps(header).encode()
    (tmp_path / "f").write_bytes(len(text).to_bytes(8, "little") + text)
    try:
        shapes = tensor_shapes(tmp_path / "f")
    except CheckpointError:
        return
    assert all(type(size) is int and size >= 0 for shape in shapes.values() for size in shape)
    assert shapes.keys() <= header.keys()
