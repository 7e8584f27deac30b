"""Packing: same results as separate sequences, and masked prompts."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, Gemma3TextConfig, LlamaConfig, MistralConfig, Qwen2Config

from service.paths.base import FormatV1
from service.types import PathKind
from tests.support import training_data
from training.data.problem import Example
from training.learn.packing import Encoder, Pack, collate, pack
from training.rehearsal import models

ARCHITECTURES = [LlamaConfig, MistralConfig, Qwen2Config, Gemma3TextConfig]


def test_completion_follows_the_services_prompt(base: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(base)
    for example in training_data.examples(2):
        ((prompt, completion),) = Encoder(tokenizer).encode([example])
        form = FormatV1("<bos>")
        assert tokenizer.decode(list(prompt)) == form.prompt(example.kind, example.question)
        assert tokenizer.decode(list(completion)) == example.text + "<eos>"


def test_targets_are_the_completions_and_nothing_else(base: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(base)
    encoder = Encoder(tokenizer)
    examples = training_data.examples(1)
    batch = collate([_pack(encoder, examples)], 0)
    for task, example in enumerate(examples):
        learned = batch.targets[0][(batch.weights[0] > 0) & (batch.tasks[0] == task)]
        assert tokenizer.decode(learned) == example.text + "<eos>"
    assert bool((batch.targets[batch.weights == 0] == -100).all())


@pytest.mark.parametrize("config", ARCHITECTURES, ids=lambda config: config.model_type)
def test_a_pack_leaks_nothing_between_its_branches(config: type, tmp_path: Path) -> None:
    changes: dict[str, Any] = {"sliding_window": 128} if config is Gemma3TextConfig else {}
    directory = models.random_model(tmp_path, config, **changes)
    model = AutoModelForCausalLM.from_pretrained(directory, attn_implementation="sdpa").eval()
    encoder = Encoder(AutoTokenizer.from_pretrained(directory))
    examples = training_data.examples(2)
    short = _pack(encoder, examples[:2])
    longer = _pack(encoder, [*examples[:2], examples[1], examples[0]])
    with torch.no_grad():
        for packs in ([short], [short, longer]):
            batch = collate(packs, 0)
            packed = model(input_ids=batch.input_ids, position_ids=batch.position_ids, attention_mask=batch.mask).logits
            for task, example in enumerate(examples[:2]):
                ((prompt, completion),) = encoder.encode([example])
                alone = model(input_ids=torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1]
                mine = packed[0][(batch.weights[0] > 0) & (batch.tasks[0] == task)]
                torch.testing.assert_close(mine, alone, atol=1e-5, rtol=1e-4)


def test_the_question_is_computed_once(base: Path) -> None:
    encoder = Encoder(AutoTokenizer.from_pretrained(base))
    cot, pot = training_data.examples(1)
    (prompt, completion), (other, program) = encoder.encode([cot, pot])
    both = _pack(encoder, [cot, pot])
    assert [branch.kind for branch in both.branches] == [PathKind.COT, PathKind.POT]
    assert len(both.prompt) > len(prompt) - 10
    assert len(both) == len(prompt + completion + other + program) - len(both.prompt)


def _pack(encoder: Encoder, examples: list[Example]) -> Pack:
    return pack(examples, encoder.encode(examples))


def test_a_prompt_ends_where_the_services_does_though_a_token_would_span_its_end() -> None:
    class Merging:
        """Tokenizer of characters that joins a line feed with an `x` after it."""

        bos_token, eos_token_id = "", 0

        def __call__(self, texts: list[str], add_special_tokens: bool) -> dict[str, list[list[int]]]:
            return {"input_ids": [[ord(piece[-1]) for piece in re.findall(r"\nx|.|\n", text)] for text in texts]}

    plain, spanned = (Example("p", PathKind.COT, "How many?", text) for text in ("a1", "x1"))
    (prompt, completion), (same, joined) = Encoder(Merging()).encode([plain, spanned])
    assert prompt == same
    assert (completion, joined) == ((ord("a"), ord("1"), 0), (ord("x"), ord("1"), 0))
