"""A trimmed vocabulary: a tokenizer and a model cut to some of their tokens, which take new ids in their old order.

Training trims the student before it learns (`training/vocabulary.py` chooses the tokens), and the embedded default is
trimmed in the same way when it is built, or the adapter would not fit. No weight is computed anew: rows are dropped.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TRIM_FILE = "vocabulary.json"
"""In a trimmed model directory: the base model's token ids that were kept, in the order of their new ids."""

_SPECIAL_IDS = ("bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id")


def trimmed_tokenizer(spec: dict[str, Any], kept: Sequence[int]) -> dict[str, Any]:
    """The content of `tokenizer.json` with the ids `kept` alone, renumbered in their order."""
    new_id = {old: new for new, old in enumerate(kept)}
    model = spec["model"]
    vocab = {token: new_id[i] for token, i in model["vocab"].items() if i in new_id}
    merges = [pair for pair in map(merge_pair, model["merges"]) if {*pair, "".join(pair)} <= vocab.keys()]
    added = [entry | {"id": new_id[entry["id"]]} for entry in spec["added_tokens"] if entry["id"] in new_id]
    return spec | {"added_tokens": added, "model": model | {"vocab": vocab, "merges": [list(m) for m in merges]}}


def trim_tokenizer(source: Path, out: Path, kept: Sequence[int]) -> None:
    """Write the tokenizer of the directory `source`, with the ids `kept` alone, to `out`, which may be the same.

    A special token that is not kept is no special token any more: transformers would add it again, with an id that
    the model has no row for.
    """
    spec = trimmed_tokenizer(json.loads((source / "tokenizer.json").read_text(encoding="utf-8")), kept)
    settings = json.loads((source / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings.pop("added_tokens_decoder", None)  # old ids; the other file has the new ones
    known = spec["model"]["vocab"].keys() | {entry["content"] for entry in spec["added_tokens"]}
    for name in [name for name in settings if name.endswith("_token")]:
        token = settings[name]
        content = token["content"] if isinstance(token, dict) else token
        if isinstance(content, str) and content not in known:
            del settings[name]
    (out / "tokenizer.json").write_text(json.dumps(spec, ensure_ascii=False), encoding="utf-8")
    (out / "tokenizer_config.json").write_text(json.dumps(settings, indent=2, ensure_ascii=False), encoding="utf-8")


def trim_model(model: Any, kept: Sequence[int]) -> None:
    """Cut a transformers model's embedding and head to the rows `kept`, in place."""
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    for weight in {embedding.weight, head.weight}:  # one, where the two are tied
        weight.data = weight.data[list(kept)].clone()
    new_id = {old: new for new, old in enumerate(kept)}
    embedding.num_embeddings = head.out_features = model.config.vocab_size = len(kept)
    embedding.padding_idx = new_id.get(embedding.padding_idx)
    for config in (model.config, model.generation_config):
        for name in _SPECIAL_IDS:
            _renumber(config, name, new_id)


def merge_pair(merge: str | Sequence[str]) -> tuple[str, str]:
    """A merge of a tokenizer, which older files write as one string."""
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _renumber(config: Any, name: str, new_id: dict[int, int]) -> None:
    old = getattr(config, name, None)
    if isinstance(old, list):
        setattr(config, name, [new_id[i] for i in old if i in new_id])
    elif old is not None:
        setattr(config, name, new_id.get(old))
