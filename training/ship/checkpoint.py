"""Export of a student as merged model or adapter, with its metadata."""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from service.model.metadata import CheckpointMetadata
from service.model.vocabulary import TRIM_FILE, trim_tokenizer
from training.learn.student import load_tokenizer, merged

CARD = "README.md"


def write_model(base: str, trained: Path, out: Path, metadata: CheckpointMetadata, card: str = "") -> None:
    """Write the merged student as a bf16 model directory.

    Args:
        base: directory or name of the base model.
        trained: output directory of the training.
        out: directory to write.
        metadata: content of `twinpath.json`.
        card: model card. Empty writes none.
    """
    out.mkdir(parents=True, exist_ok=True)
    model = merged(base, trained, torch.bfloat16)
    model.save_pretrained(out)
    if (Path(base) / TRIM_FILE).is_file():
        shutil.copy(Path(base) / TRIM_FILE, out / TRIM_FILE)
        trim_tokenizer(Path(base), out, range(model.config.vocab_size))
    else:
        load_tokenizer(base).save_pretrained(out)
    _write_metadata(out, metadata, card)


def write_adapter(base: str, trained: Path, out: Path, metadata: CheckpointMetadata, card: str = "") -> bool:
    """Write the adapter in bf16, with the kept token ids of a trimmed vocabulary.

    The arguments are those of `write_model`.

    Returns:
        False for a student without an adapter. Nothing is written then.
    """
    weights = trained / "adapter_model.safetensors"
    if not weights.is_file():
        return False
    out.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.to(torch.bfloat16) for name, tensor in load_file(weights).items()}
    save_file(tensors, out / weights.name, metadata={"format": "pt"})
    config = json.loads((trained / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = metadata.base_model
    (out / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    if (Path(base) / TRIM_FILE).is_file():
        shutil.copy(Path(base) / TRIM_FILE, out / TRIM_FILE)
    _write_metadata(out, metadata, card)
    return True


def _write_metadata(out: Path, metadata: CheckpointMetadata, card: str) -> None:
    metadata.write(out)
    if card:
        (out / CARD).write_text(card)
