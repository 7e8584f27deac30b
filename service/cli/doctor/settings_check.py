"""Check of the settings against the files that they name."""

from collections.abc import Callable
from contextlib import suppress

from service.components import engine_without_model
from service.errors import CheckpointError
from service.model.checkpoint import Checkpoint, bundled_checkpoint
from service.model_checks import DEMO, check_settings, models_of
from service.settings import EngineKind, Settings


def check_files(settings: Settings, find: Callable[[], Checkpoint | None]) -> None:
    """Check what `serve` checks before it starts the engine. A model that is not on this machine is left out.

    Args:
        settings: the settings.
        find: returns the model of the settings if it is on this machine. A damaged one is a fault of its own check.

    Raises:
        TwinpathError: the settings do not fit each other, the model, or a file that they name.
    """
    adapters = check_settings(settings)
    engine_without_model(settings, adapters)
    base = DEMO if settings.engine is EngineKind.FAKE else None
    with suppress(CheckpointError):
        base = base or find()
    if base is None and settings.model is None:
        base = bundled_checkpoint()
    if base is not None:
        models_of(settings, base, adapters, weights=base.has_files)
