"""Directories of LoRA adapters, and safetensors files of zeros."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_BYTES = {"F32": 4, "BF16": 2, "U8": 1}

Q_PROJ = "model.layers.0.self_attn.q_proj"
STUDENT: dict[str, Any] = {
    "format_version": 1,
    "base_model": "tiny",
    "decoding": {"temperature": 0.5, "top_p": 0.9},
    "calibration": {"threshold": 0.9, "confidence_map": [[0.0, 0.1], [1.0, 0.9]]},
    "kinds": ["cot"],
}
"""Content of the `twinpath.json` of a student."""


def tensors_file(file: Path, shapes: Mapping[str, tuple[int, ...]], dtype: str = "BF16") -> Path:
    """Write a safetensors file of zeros."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        start, end = end, end + math.prod(shape) * _BYTES[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + bytes(end))
    return file


def lora_shapes(layers: Mapping[str, tuple[int, int]], rank: int = 4) -> dict[str, tuple[int, ...]]:
    """Names and shapes of an adapter's tensors.

    Args:
        layers: output and input size of each layer.
        rank: rank of all layers.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, (rows, columns) in layers.items():
        shapes[f"base_model.model.{layer}.lora_A.weight"] = (rank, columns)
        shapes[f"base_model.model.{layer}.lora_B.weight"] = (rows, rank)
    return shapes


def adapter_directory(
    path: Path,
    layers: Mapping[str, tuple[int, int]] | None = None,
    *,
    student: Mapping[str, Any] | None = None,
    vocabulary: list[int] | None = None,
    **config: Any,
) -> Path:
    """Directory of an adapter.

    Args:
        path: the directory.
        layers: output and input size of each layer. Default: one layer.
        student: content of its `twinpath.json`. None writes none.
        vocabulary: kept token ids. None writes none.
        config: further fields of its `adapter_config.json`.
    """
    path.mkdir(parents=True, exist_ok=True)
    (path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 4} | config))
    tensors_file(path / "adapter_model.safetensors", lora_shapes(layers or {Q_PROJ: (8, 8)}))
    if student is not None:
        (path / "twinpath.json").write_text(json.dumps(student))
    if vocabulary is not None:
        (path / "vocabulary.json").write_text(json.dumps(vocabulary))
    return path


def base_directory(path: Path, layers: Mapping[str, tuple[int, int]], **files: Any) -> Path:
    """Model directory with these layers and JSON files. File names have `__` for the dot."""
    path.mkdir(parents=True, exist_ok=True)
    for name, content in ({"config__json": {}} | files).items():
        (path / name.replace("__", ".")).write_text(json.dumps(content))
    tensors_file(path / "model.safetensors", {f"{layer}.weight": shape for layer, shape in layers.items()})
    return path
