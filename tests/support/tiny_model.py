"""Tiny checkpoint with random weights and a real tokenizer."""

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

_CORPUS = [
    "Question: A shop sells pens at 3 dollars each. How much do 7 pens cost?\nReasoning:\n3 * 7 = 21. The answer is 21",
    "Question: Ann had 12 apples and gave 5 away. How many are left?\nProgram:\napples = 12\nans = apples - 5",
]


def trained_tokenizer(
    special: Sequence[str], alphabet: Sequence[str] | None = None, **options: str
) -> PreTrainedTokenizerFast:
    """Byte-level tokenizer, trained on a few sentences.

    Args:
        special: special tokens, in the order of their ids from 0.
        alphabet: bytes that have a token, by their characters in the vocabulary. None is all of them.
        options: special tokens by their roles, such as `eos_token`, and `chat_template`.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet() if alphabet is None else list(alphabet),
    )
    tokenizer.train_from_iterator(_CORPUS, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **options)


def make(path: Path) -> None:
    """Write the checkpoint to `path`."""
    tokenizer = trained_tokenizer(["<pad>", "<bos>", "<eos>"], bos_token="<bos>", eos_token="<eos>", pad_token="<pad>")
    tokenizer.save_pretrained(path)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=64,
        max_position_embeddings=2048,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(path)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
