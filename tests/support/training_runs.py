"""Short trainings of a tiny student."""

from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch.distributed.tensor import DTensor
from transformers import TrainerCallback, TrainerState

from tests.support import training_data
from training.data.problem import Example
from training.learn.trackers import Trackers
from training.learn.train import train
from training.recipe import Train

SETTINGS = Train(
    epochs=1,
    per_kind=1,
    adapter="full",
    lr=1e-3,
    warmup=0,
    batch_tokens=256,
    accumulation=1,
    precision="fp32",
    save_steps=2,
)


class KeepGradients(TrainerCallback):
    """Writes the gradients of the first step, before they are clipped or used."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_pre_optimizer_step(self, args: object, state: TrainerState, control: object, **kwargs: Any) -> None:
        if state.global_step == 0:
            model = getattr(kwargs["model"], "module", kwargs["model"])
            gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
            whole = {name: g.full_tensor() if isinstance(g, DTensor) else g for name, g in gradients.items()}
            if state.is_world_process_zero:
                save_file(whole, self.path)


def train_tiny(
    base: Path, out: Path, examples: list[Example] | None = None, trackers: Trackers | None = None, **changes: Any
) -> Path:
    """Train on the tiny examples with changed settings, and keep the first gradients beside `out`."""
    train(
        base,
        training_data.examples(16) if examples is None else examples,
        SETTINGS.model_copy(update=changes),
        out,
        seed=3,
        repeats={"tiny": 1},
        callbacks=[KeepGradients(out.with_suffix(".gradients"))],
        trackers=trackers,
    )
    return out
