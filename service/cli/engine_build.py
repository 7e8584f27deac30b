"""Build of the components, after a download of the model."""

from collections.abc import Callable

from service import components
from service.components import Components, download_of
from service.model.bundled import Progress
from service.model.checkpoint import find_checkpoint
from service.model.hub_download import download_model
from service.model.local import local_checkpoint
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
    model, download = settings.model, download_of(settings)
    if settings.engine is EngineKind.VLLM and model is not None:
        components.check_settings(settings)
        if local_checkpoint(model, settings.cache_dir, download) is None:
            described = find_checkpoint(model, settings.cache_dir, weights=False, download=download)
            first, *_ = served_models(described, (), settings.prompt)
            check_thinking(settings, first)
            download_model(model, download, lambda done, total: progress("download", done / total if total else 1.0))
    return components.build(settings, progress, on_step)
