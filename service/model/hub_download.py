"""Resumable download of a model from the Hugging Face hub."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import httpx

from service.errors import CheckpointError
from service.model.checkpoint import Download, file_patterns, local_path, model_directory

Report = Callable[[int, int], None]
"""Called with the bytes of the weights that are here, and with all."""

_MAX_FILE_BYTES = 50 * 10**9  # the hub has larger files only in its own protocol
_PART = ".twinpath-part"
_ATTEMPTS = 5
"""Attempts without a new byte, after which a download fails."""
_PAUSE_S = 1.0
_BUSY = (429, 500, 502, 503, 504)
_TIMEOUT = httpx.Timeout(30.0)


@dataclass(frozen=True, slots=True)
class _File:
    """Large file of a model.

    Args:
        name: its name.
        url: its address.
        blob: its path in the cache.
        sha256: SHA-256 of its content.
        size_bytes: its size.
    """

    name: str
    url: str
    blob: Path
    sha256: str
    size_bytes: int

    @property
    def part(self) -> Path:
        """File of an unfinished download."""
        return self.blob.with_name(self.blob.name + _PART)

    @property
    def present_bytes(self) -> int:
        """Bytes that are here already."""
        if self.blob.exists():
            return self.size_bytes
        return self.part.stat().st_size if self.part.exists() else 0


def download_model(model: str, download: Download, report: Report = lambda done, total: None) -> Path:
    """Download a model into the cache of Hugging Face. A second call resumes an interrupted one.

    The hub's own client starts a file again after an interruption. So the weights are downloaded here, and it
    downloads and links the rest.

    Args:
        model: Hugging Face name.
        download: parameters of the download.
        report: called as the weights arrive.

    Returns:
        The model directory.

    Raises:
        CheckpointError: as `model_directory`, or `model` is a directory.
    """
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if local_path(model).exists():
        raise CheckpointError(f"{model} is a directory; there is nothing to download.")
    disable_progress_bars()  # of the hub's own client, on standard error
    model_directory(model, weights=False, download=download)  # an error of access comes before the weights
    files = _weight_files(model, download)
    total = sum(file.size_bytes for file in files)
    done = sum(file.present_bytes for file in files)
    report(done, total)
    for file in files:
        for count in _fetched(model, file):
            done += count
            report(done, total)
    return model_directory(model, download=download)


def _weight_files(model: str, download: Download) -> list[_File]:
    """Large files of a model. Empty if the hub is out of reach: its own client then reports the reason."""
    from huggingface_hub import HfApi, constants, hf_hub_url
    from huggingface_hub.file_download import repo_folder_name

    try:
        info = HfApi().model_info(model, revision=download.revision, files_metadata=True)
    except Exception:  # of several versions of httpx
        return []
    patterns = file_patterns(download, weights=True)
    cache = Path(download.directory or constants.HF_HUB_CACHE)
    blobs = cache.expanduser() / repo_folder_name(repo_id=model, repo_type="model") / "blobs"
    return [
        _File(
            entry.rfilename,
            hf_hub_url(model, entry.rfilename, revision=info.sha),
            blobs / entry.lfs.sha256,
            entry.lfs.sha256,
            entry.lfs.size,
        )
        for entry in info.siblings or []
        if entry.lfs and _is_digest(entry.lfs.sha256) and 0 < entry.lfs.size < _MAX_FILE_BYTES
        if any(fnmatch(entry.rfilename, pattern) for pattern in patterns)
    ]


def _is_digest(text: object) -> bool:
    """Whether a text is a SHA-256. It becomes the name of a file."""
    return isinstance(text, str) and len(text) == 64 and set(text) <= set("0123456789abcdef")


def _fetched(model: str, file: _File) -> Iterator[int]:
    """Download one file, and yield the number of bytes of each part. It is negative if the file starts again."""
    with _locked(file):
        if file.blob.exists():
            return
        if file.present_bytes > file.size_bytes:
            yield -file.present_bytes
            file.part.unlink()
        failures = 0
        while file.present_bytes < file.size_bytes:
            before = file.present_bytes
            try:
                yield from _streamed(model, file)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                failures = 0 if file.present_bytes > before else failures + 1
                if failures == _ATTEMPTS:
                    raise _broken(model, file, str(error) or type(error).__name__) from None
                time.sleep(_PAUSE_S)
        _check(model, file)
        file.part.replace(file.blob)


@contextmanager
def _locked(file: _File) -> Iterator[None]:
    """Lock of the file, which the hub's own client uses too."""
    from huggingface_hub.utils._fixes import WeakFileLock

    folder = file.blob.parent.parent
    lock = folder.parent / ".locks" / folder.name / f"{file.sha256}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    file.blob.parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock):
        yield


def _streamed(model: str, file: _File) -> Iterator[int]:
    """Append the rest of a file to its part."""
    from huggingface_hub.utils._headers import build_hf_headers

    present = file.present_bytes
    headers = build_hf_headers() | {"Accept-Encoding": "identity", "Range": f"bytes={present}-"}
    # Without its header, a server of another host gets no token: httpx removes it.
    with (
        httpx.Client(timeout=_TIMEOUT, follow_redirects=True) as client,
        client.stream("GET", file.url, headers=headers) as response,
        file.part.open("ab") as part,
    ):
        if response.status_code in _BUSY:
            raise httpx.HTTPError(f"the hub answers with status {response.status_code}")
        if response.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
            raise _broken(model, file, f"the hub answers with status {response.status_code}")
        if response.status_code == httpx.codes.OK and present:  # the whole file again
            part.truncate(0)
            yield -present
            present = 0
        for chunk in response.iter_bytes():
            present += len(chunk)
            if present > file.size_bytes:
                raise _broken(model, file, f"the hub sends more than {file.size_bytes:,} bytes")
            part.write(chunk)
            yield len(chunk)
        part.flush()
        os.fsync(part.fileno())


def _check(model: str, file: _File) -> None:
    """Compare the SHA-256 of a whole file. A damaged one is removed."""
    with file.part.open("rb") as part:
        digest = hashlib.file_digest(part, "sha256").hexdigest()
    if digest != file.sha256:
        file.part.unlink()
        raise _broken(model, file, "its SHA-256 is another")


def _broken(model: str, file: _File, reason: str) -> CheckpointError:
    return CheckpointError(f"{model} cannot be downloaded: {file.name}: {reason}. The same command resumes.")
