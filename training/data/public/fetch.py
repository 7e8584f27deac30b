"""Original files of public sets, from GitHub or a mirror directory.

Every content is checked against its git blob id. A file appears in the cache only when it is complete.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from service.errors import ConfigurationError
from training.data.public import origins
from training.data.public.network import connection_fault, reason
from training.data.public.origins import Origin, blob_id

ATTEMPTS = 3
WAIT_S = 1.0
TIMEOUT_S = 8.0


@dataclass(frozen=True, slots=True)
class Fetch:
    """Reader of original files.

    Args:
        cache: directory of downloaded files, laid out as a mirror directory.
        mirror: directory of copies, or None to download.
        report: function that receives one line per download.
    """

    cache: Path
    mirror: Path | None = None
    report: Callable[[str], None] = print

    def __call__(self, origin: Origin) -> bytes:
        """Content of a file.

        Raises:
            ConfigurationError: the mirror does not have the file, or the download fails.
        """
        if self.mirror is not None:
            return _copied(origin, self.mirror)
        path = self.cache / origin.places[0]
        content = _read(path)
        if content is None or blob_id(content) != origin.blob:
            content = self._download(origin)
            write_whole(path, content)
        return content

    def _download(self, origin: Origin) -> bytes:
        self.report(f"downloading {origin.url}")
        fault = connection_fault(origins.RAW)
        for attempt in range(0 if fault else ATTEMPTS):
            time.sleep(WAIT_S * attempt)
            try:
                answer = httpx.get(origin.url, timeout=TIMEOUT_S, follow_redirects=True)
                answer.raise_for_status()
            except httpx.HTTPError as error:
                fault = reason(error)
                continue
            if blob_id(answer.content) == origin.blob:
                return answer.content
            fault = f"the content has the blob id {blob_id(answer.content)} instead of {origin.blob}"
        raise ConfigurationError(
            f"{origin.url} cannot be downloaded: {fault}. Without a network, copy the files to a directory "
            "(`--urls` lists them) and name it with --from"
        )


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that appears only when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.replace(path)


def _copied(origin: Origin, mirror: Path) -> bytes:
    """Content of a file in a mirror."""
    if not mirror.is_dir():
        raise ConfigurationError(f"the mirror {mirror} is not a directory")
    other = None
    for place in origin.places:
        content = _read(mirror / place)
        if content is not None and blob_id(content) == origin.blob:
            return content
        other = other or (mirror / place if content is not None else None)
    if other is not None:
        raise ConfigurationError(
            f"{other} is another version of {origin.repository}/{origin.path}; check out commit {origin.commit}"
        )
    raise ConfigurationError(f"the mirror {mirror} has no file {origin.places[0]}; get it from {origin.url}")


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
