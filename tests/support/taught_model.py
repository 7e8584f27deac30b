"""Tiny checkpoint overfitted to twenty problems, for tests of exact answers."""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoTokenizer, LlamaForCausalLM

from service.paths.base import FORMAT_VERSION, FormatV1
from service.types import PathKind
from tests.support.problems import PROBLEMS
from tests.support.tiny_model import make

_STEPS = 400
_TARGET_LOSS = 0.001


def written(kind: PathKind, row: dict[str, str]) -> str:
    """Text that the model learns for a problem."""
    price, pens = (word for word in row["question"].split() if word.isdecimal())
    if kind is PathKind.COT:
        return f"{price} * {pens} = {row['answer']}. The answer is {row['answer']}<eos>"
    return f"ans = {price} * {pens}<eos>"


def teach(path: Path) -> None:
    """Write the checkpoint to `path`: that of `tests.support.tiny_model`, trained to the target loss."""
    make(path)
    torch.manual_seed(0)
    torch.set_num_threads(1)  # for so small a model, synchronization takes longer than the work
    tokenizer = AutoTokenizer.from_pretrained(path)
    model = LlamaForCausalLM.from_pretrained(path, dtype=torch.float32)
    pad = tokenizer.pad_token_id
    texts = [
        (FormatV1("<bos>").prompt(kind, row["question"]), written(kind, row)) for row in PROBLEMS for kind in PathKind
    ]
    prompts = [tokenizer(prompt, add_special_tokens=False).input_ids for prompt, _ in texts]
    answers = [tokenizer(answer, add_special_tokens=False).input_ids for _, answer in texts]
    longest = max(len(p) + len(a) for p, a in zip(prompts, answers, strict=True))
    both = list(zip(prompts, answers, strict=True))
    inputs = torch.tensor([p + a + [pad] * (longest - len(p) - len(a)) for p, a in both])
    labels = torch.tensor([[-100] * len(p) + a + [-100] * (longest - len(p) - len(a)) for p, a in both])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(_STEPS):
        loss = model(input_ids=inputs, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if loss.item() < _TARGET_LOSS:
            break
    model.to(torch.bfloat16).save_pretrained(path)
    metadata = {"format_version": FORMAT_VERSION, "base_model": "tiny"}
    (path / "twinpath.json").write_text(json.dumps(metadata), encoding="utf-8")


if __name__ == "__main__":
    teach(Path(sys.argv[1]))
