"""Training and sampling of the paper's student sizes on one GPU.

    python -m benchmarks.gpu_training --dataset train.jsonl --tokenizer DIR --json FILE [--only NAME …]

The dataset is the `train.jsonl` of a `dataset` stage, and the tokenizer a directory with at most 32,000 tokens. The
students have the paper's shapes and random weights, so their losses only show that training works. `--tiny` checks the
benchmark itself on any machine.
"""

import argparse
import json
import random
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    MistralConfig,
    PreTrainedTokenizerBase,
)

from benchmarks import gpu_tables, results
from benchmarks.gpu_clock import (
    PROFILED,
    WARM_UP,
    Interrupt,
    InterruptedTrainingError,
    StepClock,
    memory_gib,
    release,
    reset_memory,
    synchronize,
)
from service.paths.base import FormatV1
from service.types import PathKind
from training import recipe
from training.artifact import tree_digest
from training.curves import HISTORY
from training.data.problem import Example, read_examples, read_rows
from training.learn.packing import Encoder, Pack
from training.learn.schedule import Plan, schedule
from training.learn.student import load_base, load_tokenizer
from training.learn.train import train
from training.recipe import Train
from training.sample.local import LocalStudent

RECIPES = Path(recipe.__file__).parent / "recipes"
SEED = 7
CONFIGS: dict[str, Callable[..., Any]] = {
    "LLaMA-2-7B": LlamaConfig,  # its defaults are this model's sizes
    "Mistral-7B": MistralConfig,
    "Gemma-3-270M": lambda **changes: Gemma3TextConfig(
        **{
            "vocab_size": 262_144,
            "hidden_size": 640,
            "intermediate_size": 2048,
            "num_hidden_layers": 18,
            "num_attention_heads": 4,
            "num_key_value_heads": 1,
            "head_dim": 256,
            "sliding_window": 512,
        }
        | changes
    ),
}
"""Shapes of the students. Mistral's default sizes are also those of its 7B model."""

TINY = {
    "vocab_size": 32_000,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
}


@dataclass(frozen=True, slots=True)
class Case:
    """One training.

    Args:
        student: name in `CONFIGS`.
        recipe: file of the settings.
        changes: changes to them.
        compare_resumed: whether the training runs again, is interrupted, resumes, and is compared with the first.
    """

    student: str
    recipe: str
    changes: dict[str, Any]
    compare_resumed: bool = False


CASES = {
    "llama": Case("LLaMA-2-7B", "llama2-7b-paper.toml", {}),
    "llama-plain": Case("LLaMA-2-7B", "llama2-7b-paper.toml", {"gradient_checkpointing": False}),
    "llama-full": Case("LLaMA-2-7B", "llama2-7b-paper.toml", {"adapter": "full", "lr": 2e-5}),  # 2e-4 diverges
    "mistral": Case("Mistral-7B", "llama2-7b-paper.toml", {}, compare_resumed=True),
    "gemma": Case("Gemma-3-270M", "bundled.toml", {}, compare_resumed=True),
}


def plan(settings: Train, repeats: dict[str, int]) -> Plan:
    """The schedule's parameters of a training in one process, as `train` sets them."""
    return Plan(
        SEED,
        settings.kinds,
        settings.epochs,
        settings.per_kind,
        settings.batch_tokens,
        settings.max_length,
        repeats,
        settings.accumulation,
    )


