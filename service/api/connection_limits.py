"""Limits of connections, and the limit on open files that they need."""

import resource
from dataclasses import dataclass

from service.settings import Settings

_SPARE_FILES = 1024
_FILES_PER_CONNECTION = 2  # its socket, and the file of a batch


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a connection.

    Args:
        header_timeout_s: seconds for the head of a request, from the connection or the first byte of the next request.
        write_timeout_s: seconds without progress after which an unread response is dropped.
        max_connections: maximum number of open connections. A further one gets 503 and is closed.
        max_head_bytes: maximum size of the head of a request. A larger one gets 414 or 431.
        max_headers: maximum number of header lines of a request. More get 431.
        root_path: prefix of the paths, without a slash at its end.
        cors_origins: origins whose pages may read a refusal, or `*`.
    """

    header_timeout_s: float
    write_timeout_s: float
    max_connections: int
    max_head_bytes: int
    max_headers: int
    root_path: str
    cors_origins: tuple[str, ...]


def limits_of(settings: Settings) -> Limits:
    """Limits that the settings contain."""
    return Limits(
        header_timeout_s=settings.header_timeout_s,
        write_timeout_s=settings.write_timeout_s,
        max_connections=settings.max_connections,
        max_head_bytes=settings.max_head_bytes,
        max_headers=settings.max_headers,
        root_path=settings.root_path.rstrip("/"),
        cors_origins=tuple(settings.cors_origins),
    )


def raise_file_limit(connections: int) -> None:
    """Raise the soft limit on open files, up to the hard limit.

    Args:
        connections: maximum number of open connections. Two files each and 1024 further ones are allowed for.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections * _FILES_PER_CONNECTION + _SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
