"""Requests of pages of other origins."""

import pytest

from service.api.api_keys import KeyRing
from service.settings import Settings
from tests.api.test_auth import bearer, ring
from tests.conftest import Serve
from tests.support.engines import computing_sandbox, cot, playing, pot

__all__ = ["ring"]

PROBLEM = {"problem": "How many?", "paths": {"cot": 1, "pot": 1}}
PAGE = "https://page.example"
PREFLIGHT = {"Origin": PAGE, "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "authorization, content-type, x-stainless-os"}  # fmt: skip


def allowing(*origins: str) -> Settings:
    return Settings(cors_origins=list(origins))


@pytest.mark.parametrize("origins", [(PAGE,), ("https://other.example", PAGE), ("*",)])
async def test_a_preflight_of_an_allowed_origin_needs_no_key(serve: Serve, ring: KeyRing, origins: tuple[str]) -> None:
    client = await serve(keys=ring, settings=allowing(*origins))
    response = await client.options("/v1/chat/completions", headers=PREFLIGHT)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == ("*" if origins == ("*",) else PAGE)
    assert response.headers["access-control-allow-methods"] == "GET, HEAD, POST"
    assert response.headers["access-control-allow-headers"] == "authorization, content-type, x-stainless-os"
    assert response.headers["vary"] == (
        "Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network"
    )
    assert "access-control-allow-private-network" not in response.headers
    assert "access-control-allow-credentials" not in response.headers


async def test_a_page_of_an_allowed_origin_reads_answers_and_errors(serve: Serve, ring: KeyRing) -> None:
    client = await serve(playing([cot(5)], [pot(5)]), computing_sandbox(), keys=ring, settings=allowing(PAGE))
    for key, status in (("anns-key", 200), ("none", 401)):
        response = await client.post("/solve", json=PROBLEM, headers={"Origin": PAGE} | bearer(key))
        assert (response.status_code, response.headers["access-control-allow-origin"]) == (status, PAGE)
        assert response.headers["access-control-expose-headers"] == "X-Request-ID, Retry-After"
        assert response.headers["vary"] == "Origin"


@pytest.mark.parametrize(
    "origin", ["https://page.example.evil", "http://page.example", "null", "https://page.example:8443"]
)
async def test_other_origins_are_not_allowed(serve: Serve, ring: KeyRing, origin: str) -> None:
    client = await serve(keys=ring, settings=allowing(PAGE))
    for method, path in (("OPTIONS", "/solve"), ("GET", "/health")):
        response = await client.request(method, path, headers=PREFLIGHT | {"Origin": origin})
        assert response.status_code == (400 if method == "OPTIONS" else 200)
        assert "access-control-allow-origin" not in response.headers
        assert response.headers["vary"].startswith("Origin")


async def test_a_page_reads_that_the_service_failed(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("service.api.routes.solve.problem_of")
    client = await serve(settings=allowing(PAGE))
    response = await client.post("/solve", json=PROBLEM, headers={"Origin": PAGE})
    assert (response.status_code, response.headers["access-control-allow-origin"]) == (500, PAGE)
    response = await client.post("/solve", json=PROBLEM, headers={"Origin": "https://other.example"})
    assert response.status_code == 500
    assert "access-control-allow-origin" not in response.headers


async def test_cors_is_off_by_default(serve: Serve) -> None:
    client = await serve()
    response = await client.options("/solve", headers=PREFLIGHT)
    assert (response.status_code, response.headers["allow"]) == (204, "OPTIONS, POST")
    assert [name for name in response.headers if name.startswith("access-control") or name == "vary"] == []


async def test_a_public_page_may_reach_a_service_on_a_private_address(serve: Serve) -> None:
    client = await serve(settings=allowing(PAGE))
    asked = PREFLIGHT | {"Access-Control-Request-Private-Network": "true"}
    response = await client.options("/solve", headers=asked)
    assert response.headers["access-control-allow-private-network"] == "true"


async def test_not_every_page_may_reach_a_service_on_a_private_address(serve: Serve) -> None:
    client = await serve(settings=allowing("*"))
    asked = PREFLIGHT | {"Access-Control-Request-Private-Network": "true"}
    response = await client.options("/solve", headers=asked)
    assert response.status_code == 400
    assert "access-control-allow-private-network" not in response.headers


async def test_options_without_a_preflight_lists_the_methods(serve: Serve) -> None:
    response = await (await serve(settings=allowing(PAGE))).options("/solve", headers={"Origin": PAGE})
    assert (response.status_code, response.headers["allow"]) == (204, "OPTIONS, POST")
    assert response.headers["access-control-allow-origin"] == PAGE
