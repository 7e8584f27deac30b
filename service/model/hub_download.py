"""Resumable download of a model from the Hugging Face hub."""

import logging
import shutil
from collections.abc import Callable, Mapping
from functools import cache
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.errors import CheckpointError
from service.model.hub_file import ATTEMPTS, BUSY, TIMEOUT_S, HubFile, fetch, pause
from service.model.known_models import memory
from service.model.safetensors_file import missing_weights, weight_files
from service.model.snapshot import (
    Download,
    cached_snapshot,
    check_hub_name,
    download_errors,
    local_path,
    not_downloaded,
    out_of_reach,
)

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

log = logging.getLogger(__name__)

Report = Callable[[int, int], None]
"""Called with the bytes of the weights that are here, and with all."""

_MAX_FILE_BYTES = 50 * 10**9  # the hub has larger files only in its own protocol


def download_model(
    model: str,
    download: Download,
    report: Report = lambda done, total: None,
    *,
    weights: bool = True,
    check: Callable[[Path], object] = lambda path: None,
) -> Path:
    """Download a model into the cache of Hugging Face. A second call resumes an interrupted one.

    The hub's own client starts a file again after an interruption. So the weights are downloaded here, and it
    downloads and links the rest.

    Args:
        model: Hugging Face name.
        download: parameters of the download.
        report: called as the weights arrive.
        weights: whether to download the weights. Without them only the other files of the model are downloaded.
        check: called with the directory of the other files, before the weights are downloaded. Its errors end the
            download.

    Returns:
        The model directory. If the hub is out of reach, it is the one of the cache.

    Raises:
        CheckpointError: `model` is not a name, the hub refuses it, it has no safetensors, or the disk is full.
    """
    check_download(model)
    _prepare_client()
    with download_errors(model):
        try:
            info = _listing(model, download)
        except Exception as error:
            cached = cached_snapshot(model, download, weights=weights) if _is_out_of_reach(error) else None
            if cached is None:
                raise (out_of_reach(model) if _is_out_of_reach(error) else error) from None
            log.warning("The Hugging Face hub is out of reach; %s is taken from the cache as it is.", model)
            return cached
        path = _snapshot(model, download, [])  # an error of access comes before the weights
        if not weights:
            return path
        names = weight_files(path, [entry.rfilename for entry in info.siblings or []])
        if not names:
            raise CheckpointError(
                f"{model} has no *.safetensors, and other weights are not downloaded; "
                "give a directory with the weights."
            )
        check(path)
        _fetch_all(model, _large_files(model, info, names, download), report)
        path = _snapshot(model, download, names)
        if missing := missing_weights(path):
            raise not_downloaded(model, f"the hub does not have its file {missing[0]}")
        return path


def check_download(model: str) -> None:
    """Check that a text may be a name on the Hugging Face hub.

    Raises:
        CheckpointError: it is empty, a directory, a file, or a path.
    """
    if not model.strip():
        raise CheckpointError("The name of the model is empty; give a Hugging Face name.")
    if local_path(model).is_dir():
        raise CheckpointError(f"{model} is a directory; there is nothing to download.")
    check_hub_name(model)


def weights_on_hub(model: str, download: Download) -> int | None:
    """Size of a model's weights on the hub in bytes. None if the hub does not say it.

    Args:
        model: Hugging Face name, whose other files are in the cache.
        download: parameters of the download.
    """
    _prepare_client()
    path = cached_snapshot(model, download, weights=False)
    try:
        siblings = _listing(model, download).siblings or []
        names = weight_files(path, [entry.rfilename for entry in siblings]) if path else []
    except Exception:  # of several versions of httpx
        return None
    return sum(entry.size or 0 for entry in siblings if entry.rfilename in names) or None


