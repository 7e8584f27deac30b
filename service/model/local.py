"""Models on this machine: built ones, and downloaded ones."""

from dataclasses import dataclass
from pathlib import Path

from service.errors import CheckpointError
from service.model import bundled
from service.model.checkpoint import Checkpoint, read_checkpoint
from service.model.safetensors_file import missing_weights
from service.model.snapshot import Download, cached_snapshot, check_hub_name, local_path

_OTHER_WEIGHTS = ("*.bin", "*.pt", "*.pth", "*.gguf")


@dataclass(frozen=True, slots=True)
class LocalModel:
    """Model directory of a cache.

    Args:
        name: name for `--model`.
        path: the directory.
        disk_bytes: size of its files.
        checkpoint: its content, or None if it cannot be served.
        fault: reason why it cannot be served.
    """

    name: str
    path: Path
    disk_bytes: int
    checkpoint: Checkpoint | None
    fault: str = ""


def local_checkpoint(
    model: str | None, cache_dir: Path, download: Download, *, weights: bool = True, listed: bool = False
) -> Checkpoint | None:
    """Checkpoint that needs neither a build nor a download. None without one. The weights are not verified.

    Args:
        model: directory, Hugging Face name, or None for the bundled model.
        cache_dir: parent directory of built models.
        download: parameters of the download that put it there.
        weights: whether a download must have its weights.
        listed: whether a download must have the list of its files, as for `cached_snapshot`.

    Raises:
        CheckpointError: the directory does not exist or has no model, or a file in it is invalid.
    """
    if model is None:
        bundle = bundled.adapter_directory()
        path = bundled.directory_of(cache_dir, bundle)
        return read_checkpoint(path, bundled.name_of(bundle)) if path.is_dir() else None
    if (directory := local_path(model)).is_dir():
        return read_checkpoint(directory, directory.resolve().name)
    check_hub_name(model)
    snapshot = cached_snapshot(model, download, weights=weights, listed=listed)
    return None if snapshot is None else read_checkpoint(snapshot, model)


def local_models(cache_dir: Path, download: Download) -> list[LocalModel]:
    """Built models, then those of Hugging Face by name. Damaged ones have a fault.

    Args:
        cache_dir: parent directory of built models.
        download: `download.directory` is the cache of Hugging Face.
    """
    current = [bundled.directory_of(cache_dir, bundle) for bundle in (bundled.adapter_directory(), None)]
    built = [file.parent for file in sorted((cache_dir / bundled.MODELS).glob("[!.]*/config.json"))]
    own = [_local_model(path.name.rpartition("-")[0], path, is_current=path in current) for path in built]
    return own + [_local_model(name, path) for name, path in _snapshots(download)]


def _snapshots(download: Download) -> list[tuple[str, Path]]:
    """Names and newest directories of the models in the cache of Hugging Face."""
    from huggingface_hub import CacheNotFound, scan_cache_dir

    try:
        repos = scan_cache_dir(download.directory).repos
    except (CacheNotFound, OSError, ValueError):
        return []
    models = [(repo.repo_id, max(repo.revisions, key=lambda one: one.last_modified)) for repo in repos
              if repo.repo_type == "model" and repo.revisions]  # fmt: skip
    return sorted((name, revision.snapshot_path) for name, revision in models)


def _local_model(name: str, path: Path, *, is_current: bool = True) -> LocalModel:
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    if not is_current:
        return LocalModel(name, path, size, None, f"built by another release; delete {path}")
    try:
        checkpoint, fault = read_checkpoint(path, name), _fault_of_weights(name, path)
    except CheckpointError as error:
        return LocalModel(name, path, size, None, str(error))
    return LocalModel(name, path, size, None if fault else checkpoint, fault)


def _fault_of_weights(name: str, path: Path) -> str:
    """Words for missing weights. Empty if they are all there."""
    missing = missing_weights(path)
    if not missing:
        return ""
    if any(path.glob("*.safetensors")):
        return f"{missing[0]} is missing; `twinpath model pull {name}` downloads it"
    if any(file for pattern in _OTHER_WEIGHTS for file in path.glob(pattern)):
        return f"its weights are not safetensors; serve it from its directory with --model {path}"
    return f"no weights; `twinpath model pull {name}` downloads them"
