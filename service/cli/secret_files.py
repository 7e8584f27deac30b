"""Files of the secrets that the containers of `deploy/` read."""

import hashlib
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from service.api.api_key import KeyScope
from service.api.api_keys import key_table, new_key, read_tables
from service.credentials import KEY_FORM, is_key
from service.errors import ConfigurationError
from service.files import read_text

API_KEYS = "api_keys.toml"
METRICS = "metrics_key"
GRAFANA = "grafana_admin_password"
WORKER = "worker_api_key"
HUGGINGFACE = "huggingface_token"

_OWNER = "me"
_SCRAPER = "prometheus"
_DIRECTORY_MODE = 0o700
# Each container reads its files as another user. The mode of the directory keeps the other users of the host out.
_FILE_MODE = 0o644
_NAMES = (API_KEYS, METRICS, GRAFANA, WORKER, HUGGINGFACE)


@dataclass
class NewSecrets:
    """Secrets that one call created.

    Attributes:
        files: names of the new files.
        table: name of the table that was added to the existing file of API keys, for the metrics key.
        api_key: key of the owner, if the file of API keys is new. The file contains only its hash.
        grafana_password: password of Grafana's administrator, if its file is new.
    """

    files: list[str] = field(default_factory=list)
    table: str | None = None
    api_key: str | None = None
    grafana_password: str | None = None


def create_missing(directory: Path) -> NewSecrets:
    """Create the files that a directory lacks, and set the modes of all. No file loses its content.

    Root gives new files to the owner of the directory. The file of API keys gets a table for an unknown metrics key.

    Raises:
        ConfigurationError: the directory or a file cannot be used. Nothing is written then.
        OSError: a file cannot be written.
    """
    _prepare(directory)
    present = {name for name in _NAMES if _is_present(directory / name)}
    tables = {table.sha256: table.name for table in read_tables(directory / API_KEYS)} if API_KEYS in present else {}
    new = NewSecrets()

    def write(name: str, content: str) -> None:
        _write(directory / name, content)
        new.files.append(name)

    metrics_key = (
        _text(directory / METRICS) if METRICS in present else new_key(_SCRAPER, [KeyScope.METRICS], None, None)[0]
    )
    if API_KEYS in present and hashlib.sha256(metrics_key.encode()).hexdigest() not in tables:
        new.table = _append_scraper(directory / API_KEYS, metrics_key, set(tables.values()))
    if METRICS not in present:
        write(METRICS, metrics_key)
    if WORKER not in present:
        write(WORKER, secrets.token_urlsafe(32))
    if GRAFANA not in present:
        new.grafana_password = secrets.token_urlsafe(18)
        write(GRAFANA, new.grafana_password)
    if API_KEYS not in present:
        new.api_key, table = new_key(_OWNER, [KeyScope.SOLVE], None, None)
        write(API_KEYS, f"{table}\n{key_table(metrics_key, _SCRAPER, [KeyScope.METRICS], None, None)}")
    return new


def _prepare(directory: Path) -> None:
    """Create a directory that only its owner enters, or close an existing one that contains only secrets.

    Raises:
        ConfigurationError: the path is not a directory, or other users need the directory.
    """
    if os.path.lexists(directory) and not directory.is_dir():
        raise ConfigurationError(f"{directory} must be a directory. Delete it, or name another path.")
    directory.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
    is_open = directory.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    if is_open and (others := sorted({path.name for path in directory.iterdir()} - {*_NAMES, ".gitignore"})):
        raise ConfigurationError(
            f"Other users can enter {directory}, and it contains more than secrets: {others[0]}. Name a new directory, "
            "or run chmod 700 on it."
        )
    _set_mode(directory, _DIRECTORY_MODE)


def _is_present(path: Path) -> bool:
    """Whether a secret exists. Sets its mode.

    Raises:
        ConfigurationError: the file cannot be a secret.
    """
    if not os.path.lexists(path):
        return False
    if not path.is_file():
        kind = "a link to a file that exists" if path.is_symlink() else "a regular file"
        raise ConfigurationError(f"{path} must be {kind}. Delete it, and run the command again.")
    if not path.is_symlink():  # a target belongs to another directory
        _set_mode(path, _FILE_MODE)
    if path.name != HUGGINGFACE and not (content := _text(path)):
        raise ConfigurationError(f"{path} is empty. Delete it, and run the command again.")
    if path.name in (METRICS, WORKER) and not is_key(content):
        raise ConfigurationError(f"{path} must contain a key: {KEY_FORM}. Delete it, and run the command again.")
    return True


def _text(path: Path) -> str:
    return read_text(path, f"The file {path}").strip()


def _set_mode(path: Path, mode: int) -> None:
    if stat.S_IMODE(path.stat().st_mode) == mode:
        return
    try:
        path.chmod(mode)
    except PermissionError:
        raise ConfigurationError(f"{path} belongs to another user. Run chmod {mode:o} on it as that user.") from None


def _append_scraper(path: Path, key: str, names: set[str]) -> str:
    """Add the metrics key to an existing file, under a name that is free. Returns the name."""
    name = next(name for number in range(1, len(names) + 2) if (name := _numbered(number)) not in names)
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" + key_table(key, name, [KeyScope.METRICS], None, None))
    return name


def _numbered(number: int) -> str:
    return _SCRAPER if number == 1 else f"{_SCRAPER}-{number}"


def _write(path: Path, content: str) -> None:
    """Create a file. A file that exists is an error."""
    with path.open("x", encoding="utf-8") as file:
        file.write(content.rstrip("\n") + "\n")
    path.chmod(_FILE_MODE)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
