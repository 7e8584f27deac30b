"""Files of the secrets that the containers of `deploy/` read."""

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from service.api.api_key import KeyScope
from service.api.api_keys import key_table, new_key, read_tables
from service.errors import ConfigurationError

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


@dataclass
class NewSecrets:
    """Secrets that one call created.

    Attributes:
        files: names of the new files.
        api_key: key of the owner, if the file of API keys is new. The file contains only its hash.
        grafana_password: password of Grafana's administrator, if its file is new.
    """

    files: list[str] = field(default_factory=list)
    api_key: str | None = None
    grafana_password: str | None = None


def create_missing(directory: Path) -> NewSecrets:
    """Create the files that a directory lacks, and set the modes of all. No file loses its content.

    Root gives new files to the owner of the directory.

    Raises:
        ConfigurationError: a file is empty or not a regular file, or the file of API keys is invalid.
        OSError: a file cannot be written.
    """
    directory.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
    directory.chmod(_DIRECTORY_MODE)
    names = (API_KEYS, METRICS, GRAFANA, WORKER, HUGGINGFACE)
    present = {name for name in names if _is_present(directory / name)}
    for path in (directory / name for name in present):
        if not path.is_symlink():
            path.chmod(_FILE_MODE)
    new = NewSecrets()

    def write(name: str, content: str) -> None:
        _write(directory / name, content)
        new.files.append(name)

    if METRICS not in present:
        key, _ = new_key(_SCRAPER, [KeyScope.METRICS], None, None)
        if API_KEYS in present:
            _append_scraper(directory / API_KEYS, key)
        write(METRICS, key)
    if WORKER not in present:
        write(WORKER, secrets.token_urlsafe(32))
    if GRAFANA not in present:
        new.grafana_password = secrets.token_urlsafe(18)
        write(GRAFANA, new.grafana_password)
    if API_KEYS not in present:
        new.api_key, table = new_key(_OWNER, [KeyScope.SOLVE], None, None)
        metrics_key = (directory / METRICS).read_text(encoding="utf-8").strip()
        write(API_KEYS, f"{table}\n{key_table(metrics_key, _SCRAPER, [KeyScope.METRICS], None, None)}")
    return new


def _is_present(path: Path) -> bool:
    """Whether a secret exists.

    Raises:
        ConfigurationError: the file cannot be a secret.
    """
    if not os.path.lexists(path):
        return False
    if path.is_symlink():  # its target belongs to another directory
        return True
    if not path.is_file():
        raise ConfigurationError(f"{path} must be a regular file. Delete it, and run the command again.")
    if path.stat().st_size == 0:
        raise ConfigurationError(f"{path} is empty. Delete it, and run the command again.")
    return True


def _append_scraper(path: Path, key: str) -> None:
    """Add the metrics key to an existing file, under a name that is free."""
    names = {table.name for table in read_tables(path)}
    name = next(name for number in range(1, len(names) + 2) if (name := _numbered(number)) not in names)
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" + key_table(key, name, [KeyScope.METRICS], None, None))


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
