"""Check of the settings against the files that they name."""

from contextlib import suppress

from service.components import download_of, engine_without_model
from service.errors import CheckpointError
from service.model.checkpoint import Checkpoint, bundled_checkpoint
from service.model.local import local_checkpoint
from service.model_checks import DEMO, check_settings, models_of
from service.settings import EngineKind, Settings


def check_files(settings: Settings) -> None:
    """Check what `serve` checks before it starts the engine. A model that is not on this machine is left out.

    Raises:
        TwinpathError: the settings do not fit each other, the model, or a file that they name.
    """
    adapters = check_settings(settings)
    engine_without_model(settings, adapters)
    base = DEMO if settings.engine is EngineKind.FAKE else _checkpoint(settings)
    if base is not None:
        models_of(settings, base, adapters, weights=base.has_files)


def _checkpoint(settings: Settings) -> Checkpoint | None:
    """Model of the settings, if it is on this machine. A damaged one is a fault of its own check."""
    found, is_local = None, settings.engine is EngineKind.VLLM
    with suppress(CheckpointError):
        found = local_checkpoint(
            settings.model, settings.cache_dir, download_of(settings), weights=is_local, listed=True
        )
    return found or (bundled_checkpoint() if settings.model is None else None)
