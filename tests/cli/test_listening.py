"""Sockets of the service: bound before the start, one line for every refusal."""

import errno
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from service.cli import listening
from service.cli.listening import bound_sockets
from service.errors import ConfigurationError


@contextmanager
def bound(host: str, port: int) -> Iterator[list[socket.socket]]:
    sockets = bound_sockets(host, port)
    try:
        yield sockets
    finally:
        for one in sockets:
            one.close()


def message(host: str, port: int) -> str:
    with pytest.raises(ConfigurationError) as raised:
        bound_sockets(host, port)
    return str(raised.value)


def connects(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_bound_address_is_reserved_and_refuses_connections() -> None:
    with bound("127.0.0.1", 0) as [one]:
        port = one.getsockname()[1]
        assert not connects(port)
        said = f"127.0.0.1:{port} is in use by another process. Stop it, or choose another port with --port."
        assert message("127.0.0.1", port) == said
        one.listen()
        assert connects(port)
        assert message("127.0.0.1", port) == said


def test_every_address_of_a_name_gets_the_same_port() -> None:
    with bound("localhost", 0) as sockets:
        names = [one.getsockname() for one in sockets]
        assert len({name[1] for name in names}) == 1
        assert {name[0] for name in names} <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize("host", ["", "0.0.0.0"])
def test_every_address_of_this_machine(host: str) -> None:
    with bound(host, 0) as sockets:
        assert "0.0.0.0" in {one.getsockname()[0] for one in sockets}


def test_the_port_of_an_earlier_service_is_free_at_once() -> None:
    """Its connections are still closing, in the state TIME_WAIT."""
    with bound("127.0.0.1", 0) as [one]:
        port = one.getsockname()[1]
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does before it listens
        one.listen()
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = one.accept()
            accepted.close()  # the side that closes first keeps the port
            assert client.recv(1) == b""
    with socket.socket() as plain, pytest.raises(OSError, match="in use"):
        plain.bind(("127.0.0.1", port))
    with bound("127.0.0.1", port) as [one]:
        assert one.getsockname() == ("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("192.0.2.1", "192.0.2.1 is not an address of this machine. Choose another --host."),
        ("a..b", "--host a..b is not a known address: it is not a valid name."),
    ],
)
def test_a_wrong_host_is_one_line(host: str, said: str) -> None:
    assert message(host, 0) == said


def test_an_unknown_name_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert message("nowhere.example", 1) == "--host nowhere.example is not a known address: Name or service not known."


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EACCES, "127.0.0.1:80 needs more rights. Choose a --port above 1023."),
        (errno.EPERM, "127.0.0.1:80 cannot be used: Operation not permitted."),
    ],
)
def test_a_refusal_of_the_system_is_one_line(number: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(number, errno.errorcode[number] if number == errno.EACCES else "Operation not permitted")

    monkeypatch.setattr(listening, "_bound", refused)
    assert message("127.0.0.1", 80) == said


def test_an_address_that_this_machine_lacks_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `::1` of localhost, without IPv6."""
    found = [(socket.AF_INET, ("192.0.2.1", 0)), (socket.AF_INET, ("127.0.0.1", 0))]
    monkeypatch.setattr(listening, "_addresses", lambda host, port: found)
    with bound("localhost", 0) as [one], closing(one):
        assert one.getsockname()[0] == "127.0.0.1"
