"""Requests with and without API keys, over the whole application."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import openai
import pytest

from service.api.api_keys import KeyRing
from service.client import AsyncClient, Retries
from service.errors import ServiceError
from service.settings import Settings
from tests.api.test_api_keys import table, written
from tests.conftest import Serve
from tests.support.engines import TurnEngine, computing_sandbox, cot, playing, pot

PROBLEM = {"problem": "How many?", "paths": {"cot": 1, "pot": 1}}
Guarded = Callable[..., Awaitable[httpx.AsyncClient]]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(
        written(
            tmp_path,
            table("ann", "anns-key"),
            table("scraper", "scrapers-key", 'scopes = ["metrics"]'),
            table("slow", "slow-key", "requests_per_minute = 2"),
            table("narrow", "narrow-key", "concurrency = 1"),
        )
    )


async def rejections(client: httpx.AsyncClient) -> dict[str, int]:
    text = (await client.get("/metrics", headers=bearer("scrapers-key"))).text
    rows = [line for line in text.splitlines() if line.startswith("twinpath_rejected_total{")]
    return {row.split('"')[1]: int(float(row.split()[-1])) for row in rows if not row.endswith(" 0.0")}


async def test_a_known_key_solves(serve: Serve, ring: KeyRing) -> None:
    client = await serve(playing([cot(5)], [pot(5)]), computing_sandbox(), keys=ring)
    for headers in (bearer("anns-key"), {"authorization": "bearer  anns-key "}):
        response = await client.post("/solve", json=PROBLEM, headers=headers)
        assert (response.status_code, response.json()["answer"]) == (200, "5")


@pytest.mark.parametrize(
    "headers", [{}, bearer("none"), bearer(""), {"Authorization": "anns-key"}, {"Authorization": "Basic anns-key"}]
)
@pytest.mark.parametrize(
    "path", ["/solve", "/solve/stream", "/solve/batch", "/grade", "/grade/batch", "/nowhere", "/redoc", "/metrics"]
)
async def test_without_a_known_key_there_is_401(
    serve: Serve, ring: KeyRing, path: str, headers: dict[str, str]
) -> None:
    client = await serve(keys=ring)
    response = await client.post(path, json=PROBLEM, headers=headers | {"X-Request-ID": "r-1"})
    assert (response.status_code, response.headers["content-type"]) == (401, "application/problem+json")
    assert response.headers["www-authenticate"] == 'Bearer realm="twinpath"'
    assert (response.headers["x-request-id"], response.json()["request_id"]) == ("r-1", "r-1")
    assert (
        response.json()["detail"] == "The API key is missing or unknown. Send the header `Authorization: Bearer KEY`."
    )
    assert await rejections(client) == {"unauthorized": 1}


async def test_under_v1_refusals_are_openais(serve: Serve, ring: KeyRing) -> None:
    client = await serve(playing([cot(5)], [pot(5)]), computing_sandbox(), keys=ring)
    for key, error in (
        ("none", openai.AuthenticationError),
        ("scrapers-key", openai.PermissionDeniedError),
        ("slow-key", openai.RateLimitError),
    ):
        asked = openai.AsyncOpenAI(api_key=key, base_url="http://twinpath/v1", http_client=client, max_retries=0)  # type: ignore[arg-type]
        for _ in range(2 if key == "slow-key" else 0):
            await asked.models.list()
        with pytest.raises(error) as raised:
            await asked.models.list()
        assert isinstance(raised.value, openai.APIStatusError)
        assert raised.value.code == {
            401: "invalid_api_key", 403: "insufficient_permissions", 429: "rate_limit_exceeded",
        }[raised.value.status_code]  # fmt: skip


async def test_what_is_open_needs_no_key(serve: Serve, ring: KeyRing) -> None:
    client = await serve(keys=ring)
    for path in ("/", "/page/main.js", "/health", "/ready", "/openapi.json", "/docs", "/docs/start.js"):
        assert (await client.get(path)).status_code == 200, path


async def test_each_key_has_its_own_cached_prompts(serve: Serve, ring: KeyRing) -> None:
    engine = TurnEngine([cot(5), pot(5)])
    client = await serve(engine, computing_sandbox(), keys=ring)
    for key in ("anns-key", "narrow-key"):
        await client.post("/solve", json=PROBLEM, headers=bearer(key))
    assert [sampling.cache_salt for _, _, sampling in engine.sampled] == ["ann", "ann", "narrow", "narrow"]


async def test_without_keys_all_share_cached_prompts(serve: Serve) -> None:
    engine = TurnEngine([cot(5), pot(5)])
    client = await serve(engine, computing_sandbox())
    await client.post("/solve", json=PROBLEM)
    assert [sampling.cache_salt for _, _, sampling in engine.sampled] == [None, None]


async def test_a_key_is_valid_only_for_its_scopes(serve: Serve, ring: KeyRing) -> None:
    client = await serve(playing([cot(5)], [pot(5)]), computing_sandbox(), keys=ring)
    assert (await client.get("/metrics", headers=bearer("scrapers-key"))).status_code == 200
    denied = await client.get("/metrics", headers=bearer("anns-key"))
    assert (denied.status_code, denied.json()["detail"]) == (403, "This API key lacks the scope metrics.")
    denied = await client.post("/solve", json=PROBLEM, headers=bearer("scrapers-key"))
    assert (denied.status_code, denied.json()["detail"]) == (403, "This API key lacks the scope solve.")
    assert await rejections(client) == {"forbidden": 2}


async def test_a_rate_is_held_and_says_when_to_come_back(serve: Serve, ring: KeyRing) -> None:
    client = await serve(playing([cot(5)], [pot(5)]), computing_sandbox(), keys=ring)
    answers = [await client.post("/solve", json=PROBLEM, headers=bearer("slow-key")) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["retry-after"] == "30"
    assert answers[2].json()["detail"] == "This API key has reached its limit of 2 requests a minute."
    assert (await client.post("/solve", json=PROBLEM, headers=bearer("anns-key"))).status_code == 200
    assert await rejections(client) == {"rate_limited": 1}


@pytest.mark.parametrize("path", ["/solve", "/solve/stream"])
async def test_a_place_is_held_until_the_response_has_ended(serve: Serve, ring: KeyRing, path: str) -> None:
    engine = TurnEngine([cot(5), pot(5)], order=[])
    client = await serve(engine, computing_sandbox(), keys=ring)
    body = PROBLEM | {"deadline_s": 0.3}
    first = asyncio.create_task(client.post(path, json=body, headers=bearer("narrow-key")))
    while engine.running < 2:
        await asyncio.sleep(0.01)
    second = await client.post(path, json=body, headers=bearer("narrow-key"))
    assert (second.status_code, second.headers["retry-after"]) == (429, "1")
    assert second.json()["detail"] == "This API key has reached its limit of 1 open problems."
    assert (await first).status_code == 200
    assert (await client.post(path, json=body, headers=bearer("narrow-key"))).status_code == 200
    assert await rejections(client) == {"concurrency_limited": 1}


async def test_a_caller_who_leaves_gives_the_place_back(live: Serve, ring: KeyRing) -> None:
    engine = TurnEngine([cot(5), pot(5)], order=[])
    client = await live(engine, computing_sandbox(), keys=ring)
    with pytest.raises(httpx.ReadTimeout):
        await client.post("/solve", json=PROBLEM, headers=bearer("narrow-key"), timeout=0.3)
    while engine.running:
        await asyncio.sleep(0.01)
    response = await client.post("/solve", json=PROBLEM | {"deadline_s": 0.1}, headers=bearer("narrow-key"))
    assert response.status_code == 200


async def test_a_body_without_a_key_is_never_read(serve: Serve, ring: KeyRing) -> None:
    client = await serve(keys=ring)
    read: list[bytes] = []

    async def body() -> object:
        for _ in range(10):
            read.append(b"x" * 1000)
            yield read[-1]

    response = await client.post("/solve", content=body())  # type: ignore[arg-type]
    assert (response.status_code, len(read)) == (401, 0)


async def test_no_key_is_logged_or_becomes_a_label(
    serve: Serve, ring: KeyRing, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "service")
    client = await serve(playing([cot(5)], [pot(5)]), computing_sandbox(), keys=ring)
    for key in ("anns-key", "wrong-key", "slow-key", "slow-key", "slow-key"):
        await client.post("/solve", json=PROBLEM, headers=bearer(key))
    seen = caplog.text + (await client.get("/metrics", headers=bearer("scrapers-key"))).text
    for secret in ("anns-key", "wrong-key", "slow-key", "scraper", "narrow"):
        assert secret not in seen


async def test_the_client_sends_its_key(live: Serve, ring: KeyRing) -> None:
    http = await live(playing([cot(5)], [pot(5)]), computing_sandbox(), keys=ring)
    async with AsyncClient(str(http.base_url), api_key="anns-key") as client:
        assert (await client.solve("How many?")).answer == "5"
    async with AsyncClient(str(http.base_url), retries=Retries(limit=0)) as client:
        with pytest.raises(ServiceError, match="API key") as raised:
            await client.solve("How many?")
        assert raised.value.status == 401


async def test_the_document_says_what_needs_a_key(serve: Serve, ring: KeyRing) -> None:
    with_keys = (await (await serve(keys=ring)).get("/openapi.json")).json()
    without = (await (await serve(settings=Settings())).get("/openapi.json")).json()
    assert with_keys["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for path, operations in with_keys["paths"].items():
        for method, operation in operations.items():
            if path in ("/health", "/ready"):
                assert "security" not in operation
                assert not {"401", "403", "429"} & set(operation["responses"])
            else:
                assert operation["security"] == [{"key": []}]
                assert without["paths"][path][method]["security"] == [{"key": []}, {}]
                assert {"401", "403", "429"} <= set(operation["responses"])
                assert "WWW-Authenticate" in operation["responses"]["401"]["headers"]


async def test_there_are_no_pages_that_load_from_elsewhere(serve: Serve) -> None:
    client = await serve()
    for path in ("/redoc", "/docs/oauth2-redirect"):
        assert (await client.get(path)).status_code == 404
