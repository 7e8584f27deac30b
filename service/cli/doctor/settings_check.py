"""Check of the settings against the files that they name."""

from contextlib import suppress
from pathlib import Path

from service import components
from service.calibrated_models import calibrated_models
from service.errors import CheckpointError
from service.model.adapter import check_fit, read_adapters
from service.model.checkpoint import Checkpoint, find_checkpoint
from service.model.local import local_checkpoint
from service.model.served import served_models
from service.model.snapshot import local_path
from service.request_defaults import check_thinking
from service.settings import EngineKind, Settings
from service.types import DEMO_MODEL

_STUDENT = Checkpoint(Path(), DEMO_MODEL, metadata=None, bos="", style="v1")
"""The demo, and the bundled model before its build."""


def check_settings(settings: Settings) -> None:
    """Check what `serve` checks before it starts the engine. A model that is not on this machine is left out.

    Raises:
        TwinpathError: the settings do not fit each other, the model, or a file that they name.
    """
    components.check_settings(settings)
    is_fake, is_local = settings.engine is EngineKind.FAKE, settings.engine is EngineKind.VLLM
    checkpoint = None if is_fake else _checkpoint(settings)
    if not (is_fake or checkpoint or settings.model is None):
        return
    adapters = read_adapters(settings.adapters, weights=is_local)
    models = served_models(checkpoint or _STUDENT, adapters, settings.prompt)
    check_thinking(settings, models[0])
    if checkpoint and is_local:
        check_fit(adapters, checkpoint)
    if checkpoint or is_fake:
        calibrated_models(models, checkpoint, settings)


def _checkpoint(settings: Settings) -> Checkpoint | None:
    """Model of the settings, if it is on this machine. A damaged one is a fault of its own check."""
    model, download = settings.model, components.download_of(settings)
    if settings.revision is not None and (model is None or local_path(model).is_dir()):
        find_checkpoint(model, settings.cache_dir, download=download)  # refuses the revision before all else
    with suppress(CheckpointError):
        return local_checkpoint(model, settings.cache_dir, download, weights=settings.engine is EngineKind.VLLM)
    return None
