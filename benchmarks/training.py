"""Training speed of this project's trainer against TRL's SFTTrainer.

    python -m benchmarks.training --dataset train.jsonl [--model DIR] [--rows 96] [--vocabulary-model TRIMMED]

The dataset is the `train.jsonl` of a `dataset` stage. Both trainers train the same LoRA (r = 64) on the same rationales
once, with completion-only loss. Effective tokens are the unpadded prompts and completions of every rationale. The first
step is not counted. TRL is optional: run `uv pip install trl` first.
"""

import argparse
import gc
import os
import tempfile
import time
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from benchmarks import results
from benchmarks.tables import training_table
from service.model import bundled
from service.paths.base import FormatV1
from service.settings import load_settings
from training.data.problem import Example, read_examples
from training.learn.callbacks import peak_memory_gib
from training.learn.packing import Encoder
from training.learn.schedule import Plan, schedule
from training.learn.student import in_bf16, load_tokenizer, prepare
from training.learn.train import arguments
from training.learn.trainer import Microbatches, MixedTrainer, only
from training.recipe import Train

BATCH_TOKENS = 2048
PARTS = {
    "matrix products": ("aten::mm", "aten::addmm", "aten::bmm"),
    "attention": ("scaled_dot_product",),
    "head's softmax": ("aten::logsumexp", "aten::exp_", "aten::gather", "aten::scatter_add_"),
    "optimizer": ("fused_adam", "aten::_fused_adamw", "aten::_foreach_norm", "aten::linalg_vector_norm"),
}
"""Parts of a step by a substring of the operation's name. All other operations are elementwise work and copies."""


class Clock(TrainerCallback):
    """Wall-clock time from the end of the first step to the end of the last."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.ends.append(time.monotonic())

    @property
    def seconds(self) -> float:
        """Seconds of all steps but the first."""
        return self.ends[-1] - self.ends[0]


def ours(model: str, examples: list[Example], out: Path, *, profile: bool) -> tuple[float, float, Counter[str]]:
    """Effective tokens per second (0 of one step), share of padding, and seconds by part of a step if `profile`."""
    tokenizer = load_tokenizer(model)
    settings = Train(adapter="lora", batch_tokens=BATCH_TOKENS, accumulation=1, save_steps=10_000)
    plan = Plan(7, settings.kinds, 1, settings.per_kind, BATCH_TOKENS, settings.max_length, {})
    batches = schedule(examples, Encoder(tokenizer), plan).batches
    clock = Clock()
    trainer = MixedTrainer(
        model=prepare(model, settings, 7),
        args=arguments(settings, out, 7),
        train_dataset=Microbatches(batches, tokenizer.pad_token_id or 0),
        data_collator=only,
        callbacks=[clock],
        cot_weight=0.5,
    )
    parts: Counter[str] = Counter()
    if profile:
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as found:
            trainer.train()
        for event in found.key_averages():
            name = next((part for part, ops in PARTS.items() if any(op in event.key for op in ops)), "the rest")
            parts[name] += event.self_cpu_time_total / 1e6
    else:
        trainer.train()
    tokens = [sum(len(p.prompt) + len(b.ids) for p in batch for b in p.branches) for batch in batches[1:]]
    speed = sum(tokens) / clock.seconds if tokens else 0.0  # a profile's few rows may be one step
    physical = [max(map(len, batch)) * len(batch) for batch in batches]
    used = [sum(map(len, batch)) for batch in batches]
    return speed, 1 - sum(used) / sum(physical), parts


def trl(model: str, examples: list[Example], out: Path) -> float | None:
    """Effective tokens per second of TRL's SFTTrainer, or None if it is not installed."""
    try:
        from trl import SFTConfig, SFTTrainer
    except ImportError:
        return None
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM

    tokenizer = load_tokenizer(model)
    form = FormatV1(tokenizer.bos_token or "")
    rows = [{"prompt": form.prompt(e.kind, e.question), "completion": e.text} for e in examples]
    lengths = [len(tokenizer(r["prompt"] + r["completion"], add_special_tokens=False)["input_ids"]) + 1 for r in rows]
    size = max(1, BATCH_TOKENS // (sum(lengths) // len(lengths)))
    clock = Clock()
    bf16 = in_bf16(Train())
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16 if bf16 else torch.float32),
        args=SFTConfig(
            output_dir=str(out),
            per_device_train_batch_size=size,
            num_train_epochs=1,
            train_sampling_strategy="group_by_length",
            completion_only_loss=True,
            learning_rate=3e-4,
            bf16=bf16,
            use_cpu=True,
            gradient_checkpointing=False,
            optim="adamw_torch_fused",
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=LoraConfig(r=64, lora_alpha=128, target_modules="all-linear", task_type="CAUSAL_LM"),
        callbacks=[clock],
    )
    trainer.train()
    steps = len(clock.ends)
    return sum(lengths) * (steps - 1) / steps / clock.seconds


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True, help="train.jsonl of a dataset stage")
    parser.add_argument("--model", help="model directory (default: the base of the bundled model)")
    parser.add_argument("--rows", type=int, default=96, help="number of questions to train on")
    parser.add_argument("--vocabulary-model", help="directory of the same model with a trimmed vocabulary")
    parser.add_argument("--json", type=Path, help="result file")
    given = parser.parse_args()
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    model = given.model or str(bundled.build(load_settings().cache_dir, None)[0])
    figures = measure(model, given.vocabulary_model, read_examples(given.dataset), given.rows)
    print(training_table(figures))
    if given.json:
        results.write(given.json, figures, trl=_trl_version())


def measure(model: str, trimmed: str | None, examples: list[Example], rows: int) -> dict[str, Any]:
    """Speeds by trainer, shares of padding, seconds by part of a step, and peak memory in GiB."""
    examples = _sample(examples, rows)
    speeds: dict[str, float | None] = {}
    padding: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        speeds["TRL SFTTrainer"] = trl(model, examples, Path(scratch) / "trl")
        for name, directory in (("this project", model), ("this project, trimmed vocabulary", trimmed)):
            if directory:
                gc.collect()
                speeds[name], padding[name], _ = ours(directory, examples, Path(scratch) / "ours", profile=False)
                print(f"{name}: {speeds[name]:,.0f} tokens/s", flush=True)
        few = _sample(examples, max(4, rows // 6))
        _, _, parts = ours(trimmed or model, few, Path(scratch) / "profile", profile=True)
    return {
        "rationales": len(examples),
        "questions": rows,
        "threads": torch.get_num_threads(),
        "tokens_per_s": speeds,
        "padding": padding,
        "parts_s": dict(parts.most_common()),
        "peak_memory_gib": peak_memory_gib(),
    }


def _trl_version() -> str:
    try:
        return version("trl")
    except PackageNotFoundError:
        return "not installed"


def _sample(examples: list[Example], questions: int) -> list[Example]:
    """Two rationales of each kind, for evenly drawn questions with at least two."""
    by: dict[str, list[Example]] = {}
    for example in examples:
        found = by.setdefault(example.id, [])
        if sum(e.kind is example.kind for e in found) < 2:
            found.append(example)
    full = [found for found in by.values() if len(found) == 4]
    return [e for found in full[:: max(1, len(full) // questions)][:questions] for e in found]


if __name__ == "__main__":
    main()
