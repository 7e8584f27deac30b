"""Stage `export`: a student → a checkpoint that the service finds, checks and serves.

Writes `model/` (merged, bf16, with `twinpath.json`), `adapter/` for a LoRA student (bf16, what ships where the base is
at hand, with the kept token ids of a trimmed vocabulary), `int8/` if asked, and the model card in each.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from service.model.checkpoint import METADATA_FILE
from service.model.vocabulary import TRIM_FILE, trim_tokenizer
from service.paths.base import FORMAT_VERSION
from training.student import load_tokenizer, merged

CARD = "README.md"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the checkpoint says about itself. `decoding` is the part that the service reads."""

    base_model: str
    recipe: str
    seed: int
    commit: str
    data: Mapping[str, str] = field(default_factory=dict)
    decoding: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Any] = field(default_factory=dict)
    accuracy: Mapping[str, Any] = field(default_factory=dict)

    def metadata(self) -> dict[str, Any]:
        """The content of `twinpath.json`."""
        found = {
            "format_version": FORMAT_VERSION,
            "base_model": self.base_model,
            "recipe": self.recipe,
            "seed": self.seed,
            "commit": self.commit,
            "data": dict(self.data),
            "decoding": dict(self.decoding),
            "calibration": dict(self.calibration),
            "accuracy": dict(self.accuracy),
        }
        return {name: value for name, value in found.items() if value not in ({}, "")}


def write_model(base: str, trained: Path, out: Path, facts: Facts, card: str = "") -> None:
    """The merged student as a bf16 model directory in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    model = merged(base, trained, torch.bfloat16)
    model.save_pretrained(out)
    if (Path(base) / TRIM_FILE).is_file():
        shutil.copy(Path(base) / TRIM_FILE, out / TRIM_FILE)
        trim_tokenizer(Path(base), out, range(model.config.vocab_size))
    else:
        load_tokenizer(base).save_pretrained(out)
    write_facts(out, facts, card)


def write_adapter(base: str, trained: Path, out: Path, facts: Facts, card: str = "") -> bool:
    """The adapter alone, in bf16; False for a student without one."""
    weights = trained / "adapter_model.safetensors"
    if not weights.is_file():
        return False
    out.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.to(torch.bfloat16) for name, tensor in load_file(weights).items()}
    save_file(tensors, out / weights.name, metadata={"format": "pt"})
    config = json.loads((trained / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = facts.base_model
    (out / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    if (Path(base) / TRIM_FILE).is_file():
        shutil.copy(Path(base) / TRIM_FILE, out / TRIM_FILE)
    write_facts(out, facts, card)
    return True


def write_facts(out: Path, facts: Facts, card: str) -> None:
    """`twinpath.json` and, if there is one, the model card."""
    (out / METADATA_FILE).write_text(json.dumps(facts.metadata(), indent=2, ensure_ascii=False) + "\n")
    if card:
        (out / CARD).write_text(card)
