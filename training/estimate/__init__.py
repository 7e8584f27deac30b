"""Estimate of a run: requests, dollars, tokens, GPU hours and disk.

It needs no network and no data.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from training.estimate import hardware, workload
from training.estimate.counts import SourceSize, sizes
from training.estimate.workload import TeacherCost
from training.recipe import Recipe

_SIZE = re.compile(r"(?<![0-9.])([0-9]+(?:\.[0-9]+)?)([bm])(?![a-z])", re.IGNORECASE)
_SCALE = {"m": 1e6, "b": 1e9}
_BYTES = 2  # of a weight in bf16


@dataclass(frozen=True, slots=True)
class GpuTime:
    """Hours on one GPU.

    Args:
        gpu: kind of GPU.
        training_h: hours of all trainings.
        sampling_h: hours of sampling.
        memory_gib: peak memory of a training, in GiB.
    """

    gpu: hardware.Gpu
    training_h: float
    sampling_h: float
    memory_gib: float

    @property
    def fits(self) -> bool:
        """Whether the training fits into the GPU's memory."""
        return self.memory_gib <= self.gpu.memory_gib


@dataclass(frozen=True, slots=True)
class Estimate:
    """Estimate of a run.

    Args:
        recipe: the recipe.
        sources: size of each source.
        teacher: cost of the teacher.
        trainings: maximum number of tokens of each training, by its stage.
        sampled_tokens: completion tokens that the students sample.
        parameters: parameters of the student, or None if neither its files nor its name give them.
    """

    recipe: Recipe
    sources: tuple[SourceSize, ...]
    teacher: TeacherCost
    trainings: dict[str, float]
    sampled_tokens: float
    parameters: float | None

    @classmethod
    def of(cls, recipe: Recipe, *, registry_only: bool = False) -> "Estimate":
        """Estimate of a recipe. The arguments are those of `sizes`.

        Raises:
            ConfigurationError: a file of problems does not exist and is not that of a public set.
        """
        sources = sizes(recipe, registry_only=registry_only)
        return cls(
            recipe,
            sources,
            workload.teacher_cost(recipe, sources),
            workload.trainings(recipe, sources),
            workload.sampled_tokens(recipe, sources),
            parameters(recipe.student.model) or parameters(recipe.student.name),
        )

    @property
    def gpus(self) -> tuple[GpuTime, ...]:
        """Hours on each kind of GPU. Empty if the size of the student is not known."""
        size, settings = self.parameters, self.recipe.train
        if size is None:
            return ()
        memory = hardware.memory_gib(size, settings)
        tokens = sum(self.trainings.values())
        return tuple(
            GpuTime(
                gpu,
                hardware.training_s(gpu, size, settings, tokens) / 3600,
                hardware.sampling_s(gpu, size, self.sampled_tokens) / 3600,
                memory,
            )
            for gpu in hardware.GPUS
        )


def parameters(model: str) -> float | None:
    """Number of parameters of a model, from its weights or its name, such as `Llama-2-7b-hf`."""
    weights = [path.stat().st_size for path in Path(model).glob("*.safetensors")]
    if weights:
        return sum(weights) / _BYTES
    found = _SIZE.findall(Path(model).name)
    return float(found[0][0]) * _SCALE[found[0][1].lower()] if found else None
