"""API keys with scopes and limits, from a TOML file of hashes.

The file is read again when it changes. No key or name of a key appears in logs or metrics.
"""

import hashlib
import hmac
import logging
import secrets
import stat
import time
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from pydantic import ValidationError

from service.api.api_key import ApiKey, KeyScope, KeyTable
from service.credentials import IF_DENIED
from service.errors import ConfigurationError
from service.faults import fault_texts
from service.files import read_toml
from service.settings import Settings

logger = logging.getLogger(__name__)

PREFIX = "tp_"
"""Start of every key, by which secret scanners find keys."""

_CHECK_INTERVAL_S = 1.0
_PUBLIC_PATHS = frozenset({"/", "/health", "/ready", "/openapi.json", "/docs"})
_PUBLIC_FOLDERS = ("/page/", "/docs/")


class KeyRing:
    """Keys of a file.

    Args:
        path: TOML file with `[[keys]]` tables.

    Raises:
        ConfigurationError: the file cannot be read, or a table is invalid.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: object = self._signature()
        self._checked = time.monotonic()
        self._keys = {table.name: ApiKey(table) for table in read_tables(path)}

    def find(self, token: str) -> ApiKey | None:
        """Key of a token, or None if the token is empty or unknown. Every key is compared, in constant time."""
        if not token:  # a request without a key, even if a table has the hash of an empty text
            return None
        self._refresh()
        digest = hashlib.sha256(token.encode("utf-8", errors="surrogateescape")).hexdigest()
        found = None
        for key in self._keys.values():
            if hmac.compare_digest(key.table.sha256, digest):
                found = key
        return found

    def _refresh(self) -> None:
        """Read the file again if it has changed. An invalid file changes nothing. Usage counts are kept."""
        now = time.monotonic()
        if now - self._checked < _CHECK_INTERVAL_S:
            return
        self._checked = now
        signature = self._signature()
        if signature == self._seen:
            return
        self._seen = signature
        try:
            tables = read_tables(self._path)
        except ConfigurationError as error:
            logger.error("API keys not reloaded: %s", error)
            return
        old, self._keys = self._keys, {table.name: ApiKey(table) for table in tables}
        for name, key in old.items():
            if (new := self._keys.get(name)) is not None:
                key.table = new.table
                self._keys[name] = key
        logger.info("API keys reloaded: %d", len(tables))

    def _signature(self) -> object:
        try:
            status = self._path.stat()
        except OSError as error:
            return error.errno
        return status.st_mtime_ns, status.st_size, status.st_ino


def key_ring(settings: Settings) -> KeyRing | None:
    """Keys of the file that the settings name. None without a file.

    Raises:
        ConfigurationError: the file is invalid, or the service would accept everyone on a public address.
    """
    if settings.api_keys_file is not None:
        return KeyRing(settings.api_keys_file)
    if not settings.allow_anonymous and not _is_loopback(settings.host):
        raise ConfigurationError(
            f"Everyone who reaches {settings.host or 'this machine'} could use the service. Set --api-keys-file "
            "(`twinpath keys create` makes keys), or listen on 127.0.0.1, or set --allow-anonymous."
        )
    return None


def scope_of(path: str) -> KeyScope | None:
    """Scope that a request for the path needs. None if it needs no key."""
    if path in _PUBLIC_PATHS or path.startswith(_PUBLIC_FOLDERS):
        return None
    return KeyScope.METRICS if path == "/metrics" else KeyScope.SOLVE


def new_key(
    name: str, scopes: Sequence[KeyScope], requests_per_minute: int | None, concurrency: int | None
) -> tuple[str, str]:
    """Create a key.

    Args:
        name: name of the holder.
        scopes: scopes of the key.
        requests_per_minute: maximum number of requests and problems a minute. None removes the limit.
        concurrency: maximum number of open problems. None removes the limit.

    Returns:
        The key, and its table for the file.

    Raises:
        ConfigurationError: the name or a limit is invalid.
    """
    # A key has 256 random bits, so that a fast hash is safe: guessing is hopeless.
    key = PREFIX + secrets.token_urlsafe(32)
    return key, key_table(key, name, scopes, requests_per_minute, concurrency)


def key_table(
    key: str, name: str, scopes: Sequence[KeyScope], requests_per_minute: int | None, concurrency: int | None
) -> str:
    """Table of an existing key for the file. The other arguments are those of `new_key`.

    Raises:
        ConfigurationError: the name or a limit is invalid.
    """
    digest = hashlib.sha256(key.encode()).hexdigest()
    limits = {"requests_per_minute": requests_per_minute, "concurrency": concurrency}
    _table({"name": name, "sha256": digest, "scopes": scopes} | limits, f"The key {name!r}")
    lines = ["[[keys]]", f'name = "{name}"', f'sha256 = "{digest}"']
    lines.append("scopes = [" + ", ".join(f'"{scope}"' for scope in scopes) + "]")
    lines += [f"{limit} = {value}" for limit, value in limits.items() if value is not None]
    return "\n".join(lines) + "\n"


def read_tables(path: Path) -> list[KeyTable]:
    """Tables of a file of API keys.

    Raises:
        ConfigurationError: the file cannot be read, or a table is invalid.
    """
    name = f"The API keys file {path}"
    content = read_toml(path, name, if_denied=IF_DENIED)
    tables = content.pop("keys", None)
    if content or not isinstance(tables, list) or not tables:
        raise ConfigurationError(f"{name} must contain at least one [[keys]] table and no other keys.")
    with suppress(OSError):
        if path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            logger.warning("other users can write the API keys file %s; run chmod go-w on it", path)
    read = [_table(table, f"{name}, table {number}") for number, table in enumerate(tables, 1)]
    for what in ("name", "sha256"):
        if len({getattr(table, what) for table in read}) < len(read):
            raise ConfigurationError(f"{name}: two tables have the same {what}.")
    return read


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _table(content: object, where: str) -> KeyTable:
    try:
        return KeyTable.model_validate(content)
    except ValidationError as error:  # the text of the error itself would show the values
        wrong = "; ".join(fault_texts(error, KeyTable, "the table"))
        raise ConfigurationError(f"{where}: {wrong}") from None