def measured(case: Case, base: Path, examples: Sequence[Example], steps: int, scratch: Path) -> dict[str, Any]:
    """Figures of one training: speed, memory and losses."""
    settings = tuned(case, steps, base)
    clock = StepClock(steps)
    reset_memory()
    out = scratch / "whole"
    train(base, examples, settings, out, seed=SEED, repeats={}, callbacks=[clock])
    total_s = time.monotonic() - clock.began
    peak, reserved = memory_gib()
    history = list(read_rows(out / HISTORY))
    batches = schedule(examples, Encoder(load_tokenizer(base)), plan(settings, {})).batches
    timed = batches[WARM_UP * settings.accumulation : (steps - PROFILED) * settings.accumulation]
    figures = {
        "student": case.student,
        "adapter": settings.adapter,
        "gradient_checkpointing": settings.gradient_checkpointing,
        "batch_tokens": settings.batch_tokens,
        "accumulation": settings.accumulation,
        "parameters": clock.parameters,
        "trained_parameters": clock.trained,
        "steps": len(history),
        "step_s": [round(seconds, 4) for seconds in clock.step_s],
        "tokens_per_s": tokens(timed) / sum(clock.step_s),
        "padding": 1 - tokens(timed) / sum(max(map(len, batch)) * len(batch) for batch in timed),
        "peak_memory_gib": peak,
        "peak_reserved_gib": reserved,
        "total_s": total_s,
        "losses": {f"{kind}": [row.get(f"{kind}_loss") for row in history] for kind in PathKind},
        "grad_norms": [row["grad_norm"] for row in history],
        "kernel_s": clock.parts(),
    }
    if case.compare_resumed:
        figures["resumed"] = resumed(settings, base, examples, out, scratch / "resumed")
    return figures


def resumed(settings: Train, base: Path, examples: Sequence[Example], whole: Path, out: Path) -> dict[str, Any]:
    """Comparison of an interrupted and resumed training with the one in `whole`."""
    stop = settings.save_steps + 1
    try:
        train(base, examples, settings, out, seed=SEED, repeats={}, callbacks=[Interrupt(stop)])
    except InterruptedTrainingError:
        pass
    else:
        raise RuntimeError(f"the training ended before step {stop}")
    release()
    (checkpoint,) = (out / "checkpoints").glob("checkpoint-*")
    size = sum(path.stat().st_size for path in checkpoint.rglob("*") if path.is_file())
    clock = StepClock(settings.max_steps)
    train(base, examples, settings, out, seed=SEED, repeats={}, callbacks=[clock])
    pairs = list(zip(read_rows(whole / HISTORY), read_rows(out / HISTORY), strict=True))
    shutil.rmtree(whole / "log")
    shutil.rmtree(out / "log")
    return {
        "at_step": settings.save_steps,
        "checkpoint_bytes": size,
        "steps_again": len(clock.ends),
        "same_bytes": tree_digest(whole) == tree_digest(out),
        "largest_loss_difference": max(abs(first["loss"] - second["loss"]) for first, second in pairs),
    }


