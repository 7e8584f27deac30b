"""Route `POST /solve/batch` over a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.types import Message

from service.api.app import create_app
from service.engine.fake import FakeEngine
from service.errors import EngineDeadError, EngineError, OverloadedError
from service.sandbox.fake import FakeSandbox
from service.settings import Settings
from service.solve.solver import Solver
from tests.conftest import Serve
from tests.support.components import fake_components
from tests.support.engines import TurnEngine, computing_sandbox, cot, playing, pot

LINES = {"Content-Type": "application/x-ndjson"}
HEADERS = [(b"content-type", b"application/x-ndjson")]
ONE = {"paths": {"cot": 1, "pot": 0}, "policy": "fixed"}


def row(row_id: object, problem: str = "How many?", **fields: object) -> bytes:
    return json.dumps({"id": row_id, "problem": problem} | ONE | fields).encode() + b"\n"


async def results(client: httpx.AsyncClient, content: Any, **headers: str) -> list[dict[str, Any]]:
    response = await client.post("/solve/batch", content=content, headers=LINES | headers)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/x-ndjson"
    return sorted((json.loads(line) for line in response.text.splitlines()), key=lambda result: result["line"])


async def test_each_row_has_one_result(live: Serve) -> None:
    client = await live(playing([cot(21)], [pot(21)]), computing_sandbox())
    content = (
        row("a", seed=7, trace=True)
        + b"\n  \n"
        + b'{"question": "How many?", "answer": "5", "type": "sum"}\r\n'
        + row(3)[:-1]
    )
    first, second, third = await results(client, content, **{"X-Request-ID": "r"})
    assert (first["id"], first["line"], first["solution"]["answer"]) == ("a", 1, "21")
    assert (first["solution"]["seed"], first["solution"]["id"], len(first["solution"]["trace"])) == (7, "r-1", 1)
    assert (second["id"], second["line"], second["solution"]["paths"]["planned"]) == (4, 4, 20)
    assert (third["id"], third["line"]) == (3, 5)
    assert "error" not in first


WRONG: dict[str, tuple[bytes, object, str]] = {
    "no JSON": (b"{bad", None, "line"),
    "no object": (b"[1]", None, "line"),
    "no UTF-8": (b'{"problem": "\xff"}', None, "line"),
    "deep": (b"[" * 900, None, "line"),
    "no problem": (b'{"id": "x"}', "x", "problem"),
    "blank problem": (row("x", " "), "x", "problem"),
    "long problem": (row("x", "a" * 500), "x", "problem"),
    "wrong field": (row("x", seed=-1), "x", "seed"),
    "wrong id": (b'{"id": [1], "problem": "p"}', None, "id"),
    "an id that is no id": (b'{"id": true, "problem": "p"}', None, "id"),
    "half an emoji as id": (b'{"id": "\\ud83d", "problem": "p"}', None, "id"),
    "an infinite id": (b'{"id": 1e999, "problem": "p"}', None, "id"),
    "half an emoji": (b'{"id": "x", "problem": "\\ud83d"}', "x", "problem"),
    "half an emoji in a name": (b'{"id": "x", "problem\\ud83d": "p"}', "x", "problem"),
    "half an emoji in an option": (b'{"id": "x", "problem": "p", "policy": "\\ud83d"}', "x", "policy"),
    "half an emoji in bytes": (b'{"id": "x", "problem": "\xed\xa0\xbd"}', None, "line"),
    "UTF-16": ('{"id": "x", "problem": "p"}'.encode("utf-16-be"), None, "line"),
    "infinity": (b'{"id": "x", "problem": "p", "temperature": Infinity}', "x", "temperature"),
    "a long integer": (b'{"id": ' + b"9" * 900 + b', "problem": 5}', int("9" * 900), "problem"),
    "a number as text": (b'{"id": "x", "problem": "p", "seed": "7"}', "x", "seed"),
    "an object as problem": (b'{"id": "x", "problem": {"text": "p"}}', "x", "problem"),
    "missing values": (b'{"id": "x", "problem": NaN, "question": null}', "x", "problem"),
    "long line": (row("x", "a" * 1100), None, "line"),
    "very long line": (b"a" * 5000, None, "line"),
}


@pytest.mark.parametrize(("content", "row_id", "field"), WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_row_is_told_and_the_rest_is_done(
    live: Serve, content: bytes, row_id: object, field: str
) -> None:
    settings = Settings(max_body_bytes=1024, max_problem_chars=400)
    client = await live(playing([cot(21)], []), computing_sandbox(), settings=settings)
    before, wrong, after = await results(client, row(1) + content.rstrip(b"\n") + b"\n" + row(3))
    assert (before["solution"]["answer"], after["solution"]["answer"], after["line"]) == ("21", "21", 3)
    assert (wrong["id"], wrong["line"], wrong["error"]["status"]) == (row_id, 2, 422)
    assert [error["field"] for error in wrong["error"]["errors"]] == [field]
    assert "solution" not in wrong


async def test_rows_of_a_data_frame(live: Serve) -> None:
    """Missing values are null or NaN, and one in a column makes its other numbers floats."""
    client = await live(playing([cot(21)], [pot(21)]), computing_sandbox())
    body = b"\xef\xbb\xbf" + (
        b'{"id": 7.0, "problem": "How many?", "seed": 5.0, "trace": null, "min_confidence": null, "note": NaN}\r\n'
        b'{"id": NaN, "problem": null, "question": "How many?", "seed": NaN, "temperature": NaN, "paths": null}\r\n'
        b'\xef\xbb\xbf{"id": null, "question": "How many?", "policy": null, "tags": {"a": [null, {}]}}\r\n\r\n'
        b'{"id": "", "problem": "How many?", "seed": null}\r\n'
        b'{"id": "", "problem": "How many?"}'
    )
    done = await results(client, body)
    assert [(result["id"], result["line"], result["solution"]["answer"]) for result in done] == [
        (7, 1, "21"), (2, 2, "21"), (3, 3, "21"), ("", 5, "21"), ("", 6, "21"),
    ]  # fmt: skip
    assert done[0]["solution"]["seed"] == 5


async def test_a_fault_of_the_service_costs_one_row(live: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Solver.solve

    async def solve(self: Solver, problem: Any, problem_id: str, observer: Any = None) -> Any:
        if problem.text == "Why?":
            raise ZeroDivisionError("secret")
        return await real(self, problem, problem_id, observer)

    monkeypatch.setattr(Solver, "solve", solve)
    client = await live(playing([cot(21)], []))
    first, second, third = await results(client, row(1) + row(2, "Why?") + row(3), **{"X-Request-ID": "r"})
    assert (first["solution"]["answer"], third["solution"]["answer"]) == ("21", "21")
    assert second == {
        "id": 2,
        "line": 2,
        "error": {
            "type": "about:blank",
            "title": "Internal Server Error",
            "status": 500,
            "detail": "The service failed. Its log has the reason under this request id.",
            "request_id": "r",
            "errors": [],
        },
    }


async def test_half_an_emoji_of_a_model_costs_nothing(live: Serve) -> None:
    client = await live(FakeEngine(lambda *_: "\ud83d 20 + 1 = 21. The answer is 21"), computing_sandbox())
    (result,) = await results(client, row(1, trace=True))
    assert (result["solution"]["answer"], result["solution"]["trace"][0]["text"][:4]) == ("21", "? 20")


async def test_separators_do_not_end_a_row_even_for_other_readers(live: Serve) -> None:
    """Python's `splitlines`, and with it the line iterators of httpx and requests."""
    separators = "a\u2028b\u2029c\x85d\x0b\x0c\x1c\x1d\x1ee"
    client = await live(FakeEngine(lambda *_: f"{separators} The answer is 21"), computing_sandbox())
    (result,) = await results(client, row(separators, trace=True))  # which calls `splitlines`
    assert (result["id"], result["solution"]["answer"]) == (separators, "21")
    assert result["solution"]["trace"][0]["text"].startswith(separators)


