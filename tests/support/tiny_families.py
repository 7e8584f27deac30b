"""Tiny random models of well-known families, and greedy texts by transformers.

    python -m tests.support.tiny_families OUT

OUT gets a directory for each family of `families.py`, with a `reference.json` of prompt tokens and greedy texts.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, processors
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from service.model.checkpoint import read_checkpoint
from service.model.prompts import prompt_of
from service.types import PathKind
from tests.support.families import FAMILIES, Family
from tests.support.problems import PROBLEMS
from tests.support.tiny_model import trained_tokenizer

MAX_TOKENS = 16
_ASCII = [chr(code) for code in range(0x21, 0x7F)] + ["Ġ", "Ċ"]  # so that no text has a part of a character


def write(out: Path) -> None:
    """Write the models of all families."""
    torch.set_num_threads(1)  # for so small a model, synchronization takes longer than the work
    for family in FAMILIES:
        _make(family, out / family.name)


def _make(family: Family, path: Path) -> None:
    """Write the model of a family and its references to `path`."""
    _write_model(family, path)
    (path / "reference.json").write_text(json.dumps(_reference(path)))


def _write_model(family: Family, path: Path) -> None:
    tokenizer = trained_tokenizer(family.special, _ASCII, **family.roles, chat_template=family.template)
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in family.plain])
    if bos := family.roles.get("bos_token"):  # a prompt that is encoded as a plain text would have a second one
        tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, tokenizer.bos_token_id)]
        )
    tokenizer.save_pretrained(path)
    config = {**family.config, "vocab_size": len(tokenizer)}
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config))
    torch.manual_seed(0)
    for name, weight in model.named_parameters():  # also biases and norms, which a new model has at 0 or 1
        # With large embeddings, a model that ties them repeats its last token.
        weight.data += torch.randn_like(weight) * (0.02 if "embed" in name else 0.1)
    model.to(torch.bfloat16).save_pretrained(path)
    # As published: transformers 5 saves other names.
    (path / "config.json").write_text(json.dumps(config))
    (path / "generation_config.json").write_text(json.dumps(family.generation))


def _reference(path: Path) -> dict[str, dict[str, Any]]:
    """Number of prompt tokens and greedy text by kind, by the tokenizer and the model of transformers."""
    prompt = prompt_of(read_checkpoint(path, path.name))
    assert prompt is not None
    tokenizer = AutoTokenizer.from_pretrained(path)
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    found = {}
    for kind in PathKind:
        messages = [{"role": "user", "content": prompt.message(kind, PROBLEMS[0]["question"])}]
        inputs = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, enable_thinking=False, return_tensors="pt", return_dict=True
        )
        sampled = model.generate(**inputs, max_new_tokens=MAX_TOKENS, do_sample=False)
        length = inputs["input_ids"].shape[1]
        found[kind.value] = {
            "prompt_tokens": length,
            "text": tokenizer.decode(sampled[0, length:], skip_special_tokens=True),
        }
    return found


if __name__ == "__main__":
    write(Path(sys.argv[1]))
