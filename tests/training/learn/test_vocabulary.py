"""Trimmed vocabulary: same tokens and logits, and every text encodes."""

import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from service.model.vocabulary import trim_tokenizer
from tests.support import training_data
from training.learn.vocabulary import derivation, trim


def test_kept_texts_encode_and_compute_as_before(base: Path, tmp_path: Path) -> None:
    texts = [example.text for example in training_data.examples(10)] * 2
    kept = trim(base, tmp_path, texts, size=0)
    whole, cut = AutoTokenizer.from_pretrained(base), AutoTokenizer.from_pretrained(tmp_path)
    assert len(kept) < len(whole)
    for text in texts:
        assert [kept[i] for i in cut(text)["input_ids"]] == whole(text)["input_ids"]
    before, after = (AutoModelForCausalLM.from_pretrained(path) for path in (base, tmp_path))
    ids = cut(texts[0], return_tensors="pt")["input_ids"]
    expected = before(input_ids=torch.tensor([[kept[i] for i in ids[0]]])).logits[..., kept]
    torch.testing.assert_close(after(input_ids=ids).logits, expected)
    assert after.config.eos_token_id == cut.eos_token_id == kept.index(1)


def test_any_text_still_encodes(base: Path, tmp_path: Path) -> None:
    trim(base, tmp_path, ["abc"], size=0)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    for text in ("naïve 日本 🎉 {x}\t\n", "Zyzzyva 12,345.67%"):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_a_special_token_that_is_not_kept_is_none_any_more(base: Path, tmp_path: Path) -> None:
    """It would get an id after the model's last row, and a question that quotes it would crash the engine."""
    whole = AutoTokenizer.from_pretrained(base)
    whole.add_special_tokens({"mask_token": "<mask>"})
    whole.save_pretrained(tmp_path / "masked")
    kept = trim(base, tmp_path / "trimmed", ["abc"], size=0)
    trim_tokenizer(tmp_path / "masked", tmp_path / "trimmed", kept)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "trimmed")
    assert len(tokenizer) == len(kept)
    assert tokenizer.mask_token is None
    assert max(tokenizer("a <mask> c")["input_ids"]) < len(kept)
    assert tokenizer.bos_token == "<bos>"


def test_the_kept_ids_are_written(base: Path, tmp_path: Path) -> None:
    assert json.loads((tmp_path / "vocabulary.json").read_text()) if trim(base, tmp_path, ["abc"], 0) else False


def test_a_derivation_is_the_way_of_the_merges() -> None:
    ranks = {("l", "o"): 0, ("lo", "w"): 1, ("e", "r"): 2, ("low", "er"): 3, ("w", "e"): 9}
    assert derivation("lower", ranks) == {"l", "o", "w", "e", "r", "lo", "low", "er", "lower"}
