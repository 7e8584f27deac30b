"""Random requests and bytes: no 5xx and no growth.

Few of them here; a hundred thousand of each with `pytest -m soak tests/e2e/test_fuzz.py`.
"""

import asyncio
import contextlib
import json
import random
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.api.test_api_keys import table, written
from tests.support.engines import lines
from tests.support.served import started

pytestmark = pytest.mark.e2e

MANY = pytest.param(100_000, marks=[pytest.mark.soak, pytest.mark.timeout(3000)])
GROWTH = 24 * 1024**2
"""Bytes that a process may gain over a run, by fragments of its heap and caches that fill up."""

PATHS = ["/", "/solve", "/solve/stream", "/solve/batch", "/grade", "/grade/batch", "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/models",
         "/v1/models/twinpath", "/health", "/ready", "/metrics", "/openapi.json", "/page/main.js", "/docs", "/docs/start.js"]  # fmt: skip
TYPES = ["application/json", "application/x-ndjson", "text/plain", "application/json; charset=latin-1", "x", ""]
KEYS = ["anns-key", "scrapers-key", "wrong", "é"]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
fields = st.sampled_from(
    ["problem", "paths", "policy", "temperature", "max_tokens", "deadline_s", "seed", "min_confidence", "trace",
     "model", "messages", "prompt", "n", "stream", "stop", "twinpath", "input", "id", "question", "logprobs", "response", "expected"]
)  # fmt: skip
sound = st.fixed_dictionaries(
    {"problem": st.text(min_size=1, max_size=80), "deadline_s": st.just(0.5)},
    optional={
        "paths": st.fixed_dictionaries({"cot": st.integers(-1, 65), "pot": st.integers(-1, 65)}),
        "trace": st.booleans(), "seed": st.integers(-1, 2**64), "temperature": st.floats(), "max_tokens": st.integers(),
    },
)  # fmt: skip
graded = st.fixed_dictionaries(
    {"problem": st.just("How many?"), "deadline_s": st.just(0.5), "response": values | st.text("0123456789+-*/=.,$%\\{}x is\n")},
    optional={"expected": scalars | st.integers(0, 9).map(str)},
)  # fmt: skip
chat = st.fixed_dictionaries(
    {"model": st.just("twinpath"), "messages": st.lists(st.dictionaries(st.text(max_size=8), values, max_size=3))
     | st.just([{"role": "user", "content": "How much is 3 and 4?"}])},
    optional={"stream": st.booleans(), "n": st.integers(0, 3), "max_tokens": values},
)  # fmt: skip
bodies = (
    st.binary(max_size=200)
    | (sound | graded | chat | st.dictionaries(fields, values, max_size=6) | values).map(
        lambda body: json.dumps(body).encode()
    )
    | st.lists(sound | graded | values, max_size=3).map(
        lambda rows: b"\n".join(json.dumps(row).encode() for row in rows)
    )
)
solving = st.fixed_dictionaries(
    {"method": st.just("POST"), "url": st.sampled_from(["/solve", "/solve/stream"]), "content": sound.map(lambda body: json.dumps(body).encode()),
     "headers": st.just({"Authorization": "Bearer anns-key", "Content-Type": "application/json"})}
)  # fmt: skip
grading = st.fixed_dictionaries(
    {"method": st.just("POST"), "url": st.just("/grade"), "content": graded.map(lambda body: json.dumps(body).encode()),
     "headers": st.just({"Authorization": "Bearer anns-key", "Content-Type": "application/json"})}
)  # fmt: skip
requests = (
    solving
    | grading
    | st.fixed_dictionaries(
        {
            "method": st.sampled_from(["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "BREW"]) | st.just("POST"),
            "url": st.sampled_from(PATHS) | st.text("/.%~?#-ab09é", max_size=12).map(lambda path: f"./{path}"),
            "content": bodies,
            "headers": st.fixed_dictionaries(
                {
                    "Content-Type": st.sampled_from(TYPES),
                    "Authorization": st.sampled_from(KEYS).map(lambda key: f"Bearer {key}".encode()),
                },
                optional={
                    "X-Request-ID": st.text("ab-_ é\t", max_size=80).map(lambda value: value.strip().encode()),
                    "Accept": st.just("*/*;q=x"),
                },
            ),
        }
    )
)


def a_solve_with(key: str) -> dict[str, Any]:
    return {
        "method": "POST",
        "url": "/solve",
        "json": {"problem": "2 + 2"},
        "headers": {"Authorization": f"Bearer {key}"},
    }


@pytest.mark.parametrize("count", [150, MANY])
def test_no_request_breaks_the_application(count: int, tmp_path: Path) -> None:
    statuses: dict[int, int] = {}
    sizes: list[int] = []
    keys = written(tmp_path, table("ann", "anns-key"), table("scraper", "scrapers-key", 'scopes = ["metrics"]'))
    flags = ["--engine", "fake", "--api-keys-file", keys, "--max-problem-chars", 60, "--deadline-s", 2]
    with started(tmp_path, *flags) as (process, url), httpx.Client(base_url=url) as client:
        service = psutil.Process(process.pid)

        @settings(max_examples=count, database=None, phases=[Phase.explicit, Phase.generate],
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(requests)
        @example(a_solve_with("wrong"))
        @example(a_solve_with("scrapers-key"))
        def ask(request: dict[str, Any]) -> None:
            response = client.request(**request)
            assert response.status_code < 500, response.text
            if response.text != "Invalid HTTP request received.":  # uvicorn's own, before the application
                assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert "Traceback" not in response.text
            statuses[response.status_code] = statuses.get(response.status_code, 0) + 1
            if sum(statuses.values()) % (count // 10) == 0:
                sizes.append(service.memory_info().rss)

        ask()
        print(statuses, [size // 1024**2 for size in sizes])
        assert {200, 401, 403} <= statuses.keys()
        assert sizes[-1] - sizes[1] < GROWTH
        assert httpx.get(f"{url}/health").status_code == 200


BODY = b'{"problem": "How much is 3 and 4?", "paths": {"cot": 1, "pot": 1}}'
SOUND = [
    b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /solve HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY),
    b"POST /solve HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY),
    b"POST /solve/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY),
]  # fmt: skip
SPICES = [
    b"\r\n", b"\r\n\r\n", b"\n", b"\0", b"\xff", b" ", b"%", b"%zz", b"HTTP/2.0", b"http://[::1", b"Expect: 100-continue\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Content-Length: 99999999999999999999\r\n", b"Content-Length: -1\r\n",
    b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b"Connection: close\r\n", b"X: " + b"a" * 70_000 + b"\r\n",
    b"ffffffffffffffffff\r\n", b"{" * 2000, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET ", b"CONNECT ",
]  # fmt: skip


def wild(chance: random.Random) -> bytes:
    """Noise, or a sound request with some of its bytes lost, doubled, changed or spiced."""
    if chance.random() < 0.2:
        return chance.randbytes(chance.randrange(300))
    request = bytearray(chance.choice(SOUND))
    for _ in range(chance.randrange(1, 6)):
        place, length = chance.randrange(len(request) + 1), chance.randrange(12)
        piece = chance.choice([b"", chance.choice(SPICES), request[place : place + length] * 2, chance.randbytes(3)])
        request[place : place + chance.choice([0, length])] = piece
    return bytes(request)


async def sent(port: int, content: bytes) -> bytes:
    """The first of what comes back; a server that waits for more is left."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    try:
        writer.write(content)
        async with asyncio.timeout(0.1):
            answer = await reader.read(4096)
    except (ConnectionError, TimeoutError):
        pass
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    return answer


@pytest.mark.parametrize("count", [600, MANY])
async def test_no_bytes_break_the_server(count: int, tmp_path: Path) -> None:
    chance = random.Random(count)
    statuses: dict[bytes, int] = {}
    sizes: list[int] = []
    script = lines(tmp_path / "script", json.dumps({"problem": "3", "kind": "cot", "text": "The answer is 7"}))
    with started(tmp_path, "--engine", "fake", "--fake-script", script, "--sandbox-workers", 1) as (process, url):
        port, service = int(url.rpartition(":")[2]), psutil.Process(process.pid)
        for done in range(0, count, 50):
            for answer in await asyncio.gather(*(sent(port, wild(chance)) for _ in range(50))):
                status = answer[9:12]
                statuses[status] = statuses.get(status, 0) + 1
                assert not answer or answer.startswith(b"HTTP/1.1 ")
                # 501: a transfer coding that is not known, 505: another version of HTTP
                assert status in (b"501", b"505") or not status.startswith(b"5"), answer
            if done % max(50, count // 10) == 0:
                sizes.append(service.memory_info().rss)
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{url}/health")).status_code == 200
        print(statuses, [size // 1024**2 for size in sizes])
        assert {b"200", b"400", b""} <= statuses.keys()
        assert sizes[-1] - sizes[1] < GROWTH
        await asyncio.sleep(0.5)
        established = [c for c in service.net_connections("tcp") if c.status == psutil.CONN_ESTABLISHED]
        assert len(established) <= 1
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log
