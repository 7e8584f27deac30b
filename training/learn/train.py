"""Stage `train`: dataset → student. The base model learns from both kinds of rationale in one run.

It promises that a run killed at any moment and started again ends in the same bytes as an undisturbed one: a checkpoint
counts only once its `COMPLETE` mark is written, and holds optimizer, schedule position, random states and log. What it
leaves is the adapter (or the model) and `history.jsonl`, one line a step with each task's loss.
"""

import ctypes
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accelerate import PartialState
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from service.errors import ConfigurationError
from training.curves import Curves
from training.packs import Encoder, Example
from training.rationale import write_rows
from training.recipe import Train
from training.schedule import Plan, schedule
from training.student import in_bf16, load_tokenizer, prepare
from training.trainer import Microbatches, MixedTrainer, only

COMPLETE = "COMPLETE"
HISTORY = "history.jsonl"
GPU_LOADERS = 8
"""Processes that lay out micro-batches ahead of a GPU, which would wait for their masks else."""


def train(
    base: str | Path,
    examples: Sequence[Example],
    settings: Train,
    out: Path,
    *,
    seed: int,
    repeats: dict[str, int],
    callbacks: Sequence[TrainerCallback] = (),
) -> None:
    """Train in `out`; goes on from the last whole checkpoint in `out/checkpoints`, and removes them at the end.

    Every process of a distributed run calls this with the same arguments.

    Raises:
        ConfigurationError: the data set is too small, or the recipe asks for what this machine cannot do.
    """
    if settings.precision == "bf16" and not in_bf16(settings):
        print("train.precision: this CPU has no bfloat16 instructions, float32 is quicker", file=sys.stderr)
    tokenizer = load_tokenizer(base)
    checkpoints = out / "checkpoints"
    args = arguments(settings, checkpoints, seed)
    planned = schedule(examples, Encoder(tokenizer), _plan(settings, seed, repeats, args.world_size))
    resume = last_complete(checkpoints)
    trainer = MixedTrainer(
        model=prepare(base, settings, seed),
        args=args,
        train_dataset=Microbatches(planned.batches, tokenizer.pad_token_id or 0),
        data_collator=only,
        callbacks=[MarkComplete(), ReturnMemory(), Curves(out), *callbacks],
        lam=settings.lam,
    )
    if settings.fsdp and not trainer.is_fsdp_enabled:
        raise ConfigurationError("train.fsdp needs GPUs: accelerate shards on accelerators alone, not on CPUs")
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    trainer.save_model(str(out))  # by every process: shards are gathered
    if trainer.is_world_process_zero():
        for name in ("training_args.bin", "README.md"):
            (out / name).unlink(missing_ok=True)
        _plain_config(out / "adapter_config.json")
        # A checkpoint keeps the log with sorted keys: so do we, or a resumed run would differ.
        write_rows(out / HISTORY, (dict(sorted(row.items())) for row in trainer.state.log_history))
        for mark in checkpoints.glob(f"*/{COMPLETE}"):
            mark.unlink()  # first: a checkpoint that is half removed must not look whole
        shutil.rmtree(checkpoints, ignore_errors=True)


def arguments(settings: Train, checkpoints: Path, seed: int) -> TrainingArguments:
    """The recipe's settings as the Trainer's."""
    import torch

    on_cpu = not torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(checkpoints),
        seed=seed,
        use_cpu=on_cpu,
        bf16=in_bf16(settings),
        num_train_epochs=1,  # the schedule has all epochs in it
        max_steps=settings.max_steps or -1,
        per_device_train_batch_size=1,  # an item is a micro-batch
        gradient_accumulation_steps=settings.accumulation,
        gradient_checkpointing=settings.gradient_checkpointing,
        dataloader_drop_last=True,
        dataloader_pin_memory=not on_cpu,
        dataloader_num_workers=0 if on_cpu else GPU_LOADERS,
        remove_unused_columns=False,
        learning_rate=settings.lr,
        lr_scheduler_type="cosine",
        warmup_steps=settings.warmup,
        weight_decay=settings.weight_decay,
        optim="adamw_torch_fused",
        max_grad_norm=1.0,
        logging_steps=1,
        save_steps=settings.save_steps,
        save_total_limit=2,
        report_to=[],
        disable_tqdm=True,
        fsdp=settings.fsdp or None,
    )


class MarkComplete(TrainerCallback):
    """Marks a checkpoint once everything of it is on disk."""

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Called by the Trainer after it wrote a checkpoint: here, its process's part of it."""
        PartialState().wait_for_everyone()
        if state.is_world_process_zero:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / COMPLETE).touch()


class ReturnMemory(TrainerCallback):
    """Gives memory back that lies free between blocks in use: batches of many shapes leave such holes."""

    def __init__(self) -> None:
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Called by the Trainer after each step."""
        if self._trim and state.global_step % 10 == 0:
            self._trim(0)


def last_complete(checkpoints: Path) -> Path | None:
    """The newest checkpoint that was wholly written; half-written ones are removed."""
    best: tuple[int, Path] | None = None
    for path in checkpoints.glob("checkpoint-*"):
        if not (path / COMPLETE).is_file():
            shutil.rmtree(path, ignore_errors=True)  # every process of a run does so
        elif best is None or int(path.name.rpartition("-")[2]) > best[0]:
            best = (int(path.name.rpartition("-")[2]), path)
    return best and best[1]


def _plain_config(path: Path) -> None:
    """Take out of PEFT's file what differs between equal runs: the order of a set, and where the base model lay."""
    if path.is_file():
        config = json.loads(path.read_text())
        config |= {"target_modules": sorted(config["target_modules"]), "base_model_name_or_path": None}
        path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def _plan(settings: Train, seed: int, repeats: dict[str, int], processes: int) -> Plan:
    return Plan(
        seed=seed,
        kinds=settings.kinds,
        epochs=settings.epochs,
        per_kind=settings.per_kind,
        batch_tokens=settings.batch_tokens,
        max_length=settings.max_length,
        repeats=repeats,
        step_batches=settings.accumulation * processes,
    )
