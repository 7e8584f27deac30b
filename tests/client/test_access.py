"""Keys, passwords and proxies of the clients."""

import http.server
import threading
import traceback
from collections.abc import Iterator

import httpx
import pytest

from service.client import AsyncClient, Client, Retries
from service.client.protocol import client_options, unreachable
from service.errors import InputError, ServiceError

SECRET = "tp_secret"


@pytest.mark.parametrize("key", [SECRET, f"{SECRET}\n", f"\r\n {SECRET}\r\n", f"\t{SECRET}"])
def test_white_space_around_a_key_is_not_sent(key: str) -> None:
    assert client_options("http://service", key, 1.0)["headers"] == {"Authorization": f"Bearer {SECRET}"}


@pytest.mark.parametrize("key", ["", "\n", None])
def test_without_a_key_nothing_is_sent(key: str | None) -> None:
    assert client_options("http://service", key, 1.0)["headers"] == {}


@pytest.mark.parametrize("client", [Client, AsyncClient])
@pytest.mark.parametrize(
    "key", [f"{SECRET}\n{SECRET}", f"{SECRET} {SECRET}", f"{SECRET}\0", f"{SECRET}é", f"\ufeff{SECRET}"]
)
def test_a_key_that_no_header_can_hold_is_refused_unseen(client: type[Client] | type[AsyncClient], key: str) -> None:
    with pytest.raises(InputError) as raised:
        client("http://service", api_key=key)
    assert str(raised.value) == "`api_key` must be one line of printable ASCII characters without spaces."
    assert SECRET not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("client", [Client, AsyncClient])
@pytest.mark.parametrize(
    "address", ["xn--/", "xn--a", "[::1", "a..b", f"{'a' * 70}.de", "127.0.0.1:99999999", "127.0.0.1:0", "", "\u2100"]
)
def test_a_url_to_which_nothing_can_be_sent_is_refused_unseen(
    client: type[Client] | type[AsyncClient], address: str
) -> None:
    with pytest.raises(InputError) as raised:
        client(f"http://bob:{SECRET}@{address}")
    assert str(raised.value) == "`url` must be a URL such as http://127.0.0.1:8000."
    assert SECRET not in "".join(traceback.format_exception(raised.value))


def test_an_unreachable_service_is_named_without_password_and_headers() -> None:
    url = httpx.URL(f"http://user:{SECRET}@service:1/")
    refused = unreachable(url, httpx.ConnectError("Connection refused"))
    assert str(refused) == "http://service:1/ does not answer: Connection refused"
    illegal = unreachable(url, httpx.LocalProtocolError(f"Illegal header value b'Bearer {SECRET}'"))
    assert SECRET not in "".join(traceback.format_exception(illegal))
    assert str(illegal) == "http://service:1/ cannot be sent this request: a header is not valid HTTP"


@pytest.fixture
def port() -> Iterator[int]:
    """A server that answers 404 to everything."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "socks5://127.0.0.1:9", "no address"])
def test_a_service_on_this_machine_is_asked_without_a_proxy(
    proxy: str, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy)
    monkeypatch.delenv("no_proxy", raising=False)
    for host in ("127.0.0.1", "localhost"):
        with (
            Client(f"http://{host}:{port}", retries=Retries(limit=0)) as client,
            pytest.raises(ServiceError, match=r"^The service responded 501 Unsupported method"),
        ):
            client.solve("How much is 3 plus 4?")


def test_another_machine_is_asked_through_the_proxy() -> None:
    trusted = {url: client_options(url, None, 1.0)["trust_env"] for url in (
        "http://service:1", "https://127.0.0.1", "http://127.0.0.1.example", "http://10.0.0.7", "http://[::1]:1",
        "http://LOCALHOST:1", "http://127.9.9.9",
    )}  # fmt: skip
    assert trusted == {
        "http://service:1": True, "https://127.0.0.1": True, "http://127.0.0.1.example": True,
        "http://10.0.0.7": True, "http://[::1]:1": False, "http://LOCALHOST:1": False, "http://127.9.9.9": False,
    }  # fmt: skip