def tuned(case: Case, steps: int, base: Path) -> Train:
    """Settings of a case: those of its recipe, for a number of steps."""
    changes: dict[str, Any] = {"max_steps": steps, "save_steps": max(WARM_UP, steps // 2)}
    if case.changes.get("adapter") == "full" or not case.compare_resumed:
        changes["save_steps"] = 10 * steps
    if json.loads((base / "config.json").read_text())["hidden_size"] == TINY["hidden_size"]:
        changes["batch_tokens"] = 1024
    return recipe.load(RECIPES / case.recipe).train.model_copy(update=case.changes | changes)


def sampling(name: str, base: Path, questions: Sequence[str], max_tokens: int) -> dict[str, Any]:
    """Speed of the sampler with the batch that it chooses: of the first batch, and of the same one again."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    reset_memory()
    tokenizer = load_tokenizer(base)
    sampler = LocalStudent(load_base(base, torch.bfloat16).to(device), tokenizer, max_tokens)
    form = FormatV1(tokenizer.bos_token or "")
    prompts = [form.prompt(kind, questions[i % len(questions)]) for i in range(sampler.group) for kind in PathKind]
    figures: dict[str, Any] = {"student": name, "batch": len(prompts), "max_tokens": max_tokens}
    sampler._generate(prompts[: len(PathKind)], 0.7, SEED)  # warm-up
    for label, temperature in (("first", 0.0), ("second", 0.7)):
        began = time.monotonic()
        # Not `sample`, which also parses the texts: those of random weights are not like a student's.
        texts = sampler._generate(prompts, temperature, SEED)
        synchronize()
        figures[f"{label}_tokens_per_s"] = sum(count for _, count in texts) / (time.monotonic() - began)
    figures["peak_memory_gib"], figures["peak_reserved_gib"] = memory_gib()
    return figures


def recipe_tokens(examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    """Tokens of a whole training by `llama2-7b-paper.toml`, by source."""
    found = recipe.load(RECIPES / "llama2-7b-paper.toml")
    repeats = {source.name: source.repeat for source in found.sources}
    counts = {}
    for source in sorted({example.source for example in examples}):
        chosen = [example for example in examples if example.source == source]
        batches = schedule(chosen, Encoder(tokenizer), plan(found.train, repeats)).batches
        counts[source] = {
            "questions": len({example.id for example in chosen}),
            "rationales": len(chosen),
            "tokens": tokens(batches),
            "steps": len(batches) // found.train.accumulation,
        }
    return {"epochs": found.train.epochs, "sources": counts}


def tokens(batches: Sequence[Sequence[Pack]]) -> int:
    """Tokens of micro-batches without padding."""
    return sum(len(pack) for batch in batches for pack in batch)


def random_base(name: str, tokenizer: PreTrainedTokenizerBase, out: Path, tiny: bool) -> Path:
    """Write a student with random weights in bf16."""
    torch.manual_seed(SEED)
    config = CONFIGS[name](**(TINY if tiny else {}))
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return out


def some(examples: Sequence[Example], questions: int) -> list[Example]:
    """Examples of randomly drawn questions."""
    ids = sorted({example.id for example in examples})
    chosen = set(random.Random(SEED).sample(ids, min(questions, len(ids))))
    return [example for example in examples if example.id in chosen]


@contextmanager
def reported(failures: dict[str, str], name: str) -> Iterator[None]:
    """Context that keeps an error, so that the other measurements run."""
    began = time.monotonic()
    try:
        yield
    except Exception as error:
        traceback.print_exc()
        failures[name] = f"{type(error).__name__}: {str(error).splitlines()[0]}"
    print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    release()


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True, help="train.jsonl of a dataset stage")
    parser.add_argument("--tokenizer", type=Path, required=True, help="directory of a tokenizer")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), help="trainings")
    parser.add_argument("--steps", type=int, default=16, help="optimizer steps of each training")
    parser.add_argument("--max-tokens", type=int, default=256, help="length of the sampled texts")
    parser.add_argument("--tiny", action="store_true", help="tiny students, to check the benchmark")
    parser.add_argument("--scratch", type=Path, help="folder for models and checkpoints: 50 GB, 150 GB with llama-full")
    parser.add_argument("--json", type=Path, help="result file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.scratch) as scratch:
        figures = measure(given, Path(scratch))
    print(gpu_tables.table(figures))


def measure(given: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Figures of every case. The result file is written after each."""
    examples = read_examples(given.dataset)
    tokenizer = load_tokenizer(given.tokenizer)
    gpu = torch.cuda.get_device_properties(0) if torch.cuda.is_available() else None
    failures: dict[str, str] = {}
    figures: dict[str, Any] = {
        "gpu": gpu.name if gpu else "no GPU",
        "gpu_memory_gib": round(gpu.total_memory / 2**30, 1) if gpu else 0,
        "recipe": recipe_tokens(examples, tokenizer),
        "trainings": [],
        "sampling": [],
        "failures": failures,
    }
    chosen = some(examples, 200 if given.tiny else 1000)
    questions = sorted({example.question for example in chosen})

    def save() -> None:
        if given.json:
            results.write(given.json, figures, peft=version("peft"))

    for student in dict.fromkeys(CASES[name].student for name in given.only):
        base = random_base(student, tokenizer, scratch / "base", given.tiny)
        for name in (name for name in given.only if CASES[name].student == student):
            with reported(failures, name):
                figures["trainings"].append(measured(CASES[name], base, chosen, given.steps, scratch / name))
            shutil.rmtree(scratch / name, ignore_errors=True)
            save()
        if student != "Mistral-7B":
            with reported(failures, f"sampling of {student}"):
                figures["sampling"].append(sampling(student, base, questions, given.max_tokens))
            save()
        shutil.rmtree(base)
    return figures


if __name__ == "__main__":
    main()
