"""Types of values of settings, and the base of their groups."""

import re
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, JsonValue
from pydantic_core import PydanticCustomError
from pydantic_settings import NoDecode

_ORIGIN = re.compile(r"([a-z][a-z\d+.-]*)://([a-z\d._-]+|\[[\da-f:.]+\])(?::(\d{1,5}))?/?", re.ASCII)
_PORTS = {"http": 80, "https": 443}
_HOST_NAME = re.compile(r"[^\s/:@*?#\[\]]*")
_PREFIX_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")


class SettingsGroup(BaseModel):
    """Group of settings with a title for the help."""

    title: ClassVar[str]


class Choice(StrEnum):
    """Values of a setting, in any case."""

    @classmethod
    def _missing_(cls, value: object) -> "Choice | None":
        return next((choice for choice in cls if choice == str(value).lower()), None)


def _split_at_commas(value: object) -> object:
    """Texts of a list whose items may hold several of them."""
    parts = [value] if isinstance(value, str) else value
    if not isinstance(parts, list):
        return parts
    return [text.strip() for part in parts for text in str(part).split(",") if text.strip()]


Texts = Annotated[list[str], NoDecode, BeforeValidator(_split_at_commas)]
"""List of texts. In one text, commas separate them."""


def _with_underscores(options: object) -> object:
    """Table whose names have underscores for dashes. Of two equal names, the one of the stronger source is last."""
    if not isinstance(options, dict):
        return options
    return {str(name).replace("-", "_"): value for name, value in options.items()}


OptionTable = Annotated[dict[str, JsonValue], BeforeValidator(_with_underscores)]
"""Options of another program by their names."""


def _origin(text: str) -> str:
    """Origin as browsers send it: in lower case, without the scheme's own port and a slash at the end."""
    found = _ORIGIN.fullmatch(text.lower())
    if found is None:
        raise PydanticCustomError("predicate", "must be a scheme and a host, such as https://example.org")
    scheme, host, port = found.groups()
    return f"{scheme}://{host}" + (f":{port}" if port and int(port) != _PORTS.get(scheme) else "")


def _origins(origins: list[str]) -> list[str]:
    return [origin if origin == "*" else _origin(origin) for origin in origins]


def _host(text: str) -> str:
    """Name or address, without the brackets that an address has in a URL."""
    host = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if _is_address(host) or (_HOST_NAME.fullmatch(host) and (not text or host.strip("0123456789."))):
        return host
    raise PydanticCustomError(
        "predicate", "must be a name or an address without a port, such as 127.0.0.1, or 0.0.0.0 for every address"
    )


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _prefix_path(text: str) -> str:
    if not _PREFIX_PATH.fullmatch(text):
        raise PydanticCustomError("predicate", "must be a path that starts with a slash, such as /math")
    return text


Origins = Annotated[Texts, AfterValidator(_origins)]
"""Origins of pages, or `*`."""
Host = Annotated[str, AfterValidator(_host)]
"""Name or address. Empty for every address."""
PrefixPath = Annotated[str, AfterValidator(_prefix_path)]
"""Path in front of all others, or empty."""
