"""The int8 variant: weights of the layers' linear maps in 8 bits, activations quantized as they come (W8A8).

Written in the compressed-tensors format that vLLM reads: one scale for each output row, symmetric, rounded to nearest;
activations get a scale for each token when they are computed. Before, `smooth.py` moves their outliers into the
weights, as worked examples in the model's own prompt format show them. Embedding and head stay as they are. What it
wins and costs for the bundled student, `benchmarks/student.py` measures.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from service.components import path_format_of
from service.errors import CheckpointError
from service.model.bundled import HASHES_FILE
from service.model.checkpoint import describe
from service.paths.fewshot import worked_examples
from training.smooth import smooth

LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

SCHEME = {
    "quant_method": "compressed-tensors",
    "format": "int-quantized",
    "quantization_status": "compressed",
    "ignore": ["lm_head"],
    "kv_cache_scheme": None,
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "channel", "dynamic": False},
            "input_activations": {
                "num_bits": 8,
                "type": "int",
                "symmetric": True,
                "strategy": "token",
                "dynamic": True,
            },
            "output_activations": None,
        }
    },
}


def write_int8(model: Path, out: Path) -> None:
    """The model directory `model` again, in int8, in `out`.

    Raises:
        CheckpointError: `model` holds no model's weights, quantized ones, or those of a layout that is not known here;
            nothing is written.
    """
    config = _config_of(model)
    tensors = _smoothed(model)
    out.mkdir(parents=True, exist_ok=True)
    for file in model.iterdir():
        if file.suffix != ".safetensors" and not file.name.endswith(".index.json") and file.name != HASHES_FILE:
            shutil.copy(file, out / file.name)
    for name in [name for name in tensors if name.endswith(".weight") and name.split(".")[-2] in LINEAR]:
        weight, scale = rows_to_int8(tensors[name])
        tensors[name] = weight
        tensors[f"{name}_scale"] = scale.to(torch.bfloat16)
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    (out / "config.json").write_text(json.dumps(config | {"quantization_config": SCHEME}, indent=2) + "\n")


def _config_of(model: Path) -> dict[str, Any]:
    if not (model / "config.json").is_file() or not any(model.glob("*.safetensors")):
        raise CheckpointError(f"{model} is no model directory: config.json and .safetensors files are needed.")
    config: dict[str, Any] = json.loads((model / "config.json").read_text())
    if "quantization_config" in config:
        raise CheckpointError(f"{model} is quantized already. Give the model that it was made from.")
    return config


def _smoothed(path: Path) -> dict[str, torch.Tensor]:
    """A model directory's tensors by name, smoothed."""
    model = AutoModelForCausalLM.from_pretrained(path, dtype="auto")
    form = path_format_of(describe(path, path.name))
    solved = [form.prompt(kind, question) + text for kind, question, text in worked_examples()]
    smooth(model, AutoTokenizer.from_pretrained(path), solved)
    return {name: parameter.data for name, parameter in model.named_parameters()}  # a tied head is none of its own


def rows_to_int8(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A matrix (rows, columns) as int8 and a scale (rows, 1) with weight ≈ int8 · scale; the scale is a bf16 number."""
    exact = weight.float()
    scale = (exact.abs().amax(1, keepdim=True) / 127).clamp(min=1e-8).to(torch.bfloat16).float()
    return (exact / scale).round().clamp(-127, 127).to(torch.int8), scale
