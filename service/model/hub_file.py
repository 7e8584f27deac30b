"""Resumable download of one large file from the Hugging Face hub."""

import hashlib
import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx

from service.errors import CheckpointError
from service.model.snapshot import not_downloaded

log = logging.getLogger(__name__)

BUSY = (429, 500, 502, 503, 504)
"""HTTP statuses after which a second attempt can succeed."""
ATTEMPTS = 9
"""Attempts without a new byte, after which a download fails. Their pauses take three minutes."""
TIMEOUT_S = 30.0
_PART = ".twinpath-part"
_PAUSE_S = 1.0
_MAX_PAUSE_S = 60.0
_MAX_ASKED_PAUSE_S = 600.0
_NOTED_PAUSE_S = 5.0
_NOTED_WAITS = 5
_WAIT_S = 1.0
_NEVER = (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.TooManyRedirects)


@dataclass(frozen=True, slots=True)
class HubFile:
    """Large file of a model.

    Args:
        model: Hugging Face name of the model.
        name: its name.
        url: its address.
        blob: its path in the cache.
        sha256: SHA-256 of its content.
        size_bytes: its size.
    """

    model: str
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
    def lock(self) -> Path:
        """Lock of the file, which the hub's own client uses too."""
        folder = self.blob.parent.parent
        return folder.parent / ".locks" / folder.name / f"{self.sha256}.lock"

    @property
    def present_bytes(self) -> int:
        """Bytes that are here already."""
        if self.blob.exists():
            return self.size_bytes
        return self.part.stat().st_size if self.part.exists() else 0

    def error(self, reason: str, *, resumes: bool = False) -> CheckpointError:
        """Error of its download.

        Args:
            reason: words for what is wrong.
            resumes: whether the part is kept and a second run can succeed.
        """
        advice = ". The same command resumes." if resumes else "."
        return not_downloaded(self.model, f"{self.name}: {reason}{advice}")


class _BusyError(httpx.HTTPError):
    """Response of a hub that is busy."""

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(f"the hub answers with status {status}")
        self.headers = headers


def fetch(file: HubFile) -> Iterator[int]:
    """Download a file, and yield the number of its bytes that are here as they arrive.

    Raises:
        CheckpointError: the hub refuses it, the file is damaged, or the disk is full.
    """
    try:
        with ExitStack() as stack:
            yield from _locked(file, stack)
            if not file.blob.exists():
                yield from _fetched(file)
            yield file.size_bytes
    except OSError as error:  # a full disk, or a directory that cannot be written
        raise file.error(error.strerror or str(error), resumes=True) from None


def pause(failures: int, what: str, headers: Mapping[str, str]) -> None:
    """Wait before the next attempt.

    Args:
        failures: number of failed attempts.
        what: words for the failure.
        headers: headers of the response. `Retry-After` in seconds counts.
    """
    asked = headers.get("Retry-After", "")
    least_s = min(float(asked), _MAX_ASKED_PAUSE_S) if asked.isascii() and asked.isdigit() else 0.0
    pause_s = max(least_s, min(_PAUSE_S * 2 ** max(0, failures - 1), _MAX_PAUSE_S))
    if pause_s > _NOTED_PAUSE_S:
        log.warning("%s; next attempt in %.0f s.", what, pause_s)
    time.sleep(pause_s)


def _locked(file: HubFile, stack: ExitStack) -> Iterator[int]:
    """Enter the lock of a file. While another process has it, yield the bytes that are here."""
    from huggingface_hub.utils._fixes import WeakFileLock

    file.lock.parent.mkdir(parents=True, exist_ok=True)
    file.blob.parent.mkdir(parents=True, exist_ok=True)
    waits = 0
    while True:
        try:
            stack.enter_context(WeakFileLock(file.lock, timeout=_WAIT_S))
        except TimeoutError:
            waits += 1
        else:
            return
        if waits == _NOTED_WAITS:
            # On a file system without locks, a killed process leaves the file.
            log.warning("Another process downloads %s; waiting. If none does, delete %s.", file.model, file.lock)
        yield file.present_bytes


def _fetched(file: HubFile) -> Iterator[int]:
    if file.present_bytes > file.size_bytes:
        file.part.unlink()
    failures = 0
    while file.present_bytes < file.size_bytes:
        before = file.present_bytes
        try:
            yield from _streamed(file)
        except _NEVER as error:  # their texts may quote a token
            raise file.error(type(error).__name__) from None
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            failures = 0 if file.present_bytes > before else failures + 1
            if failures == ATTEMPTS:
                raise file.error(reason, resumes=True) from None
            pause(failures, f"{file.name}: {reason}", error.headers if isinstance(error, _BusyError) else {})
    _check(file)
    file.part.replace(file.blob)


def _streamed(file: HubFile) -> Iterator[int]:
    """Append the rest of a file to its part."""
    from huggingface_hub.utils._headers import build_hf_headers

    present = file.present_bytes
    headers = build_hf_headers() | {"Accept-Encoding": "identity", "Range": f"bytes={present}-"}
    # Without its header, a server of another host gets no token: httpx removes it.
    with (
        httpx.Client(timeout=TIMEOUT_S, follow_redirects=True) as client,
        client.stream("GET", file.url, headers=headers) as response,
        file.part.open("ab") as part,
    ):
        if response.status_code in BUSY:
            raise _BusyError(response.status_code, response.headers)
        if response.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
            raise file.error(f"the hub answers with status {response.status_code}")
        if response.status_code == httpx.codes.OK and present:  # the whole file again
            part.truncate(0)
            present = 0
            yield present
        for chunk in response.iter_bytes():
            present += len(chunk)
            if present > file.size_bytes:
                raise file.error(f"the hub sends more than {file.size_bytes:,} bytes")
            part.write(chunk)
            yield present
        part.flush()
        os.fsync(part.fileno())


def _check(file: HubFile) -> None:
    """Compare the SHA-256 of a whole file. A damaged one is removed."""
    with file.part.open("rb") as part:
        digest = hashlib.file_digest(part, "sha256").hexdigest()
    if digest != file.sha256:
        file.part.unlink()
        raise file.error("its SHA-256 differs from the hub's; the file was removed. Run the command again")
