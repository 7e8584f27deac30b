"""Generation while training: every so many steps the student solves some dev problems, by CoT, by PoT and by vote.

It only looks: the run's random state is put back, what it finds goes to `log/` (a line a time in `watch.jsonl`,
TensorBoard, and a plot in the end), and the artifact is the same with it or without. Slow on a CPU: paths are generated
with transformers.
"""

import json
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from torch.utils.tensorboard import SummaryWriter
from transformers import PreTrainedTokenizerBase, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from service.types import PathKind
from training import plots
from training.local import LocalStudent
from training.manifest import LOG
from training.rationale import Problem, read_rows, write_rows
from training.recipe import Watch
from training.sampling import Sampled, marked
from training.votes import greedy, voted

WATCH_FILE = "watch.jsonl"


class Watcher(TrainerCallback):
    """Measures the student in training on `problems`; writes under `out/log/`."""

    def __init__(
        self,
        settings: Watch,
        tokenizer: PreTrainedTokenizerBase,
        problems: Sequence[Problem],
        out: Path,
        seed: int,
    ) -> None:
        self._settings = settings
        self._tokenizer = tokenizer
        self._problems = problems[: settings.problems]
        self._log = out / LOG
        self._seed = seed

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Drops what a run that was killed had seen after the checkpoint it now goes on from."""
        path = self._log / WATCH_FILE
        if state.is_world_process_zero and path.is_file():
            write_rows(path, [row for row in read_rows(path) if row["step"] <= state.global_step])

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Measures after every `every`-th step."""
        if state.is_world_process_zero and state.global_step % self._settings.every == 0:
            sampler = LocalStudent(kwargs["model"], self._tokenizer, self._settings.max_tokens)
            with torch.random.fork_rng():
                found = sampler.sample(
                    [problem.question for problem in self._problems],
                    paths=dict.fromkeys(PathKind, self._settings.paths),
                    temperature=self._settings.temperature,
                    seed=self._seed,
                )
            self._write(state.global_step, accuracies(list(map(marked, self._problems, found)), self._settings.paths))

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Draws what was seen, against the completion tokens learned from until then."""
        path = self._log / WATCH_FILE
        if state.is_world_process_zero and path.is_file():
            learned = list(accumulate(row["tokens"] for row in state.log_history))  # a row a step
            plots.learning([row | {"tokens": learned[row["step"] - 1]} for row in read_rows(path)], self._log)

    def _write(self, step: int, shares: dict[str, float]) -> None:
        self._log.mkdir(parents=True, exist_ok=True)
        with (self._log / WATCH_FILE).open("a", encoding="utf-8") as rows:
            rows.write(json.dumps({"step": step} | shares) + "\n")
        with SummaryWriter(str(self._log / "tensorboard")) as writer:
            for name, share in shares.items():
                writer.add_scalar(f"watch/{name}", share, step)


def accuracies(samples: Sequence[Sampled], paths: int) -> dict[str, float]:
    """The shares of problems that one greedy path of each kind, and the vote of all sampled ones, get right."""
    right = {kind.value: greedy(samples, kind) for kind in PathKind} | {"vote": voted(samples, paths, paths)}
    return {name: sum(found) / len(found) for name, found in right.items()}
