"""Vocabulary trimming: a base model cut to its training data's tokens.

A small model with a large vocabulary spends most of its time in the head (Gemma 3 270M: 168M of 268M parameters). Texts
of kept tokens encode as before. Only BPE tokenizers with byte fallback (Gemma, LLaMA) or a byte-level alphabet (Qwen)
are supported.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from service.errors import ConfigurationError
from service.model.tokenizer_files import load_tokenizer
from service.model.vocabulary import TRIM_FILE, merge_pair, trim_model, trim_tokenizer
from training.learn.student import load_as_saved

MIN_COUNT = 2
"""Minimum number of uses. Tokens used once, rare names and typing errors, are a fifth of the vocabulary."""


def trim(base: Path, out: Path, texts: Iterable[str], size: int) -> list[int]:
    """Write a trimmed copy of a model.

    It keeps special tokens in use, bytes, single characters and every token that `texts` use more than once. Then the
    lowest ids of plain ASCII, which are the most frequent, fill it up to `size`. `texts` can need more than `size`.

    Args:
        base: model directory.
        out: directory of the copy.
        texts: texts of the training.
        size: approximate number of tokens.

    Returns:
        The kept token ids, ascending.

    Raises:
        ConfigurationError: the tokenizer is not supported.
    """
    tokenizer = load_tokenizer(base)
    spec = json.loads((base / "tokenizer.json").read_text())
    kept = select(spec, tokenizer, texts, size)
    out.mkdir(parents=True, exist_ok=True)
    write_trimmed(base, out, kept)
    return kept


def write_trimmed(base: Path, out: Path, kept: Sequence[int]) -> None:
    """Write a copy of the model directory `base` with only the token ids `kept` to `out`."""
    trim_tokenizer(base, out, kept)
    model = load_as_saved(base)
    trim_model(model, kept)
    model.save_pretrained(out)
    (out / TRIM_FILE).write_text(json.dumps(list(kept)))


def select(spec: dict[str, Any], tokenizer: PreTrainedTokenizerBase, texts: Iterable[str], size: int) -> list[int]:
    """Token ids to keep, ascending. See `trim`."""
    vocab = _bpe_vocabulary(spec)
    counts: Counter[int] = Counter()
    for batch in _batched(texts, 1024):
        for ids in tokenizer(batch, add_special_tokens=False)["input_ids"]:
            counts.update(ids)
    specials = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.unk_token_id}
    kept = {i for i, count in counts.items() if count >= MIN_COUNT} | {i for i in specials if i is not None}
    kept |= {i for token, i in vocab.items() if _is_alphabet(token)}
    tokens = {i: token for token, i in vocab.items()}
    ranks = {pair: rank for rank, pair in enumerate(map(merge_pair, spec["model"]["merges"]))}
    for i in list(kept):
        kept |= {vocab[piece] for piece in derivation(tokens.get(i, ""), ranks) if piece in vocab}
    for token, i in sorted(vocab.items(), key=lambda item: item[1]):
        if len(kept) >= size:
            break
        if i not in kept and _is_plain(token):
            kept |= {vocab[piece] for piece in derivation(token, ranks) if piece in vocab}
    return sorted(kept)


def derivation(token: str, ranks: dict[tuple[str, str], int]) -> set[str]:
    """Pieces that byte-pair encoding merges on its way to `token`, the token included.

    With all of them kept, every text reaches the token as before: merges inside a token do not depend on the text
    around it.

    Args:
        token: the token.
        ranks: priority of each merge, lowest first.
    """
    parts = list(token)
    seen = {*parts, token}
    while len(parts) > 1:
        rank, at = min((ranks.get(pair, len(ranks)), at) for at, pair in enumerate(pairwise(parts)))
        if rank == len(ranks):
            break
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
        seen.add(parts[at])
    return seen


def _bpe_vocabulary(spec: dict[str, Any]) -> dict[str, int]:
    model = spec["model"]
    if model["type"] != "BPE" or not (model.get("byte_fallback") or "Ġ" in model["vocab"]):
        raise ConfigurationError(
            "only BPE tokenizers with byte fallback or a byte-level alphabet can be trimmed; set student.vocabulary = 0"
        )
    vocab: dict[str, int] = model["vocab"]
    return vocab


def _is_alphabet(piece: str) -> bool:
    """Whether a piece is a byte or a single character, to which any text can fall back."""
    return (len(piece) == 1 and (piece.isascii() or piece in "▁Ġ" or ord(piece) < 0x180)) or piece.startswith("<0x")


def _is_plain(token: str) -> bool:
    return token.replace("▁", "").replace("Ġ", "").isascii() and not token.startswith("<")


def _batched(texts: Iterable[str], size: int) -> Iterable[list[str]]:
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
