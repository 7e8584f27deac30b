"""Credentials, which no error may show: API keys, and passwords in URLs."""

from urllib.parse import urlsplit

KEY_FORM = "one line of printable ASCII characters without spaces"
"""Form of an API key, for errors."""

IF_DENIED = (
    "Let the service's user read it: with Docker Compose run `docker compose run --rm setup`, otherwise run `chown` on "
    "the file and on its directory"
)
"""Advice for a secret of the service that its user may not read."""


def is_key(text: str) -> bool:
    """Whether a text can be sent as an API key, in a header of HTTP."""
    return all("!" <= char <= "~" for char in text)


def without_password(url: str) -> str:
    """URL without its user name and password, for messages."""
    scheme, separator, rest = url.rpartition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"


def is_url(text: str) -> bool:
    """Whether a text is a URL of HTTP to which a request can be sent."""
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").encode("idna"), parts.port  # as for the resolver of names
    except ValueError:
        return False
    is_plain = text.isprintable() and " " not in text
    return parts.scheme in ("http", "https") and bool(host) and port != 0 and is_plain
