"""Text and TOML files in UTF-8, with or without a mark."""

import tomllib
from pathlib import Path
from typing import Any

from service.errors import UTF16, ConfigurationError

_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def read_text(path: Path, name: str, *, if_denied: str = "") -> str:
    """Text of a file, without its byte order mark.

    Args:
        path: the file.
        name: name of the file in errors ("The script F").
        if_denied: advice for the error if the user may not read the file.

    Raises:
        ConfigurationError: the file cannot be read, or is not UTF-8 text.
    """
    try:
        content = path.read_bytes()
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        reason = UTF16 if content.startswith(_UTF16) else f"byte {error.start + 1} is not UTF-8 text"
    except (OSError, ValueError) as error:  # also a null character in the path
        reason = getattr(error, "strerror", None) or str(error)
        if if_denied and isinstance(error, PermissionError):
            reason += f". {if_denied}"
    raise ConfigurationError(f"{name} cannot be read: {reason}.")


def read_toml(path: Path, name: str, *, if_denied: str = "") -> dict[str, Any]:
    """Tables of a TOML file. The arguments are those of `read_text`.

    Raises:
        ConfigurationError: as `read_text`, or the file is not valid TOML.
    """
    text = read_text(path, name, if_denied=if_denied)
    try:
        return tomllib.loads(text)
    except RecursionError:
        reason = "its values are nested too deeply"
    except ValueError as error:
        reason = str(error).partition(";")[0]  # of a too long integer, without the advice to programmers
    raise ConfigurationError(f"{name} cannot be read: {reason}.")
