"""Tiny problems, rationales, tokenizer and random models for the tests of training.

`python -m tests.support.training_models DIRECTORY` writes the inputs of the recipe `smoke`.
"""

import json
import sys
from collections.abc import Iterator
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
)

from service.types import PathKind
from training.data.problem import Example

SPECIALS = ["<pad>", "<eos>", "<bos>", "<unk>"]


def problems(count: int) -> list[dict[str, Any]]:
    return [
        {
            "id": f"tiny/{i}",
            "question": f"Ann has {i + 2} pens and buys {i + 13} more. How many pens does she have?",
            "answer": str(2 * i + 15),
        }
        for i in range(count)
    ]


def rationales(count: int) -> Iterator[dict[str, Any]]:
    for i, problem in enumerate(problems(count)):
        a, b = i + 2, i + 13
        cot = f"She has {a} pens and buys {b}: {a} + {b} = {a + b}. The answer is {a + b}"
        yield {"id": problem["id"], "kind": "cot", "teacher": "script", "text": cot}
        yield {
            "id": problem["id"],
            "kind": "pot",
            "teacher": "script",
            "text": f"pens = {a}\nmore = {b}\nans = pens + more",
        }


def examples(count: int) -> list[Example]:
    questions = {problem["id"]: problem["question"] for problem in problems(count)}
    return [
        Example(row["id"], PathKind(row["kind"]), questions[row["id"]], row["text"], "tiny")
        for row in rationales(count)
    ]


def write_lines(path: Path, rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def tokenizer(directory: Path) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer trained on the tiny texts, saved to `directory`."""
    bpe = Tokenizer(models.BPE(unk_token="<unk>"))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    texts = [f"Question: {e.question}\nReasoning:\nProgram:\n{e.text}" for e in examples(40)]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=400, special_tokens=SPECIALS, initial_alphabet=alphabet)
    )
    names = {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>"}
    made = PreTrainedTokenizerFast(tokenizer_object=bpe, **names)
    made.save_pretrained(directory)
    return made


def model(directory: Path, config_class: type, **changes: Any) -> Path:
    """A random model of an architecture with a tokenizer, saved to `directory`."""
    torch.manual_seed(0)
    made = tokenizer(directory)
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
    config = config_class(**(sizes | changes))
    AutoModelForCausalLM.from_config(config).save_pretrained(directory)
    return directory


SERVABLE = {"hidden_size": 128, "num_attention_heads": 2, "head_dim": 64, "max_position_embeddings": 2048}
"""The smallest sizes that vLLM serves."""

ARCHITECTURES: dict[str, tuple[type, dict[str, Any]]] = {
    "llama2-7b": (LlamaConfig, {"num_key_value_heads": 2}),
    "codellama-7b": (
        LlamaConfig,
        {"num_key_value_heads": 2, "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}},
    ),
    "mistral-7b": (MistralConfig, {"sliding_window": 128, "num_key_value_heads": 1}),
    "qwen2.5-coder-1.5b": (Qwen2Config, {"tie_word_embeddings": True, "num_key_value_heads": 1}),
    "gemma-270m": (Gemma3TextConfig, {"sliding_window": 128, "num_key_value_heads": 1}),
}
"""Architectures of the students, by name of the base model."""


def smoke(directory: Path) -> None:
    """Write the base model and the problems of the recipe `smoke`. vLLM can serve the model."""
    (directory / "base").mkdir(parents=True)
    write_lines(directory / "problems.jsonl", problems(30))
    model(directory / "base", LlamaConfig, **SERVABLE, num_key_value_heads=1, tie_word_embeddings=True)


if __name__ == "__main__":
    smoke(Path(sys.argv[1]))
