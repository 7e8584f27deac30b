"""Sockets of the service, bound before the model is loaded."""

import errno
import socket
from typing import Any

from service.errors import ConfigurationError

_Address = tuple[Any, ...]  # by the family
_SKIPPED = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""Errors of one address of a name, such as `::1` for localhost on a machine without IPv6."""


def bound_sockets(host: str, port: int) -> list[socket.socket]:
    """Sockets on every address of a host, bound but not yet listening: until the start is over, nothing connects.

    Args:
        host: name or address. Empty for every address.
        port: port. 0 picks a free one.

    Raises:
        ConfigurationError: the address is not known, in use or not of this machine. The cause is the system's error.
    """
    sockets: list[socket.socket] = []
    failure: OSError | None = None
    try:
        for family, address in _addresses(host, port):
            if sockets and not port:  # the port that was picked holds for every address
                address = (address[0], sockets[0].getsockname()[1], *address[2:])
            try:
                sockets.append(_bound(family, address))
            except OSError as error:
                failure = error
                if error.errno not in _SKIPPED:
                    break
        if failure is not None and (not sockets or failure.errno not in _SKIPPED):
            raise ConfigurationError(_reason(failure, host, port)) from failure
    except BaseException:
        for one in sockets:
            one.close()
        raise
    return sockets


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, _Address]]:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, ValueError) as error:  # UnicodeError: a name that the domain name system cannot have
        reason = getattr(error, "strerror", None) or "it is not a valid name"
        raise ConfigurationError(f"--host {host} is not a known address: {reason}.") from None
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _bound(family: socket.AddressFamily, address: _Address) -> socket.socket:
    """Bound socket. Without SO_REUSEADDR, no other process can bind the address before this one listens."""
    try:
        return _bound_once(family, address, reuse=False)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        # Closed connections of an earlier process may hold the address for a minute. Listening ones are refused again.
        return _bound_once(family, address, reuse=True)


def _bound_once(family: socket.AddressFamily, address: _Address, *, reuse: bool) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        if reuse:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
    except BaseException:
        bound.close()
        raise
    return bound


def _reason(error: OSError, host: str, port: int) -> str:
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return f"{place} is in use by another process. Stop it, or choose another port with --port."
    if error.errno == errno.EACCES:
        return f"{place} needs more rights. Choose a --port above 1023."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine. Choose another --host."
    return f"{place} cannot be used: {error.strerror}."