@cache
def _prepare_client() -> None:
    """Limit the time of each response to the hub's own client, which waits forever by default."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils._http import default_client_factory
    from huggingface_hub.utils.tqdm import disable_progress_bars

    def client() -> Any:
        made = default_client_factory()
        made.event_hooks["request"].append(_limit)  # the calls override its own limit with None
        return made

    set_client_factory(client)
    disable_progress_bars()  # on standard error


def _limit(request: Any) -> None:
    """Limit the times of a request that has no limits."""
    limits = request.extensions.get("timeout", {})
    names = ("connect", "read", "write", "pool")
    request.extensions["timeout"] = {name: limits.get(name) or TIMEOUT_S for name in names}


def _listing(model: str, download: Download) -> "ModelInfo":
    """Commit and files of a model. A busy hub is asked again."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    failures = 0
    while True:
        try:
            return HfApi().model_info(model, revision=download.revision, files_metadata=True)
        except HfHubHTTPError as error:
            failures += 1
            status, headers = _response(error)
            if status not in BUSY or failures == ATTEMPTS:
                raise
            pause(failures, f"{model}: the hub answers with status {status}", headers)


def _response(error: Exception) -> tuple[int | None, Mapping[str, str]]:
    response = getattr(error, "response", None)
    return getattr(response, "status_code", None), getattr(response, "headers", {})


def _is_out_of_reach(error: Exception) -> bool:
    """Whether the hub does not answer, or only that it is busy."""
    from huggingface_hub.errors import OfflineModeIsEnabled

    # huggingface_hub raises the classes of several versions of httpx
    names = {one.__name__ for one in type(error).__mro__}
    is_silent = "TransportError" in names and not names & {"ProxyError", "LocalProtocolError", "UnsupportedProtocol"}
    return is_silent or isinstance(error, OfflineModeIsEnabled) or _response(error)[0] in BUSY


def _snapshot(model: str, download: Download, names: list[str]) -> Path:
    """Directory of a model with the files of these names, and all others but the weights."""
    from huggingface_hub import snapshot_download

    patterns = [*download.patterns, *map(escape, names)]
    return Path(
        snapshot_download(model, revision=download.revision, cache_dir=download.directory, allow_patterns=patterns)
    )


def _large_files(model: str, info: "ModelInfo", names: list[str], download: Download) -> list[HubFile]:
    """Weights that are downloaded here. The hub's own client downloads the others."""
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.file_download import repo_folder_name

    cache_directory = Path(download.directory or constants.HF_HUB_CACHE)
    blobs = cache_directory.expanduser() / repo_folder_name(repo_id=model, repo_type="model") / "blobs"
    return [
        HubFile(
            model,
            entry.rfilename,
            hf_hub_url(model, entry.rfilename, revision=info.sha),
            blobs / entry.lfs.sha256,
            entry.lfs.sha256,
            entry.lfs.size,
        )
        for entry in info.siblings or []
        if entry.lfs and _is_digest(entry.lfs.sha256) and 0 < entry.lfs.size < _MAX_FILE_BYTES
        if entry.rfilename in names
    ]


def _is_digest(text: object) -> bool:
    """Whether a text is a SHA-256. It becomes the name of a file."""
    return isinstance(text, str) and len(text) == 64 and set(text) <= set("0123456789abcdef")


def _fetch_all(model: str, files: list[HubFile], report: Report) -> None:
    """Download files, after a check of the free disk."""
    total = sum(file.size_bytes for file in files)
    present = {file.name: file.present_bytes for file in files}
    if files:
        _check_disk(model, files[0].blob.parent, total - sum(present.values()))
    report(sum(present.values()), total)
    for file in files:
        for count in fetch(file):
            present[file.name] = count
            report(sum(present.values()), total)


def _check_disk(model: str, directory: Path, needed_bytes: int) -> None:
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if needed_bytes > free:
        needs = f"it takes {memory(needed_bytes)} more, and {existing} has {memory(free)} free"
        raise not_downloaded(model, f"{needs}; free some disk, or set HF_HOME to a directory on another one")
