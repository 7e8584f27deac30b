"""Trainer callbacks: complete checkpoints, memory, loss curves, and evaluation during training."""

import ctypes
import json
import resource
import time
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from transformers import PreTrainedTokenizerBase, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from service.evaluation.calibration.replay import greedy, voted
from service.evaluation.calibration.samples import Sampled
from service.types import PathKind
from training import plots
from training.artifact import LOG
from training.curves import MEMORY, WATCH
from training.data.problem import Problem, read_rows, write_rows
from training.learn.trackers import Trackers
from training.recipe import Watch
from training.sample.local import LocalStudent
from training.sample.sampling import marked

COMPLETE = "COMPLETE"
SCALARS = ("loss", "cot_loss", "pot_loss", "learning_rate", "grad_norm")


class MarkComplete(TrainerCallback):
    """Marks a checkpoint as complete when all of it is on disk."""

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Called in each process after it wrote its part of a checkpoint."""
        PartialState().wait_for_everyone()
        if state.is_world_process_zero:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / COMPLETE).touch()


class ReturnMemory(TrainerCallback):
    """Returns free heap memory to the system. Batches of many shapes leave gaps between blocks in use."""

    def __init__(self) -> None:
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # only glibc has it

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Called after each step."""
        if self._trim and state.global_step % 10 == 0:
            self._trim(0)


class Curves(TrainerCallback):
    """Loss and memory: to the trackers at each step, and as plots under `out/log/` at the end.

    Args:
        out: output directory of the training.
        trackers: receivers of the figures in the first process.
        step_tokens: tokens of each step's packs.
    """

    def __init__(self, out: Path, trackers: Trackers, step_tokens: Sequence[int]) -> None:
        self._log = out / LOG
        self._trackers = trackers
        self._step_tokens = step_tokens
        self._started = time.monotonic()
        self._memory: list[tuple[float, float]] = []

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Begins the trackers in the first process."""
        if state.is_world_process_zero:
            self._trackers.begin(state.global_step, self._step_tokens[: state.max_steps])

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Adds a step."""
        if state.is_world_process_zero:
            self._memory.append(((time.monotonic() - self._started) / 60, peak_memory_gib()))
            figures = {name: kwargs["logs"][name] for name in SCALARS if name in kwargs["logs"]}
            self._trackers.log(figures | {"peak_memory_gib": self._memory[-1][1]}, state.global_step)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Draws the plots."""
        if state.is_world_process_zero:
            plots.losses(state.log_history, self._log)
            device = memory_device()
            plots.memory(self._memory, self._log, device)
            points = ({"minutes": round(m, 3), "gib": round(gib, 3), "device": device} for m, gib in self._memory)
            write_rows(self._log / MEMORY, points)


class Watcher(TrainerCallback):
    """Evaluation during training: the student solves some dev problems by CoT, by PoT and by vote.

    It writes `log/watch.jsonl` and a plot, and reports to the trackers. It restores the random state, so the student is
    the same as without it.

    Args:
        settings: number of steps and problems.
        paths: sampled paths by kind.
        tokenizer: tokenizer of the student.
        problems: dev problems.
        out: output directory of the training.
        seed: seed of the samples.
        trackers: receivers of the accuracies.
    """

    def __init__(
        self,
        settings: Watch,
        paths: Mapping[PathKind, int],
        tokenizer: PreTrainedTokenizerBase,
        problems: Sequence[Problem],
        out: Path,
        seed: int,
        trackers: Trackers,
    ) -> None:
        self._settings = settings
        self._paths = paths
        self._tokenizer = tokenizer
        self._problems = problems[: settings.problems]
        self._log = out / LOG
        self._seed = seed
        self._trackers = trackers

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Removes rows that a killed run wrote after the checkpoint of this one."""
        path = self._log / WATCH
        if state.is_world_process_zero and path.is_file():
            write_rows(path, [row for row in read_rows(path) if row["step"] <= state.global_step])

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Evaluates after every `every`-th step."""
        if state.is_world_process_zero and state.global_step % self._settings.every == 0:
            sampler = LocalStudent(kwargs["model"], self._tokenizer, self._settings.max_tokens)
            with torch.random.fork_rng():
                found = sampler.sample(
                    [problem.question for problem in self._problems],
                    paths=self._paths,
                    temperature=self._settings.temperature,
                    seed=self._seed,
                )
            self._write(state.global_step, accuracies(list(map(marked, self._problems, found)), self._paths))

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Plots the accuracies against the completion tokens learned until then."""
        path = self._log / WATCH
        if state.is_world_process_zero and path.is_file():
            learned = list(accumulate(row["tokens"] for row in state.log_history))  # one row per step
            plots.learning([row | {"tokens": learned[row["step"] - 1]} for row in read_rows(path)], self._log)

    def _write(self, step: int, shares: dict[str, float]) -> None:
        self._log.mkdir(parents=True, exist_ok=True)
        with (self._log / WATCH).open("a", encoding="utf-8") as rows:
            rows.write(json.dumps({"step": step} | shares) + "\n")
        self._trackers.log({f"watch/{name}": share for name, share in shares.items()}, step)


def accuracies(samples: Sequence[Sampled], paths: Mapping[PathKind, int]) -> dict[str, float]:
    """Accuracy of one greedy path of each kind in `paths`, and of the vote over all sampled paths (`vote`)."""
    vote = voted(samples, paths.get(PathKind.COT, 0), paths.get(PathKind.POT, 0))
    right = {kind.value: greedy(samples, kind) for kind in paths} | {"vote": vote}
    return {name: sum(found) / len(found) for name, found in right.items()}


def memory_device() -> str:
    """Owner of the measured memory: the name of the GPU, or `process` on a CPU."""
    return str(torch.cuda.get_device_name()) if torch.cuda.is_available() else "process"


def peak_memory_gib() -> float:
    """Peak memory in GiB: allocated on the GPU, or resident of this process on a CPU."""
    if torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated()) / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
