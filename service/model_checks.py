"""Served models of the settings, and checks before the start."""

from collections.abc import Sequence
from pathlib import Path

from service.calibrated_models import calibrated_models
from service.engine.build import check_engine
from service.model.adapter import Adapter, check_fit, read_adapters
from service.model.calibration_file import read_calibration
from service.model.checkpoint import Checkpoint
from service.model.prompts import read_prompt
from service.model.served import ServedModel, served_models
from service.model.snapshot import check_revision
from service.request_defaults import check_thinking
from service.settings import EngineKind, Settings
from service.types import DEMO_MODEL

DEMO = Checkpoint(Path(), DEMO_MODEL, metadata=None, bos="", style="v1")
"""Checkpoint of the demo, which has no files."""


def check_settings(settings: Settings) -> tuple[Adapter, ...]:
    """Check the settings that need no model, before one is downloaded.

    Returns:
        The adapters of the settings.

    Raises:
        CheckpointError: an adapter cannot be read, or the model has no revisions.
        ConfigurationError: an engine option, the calibration or `prompt` is invalid.
    """
    check_engine(settings)
    if settings.engine is not EngineKind.FAKE:
        check_revision(settings.model, settings.revision)
    adapters = read_adapters(settings.adapters, weights=settings.engine is EngineKind.VLLM)
    if settings.calibration:
        read_calibration(settings.calibration)
    if settings.prompt:
        read_prompt(settings.prompt)
    return adapters


def models_of(
    settings: Settings, base: Checkpoint, adapters: Sequence[Adapter], *, weights: bool = True
) -> tuple[ServedModel, ...]:
    """Served models of the settings, the default first. All that the settings state about them is checked.

    Args:
        settings: the settings.
        base: checkpoint of the base model, or `DEMO`.
        adapters: adapters of the settings.
        weights: whether the base model is complete. Before a download or a build it is only described.

    Raises:
        CheckpointError: an adapter does not fit, has the name of the base model, or the chat template cannot be used.
        ConfigurationError: `prompt`, `thinking`, `thinking_tokens` or the calibration does not fit the models.
    """
    models = served_models(base, adapters, settings.prompt)
    check_thinking(settings, models[0])
    if weights and settings.engine is EngineKind.VLLM:
        check_fit(adapters, base)
    return calibrated_models(models, None if base is DEMO else base, settings, weights=weights)
