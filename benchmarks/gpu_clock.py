"""Time of training steps and memory of a GPU, for `benchmarks/gpu_training.py`."""

import gc
import itertools
import re
import time
from collections import Counter
from typing import Any

import torch
from transformers import TrainerCallback, TrainerState

WARM_UP, PROFILED = 4, 2
"""First steps that are not timed, and last steps that are profiled and not timed."""

PARTS = {
    "attention": re.compile(r"fmha|flash|sdpa|attention", re.IGNORECASE),
    "matrix products": re.compile(r"gemm|nvjet|cutlass|xmma|cublas", re.IGNORECASE),
    "optimizer": re.compile(r"adam|multi_tensor", re.IGNORECASE),
    "copies and casts": re.compile(r"memcpy|memset|copy_kernel|CatArray", re.IGNORECASE),
}
"""Parts of a step by the names of their kernels, in order. The other kernels are elementwise work."""


class InterruptedTrainingError(Exception):
    """Stands for a kill between two steps."""


class Interrupt(TrainerCallback):
    """Raises `InterruptedTrainingError` after a number of steps."""

    def __init__(self, steps: int) -> None:
        self._steps = steps

    def on_step_begin(self, args: object, state: TrainerState, control: object, **_: Any) -> None:
        if state.global_step == self._steps:
            raise InterruptedTrainingError


class StepClock(TrainerCallback):
    """End of each step on the wall clock, and the kernels of the last steps.

    Args:
        steps: number of steps.
    """

    def __init__(self, steps: int) -> None:
        self.began = time.monotonic()
        self.ends: list[float] = []
        self.kernels: Counter[str] = Counter()
        self.trained, self.parameters = 0, 0
        self._steps = steps
        self._profile: Any = None

    def on_train_begin(self, *_: Any, **kwargs: Any) -> None:
        sizes = [(weight.numel(), weight.requires_grad) for weight in kwargs["model"].parameters()]
        self.parameters = sum(size for size, _ in sizes)
        self.trained = sum(size for size, trained in sizes if trained)

    def on_step_begin(self, args: object, state: TrainerState, control: object, **_: Any) -> None:
        if state.global_step == self._steps - PROFILED and torch.cuda.is_available():
            self._profile = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA])
            self._profile.start()

    def on_step_end(self, args: object, state: TrainerState, control: object, **_: Any) -> None:
        synchronize()
        self.ends.append(time.monotonic())
        if self._profile is not None and state.global_step == self._steps:
            self._profile.stop()
            for event in self._profile.key_averages():
                self.kernels[event.key] += event.self_device_time_total / 1e6 / PROFILED

    @property
    def step_s(self) -> list[float]:
        """Seconds of each timed step."""
        timed = self.ends[WARM_UP - 1 : -PROFILED]
        return [end - start for start, end in itertools.pairwise(timed)]

    def parts(self) -> dict[str, float]:
        """Seconds of kernels in one step by `PARTS`. Copies to the host are left out: they are logs and checkpoints."""
        found: Counter[str] = Counter()
        for kernel, seconds in self.kernels.items():
            if "DtoH" not in kernel:
                part = next((part for part, name in PARTS.items() if name.search(kernel)), "elementwise work")
                found[part] += seconds
        return dict(found.most_common())


def synchronize() -> None:
    """Wait for the GPU."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def release() -> None:
    """Return the memory of a training that has ended."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def reset_memory() -> None:
    """Start a new measurement of the peak memory."""
    release()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def memory_gib() -> tuple[float, float]:
    """Peak allocated and peak reserved memory of the GPU, in GiB."""
    if not torch.cuda.is_available():
        return 0.0, 0.0
    return torch.cuda.max_memory_allocated() / 2**30, torch.cuda.max_memory_reserved() / 2**30
