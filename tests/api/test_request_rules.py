"""HTTP's rules about targets, Host, framing, codings, methods and HEAD, over the whole application."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.targets import normalized_path, without_origin
from service.settings import Settings
from tests.api.test_auth import bearer, ring
from tests.conftest import Serve
from tests.support.engines import computing_sandbox, cot, playing, pot

__all__ = ["ring"]

PROBLEM = {"problem": "How many?", "paths": {"cot": 1, "pot": 1}}
GETS = ["/", "/page/main.js", "/docs", "/docs/start.js", "/health", "/ready", "/metrics", "/openapi.json", "/v1/models",
        "/v1/models/twinpath"]  # fmt: skip
POSTS = ["/solve", "/solve/stream", "/solve/batch", "/grade", "/grade/batch", "/v1/chat/completions", "/v1/completions"]


async def test_every_get_is_answered_to_head_without_its_body(live: Serve) -> None:
    client = await live(playing([cot(21)], []))
    for path in GETS:
        got, head = await client.get(path), await client.head(path)
        assert (path, head.status_code, head.content) == (path, 200, b"")
        assert head.headers["content-type"] == got.headers["content-type"]
        if path != "/metrics":
            assert head.headers["content-length"] == str(len(got.content))


@pytest.mark.parametrize(
    ("path", "allow"), [(path, "GET, HEAD, OPTIONS") for path in GETS] + [(path, "OPTIONS, POST") for path in POSTS]
)
async def test_options_and_a_wrong_method_list_the_methods_of_the_path(serve: Serve, path: str, allow: str) -> None:
    client = await serve()
    options = await client.options(path)
    assert (options.status_code, options.headers["allow"], options.content) == (204, allow, b"")
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "BREW", "GET" if path in POSTS else "POST"):
        wrong = await client.request(method, path)
        assert (wrong.status_code, wrong.headers["allow"]) == (405, allow), method
        assert f"This path accepts only {allow}." in wrong.text
        assert wrong.headers["x-request-id"]


async def test_head_of_a_post_is_refused_without_a_body(live: Serve) -> None:
    response = await (await live(playing([cot(21)], []))).head("/solve")
    assert (response.status_code, response.headers["allow"], response.content) == (405, "OPTIONS, POST", b"")


async def test_options_of_no_path_is_404_and_of_the_service_204(live: Serve) -> None:
    client = await live(playing([cot(5)], [pot(5)]))
    assert (await client.options("/nowhere")).status_code == 404
    response = await asked(client, "OPTIONS", b"*")
    assert (response.status_code, response.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    response = await asked(client, "CONNECT", b"x:80")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")


async def asked(client: httpx.AsyncClient, method: str, target: bytes) -> httpx.Response:
    """Response to a request with an exact target."""
    return await client.send(client.build_request(method, "/", extensions={"target": target}))


@pytest.mark.parametrize("spelling", ["{}/", "/{}", "//{}//", "{}%2F"])
@pytest.mark.parametrize("path", ["/v1/models", "/health", "/metrics"])
async def test_slashes_change_nothing(serve: Serve, path: str, spelling: str) -> None:
    client = await serve()
    response = await client.get(f"http://twinpath{spelling.format(path)}")
    assert response.status_code == 200
    assert "location" not in response.headers


@pytest.mark.parametrize("path", ["/solve/", "//solve", "/solve//"])
async def test_a_slash_gets_no_redirect_to_a_host_of_the_caller(serve: Serve, path: str) -> None:
    client = await serve(playing([cot(5)], [pot(5)]), computing_sandbox())
    response = await client.post(f"http://twinpath{path}", json=PROBLEM, headers={"Host": "evil.example"})
    assert (response.status_code, response.json()["answer"]) == (200, "5")


@pytest.mark.parametrize(
    "path", ["/solve/", "//solve", "/v1//models", "/v1/models/", "//metrics", "/nowhere/", "/pagex/"]
)
async def test_no_spelling_of_a_path_passes_the_keys(serve: Serve, ring: object, path: str) -> None:
    client = await serve(keys=ring)
    for method in ("GET", "POST", "HEAD", "OPTIONS"):
        assert (await client.request(method, f"http://twinpath{path}")).status_code == 401, method


async def test_a_prefix_may_be_there_or_be_removed(serve: Serve, ring: object) -> None:
    client = await serve(keys=ring, settings=Settings(root_path="/math"))
    for path in ("/math/v1/models", "/v1/models", "/math//v1/models/"):
        assert (await client.get(f"http://twinpath{path}", headers=bearer("anns-key"))).status_code == 200
        assert (await client.get(f"http://twinpath{path}")).status_code == 401
    assert (await client.get("/maths/health", headers=bearer("anns-key"))).status_code == 404


async def test_pages_are_redirected_to_where_their_relative_addresses_work(serve: Serve) -> None:
    client = await serve(settings=Settings(root_path="/a/math"))
    moved = await client.get("/a/math", headers={"Host": "evil.example"})
    assert (moved.status_code, moved.headers["location"]) == (308, "./math/")
    assert (await client.get("/a/math/")).status_code == 200
    moved = await client.get("/a/math/docs/", headers={"Host": "evil.example"})
    assert (moved.status_code, moved.headers["location"]) == (308, "../docs")
    assert (await client.get("/a/math/docs")).status_code == 200


@pytest.mark.parametrize(
    ("target", "status"),
    [(b"http://x/health", 200), (b"HTTPS://user@x:1/health?a", 200), (b"http://x", 200), (b"http://x?a", 200), (b"/%68ealth", 200),
     (b"/health%00", 404), (b"/%ff", 404), (b"health", 400), (b"*", 400), (b"x:80", 400)],
)  # fmt: skip
async def test_the_forms_of_a_target(live: Serve, target: bytes, status: int) -> None:
    response = await asked(await live(playing([cot(5)], [pot(5)])), "GET", target)
    assert response.status_code == status
    if status == 400:
        assert response.json()["detail"] == "The target of the request must be a path, such as /solve."
        assert response.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("host", "status"),
    [("x", 200), ("x:80", 200), ("a_b.c-d:1", 200), ("[::1]:8000", 200), ("1.2.3.4", 200), ("", 200), ("x:", 200),
     ("a b", 400), ("x/y", 400), ("x@y", 400), ("x:y", 400), ("[::1", 400), ("x?y", 400), ("<x>", 400), ("x, y", 400)],
)  # fmt: skip
async def test_a_host_that_is_none_is_refused(serve: Serve, host: str, status: int) -> None:
    response = await (await serve()).get("/health", headers={"Host": host})
    assert response.status_code == status


async def test_a_message_with_two_lengths_is_refused(serve: Serve) -> None:
    headers = {"Transfer-Encoding": "chunked", "Content-Length": "2", "Content-Type": "application/json"}
    response = await (await serve()).post("/solve", content=b"{}", headers=headers)
    assert (response.status_code, response.headers["connection"]) == (400, "close")
    assert response.json()["detail"] == "The request must not have both Content-Length and Transfer-Encoding."


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip", "X"])
async def test_a_compressed_body_is_refused_with_what_is_read(serve: Serve, path: str, coding: str) -> None:
    headers = {"Content-Encoding": coding, "Content-Type": "application/json"}
    response = await (await serve()).post(path, content=b"\x1f\x8b", headers=headers)
    assert (response.status_code, response.headers["accept-encoding"]) == (415, "identity")
    assert "The body must not be compressed. Send it without Content-Encoding." in response.text


@pytest.mark.parametrize("coding", ["identity", "", "Identity"])
async def test_an_uncompressed_body_may_say_so(serve: Serve, coding: str) -> None:
    client = await serve(playing([cot(5)], [pot(5)]), computing_sandbox())
    assert (await client.post("/solve", json=PROBLEM, headers={"Content-Encoding": coding})).status_code == 200


@pytest.mark.parametrize("path", POSTS)
async def test_a_wrong_media_type_is_refused_with_what_is_read(serve: Serve, path: str) -> None:
    response = await (await serve()).post(path, content=b"{}", headers={"Content-Type": "text/plain"})
    accepted = "application/x-ndjson" if path.endswith("/batch") else "application/json"
    assert (response.status_code, response.headers["accept"]) == (415, accepted)


async def test_answers_are_not_stored_and_metrics_vary(serve: Serve) -> None:
    client = await serve(playing([cot(5)], [pot(5)]), computing_sandbox())
    for path in ("/solve", "/solve/stream", "/v1/completions", "/nowhere"):
        assert (await client.post(path, json=PROBLEM)).headers["cache-control"] == "no-store"
    assert (await client.get("/metrics")).headers["vary"] == "Accept"


@given(st.text(alphabet="/ab.%2F\\*:?#[]@\u00e9", max_size=30), st.sampled_from(["", "/a", "/a/b"]))
def test_a_normalized_path_has_one_spelling(path: str, prefix: str) -> None:
    found = normalized_path(f"/{path}".encode(), prefix)
    assert found.startswith("/")
    assert "//" not in found
    assert found == "/" or not found.endswith("/")


@given(st.text(alphabet="/ab:htps.%2F?#@", max_size=30))
def test_a_target_that_starts_with_a_slash_has_no_origin(path: str) -> None:
    assert without_origin(f"/{path}".encode()) == f"/{path}".encode()


@pytest.mark.parametrize(
    "target",
    [b"/metricshttp://x", b"/metrics%68ttp://x", b"/http://x/metrics", b"/http:%2f%2fx/metrics", b"/http://x",
     b"/healthHTTPS://x:1", b"/xhttp://x/../health"],
)  # fmt: skip
async def test_an_origin_inside_a_path_is_a_part_of_it(live: Serve, target: bytes) -> None:
    response = await asked(await live(playing([cot(5)], [pot(5)])), "GET", target)
    assert (response.status_code, response.json()["detail"]) == (404, "Not Found")


@pytest.mark.parametrize("target", [b"http%3A//x/health", b"%2Fhealth", b"xhttp://x/health"])
async def test_a_target_that_is_decoded_to_a_path_is_none(live: Serve, target: bytes) -> None:
    response = await asked(await live(playing([cot(5)], [pot(5)])), "GET", target)
    assert (response.status_code, response.json()["detail"]) == (
        400, "The target of the request must be a path, such as /solve.",
    )  # fmt: skip


async def test_a_target_with_an_origin_leads_to_no_other_place(live: Serve) -> None:
    client = await live(playing([cot(5)], [pot(5)]), settings=Settings(root_path="/math"))
    response = await asked(client, "GET", b"http://evil.example/math?x")
    assert (response.status_code, response.headers["location"]) == (308, "./math/")
