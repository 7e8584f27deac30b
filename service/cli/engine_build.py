"""Build of the components, after a download of the model."""

from collections.abc import Callable, Sequence

from service import components
from service.components import Components, download_of
from service.engine.build import check_engine
from service.model.adapter import Adapter, read_adapters
from service.model.bundled import Progress
from service.model.calibration_file import read_calibration
from service.model.checkpoint import find_checkpoint
from service.model.hub_download import download_model
from service.model.local import local_checkpoint
from service.model.prompts import read_prompt
from service.model.served import served_models
from service.request_defaults import check_thinking
from service.settings import EngineKind, Settings


def build(
    settings: Settings,
    progress: Progress = lambda what, share: None,
    on_step: Callable[[str], None] = lambda step: None,
) -> Components:
    """Build the components of a service, after a download of the model if it is not on this machine.

    The arguments and the exceptions are those of `components.build`. Wrong settings are refused before the download.
    """
    adapters = _checked(settings)
    model, download = settings.model, download_of(settings)
    is_local = settings.engine is EngineKind.VLLM
    if is_local and model is not None and local_checkpoint(model, settings.cache_dir, download) is None:
        described = find_checkpoint(model, settings.cache_dir, weights=False, download=download)
        first, *_ = served_models(described, adapters, settings.prompt)
        check_thinking(settings, first)
        download_model(model, download, lambda done, total: progress("download", done / total if total else 1.0))
    return components.build(settings, progress, on_step)


def _checked(settings: Settings) -> Sequence[Adapter]:
    """Adapters of the settings, after a check of all that can be wrong without a model.

    Raises:
        CheckpointError: an adapter is missing or damaged.
        ConfigurationError: an engine option, the prompt or the calibration is invalid.
    """
    check_engine(settings)
    if settings.prompt is not None:
        read_prompt(settings.prompt)
    if settings.calibration is not None:
        read_calibration(settings.calibration)
    return read_adapters(settings.adapters, weights=settings.engine is EngineKind.VLLM)
