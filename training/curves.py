"""Each task's loss while training: as TensorBoard events, step by step, and as a plot when the run ends."""

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

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Closes the events and draws the plot."""
        if self._writer is not None:
            self._writer.close()
            plots.losses(state.log_history, self._log)
