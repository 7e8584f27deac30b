"""Route `POST /solve`: invalid requests, and the response on the wire."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from service.engine.fake import FakeEngine
from service.errors import EngineError, PromptTooLongError
from service.model.metadata import Decoding
from service.sandbox.base import Execution, Outcome
from service.sandbox.fake import FakeSandbox
from service.sandbox.pool import SandboxPool
from service.settings import Settings
from tests.conftest import Serve
from tests.support.engines import TurnEngine, computing_sandbox, cot, ok, playing, pot

JSON = {"Content-Type": "application/json"}
PENS = "A pen costs 3 dollars. How much do 7 pens cost?"


def body(**fields: object) -> bytes:
    return json.dumps({"problem": PENS} | fields).encode()


def raw(fields: str) -> bytes:
    """A good problem, followed by fields that `json.dumps` would not write so."""
    return f'{{"problem": "{PENS}", {fields}}}'.encode()


NO_JSON: dict[str, bytes] = {
    "blank body": b"  \n",
    "one brace": b"{",
    "truncated string": b'{"problem": "A pen co',
    "truncated object": b'{"problem": "A pen costs 3 dollars."',
    "trailing garbage": body() + b"x",
    "two objects": body() + body(),
    "trailing comma": raw(""),
    "single quotes": b"{'problem': 'A pen'}",
    "plain text": b"A pen costs 3 dollars.",
    "form": b"problem=A+pen",
    "comment": raw("/* why */"),
    "misspelt null": raw('"seed": nil'),
    "misspelt infinity": raw('"temperature": Inf'),
    "hexadecimal": raw('"seed": 0x10'),
    "leading zero": raw('"seed": 007'),
    "leading plus": raw('"seed": +7'),
    "bare NUL byte": b'{"problem": "a\x00b"}',
    "bare line end": b'{"problem": "a\nb"}',
    "bare escape": b'{"problem": "a\x1bb"}',
    "bad escape": b'{"problem": "\\x41"}',
    "half a Unicode escape": b'{"problem": "\\u12"}',
    "NUL byte alone": b"\x00",
    "invalid UTF-8": b'{"problem": "\xff\xfe"}',
    "UTF-8 cut short": b'{"problem": "\xe2\x82"}',
    "overlong UTF-8": b'{"problem": "\xc0\x80"}',
    "Latin-1": '{"problem": "é"}'.encode("latin-1"),
    "compressed": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    "30,000 open brackets": b"[" * 30_000,
    "30,000 nested arrays": b"[" * 30_000 + b"]" * 30_000,
    "10,000 nested objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "deep JSON in a field": raw('"seed": ' + "[" * 30_000 + "]" * 30_000),
    "a seed of 5,000 digits": raw('"seed": 1' + "0" * 4999),
    "a temperature of 5,000 digits": raw('"temperature": 1' + "0" * 4999),
}

UNFIT: dict[str, tuple[bytes, list[str]]] = {
    "empty body": (b"", ["body"]),
    "null": (b"null", ["body"]),
    "a list": (b"[]", ["body"]),
    "a list of problems": (b"[" + body() + b"]", ["body"]),
    "a string": (b'"A pen costs 3 dollars."', ["body"]),
    "a number": (b"5", ["body"]),
    "true": (b"true", ["body"]),
    "NaN": (b"NaN", ["body"]),
    "no problem": (b"{}", ["problem"]),
    "problem misspelt": (b'{"Problem": "A pen"}', ["Problem"]),
    "problem null": (body(problem=None), ["problem"]),
    "problem empty": (body(problem=""), ["problem"]),
    "problem blank": (body(problem=" \t\n\u00a0\u3000"), ["problem"]),
    "problem a number": (body(problem=5), ["problem"]),
    "problem a list": (body(problem=[PENS]), ["problem"]),
    "problem an object": (body(problem={"text": PENS}), ["problem"]),
    "problem false": (body(problem=False), ["problem"]),
    "problem too long": (body(problem="a" * 4001), ["problem"]),
    "problem with NUL": (body(problem="a\x00b"), ["problem"]),
    "problem with escape": (body(problem="a\x1b[31m"), ["problem"]),
    "problem with backspace": (body(problem="a\x08"), ["problem"]),
    "problem with delete": (body(problem="\x7fa"), ["problem"]),
    "problem ends with a separator": (body(problem="a\x1f"), ["problem"]),
    "problem with a high surrogate": (b'{"problem": "a\\ud800b"}', ["problem"]),
    "problem with a low surrogate": (b'{"problem": "\\udfff"}', ["problem"]),
    "problem with surrogates reversed": (b'{"problem": "\\ude00\\ud83d"}', ["problem"]),
    "problem with a surrogate in UTF-8": (b'{"problem": "\xed\xa0\x80"}', ["problem"]),
    "problem given twice": (raw('"problem": 5'), ["problem"]),
    "unknown field": (body(answer=51), ["answer"]),
    "unknown fields": (body(n=1, models="m"), ["n", "models"]),
    "unknown field with NUL": (body(**{"\x00": 1}), ["\x00"]),
    "unknown field without a name": (body(**{"": 1}), ["body"]),
    "unknown field with a surrogate": (raw('"\\ud800": 1'), ["body"]),
    "unknown field with a long name": (body(**{"x" * 1000: 1}), ["x" * 100]),
    "unknown nested field": (body(paths={"cot": 1, "both": 1}), ["paths.both"]),
    "unknown nested field named body": (body(paths={"body": 1}), ["paths.body"]),
    "1,000 unknown fields": (body(**{f"f{n}": n for n in range(1000)}), [f"f{n}" for n in range(20)]),
    "a prototype": (body(__proto__={"trace": True}), ["__proto__"]),
    "paths no number": (body(paths=0), ["paths"]),
    "paths a large number": (body(paths=129), ["paths"]),
    "paths half a number": (body(paths=2.5), ["paths"]),
    "paths a list": (body(paths=[10, 10]), ["paths"]),
    "paths a string": (body(paths="10"), ["paths"]),
    "paths false": (body(paths=False), ["paths"]),
    "both budgets zero": (body(paths={"cot": 0, "pot": 0}), ["paths"]),
    "cot negative": (body(paths={"cot": -1}), ["paths.cot"]),
    "cot too large": (body(paths={"cot": 65}), ["paths.cot"]),
    "cot huge": (raw(f'"paths": {{"cot": {10**400}}}'), ["paths.cot"]),
    "cot a string": (body(paths={"cot": "10"}), ["paths.cot"]),
    "cot a float": (body(paths={"cot": 10.5}), ["paths.cot"]),
    "cot true": (body(paths={"cot": True}), ["paths.cot"]),
    "pot negative": (body(paths={"pot": -1}), ["paths.pot"]),
    "pot a list": (body(paths={"pot": [1]}), ["paths.pot"]),
    "pot NaN": (raw('"paths": {"pot": NaN}'), ["paths.pot"]),
    "both budgets wrong": (body(paths={"cot": -1, "pot": 65}), ["paths.cot", "paths.pot"]),
    "policy unknown": (body(policy="majority"), ["policy"]),
    "policy in capitals": (body(policy="FIXED"), ["policy"]),
    "policy empty": (body(policy=""), ["policy"]),
    "policy a number": (body(policy=0), ["policy"]),
    "policy a list": (body(policy=["fixed"]), ["policy"]),
    "policy a surrogate": (raw('"policy": "\\ud800"'), ["policy"]),
    "temperature negative": (body(temperature=-0.1), ["temperature"]),
    "temperature too high": (body(temperature=2.1), ["temperature"]),
    "temperature a string": (body(temperature="0.7"), ["temperature"]),
    "temperature true": (body(temperature=True), ["temperature"]),
    "temperature a list": (body(temperature=[0.7]), ["temperature"]),
    "temperature NaN": (raw('"temperature": NaN'), ["temperature"]),
    "temperature infinite": (raw('"temperature": Infinity'), ["temperature"]),
    "temperature minus infinity": (raw('"temperature": -Infinity'), ["temperature"]),
    "temperature 1e400": (raw('"temperature": 1e400'), ["temperature"]),
    "temperature of 1,000 digits": (raw(f'"temperature": {10**1000}'), ["temperature"]),
    "max_tokens zero": (body(max_tokens=0), ["max_tokens"]),
    "max_tokens negative": (body(max_tokens=-5), ["max_tokens"]),
    "max_tokens too large": (body(max_tokens=131_073), ["max_tokens"]),
    "max_tokens a float": (body(max_tokens=320.5), ["max_tokens"]),
    "max_tokens a string": (body(max_tokens="320"), ["max_tokens"]),
    "max_tokens true": (body(max_tokens=True), ["max_tokens"]),
    "deadline zero": (body(deadline_s=0), ["deadline_s"]),
    "deadline negative": (body(deadline_s=-1), ["deadline_s"]),
    "deadline too late": (body(deadline_s=3600.5), ["deadline_s"]),
    "deadline NaN": (raw('"deadline_s": NaN'), ["deadline_s"]),
    "deadline infinite": (raw('"deadline_s": Infinity'), ["deadline_s"]),
    "deadline a string": (body(deadline_s="30"), ["deadline_s"]),
    "seed negative": (body(seed=-1), ["seed"]),
    "seed too large": (body(seed=2**63), ["seed"]),
    "seed of 4,000 digits": (raw('"seed": 1' + "0" * 3999), ["seed"]),
    "seed a float": (body(seed=7.5), ["seed"]),
    "seed a string": (body(seed="7"), ["seed"]),
    "seed true": (body(seed=True), ["seed"]),
    "min_confidence negative": (body(min_confidence=-0.01), ["min_confidence"]),
    "min_confidence over one": (body(min_confidence=1.01), ["min_confidence"]),
    "min_confidence null": (body(min_confidence=None), ["min_confidence"]),
    "min_confidence NaN": (raw('"min_confidence": NaN'), ["min_confidence"]),
    "trace null": (body(trace=None), ["trace"]),
    "trace a number": (body(trace=1), ["trace"]),
    "trace a string": (body(trace="true"), ["trace"]),
    "all wrong at once": (
        body(problem=1, paths="2", policy=3, temperature="4", max_tokens="5", deadline_s="6", seed="7", trace="8"),
        ["problem", "paths", "policy", "temperature", "max_tokens", "deadline_s", "seed", "trace"],
    ),
}


@pytest.fixture
async def client(serve: Serve) -> httpx.AsyncClient:
    return await serve(playing([cot(21)], [pot(21)]), computing_sandbox())


async def still_solves(client: httpx.AsyncClient) -> bool:
    response = await client.post("/solve", json={"problem": PENS})
    return response.status_code == 200 and response.json()["answer"] == "21"


def check_problem(response: httpx.Response, status: int, fields: list[str]) -> dict[str, Any]:
    """The response is a whole problem document that names these fields."""
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert set(document) == {"type", "title", "status", "detail", "request_id", "errors"}
    assert (document["type"], document["status"]) == ("about:blank", status)
    assert document["title"]
    assert document["detail"]
    assert document["request_id"] == response.headers["X-Request-ID"]
    assert [error["field"] for error in document["errors"]] == fields
    assert all(error["message"] for error in document["errors"])
    return document


@pytest.mark.parametrize("content", NO_JSON.values(), ids=NO_JSON.keys())
async def test_what_is_no_json_gets_400(client: httpx.AsyncClient, content: bytes) -> None:
    check_problem(await client.post("/solve", content=content, headers=JSON), 400, ["body"])
    assert await still_solves(client)


@pytest.mark.parametrize(("content", "fields"), UNFIT.values(), ids=UNFIT.keys())
async def test_what_does_not_fit_gets_422_that_names_the_field(
    client: httpx.AsyncClient, content: bytes, fields: list[str]
) -> None:
    document = check_problem(await client.post("/solve", content=content, headers=JSON), 422, fields)
    assert document["detail"] == document["errors"][0]["message"]
    assert await still_solves(client)


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx",
     "application/xml", "json", "*/*", "", "application/json, text/plain"],
)  # fmt: skip
async def test_what_is_not_declared_as_json_gets_415(client: httpx.AsyncClient, content_type: str) -> None:
    response = await client.post("/solve", content=body(), headers={"Content-Type": content_type})
    check_problem(response, 415, ["body"])
    assert await still_solves(client)


async def test_no_content_type_gets_415_with_the_header_to_add(client: httpx.AsyncClient) -> None:
    document = check_problem(await client.post("/solve", content=body()), 415, ["body"])
    assert document["detail"].endswith("With curl, add -H 'Content-Type: application/json'.")


@pytest.mark.parametrize("path", ["/solve", "/solve/stream"])
async def test_a_near_miss_of_a_field_is_named(client: httpx.AsyncClient, path: str) -> None:
    document = check_problem(await client.post(path, json={"question": PENS}), 422, ["question"])
    assert document["detail"] == "`question` is an unknown field; did you mean `problem`?"


async def test_a_number_of_paths_is_split_on_the_wire(client: httpx.AsyncClient) -> None:
    response = await client.post("/solve", json={"problem": PENS, "paths": 3, "policy": "fixed", "trace": True})
    assert response.status_code == 200
    assert response.json()["paths"]["planned"] == 3
    assert [path["kind"] for path in response.json()["trace"]] == ["cot", "pot", "cot"]


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON", "application/ld+json"])
async def test_json_by_another_name_is_taken(client: httpx.AsyncClient, content_type: str) -> None:
    response = await client.post("/solve", content=body(), headers={"Content-Type": content_type})
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("content", "declared"),
    {
        "one byte over": (b" " * (64 * 1024 + 1), None),
        "100,000 brackets": (b"[" * 100_000, None),
        "a megabyte": (body(problem="a" * 1_000_000), None),
        "a seed of 100,000 digits": (raw('"seed": 1' + "0" * 99_999), None),
        "declared over the limit": (body(), str(64 * 1024 + 1)),
        "declared beyond all integers": (body(), "9" * 5000),
    }.values(),
)
async def test_an_oversized_body_gets_413(client: httpx.AsyncClient, content: bytes, declared: str | None) -> None:
    headers = JSON | ({"Content-Length": declared} if declared else {})
    check_problem(await client.post("/solve", content=content, headers=headers), 413, ["body"])
    assert await still_solves(client)


async def test_an_oversized_stream_gets_413_before_it_has_all_arrived(client: httpx.AsyncClient) -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1000
            yield b" " * 1000

    check_problem(await client.post("/solve", content=chunks(), headers=JSON), 413, ["body"])
    assert sent == 66_000
    assert await still_solves(client)


async def test_a_body_at_the_limit_is_read(client: httpx.AsyncClient) -> None:
    content = body().ljust(64 * 1024)
    assert (await client.post("/solve", content=content, headers=JSON)).status_code == 200


async def test_the_limits_are_settings(serve: Serve) -> None:
    client = await serve(settings=Settings(max_body_bytes=200_000, max_problem_chars=5))
    check_problem(await client.post("/solve", content=b"[" * 100_000, headers=JSON), 400, ["body"])
    document = check_problem(await client.post("/solve", json={"problem": "6 + 6?"}), 422, ["problem"])
    assert document["detail"] == "The problem has 6 characters; the maximum is 5."
    assert (await client.post("/solve", json={"problem": "  5+5?  "})).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/solve", 405), ("PUT", "/solve", 405), ("DELETE", "/solve", 405), ("PATCH", "/solve", 405),
        ("BREW", "/solve", 405), ("POST", "/health", 405), ("POST", "/metrics", 405),
        ("POST", "/", 405), ("POST", "/Solve", 404), ("POST", "/solve/stream/x", 404), ("GET", "/%00", 404),
        ("GET", "/../etc/passwd", 404),
    ],
)  # fmt: skip
async def test_wrong_methods_and_unknown_paths(client: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    response = await client.request(method, path, content=body(), headers=JSON)
    check_problem(response, status, [])
    assert ("Allow" in response.headers) == (status == 405)
    assert await still_solves(client)


async def test_syntax_errors_say_where(client: httpx.AsyncClient) -> None:
    response = await client.post("/solve", content=b'{"problem" "x"}', headers=JSON)
    document = check_problem(response, 400, ["body"])
    assert document["detail"] == "The body is not valid JSON: Expecting ':' delimiter at character 11."
    document = check_problem(await client.post("/solve", content=b'{"problem":"x', headers=JSON), 400, ["body"])
    assert document["detail"] == "The body is not valid JSON: Unterminated string starting at character 11."


async def test_each_fault_is_told_once(client: httpx.AsyncClient) -> None:
    document = check_problem(await client.post("/solve", json={"problem": PENS, "seed": -1}), 422, ["seed"])
    assert document["detail"] == "`seed` must be a whole number from 0 to 9223372036854775807."


def without_clocks(response: httpx.Response) -> dict[str, Any]:
    """Response without its durations, which are checked here."""
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    content: dict[str, Any] = response.json()
    timing = content.pop("timing")
    assert set(timing) == {"queue_s", "engine_s", "sandbox_s", "total_s"}
    assert all(isinstance(seconds, float) and 0 <= seconds < 10 for seconds in timing.values())
    assert timing["total_s"] >= timing["queue_s"] + timing["engine_s"] - 0.0002
    for path in content.get("trace", ()):
        assert 0 <= path.pop("seconds") <= timing["total_s"] + 0.0001
    return content


@pytest.fixture
async def pool() -> SandboxPool:
    return SandboxPool(workers=2, timeout_s=5, memory_bytes=64 << 20, output_bytes=16 << 10, max_queue=100)


async def test_all_defaults(serve: Serve, pool: SandboxPool) -> None:
    client = await serve(playing([cot(51), cot(48)], ["ans = 76 - 25"]), pool)
    request = {"problem": "Each pack costs 76 dollars, less 25."}
    response = await client.post("/solve", json=request, headers={"X-Request-ID": "r-1"})
    content = without_clocks(response)
    seed = content.pop("seed")
    assert isinstance(seed, int)
    assert 0 <= seed < 2**53
    # cot, pot, cot, pot, ...: the fixed order counts 51, 51, 48, 51, 51, 51, 48, 51, 51, 51 and is then sure: 8 to 2.
    assert content == {
        "id": "r-1",
        "status": "answered",
        "answer": "51",
        "value": 51.0,
        "confidence": 0.9673,
        "calibrated": False,
        "verdict": "agreed",
        "explanation": {
            "cot": {"path": 0, "text": "The answer is 51", "repaired": False, "tokens": 7},
            "program": {"path": 1, "code": "ans = 76 - 25", "output": "51"},
            "left_out": [],
        },
        "votes": [{"answer": "51", "cot": 3, "pot": 5}, {"answer": "48", "cot": 2, "pot": 0}],
        "paths": {"planned": 20, "started": 20, "voted": 10, "abstained": 0, "aborted": 10, "cut_off": 0},
        "usage": {"prompt_tokens": 440, "completion_tokens": 160, "thinking_tokens": 0, "saved_tokens": 0},
        "model": "demo",
    }


async def test_every_field_set(serve: Serve, pool: SandboxPool) -> None:
    repaired = "There are 697 girls. 697 - 228 = 516. The answer is 516"
    client = await serve(playing([repaired, "I do not know."], ["ans = 469", "ans = 1 / 0"]), pool)
    response = await client.post(
        "/solve",
        json={
            "problem": "  There are 697 girls, 228 of them leave.  ",
            "paths": {"cot": 2, "pot": 2},
            "policy": "fixed",
            "temperature": 0.5,
            "max_tokens": 200,
            "deadline_s": 20,
            "seed": 7,
            "min_confidence": 0.5,
            "trace": True,
        },
        headers={"X-Request-ID": "r-2"},
    )
    path = {
        "answer": None,
        "counted": True,
        "vote": None,
        "repaired": False,
        "stated": None,
        "program": None,
        "detail": "",
        "thought_chars": 0,
        "thinking_tokens": 0,
    }
    assert without_clocks(response) == {
        "id": "r-2",
        "status": "answered",
        "answer": "469",
        "value": 469.0,
        "confidence": 0.875,
        "calibrated": False,
        "verdict": "unsure",
        "explanation": {
            "cot": {
                "path": 0,
                "text": "There are 697 girls. 697 - 228 = 469. The answer is 469",
                "repaired": True,
                "tokens": 27,
            },
            "program": {"path": 1, "code": "ans = 469", "output": "469"},
            "left_out": ["697", "228"],
        },
        "votes": [{"answer": "469", "cot": 1, "pot": 1}],
        "paths": {"planned": 4, "started": 4, "voted": 2, "abstained": 2, "aborted": 0, "cut_off": 0},
        "usage": {"prompt_tokens": 96, "completion_tokens": 49, "thinking_tokens": 0, "saved_tokens": 0},
        "model": "demo",
        "seed": 7,
        "trace": [
            path
            | {
                "index": 0,
                "kind": "cot",
                "text": "There are 697 girls. 697 - 228 = 469. The answer is 469",
                "answer": "469",
                "vote": "469",
                "outcome": "voted",
                "repaired": True,
                "stated": "516",
                "tokens": 27,
            },
            path
            | {
                "index": 1,
                "kind": "pot",
                "text": "ans = 469",
                "answer": "469",
                "vote": "469",
                "outcome": "voted",
                "program": "ans = 469",
                "tokens": 5,
            },
            path
            | {
                "index": 2,
                "kind": "cot",
                "text": "I do not know.",
                "outcome": "unparsed",
                "detail": "no answer in the text",
                "tokens": 8,
            },
            path
            | {
                "index": 3,
                "kind": "pot",
                "text": "ans = 1 / 0",
                "outcome": "error",
                "program": "ans = 1 / 0",
                "detail": "ZeroDivisionError: division by zero",
                "tokens": 9,
            },
        ],
    }


@pytest.mark.parametrize(
    ("text", "answer", "value"),
    [("The answer is yes", "yes", None), ("The answer is (B)", "B", None), ("The answer is 1/3", "1/3", 1 / 3),
     ("The answer is -0.5", "-0.5", -0.5), ("The answer is 1,000 dollars", "1000", 1000.0)],
)  # fmt: skip
async def test_answers_on_the_wire(serve: Serve, text: str, answer: str, value: float | None) -> None:
    client = await serve(playing([text], ["pass"]))
    content = (await client.post("/solve", json={"problem": PENS, "paths": {"cot": 1, "pot": 0}})).json()
    assert (content["status"], content["answer"], content["value"]) == ("answered", answer, value)


async def test_nothing_voted(serve: Serve) -> None:
    client = await serve(playing(["I do not know."], ["I do not know."]))
    content = without_clocks(
        await client.post("/solve", json={"problem": PENS, "paths": {"cot": 1, "pot": 1}, "seed": 0})
    )
    del content["id"]
    assert content == {
        "status": "abstained",
        "answer": None,
        "value": None,
        "confidence": 0.0,
        "calibrated": False,
        "verdict": "none",
        "explanation": {"cot": None, "program": None, "left_out": []},
        "votes": [],
        "paths": {"planned": 2, "started": 2, "voted": 0, "abstained": 2, "aborted": 0, "cut_off": 0},
        "usage": {"prompt_tokens": 60, "completion_tokens": 16, "thinking_tokens": 0, "saved_tokens": 0},
        "model": "demo",
        "seed": 0,
    }


async def test_under_the_least_confidence_the_votes_are_told_and_no_answer(serve: Serve) -> None:
    client = await serve(playing([cot(21)], [pot(21)]), computing_sandbox())
    request = {"problem": PENS, "paths": {"cot": 1, "pot": 1}}
    content = (await client.post("/solve", json=request | {"min_confidence": 0.9})).json()
    assert [content[name] for name in ("status", "answer", "value", "confidence")] == ["abstained", None, None, 0.875]
    assert content["votes"] == [{"answer": "21", "cot": 1, "pot": 1}]
    content = (await client.post("/solve", json=request | {"min_confidence": 0.875})).json()
    assert (content["status"], content["answer"]) == ("answered", "21")


async def test_what_a_request_leaves_out_comes_from_the_settings_then_the_checkpoint(serve: Serve) -> None:
    engine = TurnEngine([cot(1)] * 3)
    settings = Settings(cot_paths=3, pot_paths=0, max_tokens=77, temperature=0.3)
    client = await serve(engine, settings=settings, decoding=Decoding(temperature=0.9, top_p=0.8))
    await client.post("/solve", json={"problem": PENS})
    await client.post(
        "/solve", json={"problem": PENS, "temperature": 0, "max_tokens": 5, "paths": {"pot": 0, "cot": 1}}
    )
    asked = [(sampling.temperature, sampling.top_p, sampling.max_tokens) for _, _, sampling in engine.sampled]
    assert asked == [(0.3, 0.8, 77)] * 3 + [(0.0, 0.8, 5)]

    engine = TurnEngine([cot(1)])
    client = await serve(
        engine, settings=Settings(cot_paths=1, pot_paths=0), decoding=Decoding(temperature=0.9, top_p=0.8)
    )
    await client.post("/solve", json={"problem": PENS})
    assert [(s.temperature, s.top_p, s.max_tokens) for _, _, s in engine.sampled] == [(0.9, 0.8, 320)]


async def test_the_sampler_takes_request_then_settings_then_checkpoint(serve: Serve) -> None:
    decoding = Decoding(top_p=0.8, top_k=20, min_p=0.1, repetition_penalty=1.1)
    fields: dict[str, Any] = {"top_p": 0.9, "top_k": -1, "min_p": 0.2, "repetition_penalty": 1.2}
    own: dict[str, Any] = {"top_k": 30, "min_p": 0.0, "top_p": 0.7, "repetition_penalty": 1.0}
    asked = []
    for given, body in (({}, {}), (own, {}), ({}, fields)):
        engine = TurnEngine([cot(1)])
        client = await serve(engine, settings=Settings(cot_paths=1, pot_paths=0, **given), decoding=decoding)
        assert (await client.post("/solve", json={"problem": PENS} | body)).status_code == 200
        asked += [(s.top_p, s.top_k, s.min_p, s.repetition_penalty) for _, _, s in engine.sampled]
    assert asked == [(0.8, 20, 0.1, 1.1), (0.7, 30, 0.0, 1.0), (0.9, 0, 0.2, 1.2)]


async def test_a_budget_half_given_takes_ten_of_the_other_kind(serve: Serve) -> None:
    client = await serve(playing([cot(1)], [pot(1)]), computing_sandbox())
    content = (await client.post("/solve", json={"problem": PENS, "paths": {"cot": 0}, "policy": "fixed"})).json()
    assert content["votes"] == [{"answer": "1", "cot": 0, "pot": 10}]


async def test_a_problem_too_long_for_the_model_names_the_problem(serve: Serve) -> None:
    client = await serve(TurnEngine([PromptTooLongError("The prompt has 3000 tokens; 2048 fit.")] * 20))
    document = check_problem(await client.post("/solve", json={"problem": PENS}), 422, ["problem"])
    assert document["detail"] == "The prompt has 3000 tokens; 2048 fit."


async def test_an_engine_that_cannot_sample_gets_503(serve: Serve) -> None:
    client = await serve(TurnEngine([EngineError("The engine failed: out of memory")] * 20))
    document = check_problem(await client.post("/solve", json={"problem": PENS}), 503, [])
    assert document["detail"] == "The engine failed: out of memory"


async def test_a_deadline_answers_with_the_votes_so_far(serve: Serve) -> None:
    client = await serve(TurnEngine([cot(21), pot(21), cot(9), pot(9)], order=[1]), computing_sandbox())
    request = {"problem": PENS, "paths": {"cot": 2, "pot": 2}, "deadline_s": 0.1, "seed": 1}
    content = without_clocks(await client.post("/solve", json=request))
    assert [content[name] for name in ("status", "answer", "votes", "paths", "usage")] == [
        "deadline",
        "21",
        [{"answer": "21", "cot": 0, "pot": 1}],
        {"planned": 4, "started": 4, "voted": 1, "abstained": 0, "aborted": 3, "cut_off": 0},
        {"prompt_tokens": 40, "completion_tokens": 5 + 3 * 3, "thinking_tokens": 0, "saved_tokens": 0},
    ]


async def test_two_requests_with_one_id_do_not_meet_in_the_engine(serve: Serve) -> None:
    engine = FakeEngine(lambda prompt, sampling: cot(prompt.split()[1]), tokens_per_s=100)
    client = await serve(engine)
    requests = [{"problem": f"{n} is the answer", "paths": {"cot": 1, "pot": 0}} for n in range(5)]
    responses = await asyncio.gather(
        *(client.post("/solve", json=request, headers={"X-Request-ID": "same"}) for request in requests)
    )
    assert [response.json()["answer"] for response in responses] == ["0", "1", "2", "3", "4"]
    assert [response.json()["id"] for response in responses] == ["same"] * 5


async def test_what_a_program_answers_with_hostile_text_stays_json(serve: Serve) -> None:
    hostile = Execution(Outcome.ERROR, None, 'NameError: "\x00\\ud800 </script>', 0.0)
    client = await serve(playing(["\x00 \u2028"], ["ans = 1"]), FakeSandbox({"ans = 1": hostile}))
    response = await client.post("/solve", json={"problem": PENS, "paths": {"cot": 1, "pot": 1}, "trace": True})
    first, second = response.json()["trace"]
    assert (first["text"], second["detail"]) == ("\x00 \u2028", hostile.detail)


async def test_a_program_that_runs_once_serves_all_that_wrote_it(serve: Serve) -> None:
    sandbox = FakeSandbox({"ans = 3 * 7": ok(21, seconds=0.25)})
    client = await serve(playing([cot(1)], ["ans = 3 * 7"]), sandbox)
    request = {"problem": PENS, "paths": {"cot": 0, "pot": 5}, "policy": "fixed"}
    content = (await client.post("/solve", json=request)).json()
    assert content["votes"] == [{"answer": "21", "cot": 0, "pot": 5}]
    assert content["timing"]["sandbox_s"] == 0.25
    assert sandbox.programs == ["ans = 3 * 7"]
