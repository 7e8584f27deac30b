"""Served models with the calibration of the settings."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain

from service.model.calibration_file import (
    MadeFor,
    check_made_for,
    files_digest,
    has_same_files,
    read_calibration,
    weights_digest,
    wording_digest,
)
from service.model.checkpoint import Checkpoint
from service.model.served import ServedModel, decoding_of
from service.request_defaults import problem_of
from service.schemas import SolveRequest
from service.settings import EngineKind, Settings

_OF_WEIGHTS = ("weights",)
_OF_FILES = ("files", "wording")  # the tokenizer's files give the wording its first token


def calibrated_models(
    models: Sequence[ServedModel], base: Checkpoint | None, settings: Settings, *, weights: bool = True
) -> tuple[ServedModel, ...]:
    """Served models, one of them with the calibration and the decoding of the settings' directory.

    Args:
        models: served models, the default first.
        base: checkpoint of the base model. None for the demo.
        settings: the settings. Without a directory the models stay as they are.
        weights: whether the base model is complete. Absent files are not compared.

    Raises:
        ConfigurationError: the calibration is invalid, or was made for another model, prompt or sampling.
    """
    directory = settings.calibration
    if directory is None:
        return tuple(models)
    found = read_calibration(directory)
    was = found.made_for
    absent = {name: getattr(was, name) for name in _absent(base, weights=weights)}

    def now(model: ServedModel) -> MadeFor:
        return made_for(model, base, settings).model_copy(update=absent)

    chosen = _chosen(models, was, now)
    changed = replace(
        chosen,
        calibration=found.calibration,
        decoding=was.decoding,
        calibrated_tokens=was.max_tokens,
        calibrated_for=was,
    )
    check_made_for(directory, was, now(changed))
    return tuple(changed if model is chosen else model for model in models)


def _absent(base: Checkpoint | None, *, weights: bool) -> tuple[str, ...]:
    """Fields of `MadeFor` that need files of the base model that are not here yet."""
    if weights or base is None:
        return ()
    return _OF_WEIGHTS if base.has_files else (*_OF_WEIGHTS, *_OF_FILES)


def made_for(model: ServedModel, base: Checkpoint | None, settings: Settings) -> MadeFor:
    """Facts that a calibration of a served model must have been made for.

    Args:
        model: the model.
        base: checkpoint of the base model. None for the demo.
        settings: the settings, whose decoding parameters replace those of the model.
    """
    problem = problem_of(SolveRequest(problem="?"), settings, model)
    directories = [directory for directory in (base.path if base else None, model.adapter) if directory]
    return MadeFor(
        model=model.name,
        files=files_digest(*directories),
        weights="" if settings.engine is EngineKind.REMOTE else weights_digest(*directories),
        dtype=settings.dtype,
        quantization=settings.quantization,
        prompt=model.path_format.name,
        wording=wording_digest(model.path_format),
        thinking=problem.thinking,
        thinking_tokens=problem.thinking_tokens,
        decoding=decoding_of(problem),
        max_tokens=problem.max_tokens,
        cot=problem.cot,
        pot=problem.pot,
    )


def _chosen(models: Sequence[ServedModel], was: MadeFor, now: Callable[[ServedModel], MadeFor]) -> ServedModel:
    """Model of a calibration: the one with its name, or else with its files. Without one, the default model."""
    named = (model for model in models if model.name == was.model)
    same = (model for model in models if has_same_files(was, now(model)))
    return next(chain(named, same), models[0])
