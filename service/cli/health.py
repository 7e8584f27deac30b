"""Work of `twinpath health`: one request to a service, without a proxy."""

import base64
import json
import urllib.request
from http.client import HTTPException
from ipaddress import ip_address
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit

from service.credentials import without_password

_MAX_BODY_BYTES = 1 << 16


def fault_of(url: str, timeout_s: float) -> str | None:
    """Reason why a service is not healthy, or None if it is.

    Args:
        url: address to request. Every status below 400 is healthy.
        timeout_s: timeout of the connection and of each read, in seconds.
    """
    name = without_password(url)
    request = urllib.request.Request(name)  # noqa: S310 - the command has checked the scheme
    parts = urlsplit(url)
    if parts.username is not None:
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        # A redirect must not get it.
        request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(credentials).decode()}")
    # A proxy variable of the environment, such as Docker sets it, must not get a request for this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout_s) as response:
            response.read(_MAX_BODY_BYTES)
    except HTTPError as error:
        with error:
            return f"{name} responded {error.code}{_detail(error.read(_MAX_BODY_BYTES))}"
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        return f"{name} does not answer: {str(reason) or type(error).__name__}"
    return None


def local_url(host: str, port: int) -> str:
    """URL at which this machine reaches a service on the address of its settings."""
    try:
        address = ip_address(host.partition("%")[0] or "0.0.0.0")  # noqa: S104 - an empty host is every address
    except ValueError:  # a name
        return f"http://{host}:{port}"
    if address.is_unspecified:
        host = "127.0.0.1" if address.version == 4 else "::1"
    return f"http://[{host}]:{port}" if address.version == 6 else f"http://{host}:{port}"


def _detail(body: bytes) -> str:
    """Detail of a problem document, after a colon."""
    try:
        detail = json.loads(body)["detail"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return f": {detail}"
