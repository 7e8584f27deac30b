"""Engines of the settings: vLLM in this process, remote workers, the demo."""

import os
import tempfile
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from types import ModuleType

from service.credentials import IF_DENIED
from service.engine.base import Engine, LoraAdapter
from service.engine.cpu import limit_spinning
from service.engine.fake import FakeEngine, demo, scripted
from service.errors import ConfigurationError
from service.settings import EngineKind, Settings, read_key

_OF_VLLM = ("engine_options", "quantization", "tensor_parallel_size")


def check_engine(settings: Settings) -> None:
    """Check the options of the engine before a model is downloaded.

    Raises:
        ConfigurationError: vLLM refuses an option, the engine has no vLLM in this process, or a path has no room.
    """
    if settings.engine is EngineKind.REMOTE:
        given = [name for name in _OF_VLLM if getattr(settings, name) != Settings.model_fields[name].default]
        if given:
            raise ConfigurationError(
                f"Invalid settings: `{given[0]}` has no effect with --engine remote; set it on the worker"
            )
    elif settings.engine is EngineKind.VLLM:
        if "max_tokens" in settings.model_fields_set and settings.max_tokens >= settings.max_model_len:
            raise ConfigurationError(
                f"Invalid settings: `max_tokens` is {settings.max_tokens}, but prompt and path have room for "
                f"{settings.max_model_len} tokens; raise `max_model_len`"
            )
        if settings.engine_options:
            import_vllm(settings).vllm_start.check_options(settings.engine_options)


def import_vllm(settings: Settings) -> ModuleType:
    """Module of vLLM's engine. The first import takes seconds, and the other engines work without it.

    Raises:
        ConfigurationError: vLLM is not installed, or does not work on this machine.
    """
    provide_home(settings.cache_dir)
    limit_spinning()
    try:
        import service.engine.vllm as vllm
    except ImportError as error:
        raise ConfigurationError(
            f"vLLM cannot be imported ({error}). Run `make setup`, install twinpath[cpu] or twinpath[gpu], or set "
            "--engine."
        ) from None
    return vllm


def vllm_engine(
    settings: Settings,
    model_dir: Path,
    name: str,
    adapters: Sequence[LoraAdapter] = (),
    thought: tuple[str, str] | None = None,
) -> tuple[Engine, int | None]:
    """Engine in this process, and its default for `max_eager_paths`.

    Args:
        settings: the settings.
        model_dir: model directory.
        name: name of the model in responses.
        adapters: LoRA adapters on it.
        thought: opening and closing of the model's thoughts, or None.

    Raises:
        ConfigurationError: vLLM is not installed, does not work on this machine, or refuses an option.
    """
    vllm = import_vllm(settings)
    engine: Engine = vllm.VllmEngine(
        str(model_dir),
        model=name,
        dtype=settings.dtype,
        compile_dir=settings.cache_dir / "compiled" if settings.compile_on_cpu else None,
        max_model_len=settings.max_model_len,
        max_num_seqs=settings.max_num_seqs,
        cpu_kv_cache_gib=settings.cpu_kv_cache_gib,
        gpu_memory_utilization=settings.gpu_memory_utilization,
        tensor_parallel_size=settings.tensor_parallel_size,
        quantization=settings.quantization,
        thought=thought,
        options=settings.engine_options,
        adapters=adapters,
        check_interval_s=settings.engine_check_interval_s,
        hang_timeout_s=settings.engine_hang_timeout_s,
    )
    return engine, vllm.vllm_start.MAX_EAGER_PATHS


def remote_engine(
    settings: Settings,
    adapters: Collection[str],
    on_worker: Callable[[str, bool], None],
    on_request: Callable[[str, str], None],
) -> Engine:
    """Engine on the workers of the settings.

    Args:
        settings: the settings.
        adapters: names of LoRA adapters, which are models of the workers.
        on_worker: called when a worker goes up or down, as for `RemoteEngine`.
        on_request: called when a path on a worker ends, as for `RemoteEngine`.

    Raises:
        ConfigurationError: a worker address or the key file is invalid.
    """
    from service.engine.remote import RemoteEngine

    return RemoteEngine(
        settings.worker_urls,
        model=settings.worker_model,
        adapters=adapters,
        api_key=read_key(settings.worker_api_key_file, "worker_api_key_file", if_denied=IF_DENIED),
        read_timeout_s=settings.worker_read_timeout_s,
        api=settings.worker_api,
        must_end_thoughts=settings.thinking_tokens is not None,
        on_worker=on_worker,
        on_request=on_request,
    )


def fake_engine(settings: Settings, adapters: Collection[str]) -> Engine:
    """Scripted engine of the settings.

    Args:
        settings: the settings.
        adapters: names of LoRA adapters.

    Raises:
        ConfigurationError: the script cannot be read, or a row of it is invalid.
    """
    script = scripted(settings.fake_script) if settings.fake_script else demo()
    return FakeEngine(script, tokens_per_s=settings.fake_tokens_per_s, adapters=adapters)


def provide_home(cache_dir: Path) -> None:
    """Make sure that vLLM and its libraries find a home directory for their caches, and a name of the user."""
    places = [cache_dir, Path(tempfile.gettempdir())]
    try:
        places.insert(0, Path.home())
    except RuntimeError:  # no home, so no entry in the user database
        os.environ.setdefault("LOGNAME", str(os.getuid()))
    if home := next((place for place in places if place.is_absolute() and os.access(place, os.W_OK)), None):
        os.environ["HOME"] = str(home)
