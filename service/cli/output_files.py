"""Output files that are written once, at the end of a run."""

import os
from pathlib import Path

from service.cli.line_file import replaced, writing
from service.errors import ConfigurationError


def make_directory(option: str, path: Path) -> None:
    """Make the directory of an option.

    Raises:
        ConfigurationError: the directory cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{option} {path} cannot be made: {error.strerror}.") from None


def check_writable(option: str, path: Path) -> None:
    """Check before a run that a file can be written. A file that exists stays as it is.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    if problem := _obstacle(path):
        raise ConfigurationError(f"{option} {path} cannot be written: {problem}.")


def write_whole(path: Path, text: str) -> None:
    """Write a file. A reader sees it either old or whole.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    content = text.encode(errors="replace")
    path = Path(os.path.realpath(path))  # unlike Path.resolve, it raises at no loop of links
    if path.exists() and not path.is_file():  # a pipe or a device
        with writing(path):
            path.write_bytes(content)
        return
    with replaced(path) as file:
        file.write(content)


def _obstacle(path: Path) -> str:
    """Reason why a file cannot be written, or an empty string."""
    if path.is_dir():
        return "it is a directory"
    if not path.parent.is_dir():
        return "No such file or directory"
    return "" if os.access(path if path.exists() else path.parent, os.W_OK) else "Permission denied"
