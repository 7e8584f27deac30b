"""Speed and memory of a training, by kind of GPU.

One kind was measured (`benchmarks/results/gpu_training.json`). The others are computed by the roofline model: matrix
products scale with the peak rate, and all other work with the memory bandwidth.
"""

import math
from dataclasses import dataclass

from training.recipe import Train

_GIB = 2**30
_FULL_STATE_BYTES = 14  # float32 gradient, two moments of AdamW, and the rest of a float32 weight
_FULL_WORK = 1.5  # the backward pass also computes the gradients of all weights
_SIMILAR = 3  # factor between the sizes of similar students
_LORA_STATE_BYTES = 16  # weight, gradient and two moments in float32


@dataclass(frozen=True, slots=True)
class Gpu:
    """Kind of GPU, by its data sheet.

    Args:
        name: name of the kind.
        memory_gib: memory that programs can use, in GiB.
        tflops: peak rate of dense bfloat16 matrix products with float32 sums, in 10¹² operations per second.
        bandwidth: memory bandwidth, in 10¹² bytes per second.
    """

    name: str
    memory_gib: float
    tflops: float
    bandwidth: float


MEASURED_GPU = Gpu("H200", 139.8, 989, 4.8)
GPUS = (
    MEASURED_GPU,
    Gpu("H100 80 GB", 79.6, 989, 3.35),
    Gpu("A100 80 GB", 80.0, 312, 2.04),
    Gpu("L40S 48 GB", 45.0, 362, 0.864),
    Gpu("RTX 4090 24 GB", 24.0, 165, 1.008),
    Gpu("L4 24 GB", 22.5, 121, 0.3),
)


@dataclass(frozen=True, slots=True)
class MeasuredTraining:
    """Measured training of a LoRA adapter of rank 64.

    Args:
        student: name of the student.
        parameters: parameters of the model.
        trained: parameters of the adapter.
        checkpointing: whether activations were computed again in the backward pass.
        batch_tokens: size of a micro-batch in tokens.
        tokens_per_s: tokens per second.
        products: share of matrix products and attention in the time of the kernels.
        memory_gib: peak of the allocated memory, in GiB.
    """

    student: str
    parameters: int
    trained: int
    checkpointing: bool
    batch_tokens: int
    tokens_per_s: float
    products: float
    memory_gib: float


RANK = 64
MEASURED = (
    MeasuredTraining("LLaMA-2-7B", 6_898_323_456, 159_907_840, True, 8192, 6543, 0.582, 18.7),
    MeasuredTraining("LLaMA-2-7B", 6_898_323_456, 159_907_840, False, 8192, 11896, 0.568, 57.8),
    MeasuredTraining("Mistral-7B", 7_409_504_256, 167_772_160, True, 8192, 6686, 0.609, 20.1),
    MeasuredTraining("Gemma-3-270M", 283_286_144, 15_187_968, False, 32768, 58508, 0.288, 25.2),
)
SAMPLED_TOKENS_PER_S = 4685
"""Measured speed of LLaMA-2-7B in transformers, 244 paths at a time. vLLM was not measured."""

CPUS = {"with AMX": (400, 575), "without AMX": (113, 290)}
"""Speeds of Gemma 3 270M on two CPU cores: trained and sampled tokens per second.

Trainings with AMX measured 311 with all tokens of the vocabulary, and 564 with 20,480, without AMX 160 with 20,480.
"""


def nearest(parameters: float, checkpointing: bool) -> MeasuredTraining:
    """Measured training of a similar size, if possible with the same use of gradient checkpointing."""

    def distance(row: MeasuredTraining) -> tuple[bool, bool, float]:
        factors = abs(math.log(row.parameters / parameters))
        return factors > math.log(_SIMILAR), row.checkpointing != checkpointing, factors

    return min(MEASURED, key=distance)


def training_s(gpu: Gpu, parameters: float, settings: Train, tokens: float) -> float:
    """Seconds of a training.

    Args:
        gpu: kind of GPU.
        parameters: parameters of the student.
        settings: training settings of the recipe.
        tokens: number of tokens.
    """
    row = nearest(parameters, settings.gradient_checkpointing)
    work = _FULL_WORK if settings.adapter == "full" else 1.0
    return tokens / row.tokens_per_s * parameters / row.parameters * work * _slowdown(gpu, row.products)


def sampling_s(gpu: Gpu, parameters: float, tokens: float) -> float:
    """Seconds of sampling a number of tokens. Decoding reads the weights at every token."""
    return tokens / SAMPLED_TOKENS_PER_S * parameters / MEASURED[0].parameters * _slowdown(gpu, 0.0)


def cpu_s(cpu: str, parameters: float, trained_tokens: float, sampled_tokens: float) -> tuple[float, float]:
    """Seconds of training and of sampling on two cores of one of `CPUS`, by the number of parameters."""
    ratio = parameters / MEASURED[-1].parameters
    trained, sampled = CPUS[cpu]
    return ratio * trained_tokens / trained, ratio * sampled_tokens / sampled


def memory_gib(parameters: float, settings: Train) -> float:
    """Peak memory of a training in GiB: weights, adapter, and activations in proportion to batch and student."""
    row = nearest(parameters, settings.gradient_checkpointing)
    weights = 2 * row.parameters + _LORA_STATE_BYTES * row.trained
    activations = (row.memory_gib * _GIB - weights) * settings.batch_tokens / row.batch_tokens
    ratio = parameters / row.parameters
    states = _LORA_STATE_BYTES * trained_parameters(parameters, settings)
    if settings.adapter == "full":
        states = _FULL_STATE_BYTES * parameters
    return (2 * parameters + states + activations * ratio) / _GIB


def trained_parameters(parameters: float, settings: Train) -> float:
    """Number of parameters that the training changes."""
    if settings.adapter == "full":
        return parameters
    row = nearest(parameters, settings.gradient_checkpointing)
    return parameters * row.trained / row.parameters * settings.rank / RANK


def _slowdown(gpu: Gpu, products: float) -> float:
    """Time of a GPU in that of the measured one, for work with a share of matrix products."""
    rate, bandwidth = MEASURED_GPU.tflops / gpu.tflops, MEASURED_GPU.bandwidth / gpu.bandwidth
    return products * rate + (1 - products) * bandwidth
