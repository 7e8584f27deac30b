"""Sections on learning: student, training, processes, evaluation during training and self-training."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from service.types import PathKind
from training.recipe.base import Count, Positive, Section, Share, unit

RANDOM = "random:"
FAMILIES = ("llama", "codellama", "mistral", "qwen2", "qwen3", "gemma3")
"""Architectures of random students."""

BUNDLED_BASE = "bundled:base"
"""`model` for the base of the bundled model."""


class Student(Section):
    """Base model of the student.

    Args:
        model: directory, Hugging Face name, `bundled:base` for the base of the bundled model, or `random:FAMILY` for a
            tiny model of random weights. Families are llama, codellama, mistral, qwen2, qwen3 and gemma3.
        name: name of the base model in the checkpoint's metadata. Empty takes the last part of `model`.
        vocabulary: approximate number of tokens to which tokenizer and head are trimmed before training. 0 keeps all.
    """

    model: Annotated[str, Field(examples=["Qwen/Qwen2.5-0.5B"])]
    name: str = ""
    vocabulary: Annotated[Count, unit("tokens")] = 0

    @field_validator("model")
    @classmethod
    def _family_is_known(cls, model: str) -> str:
        family = model.removeprefix(RANDOM)
        if family != model and family not in FAMILIES:
            raise ValueError(f"model = {model!r} has an unknown family; choose one of {', '.join(FAMILIES)}")
        return model

    @property
    def family(self) -> str | None:
        """Architecture of a random model. None for any other model."""
        family = self.model.removeprefix(RANDOM)
        return family if family != self.model else None


class Train(Section):
    """Training of the student.

    Args:
        cot_weight: λ in L = λ·L_CoT + (1 − λ)·L_PoT. With one kind it only scales the loss.
        kinds: kinds of rationale that the student learns and samples. One kind takes twice the rationales and paths,
            so the budget is the same.
        epochs: passes over the data set.
        per_kind: rationales of each kind that share a question's pack.
        adapter: `lora` trains an adapter, `full` all weights.
        start: directory of an earlier run's adapter (same `rank` and `alpha`) to continue from.
        rank: rank of the adapter.
        alpha: scale of the adapter. Its change to a weight is multiplied by alpha / rank.
        lr: peak learning rate.
        warmup: share of the steps with a rising learning rate.
        weight_decay: weight decay of AdamW.
        batch_tokens: size of a micro-batch in tokens, padding included.
        accumulation: micro-batches per step and process.
        max_steps: maximum number of optimizer steps. 0 sets no limit.
        max_length: maximum length of a pack, in tokens.
        save_steps: optimizer steps between checkpoints.
        precision: precision of matrix products. A CPU without bfloat16 instructions computes them in float32.
        train_embedding: whether `full` trains embedding and head too.
        gradient_checkpointing: whether activations are computed again in the backward pass, to save memory.
        fsdp: whether the processes share the model (FSDP). Needs GPUs.
    """

    cot_weight: Share = 0.5
    kinds: tuple[PathKind, ...] = (PathKind.COT, PathKind.POT)
    epochs: Annotated[Positive, unit("passes")] = 3
    per_kind: Annotated[Positive, unit("rationales")] = 2
    adapter: Literal["lora", "full"] = "lora"
    start: str = ""
    rank: Positive = 64
    alpha: Positive = 128
    lr: Annotated[float, Field(gt=0)] = 3e-4
    warmup: Share = 0.03
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    batch_tokens: Annotated[Positive, unit("tokens")] = 2048
    accumulation: Annotated[Positive, unit("micro-batches")] = 2
    max_steps: Annotated[Count, unit("steps")] = 0
    max_length: Annotated[Positive, unit("tokens")] = 512
    save_steps: Annotated[Positive, unit("steps")] = 50
    precision: Literal["bf16", "fp32"] = "bf16"
    train_embedding: bool = False
    gradient_checkpointing: bool = False
    fsdp: bool = False

    def paths(self, number: int) -> dict[PathKind, int]:
        """Sampled paths by learned kind: `number` of each, or twice as many of the only one."""
        each = number * len(PathKind) // len(self.kinds)
        return {kind: each for kind in PathKind if kind in self.kinds}

    def weight(self, kind: PathKind) -> float:
        """Weight of a kind in the loss."""
        return self.cot_weight if kind is PathKind.COT else 1 - self.cot_weight


class Launch(Section):
    """Processes of a training run on this machine.

    Args:
        processes: number of processes. Each one computes `train.accumulation` micro-batches per step.
    """

    processes: Annotated[Positive, unit("processes")] = 1


class Watch(Section):
    """Evaluation on dev problems and reports during training. They do not change the student.

    Args:
        every: optimizer steps between evaluations. 0 turns them off.
        problems: number of dev problems.
        paths: sampled paths of each kind.
        temperature: sampling temperature.
        max_tokens: maximum number of completion tokens per path.
        report_to: trackers that receive losses and accuracies. TensorBoard's files are in `log/tensorboard` of the
            training. Each other tracker needs its package.
    """

    every: Annotated[Count, unit("steps")] = 0
    problems: Annotated[Positive, unit("problems")] = 20
    paths: Annotated[Positive, unit("paths per kind")] = 3
    temperature: Annotated[float, Field(gt=0)] = 0.7
    max_tokens: Annotated[Positive, unit("tokens")] = 200
    report_to: tuple[Literal["tensorboard", "wandb", "trackio"], ...] = ()


class SelfTraining(Section):
    """Second training, with the student's own verified paths as further rationales.

    Args:
        enabled: whether the stage runs.
        start: `base` trains the base model again, `student` continues from the first student's adapter.
        steps: maximum number of optimizer steps. 0 takes `train.max_steps`.
        engine: engine that samples the student.
        paths: sampled paths of each kind per problem.
        temperature: sampling temperature.
        problems: maximum number of training problems. 0 takes all.
        max_tokens: maximum number of completion tokens per path.
    """

    enabled: bool = False
    start: Literal["base", "student"] = "base"
    steps: Annotated[Count, unit("steps")] = 0
    engine: Literal["vllm", "transformers"] = "transformers"
    paths: Annotated[Positive, unit("paths per kind")] = 4
    temperature: Annotated[float, Field(gt=0)] = 0.8
    problems: Annotated[Count, unit("problems")] = 0
    max_tokens: Annotated[Positive, unit("tokens")] = 200
