"""Resumable training of a student on both kinds of rationale.

On a CPU, a run that is killed and started again ends in the same bytes as an undisturbed one. A checkpoint holds
optimizer, schedule position, random states and log, and counts only with its `COMPLETE` mark. The result is the adapter
or the model, and the losses in `history.jsonl`.
"""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from transformers import PrinterCallback, TrainerCallback, TrainingArguments

from service.errors import ConfigurationError
from training.curves import HISTORY
from training.data.problem import Example, write_rows
from training.learn.callbacks import COMPLETE, Curves, MarkComplete, ReturnMemory
from training.learn.packing import Encoder
from training.learn.schedule import Plan, schedule
from training.learn.student import in_bf16, load_tokenizer, prepare
from training.learn.trackers import Trackers
from training.learn.trainer import Microbatches, MixedTrainer, only
from training.recipe import Train

GPU_LOADERS = 8
"""Processes that prepare micro-batches, so that a GPU does not wait for their masks."""


def train(
    base: str | Path,
    examples: Sequence[Example],
    settings: Train,
    out: Path,
    *,
    seed: int,
    repeats: dict[str, int],
    callbacks: Sequence[TrainerCallback] = (),
    trackers: Trackers | None = None,
) -> None:
    """Train in `out`, from the last complete checkpoint in `out/checkpoints` if there is one.

    Every process of a distributed run calls this with the same arguments. The checkpoints are removed at the end.

    Args:
        base: directory or name of the base model.
        examples: training examples.
        settings: training settings.
        out: output directory.
        seed: seed of every draw.
        repeats: visits of each question per epoch, by source.
        callbacks: further callbacks.
        trackers: receivers of losses and memory.

    Raises:
        ConfigurationError: the data set is too small, or this machine cannot do what the recipe sets.
    """
    if settings.precision == "bf16" and not in_bf16(settings):
        print("train.precision: this CPU has no bfloat16 instructions; training computes in float32", file=sys.stderr)
    tokenizer = load_tokenizer(base)
    checkpoints = out / "checkpoints"
    args = arguments(settings, checkpoints, seed)
    planned = schedule(examples, Encoder(tokenizer), _plan(settings, seed, repeats, args.world_size))
    resume = last_complete(checkpoints)
    trackers = trackers or Trackers()
    step_tokens = planned.step_tokens(settings.accumulation * args.world_size)
    trainer = MixedTrainer(
        model=prepare(base, settings, seed),
        args=args,
        train_dataset=Microbatches(planned.batches, tokenizer.pad_token_id or 0),
        data_collator=only,
        callbacks=[MarkComplete(), ReturnMemory(), Curves(out, trackers, step_tokens), *callbacks],
        cot_weight=settings.cot_weight,
    )
    if settings.fsdp and not trainer.is_fsdp_enabled:
        raise ConfigurationError("train.fsdp needs GPUs; set train.fsdp = false on a CPU")
    trainer.remove_callback(PrinterCallback)  # it prints each log as a dictionary
    try:
        trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    finally:
        trackers.end()
    trainer.save_model(str(out))  # in every process, which gathers the shards
    if trainer.is_world_process_zero():
        for name in ("training_args.bin", "README.md"):
            (out / name).unlink(missing_ok=True)
        _plain_config(out / "adapter_config.json")
        # A checkpoint keeps the log with sorted keys. Sorting them here keeps a resumed run the same.
        write_rows(out / HISTORY, (dict(sorted(row.items())) for row in trainer.state.log_history))
        for mark in checkpoints.glob(f"*/{COMPLETE}"):
            mark.unlink()  # first: a half removed checkpoint must not count as complete
        shutil.rmtree(checkpoints, ignore_errors=True)


def arguments(settings: Train, checkpoints: Path, seed: int) -> TrainingArguments:
    """The Trainer's arguments for a recipe's training settings."""
    import torch

    on_cpu = not torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(checkpoints),
        seed=seed,
        use_cpu=on_cpu,
        bf16=in_bf16(settings),
        num_train_epochs=1,  # the schedule holds all epochs
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


def last_complete(checkpoints: Path) -> Path | None:
    """The newest complete checkpoint. Incomplete ones are removed."""
    best: tuple[int, Path] | None = None
    for path in checkpoints.glob("checkpoint-*"):
        if not (path / COMPLETE).is_file():
            shutil.rmtree(path, ignore_errors=True)  # in every process of a run
        elif best is None or int(path.name.rpartition("-")[2]) > best[0]:
            best = (int(path.name.rpartition("-")[2]), path)
    return best and best[1]


def _plain_config(path: Path) -> None:
    """Remove the fields of PEFT's file that differ between equal runs: the order of a set, and the base's path."""
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