async def test_results_come_while_rows_are_still_sent(live: Serve) -> None:
    client = await live(playing([cot(21)], []), computing_sandbox())
    host, port = client.base_url.host, client.base_url.port
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(
        b"POST /solve/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    seen = []
    for n in range(3):
        content = row(n)
        writer.write(b"%x\r\n%s\r\n" % (len(content), content))
        await writer.drain()
        while b'"id"' not in (line := await asyncio.wait_for(reader.readline(), 5)):
            pass
        seen.append(json.loads(line)["id"])
    writer.write(b"0\r\n\r\n")
    assert seen == [0, 1, 2]
    assert b"0\r\n\r\n" in await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), 5)
    writer.close()
    await writer.wait_closed()


async def test_a_body_of_declared_length_is_answered_when_it_is_whole(live: Serve) -> None:
    client = await live(playing([cot(21)], []), computing_sandbox())
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    head = b"POST /solve/batch HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/x-ndjson\r\n"
    first, second = row(1), row(2)
    writer.write(head + b"Content-Length: %d\r\n\r\n" % len(first + second) + first)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.3)
    writer.write(second)
    answer = await asyncio.wait_for(reader.read(), 5)
    assert {n for n in (1, 2) if b'{"id":%d,"line":%d,"solution"' % (n, n) in answer} == {1, 2}
    writer.close()
    await writer.wait_closed()


