"""Tiny models of random weights, with a tokenizer of their own."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    MistralConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

from service.paths.base import FormatV1
from service.types import PathKind
from training.rehearsal import script

SPECIALS = ["<pad>", "<eos>", "<bos>", "<unk>"]
VOCABULARY = 400
"""Number of tokens, the bytes included."""

SERVABLE: dict[str, Any] = {
    "hidden_size": 128,
    "num_attention_heads": 2,
    "head_dim": 64,
    "max_position_embeddings": 2048,
}
"""The smallest sizes that vLLM serves."""

ARCHITECTURES: dict[str, tuple[type, dict[str, Any]]] = {
    "llama": (LlamaConfig, {"num_key_value_heads": 2}),
    "codellama": (
        LlamaConfig,
        {"num_key_value_heads": 2, "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}},
    ),
    "mistral": (MistralConfig, {"sliding_window": 128, "num_key_value_heads": 1}),
    "qwen2": (Qwen2Config, {"tie_word_embeddings": True, "num_key_value_heads": 1}),
    "qwen3": (Qwen3Config, {"tie_word_embeddings": True, "num_key_value_heads": 1}),
    "gemma3": (Gemma3TextConfig, {"sliding_window": 128, "num_key_value_heads": 1}),
}
"""Configuration of each family of students."""


def random_tokenizer(directory: Path, texts: Iterable[str] | None = None) -> PreTrainedTokenizerFast:
    """Byte-level BPE tokenizer, saved to `directory`.

    Args:
        directory: model directory.
        texts: texts that it learns. Default: prompts and rationales of the script.
    """
    bpe = Tokenizer(models.BPE(unk_token="<unk>"))  # noqa: S106 — not a password
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=SPECIALS, initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(_scripted_texts() if texts is None else texts, trainer)
    names = {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>"}
    made = PreTrainedTokenizerFast(tokenizer_object=bpe, **names)
    made.save_pretrained(directory)
    return made


def random_model(
    directory: Path, config_class: type, texts: Iterable[str] | None = None, *, seed: int = 0, **changes: Any
) -> Path:
    """Model of random weights with a tokenizer, saved to `directory`.

    Args:
        directory: model directory.
        config_class: configuration class of the architecture.
        texts: texts that the tokenizer learns. See `random_tokenizer`.
        seed: seed of the weights.
        changes: changes to the configuration.
    """
    made = random_tokenizer(directory, texts)
    sizes = {
        "vocab_size": len(made),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 256,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "bos_token_id": 2,
    }
    torch.manual_seed(seed)
    AutoModelForCausalLM.from_config(config_class(**(sizes | changes))).save_pretrained(directory)
    return directory


def random_student(directory: Path, family: str, texts: Iterable[str], *, seed: int) -> Path:
    """Random model of a family that vLLM can serve, saved to `directory`.

    Args:
        directory: model directory.
        family: architecture, a key of `ARCHITECTURES`.
        texts: texts that the tokenizer learns.
        seed: seed of the weights.
    """
    config_class, changes = ARCHITECTURES[family]
    if "sliding_window" in changes:  # training refuses texts that are longer than the window
        changes = changes | {"sliding_window": SERVABLE["max_position_embeddings"]}
    return random_model(directory, config_class, texts, seed=seed, **SERVABLE, **changes)


def _scripted_texts() -> list[str]:
    prompts = FormatV1()
    return [
        prompts.prompt(kind, question) + script.rationale(kind, question)
        for question, _ in script.problems(40)
        for kind in PathKind
    ]
