"""Tiny checkpoint with random weights in the form of Qwen3."""

import json
import sys
from pathlib import Path

import torch
from tokenizers import AddedToken
from transformers import Qwen3Config, Qwen3ForCausalLM

from tests.support.qwen3 import QWEN3_TEMPLATE, SPECIAL, THOUGHT
from tests.support.tiny_model import trained_tokenizer


def make(path: Path) -> None:
    """Write the checkpoint to `path`."""
    fast = trained_tokenizer(SPECIAL, eos_token=SPECIAL[2], pad_token=SPECIAL[0], chat_template=QWEN3_TEMPLATE)
    fast.add_tokens([AddedToken(text, special=False, normalized=False) for text in THOUGHT])
    fast.save_pretrained(path)
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(fast),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=64,
        max_position_embeddings=2048,
        eos_token_id=fast.eos_token_id,
        pad_token_id=fast.pad_token_id,
        tie_word_embeddings=False,
    )
    Qwen3ForCausalLM(config).to(torch.bfloat16).save_pretrained(path)
    recommended = {"do_sample": True, "temperature": 0.6, "top_p": 0.95, "top_k": 20, "eos_token_id": fast.eos_token_id}
    (path / "generation_config.json").write_text(json.dumps(recommended))


if __name__ == "__main__":
    make(Path(sys.argv[1]))