@pytest.mark.slow
async def test_a_client_that_sends_all_before_it_reads(live: Serve) -> None:
    client = await live(playing([cot(21)], []), FakeSandbox())

    async def rows() -> AsyncIterator[bytes]:
        for n in range(800):
            yield row(n, "How many? " * 100)

    done = await results(client, rows())
    assert [result["id"] for result in done] == list(range(800))


async def test_only_so_many_are_solved_at_the_same_time(live: Serve) -> None:
    running, most = 0, 0

    class Counting(FakeEngine):
        async def sample(self, *arguments: Any) -> Any:
            nonlocal running, most
            running += 1
            most = max(most, running)
            try:
                return await super().sample(*arguments)
            finally:
                running -= 1

    client = await live(Counting(tokens_per_s=500), settings=Settings(batch_concurrency=3))
    assert len(await results(client, b"".join(row(n) for n in range(12)))) == 12
    assert most == 3


async def test_a_caller_who_leaves_ends_the_batch(live: Serve) -> None:
    engine = TurnEngine(["?"], order=[])
    client = await live(engine)
    with pytest.raises(httpx.ReadTimeout):
        await client.post("/solve/batch", content=row(1) * 3, headers=LINES, timeout=0.3)
    for _ in range(200):
        if not engine.running:
            break
        await asyncio.sleep(0.01)
    assert engine.running == 0
    assert len(engine.aborted) == 3


async def test_a_caller_who_leaves_without_reading_ends_the_batch_with_its_response() -> None:
    engine = TurnEngine(["?"], order=[])
    app = create_app(fake_components(engine))
    body = iter([row(1) * 3 + b"{bad"])
    unread = asyncio.Event()

    async def receive() -> Message:
        for content in body:
            return {"type": "http.request", "body": content}
        await unread.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message.get("body"):
            unread.set()
            await asyncio.Event().wait()

    scope = {"type": "http", "method": "POST", "path": "/solve/batch", "query_string": b"", "headers": HEADERS}
    async with app.router.lifespan_context(app):
        await app(scope, receive, send)
        assert (len(engine.aborted), engine.running) == (3, 0)


