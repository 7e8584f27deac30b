"""Losses and memory while training: as TensorBoard events, step by step, and as plots when the run ends."""

import resource
import time
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from training import plots
from training.manifest import LOG

SCALARS = ("loss", "cot_loss", "pot_loss", "learning_rate", "grad_norm")


class Curves(TrainerCallback):
    """Writes under `out/log/`; a resumed run goes on where its checkpoint was, and drops the events after it."""

    def __init__(self, out: Path) -> None:
        self._log = out / LOG
        self._writer: SummaryWriter | None = None
        self._began = time.monotonic()
        self._memory: list[tuple[float, float]] = []

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Opens the events of the first process."""
        if state.is_world_process_zero:
            self._writer = SummaryWriter(str(self._log / "tensorboard"), purge_step=state.global_step + 1)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Adds a step."""
        if self._writer is not None:
            for name in SCALARS:
                if name in kwargs["logs"]:
                    self._writer.add_scalar(name, kwargs["logs"][name], state.global_step)
            self._memory.append(((time.monotonic() - self._began) / 60, peak_memory()))
            self._writer.add_scalar("peak_memory_gib", self._memory[-1][1], state.global_step)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Closes the events and draws the plots."""
        if self._writer is not None:
            self._writer.close()
            plots.losses(state.log_history, self._log)
            plots.memory(self._memory, self._log)


def peak_memory() -> float:
    """The most memory, in GiB, that was resident in this process at any time: a leak is a line that goes on rising."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
