"""Trimmed vocabulary of a tokenizer and a model.

The kept tokens are renumbered in the old order.

Training trims the student before it learns. The build of the bundled model trims its base in the same way, so that the
adapter fits. Only rows of weights are removed.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TRIM_FILE = "vocabulary.json"
"""File of a trimmed model directory: the kept token ids of the base model, in the order of their new ids."""

_SPECIAL_IDS = ("bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id")


def trimmed_tokenizer(spec: dict[str, Any], kept: Sequence[int]) -> dict[str, Any]:
    """Content of a trimmed `tokenizer.json`.

    Args:
        spec: content of the base model's `tokenizer.json`.
        kept: kept token ids, ascending.
    """
    new_id = {old: new for new, old in enumerate(kept)}
    model = spec["model"]
    vocab = {token: new_id[i] for token, i in model["vocab"].items() if i in new_id}
    merges = [pair for pair in map(merge_pair, model["merges"]) if {*pair, "".join(pair)} <= vocab.keys()]
    added = [entry | {"id": new_id[entry["id"]]} for entry in spec["added_tokens"] if entry["id"] in new_id]
    return spec | {"added_tokens": added, "model": model | {"vocab": vocab, "merges": [list(m) for m in merges]}}


def trim_tokenizer(source: Path, out: Path, kept: Sequence[int]) -> None:
    """Write a trimmed tokenizer. Special tokens that are not kept are removed from its settings.

    Args:
        source: model directory of the base model.
        out: model directory of the trimmed model. It can be `source`.
        kept: kept token ids, ascending.
    """
    spec = trimmed_tokenizer(json.loads((source / "tokenizer.json").read_text(encoding="utf-8")), kept)
    settings = json.loads((source / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings.pop("added_tokens_decoder", None)  # these are old ids, and tokenizer.json has the new ones
    known = spec["model"]["vocab"].keys() | {entry["content"] for entry in spec["added_tokens"]}
    # transformers would add a missing special token again, with an id that has no row in the model.
    for name in [name for name in settings if name.endswith("_token")]:
        token = settings[name]
        content = token["content"] if isinstance(token, dict) else token
        if isinstance(content, str) and content not in known:
            del settings[name]
    (out / "tokenizer.json").write_text(json.dumps(spec, ensure_ascii=False), encoding="utf-8")
    (out / "tokenizer_config.json").write_text(json.dumps(settings, indent=2, ensure_ascii=False), encoding="utf-8")


def trim_model(model: Any, kept: Sequence[int]) -> None:
    """Remove rows of the embedding and the head of a transformers model, in place.

    Args:
        model: the model.
        kept: kept token ids, ascending.
    """
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    for weight in {embedding.weight, head.weight}:  # the same weight if the two are tied
        weight.data = weight.data[list(kept)].clone()
    new_id = {old: new for new, old in enumerate(kept)}
    embedding.num_embeddings = head.out_features = model.config.vocab_size = len(kept)
    embedding.padding_idx = new_id.get(embedding.padding_idx)
    for config in (model.config, model.generation_config):
        for name in _SPECIAL_IDS:
            _renumber(config, name, new_id)


def merge_pair(merge: str | Sequence[str]) -> tuple[str, str]:
    """Both tokens of a merge rule. Older tokenizers write a rule as one string."""
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _renumber(config: Any, name: str, new_id: dict[int, int]) -> None:
    old = getattr(config, name, None)
    if isinstance(old, list):
        setattr(config, name, [new_id[i] for i in old if i in new_id])
    elif old is not None:
        setattr(config, name, new_id.get(old))
