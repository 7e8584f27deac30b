"""Served models: the base model of the engine and its LoRA adapters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from service.errors import CheckpointError, UnknownModelError
from service.model.adapter import Adapter
from service.model.calibration_file import MadeFor
from service.model.checkpoint import Checkpoint
from service.model.metadata import CALIBRATED_TOKENS, Decoding
from service.model.prompt_format import prompt_format
from service.paths.base import FormatV1, PathFormat
from service.solve.calibration import Calibration
from service.solve.problem import Problem
from service.types import PathKind

ALIAS = "twinpath"
"""Name of the default model, whatever the checkpoint."""

_MAX_NAMED = 20
_MAX_NAME_CHARS = 100


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One model of a service: the base model of the engine, or a LoRA adapter on it.

    Args:
        name: name of the model. In requests and responses, a base model has the name that its engine gives it.
        path_format: prompt format of the model.
        decoding: default decoding parameters.
        calibration: calibration of the votes.
        kinds: kinds of rationale that the model learned.
        adapter: directory of the LoRA adapter. None for the base model.
        calibrated_tokens: maximum number of tokens per path for which the calibration was made.
        calibrated_for: sampling of a calibration of the settings. None for that of `twinpath.json`, without thoughts.
    """

    name: str = ""
    path_format: PathFormat = field(default_factory=FormatV1)
    decoding: Decoding = field(default_factory=Decoding)
    calibration: Calibration = field(default_factory=Calibration)
    kinds: tuple[PathKind, ...] = tuple(PathKind)
    adapter: Path | None = None
    calibrated_tokens: int = CALIBRATED_TOKENS
    calibrated_for: MadeFor | None = None

    def is_calibrated_for(self, problem: Problem) -> bool:
        """Whether the calibration, if there is one, was made for the sampling of a problem.

        The number of paths may differ: the confidence map depends on the votes and the counted paths.
        """
        if decoding_of(problem) != self.decoding or problem.max_tokens < self.calibrated_tokens:
            return False
        made_for = self.calibrated_for
        thoughts = (made_for.thinking, made_for.thinking_tokens) if made_for else (False, None)
        return (problem.thinking, problem.thinking_tokens) == thoughts


def decoding_of(problem: Problem) -> Decoding:
    """Decoding parameters of a problem."""
    return Decoding(**{name: getattr(problem, name) for name in Decoding.model_fields})


def served_models(base: Checkpoint, adapters: Sequence[Adapter], prompt: str | None = None) -> tuple[ServedModel, ...]:
    """Models of a checkpoint and its adapters, the checkpoint first.

    An adapter with a `twinpath.json` is a student: its prompt format, decoding and calibration are its own. Any other
    adapter has the prompt format and the decoding of the base model, and no calibration.

    Args:
        base: checkpoint of the engine.
        adapters: LoRA adapters on it.
        prompt: name or file of the prompt of an instruct model. None is the prompt of its family.

    Raises:
        CheckpointError: the chat template cannot be used, or an adapter has the name of another model.
        ConfigurationError: as `prompt_format`.
    """
    first = _model(base, prompt)
    taken = {base.name, ALIAS}
    for adapter in adapters:
        if adapter.name in taken:
            raise CheckpointError(
                f"An adapter cannot have the name {adapter.name}, which is that of the base model; write NAME=DIR."
            )
    return (first, *(_adapted(first, base, adapter) for adapter in adapters))


def find_model(models: Mapping[str, ServedModel], name: str | None) -> ServedModel:
    """Model with a name. None and the alias name the default one.

    Args:
        models: served models by name, the default first.
        name: the name.

    Raises:
        UnknownModelError: no model has this name.
    """
    if name is None or (name == ALIAS and ALIAS not in models):
        return next(iter(models.values()))
    if name in models:
        return models[name]
    known = [*models, ALIAS]
    shown = ", ".join(known[:_MAX_NAMED]) + (", …" if len(known) > _MAX_NAMED else "")
    raise UnknownModelError(f"The model '{name[:_MAX_NAME_CHARS]}' is not served; the service has {shown}.")


def _model(checkpoint: Checkpoint, prompt: str | None = None) -> ServedModel:
    return ServedModel(
        checkpoint.name,
        prompt_format(checkpoint, prompt),
        checkpoint.decoding,
        checkpoint.calibration,
        checkpoint.kinds,
        calibrated_tokens=checkpoint.metadata.max_tokens if checkpoint.metadata else CALIBRATED_TOKENS,
    )


def _adapted(first: ServedModel, base: Checkpoint, adapter: Adapter) -> ServedModel:
    path = adapter.lora.path
    if adapter.metadata is None:
        return replace(first, name=adapter.name, calibration=Calibration(), adapter=path)
    return replace(_model(replace(base, name=adapter.name, metadata=adapter.metadata, style="v1")), adapter=path)
