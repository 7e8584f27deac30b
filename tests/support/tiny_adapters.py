"""Tiny checkpoint with random LoRA adapters, and their greedy tokens by transformers.

    python -m tests.support.tiny_adapters OUT

OUT gets `base`, adapters, `reference.json` (token ids by model and prompt), and the export of a student with a trimmed
vocabulary: `trimmed`, `exported` and `exported.json`.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from service.model.metadata import CheckpointMetadata
from service.solve.calibration import Calibration
from tests.support.tiny_model import make
from training.learn.student import merged
from training.learn.vocabulary import write_trimmed
from training.ship.checkpoint import write_adapter

PROMPTS = (
    "<bos>Question: " + "A pen costs 3 dollars and a pad costs 4 dollars. " * 8 + "How much?\nReasoning:\n",
    "<bos>Question: Ann had 12 apples and gave 5 away. How many are left?\nProgram:\n",
)
MAX_TOKENS = 24
METADATA = CheckpointMetadata(
    format_version=1, base_model="tiny", calibration=Calibration(confidence_map=((0.0, 0.1), (1.0, 0.9))), max_tokens=8
)


def write(out: Path) -> None:
    """Write all directories and references to `out`."""
    base = out / "base"
    make(base)
    adapters = {
        "algebra": LoraConfig(r=4, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"),
        "units": LoraConfig(r=12, lora_alpha=24, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"),
    }
    for seed, (name, config) in enumerate(adapters.items(), 1):
        _random_adapter(base, config, seed).save_pretrained(out / name)
    METADATA.write(out / "algebra")
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokens = {name: _greedy(_merged(base, out / name), tokenizer) for name in adapters}
    tokens["base"] = _greedy(_load(base), tokenizer)
    (out / "reference.json").write_text(json.dumps({"prompts": PROMPTS, "tokens": tokens}))
    _write_dora(out)
    _write_export(out)


def _random_adapter(base: Path, config: LoraConfig, seed: int) -> Any:
    model = get_peft_model(_load(base), config)
    torch.manual_seed(seed)
    for name, weight in model.named_parameters():
        if ".lora_" in name:
            torch.nn.init.normal_(weight, std=0.2)
    return model


def _write_dora(out: Path) -> None:
    """Adapter that vLLM does not support."""
    shutil.copytree(out / "algebra", out / "dora")
    config = json.loads((out / "dora/adapter_config.json").read_text())
    (out / "dora/adapter_config.json").write_text(json.dumps(config | {"use_dora": True}))


def _write_export(out: Path) -> None:
    """Student with a trimmed vocabulary, as the stage `export` writes it: every fifth learned token is left out."""
    base, trained = out / "trimmed", out / "trained"
    tokens = json.loads((out / "base/tokenizer.json").read_text())["model"]["vocab"]
    kept = [i for token, i in sorted(tokens.items(), key=lambda item: item[1]) if len(token) == 1 or i < 3 or i % 5]
    base.mkdir()
    write_trimmed(out / "base", base, kept)
    config = LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
    _random_adapter(base, config, 9).save_pretrained(trained)
    assert write_adapter(str(base), trained, out / "exported", METADATA)
    tokenizer = AutoTokenizer.from_pretrained(base)
    (out / "exported.json").write_text(json.dumps(_greedy(merged(base, trained), tokenizer)))


def _load(path: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)


def _merged(base: Path, adapter: Path) -> Any:
    return PeftModel.from_pretrained(_load(base), adapter).merge_and_unload()


def _greedy(model: Any, tokenizer: Any) -> list[list[int]]:
    """Greedy token ids after each prompt."""
    found = []
    for prompt in PROMPTS:
        ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt").input_ids
        sampled = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=MAX_TOKENS, do_sample=False)
        found.append(sampled[0, ids.shape[1] :].tolist())
    return found


if __name__ == "__main__":
    write(Path(sys.argv[1]))