async def test_a_full_queue_is_waited_for(live: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Solver.solve
    tries: list[str] = []

    async def solve(self: Solver, problem: Any, problem_id: str, observer: Any = None) -> Any:
        tries.append(problem_id)
        if len(tries) < 3:
            raise OverloadedError("full", 0.01)
        return await real(self, problem, problem_id, observer)

    monkeypatch.setattr(Solver, "solve", solve)
    client = await live(playing([cot(21)], []))
    (result,) = await results(client, row("a"))
    assert (result["solution"]["answer"], len(tries)) == ("21", 3)
    assert (
        'twinpath_rejected_total{reason="queue_full"} 0.0' in (await client.get("/metrics")).text
    )  # no client got a 429


async def test_a_row_that_the_engine_fails_on_is_told(live: Serve) -> None:
    client = await live(TurnEngine([EngineError("no memory")]))
    (result,) = await results(client, row("a"))
    assert (result["id"], result["error"]["status"], result["error"]["detail"]) == ("a", 503, "no memory")


async def test_a_dead_engine_ends_the_batch_with_a_line_that_says_so(live: Serve) -> None:
    client = await live(TurnEngine([EngineDeadError("gone")]), settings=Settings(batch_concurrency=1))
    (result,) = await results(client, row("a") + row("b"))
    assert (result["id"], result["line"], result["error"]["status"]) == (None, 0, 503)


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", ""])
async def test_other_content_types_get_415(serve: Serve, content_type: str) -> None:
    client = await serve()
    response = await client.post("/solve/batch", content=row(1), headers={"Content-Type": content_type})
    assert (response.status_code, response.json()["status"]) == (415, 415)
    assert "application/x-ndjson" in response.json()["detail"]


async def test_a_batch_that_is_declared_too_large_gets_413(serve: Serve) -> None:
    client = await serve(settings=Settings(max_batch_bytes=1024))
    response = await client.post("/solve/batch", content=b" " * 1025, headers=LINES)
    assert (response.status_code, response.json()["detail"]) == (413, "The body is larger than 1024 bytes.")


async def test_a_batch_that_grows_too_large_is_cut_and_says_so(live: Serve) -> None:
    client = await live(playing([cot(21)], []), settings=Settings(max_batch_bytes=1024))

    async def rows() -> AsyncIterator[bytes]:
        for n in range(40):
            yield row(n)
            await asyncio.sleep(0)

    last, *done = await results(client, rows())
    assert (last["line"], last["error"]["detail"]) == (0, "The batch is cut at 1024 bytes, the maximum size.")
    assert 0 < len(done) < 40


async def test_a_batch_of_too_many_rows_is_cut(live: Serve) -> None:
    client = await live(playing([cot(21)], []), settings=Settings(max_batch_rows=5))
    whole = await results(client, b"\n".join([row(1) * 4, b"{", b"", b"\n"]))
    assert [result["line"] for result in whole] == [1, 2, 3, 4, 6]
    last, *done = await results(client, row(1) * 6)
    assert (last["line"], last["error"]["detail"]) == (0, "The batch is cut after 5 rows, the maximum number.")
    assert [(result["line"], result["solution"]["answer"]) for result in done] == [(n, "21") for n in range(1, 6)]


async def test_a_batch_of_too_many_invalid_rows_is_cut(live: Serve) -> None:
    client = await live(playing([cot(21)], []), settings=Settings(max_batch_errors=3))
    last, *done = await results(client, (b"{}\n" + row(1)) * 5)
    assert (last["line"], last["error"]["detail"]) == (0, "The batch is cut after 3 invalid rows.")
    assert [(result["line"], "error" in result) for result in done] == [
        (1, True),
        (2, False),
        (3, True),
        (4, False),
        (5, True),
    ]


async def test_bodies_that_find_no_room_get_429(live: Serve) -> None:
    """All bodies together hold 8 KiB on disk."""
    client = await live(playing([cot(21)], []), settings=Settings(max_batch_disk_bytes=8192))
    head = (
        b"POST /solve/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: 5000\r\n\r\n"
    )
    held = [await asyncio.open_connection(client.base_url.host, client.base_url.port) for _ in range(2)]
    for size, (_, writer) in zip((3100, 2900), held, strict=True):
        writer.write(head + b" " * size)
        await asyncio.sleep(0.1)
    (small,) = await results(client, row(1) + b" " * 2500)
    assert small["solution"]["answer"] == "21"
    refused = await asyncio.wait_for(held[0][0].readuntil(b"}"), 5)
    assert refused.startswith(b"HTTP/1.1 429 ")
    assert b"retry-after: 10\r\n" in refused

    large = row(1) + b" " * 6000
    response = await client.post("/solve/batch", content=large, headers=LINES)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "10")
    assert response.json()["detail"] == "The batch is cut: the service has no room for it at present."

    async def rows() -> AsyncIterator[bytes]:
        yield row(1)
        await asyncio.sleep(0.1)
        yield row(2, "How many? " * 600)

    last, first = await results(client, rows())
    assert (last["line"], last["error"]["status"], first["solution"]["answer"]) == (0, 429, "21")
    for _, writer in held:
        writer.close()
        await writer.wait_closed()
    async with asyncio.timeout(5):
        while (await client.post("/solve/batch", content=large, headers=LINES)).status_code == 429:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("framing", "start", "piece", "reason"),
    [
        (b"Content-Length: 5000", row(1), b" ", "its body did not arrive within 0.5 s"),
        (
            b"Transfer-Encoding: chunked", b"%x\r\n%b\r\n" % (len(row(1)), row(1)), b"1\r\n \r\n",
            "the next row did not arrive within 0.5 s",
        ),
    ],
    ids=["declared", "chunked"],
)  # fmt: skip
async def test_a_body_that_drips_is_cut(live: Serve, framing: bytes, start: bytes, piece: bytes, reason: str) -> None:
    client = await live(playing([cot(21)], []), settings=Settings(batch_timeout_s=0.5))
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    head = b"POST /solve/batch HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/x-ndjson\r\n"
    writer.write(head + framing + b"\r\n\r\n" + start)
    reading = asyncio.create_task(reader.read())
    while not reading.done():
        await asyncio.sleep(0.05)
        writer.write(piece)
    answer = await reading
    assert b'"line":1,"solution"' in answer
    assert f"The batch is cut: {reason}.".encode() in answer
    writer.close()
    await writer.wait_closed()


async def test_a_service_without_a_temporary_directory_gives_503(live: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    client = await live(FakeEngine())
    monkeypatch.setattr("service.api.spool.tempfile.TemporaryFile", full)
    response = await client.post("/solve/batch", content=row(1), headers=LINES)
    assert (response.status_code, response.json()["detail"]) == (503, "The service cannot store a batch at present.")


async def test_an_empty_batch_has_no_results(live: Serve) -> None:
    client = await live(FakeEngine())
    assert await results(client, b"") == []
