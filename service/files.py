"""Text and TOML files in UTF-8, with or without a mark."""

import tomllib
from pathlib import Path
from typing import Any

from service.errors import UTF16, ConfigurationError

_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def read_text(path: Path, name: str, *, if_denied: str = "", max_bytes: int | None = None) -> str:
    """Text of a file, without its byte order mark.

    Args:
        path: the file.
        name: name of the file in errors ("The script F").
        if_denied: advice for the error if the user may not read the file.
        max_bytes: maximum size in bytes. No more is read. None for no limit.

    Raises:
        ConfigurationError: the file cannot be read, is too large, or is not UTF-8 text.
    """
    try:
        with path.open("rb") as file:
            content = file.read(-1 if max_bytes is None else max_bytes + 1)
        if max_bytes is None or len(content) <= max_bytes:
            return content.decode("utf-8-sig")
        reason = f"it is larger than {max_bytes} bytes"
    except UnicodeDecodeError as error:
        reason = UTF16 if content.startswith(_UTF16) else f"byte {error.start + 1} is not UTF-8 text"
    except (OSError, ValueError) as error:  # also a null character in the path
        reason = getattr(error, "strerror", None) or str(error)
        if if_denied and isinstance(error, PermissionError):
            reason += f". {if_denied}"
    raise ConfigurationError(f"{name} cannot be read: {reason}.")


def home_relative(path: Path) -> str:
    """Path with `~` for the home directory, for terminals."""
    try:
        return f"~/{path.relative_to(Path.home())}"
    except (RuntimeError, ValueError):  # no home, or a path elsewhere
        return str(path)


def read_toml(path: Path, name: str, *, if_denied: str = "", max_bytes: int | None = None) -> dict[str, Any]:
    """Tables of a TOML file. The arguments are those of `read_text`.

    Raises:
        ConfigurationError: as `read_text`, or the file is not valid TOML.
    """
    text = read_text(path, name, if_denied=if_denied, max_bytes=max_bytes)
    try:
        return tomllib.loads(text)
    except RecursionError:
        reason = "its values are nested too deeply"
    except ValueError as error:
        reason = str(error).partition(";")[0]  # of a too long integer, without the advice to programmers
    raise ConfigurationError(f"{name} cannot be read: {reason}.")
