"""Clients against the real application, and against a failing service."""

import asyncio
import decimal
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import httpx
import numpy
import pytest

from service.client import AsyncClient, Client, Retries
from service.client.protocol import lines_of, pause_s
from service.engine.fake import FakeEngine
from service.errors import EngineDeadError, InputError, ServiceError
from service.schemas import GradeResponse, GradeStep, PathBudget, PathEvent, SolveResponse, VoteEvent
from service.schemas.words import headline
from service.types import GradeVerdict, Policy, Verdict
from tests.conftest import Serve
from tests.support.engines import TurnEngine, computing_sandbox, cot, playing, pot

PENS = "A pen costs 3 dollars. How much do 7 pens cost?"
ANSWER = {
    "id": "a", "status": "answered", "answer": "21", "value": 21.0, "confidence": 0.9, "calibrated": False,
    "verdict": "unsure", "explanation": {"cot": None, "program": None},
    "votes": [], "paths": {"planned": 1, "started": 1, "voted": 1, "abstained": 0, "aborted": 0, "cut_off": 0},
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "thinking_tokens": 0, "saved_tokens": 0},
    "timing": {"queue_s": 0.0, "engine_s": 0.0, "sandbox_s": 0.0, "total_s": 0.0}, "model": "m", "seed": 1,
}  # fmt: skip
EVENT_STREAM = {"Content-Type": "text/event-stream"}
Played = httpx.Response | Exception


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits, which take no time."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(time, "sleep", waits.append)
    monkeypatch.setattr(anyio, "sleep", sleep)
    return waits


def service(*played: Played) -> tuple[httpx.MockTransport, list[httpx.Request]]:
    """A service that answers so, one after the other."""
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        now = played[min(len(requests), len(played)) - 1]
        if isinstance(now, Exception):
            raise now
        return now

    return httpx.MockTransport(answer), requests


def failing(status: int, **headers: str) -> httpx.Response:
    document = {"title": "t", "status": status, "detail": f"because {status}", "request_id": None, "errors": []}
    return httpx.Response(status, json=document, headers={name.replace("_", "-"): v for name, v in headers.items()})


def test_a_number_of_paths_is_sent_as_a_budget() -> None:
    transport, requests = service(solved())
    with Client("http://service", transport=transport) as client:
        client.solve(PENS, paths=7)
    assert json.loads(requests[0].content)["paths"] == {"cot": 4, "pot": 3}


def solved() -> httpx.Response:
    return httpx.Response(200, json=ANSWER)


class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that comes in pieces, to either client, and may break off."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


Ask = Callable[[httpx.MockTransport, Retries], SolveResponse]


def ask(transport: httpx.MockTransport, retries: Retries) -> SolveResponse:
    with Client("http://service", transport=transport, retries=retries) as client:
        return client.solve(PENS)


def ask_async(transport: httpx.MockTransport, retries: Retries) -> SolveResponse:
    async def run() -> SolveResponse:
        async with AsyncClient("http://service", transport=transport, retries=retries) as client:
            return await client.solve(PENS)

    return asyncio.run(run())


@pytest.fixture(params=[ask, ask_async])
def either(request: pytest.FixtureRequest) -> Ask:
    chosen: Ask = request.param
    return chosen


def stream(transport: httpx.MockTransport) -> list[str | None]:
    with Client("http://service", transport=transport) as client:
        return [event.answer for event in client.stream(PENS) if isinstance(event, SolveResponse)]


def stream_async(transport: httpx.MockTransport) -> list[str | None]:
    async def run() -> list[str | None]:
        async with AsyncClient("http://service", transport=transport) as client:
            return [event.answer async for event in client.stream(PENS) if isinstance(event, SolveResponse)]

    return asyncio.run(run())


@pytest.fixture(params=[stream, stream_async])
def either_stream(request: pytest.FixtureRequest) -> Callable[[httpx.MockTransport], list[str | None]]:
    chosen: Callable[[httpx.MockTransport], list[str | None]] = request.param
    return chosen


async def test_solve_is_typed_and_takes_every_option(live: Serve) -> None:
    server = await live(playing([cot(21)], [pot(21)]), computing_sandbox())
    async with AsyncClient(str(server.base_url)) as client:
        response = await client.solve(
            PENS, paths=PathBudget(cot=1, pot=2), policy=Policy.FIXED, temperature=0.5, max_tokens=50, deadline_s=5.0,
            seed=7, min_confidence=0.1, trace=True,
        )  # fmt: skip
        assert await client.is_ready()
    assert (response.answer, response.value, response.seed, response.paths.planned) == ("21", 21.0, 7, 3)
    assert response.trace is not None
    assert [path.index for path in response.trace] == [0, 1, 2]


async def test_the_synchronous_client(live: Serve) -> None:
    server = await live(playing([cot(21)], [pot(21)]), computing_sandbox())

    def run() -> tuple[str | None, list[str], list[tuple[Any, Any]], bool]:
        with Client(str(server.base_url)) as client:
            answer = client.solve(PENS).answer
            events = [type(event).__name__ for event in client.stream(PENS, paths=PathBudget(cot=1, pot=1))]
            rows = client.solve_many({"id": n, "problem": PENS} for n in range(3))
            return (
                answer,
                events,
                sorted((row.id, row.solution and row.solution.answer) for row in rows),
                client.is_ready(),
            )

    answer, events, rows, ready = await asyncio.to_thread(run)
    assert answer == "21"
    assert (events[0], events[-1]) == ("PathEvent", "SolveResponse")
    assert rows == [(0, "21"), (1, "21"), (2, "21")]
    assert ready


async def test_stream_yields_what_happens_and_the_answer_last(live: Serve) -> None:
    server = await live(TurnEngine([cot(5), pot(6), cot(5)]), computing_sandbox())
    async with AsyncClient(str(server.base_url)) as client:
        events = [event async for event in client.stream(PENS, paths=PathBudget(cot=2, pot=1), policy=Policy.FIXED)]
    assert [type(event) for event in events] == [
        PathEvent, VoteEvent, PathEvent, VoteEvent, PathEvent, VoteEvent, SolveResponse,
    ]  # fmt: skip
    assert isinstance(events[-1], SolveResponse)
    assert events[-1].answer == "5"


async def test_a_stream_that_fails_midway_raises(live: Serve) -> None:
    server = await live(TurnEngine([cot(21), EngineDeadError("gone")]), computing_sandbox())
    async with AsyncClient(str(server.base_url)) as client:
        events = client.stream(PENS, paths=PathBudget(cot=1, pot=1), policy=Policy.FIXED)
        assert isinstance(await anext(events), PathEvent)
        with pytest.raises(ServiceError, match="gone") as raised:
            _ = [event async for event in events]
    assert raised.value.status == 503


async def test_leaving_a_stream_ends_the_problem(live: Serve) -> None:
    engine = TurnEngine([cot(21), "?"], order=[0])
    server = await live(engine, computing_sandbox())
    async with AsyncClient(str(server.base_url)) as client:
        events = client.stream(PENS, paths=PathBudget(cot=1, pot=1), policy=Policy.FIXED)
        assert isinstance(await anext(events), PathEvent)
        await events.aclose()  # type: ignore[attr-defined]
    for _ in range(200):
        if not engine.running:
            break
        await asyncio.sleep(0.01)
    assert engine.running == 0


async def test_many_are_solved_from_an_asynchronous_source(live: Serve) -> None:
    server = await live(FakeEngine(), computing_sandbox())

    async def rows() -> Any:
        for n in range(4):
            yield {"id": n, "problem": PENS} if n else {"id": n}

    async with AsyncClient(str(server.base_url)) as client:
        results = {row.id: row async for row in client.solve_many(rows())}
    assert set(results) == {0, 1, 2, 3}
    assert results[0].error is not None
    assert (results[0].error.status, results[0].line) == (422, 1)
    assert results[3].solution is not None


async def test_a_response_is_graded(live: Serve) -> None:
    server = await live(playing([cot(21)], [pot(21)]), computing_sandbox())

    def run() -> list[tuple[str, str | None, str]]:
        with Client(str(server.base_url)) as client:
            grades = [
                client.grade(PENS, "7 * 3 = 20", paths=PathBudget(cot=4, pot=0), policy=Policy.FIXED, seed=7),
                client.grade(PENS, "$20", "20"),
                client.grade(PENS, "", expected="21"),
            ]
        return [(grade.verdict.value, grade.answer, grade.basis.value) for grade in grades]

    assert await asyncio.to_thread(run) == [
        ("incorrect", "21", "vote"),
        ("correct", "20", "expected"),
        ("undecided", "21", "expected"),
    ]
    async with AsyncClient(str(server.base_url)) as client:
        grade = await client.grade(PENS, "7 * 3 = 20", expected="21")
    assert (grade.verdict, grade.given, grade.model) == (GradeVerdict.INCORRECT, "20", "demo")
    assert grade.steps == [GradeStep(text="7 * 3 = 20", holds=False, should_be="21")]


async def test_many_are_graded(live: Serve) -> None:
    server = await live(playing([cot(21)], [pot(21)]), computing_sandbox())
    rows = [{"id": n, "problem": PENS, "response": str(n)} for n in (20, 21)] + [{"id": 0, "problem": PENS}]

    def run() -> dict[object, str]:
        with Client(str(server.base_url)) as client:
            return {row.id: row.grade.verdict.value if row.grade else str(row.error) for row in client.grade_many(rows)}

    graded = await asyncio.to_thread(run)
    assert (graded[20], graded[21]) == ("incorrect", "correct")
    assert "`response` is missing." in graded[0]
    async with AsyncClient(str(server.base_url)) as client:
        again = {
            row.id: row.grade.verdict.value if row.grade else str(row.error) async for row in client.grade_many(rows)
        }
    assert {**again, 0: ""} == {**graded, 0: ""}


def test_a_wrong_response_is_found_before_it_is_sent() -> None:
    transport, requests = service(solved())
    with Client("http://service", transport=transport) as client, pytest.raises(InputError) as raised:
        client.grade(PENS, "a\x00b")
    assert (raised.value.field, requests) == ("response", [])


def test_a_wrong_request_is_found_before_it_is_sent() -> None:
    transport, requests = service(solved())
    with Client("http://service", transport=transport) as client, pytest.raises(InputError) as raised:
        client.solve(PENS, temperature=3.0)
    assert raised.value.field == "temperature"
    assert requests == []


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_it_asks_again_after_the_time_that_is_named(either: Ask, slept: list[float], status: int) -> None:
    transport, requests = service(failing(status, Retry_After="7"), solved())
    assert either(transport, Retries()).answer == "21"
    assert slept == [7.0]
    assert len(requests) == 2


@pytest.mark.parametrize(
    "error", [httpx.ConnectError("refused"), httpx.ReadError("reset"), httpx.ConnectTimeout("slow")]
)
def test_a_lost_connection_is_tried_again_after_growing_waits(
    either: Ask, slept: list[float], error: Exception
) -> None:
    transport, requests = service(error, error, error, solved())
    assert either(transport, Retries(first_wait_s=1.0)).answer == "21"
    assert len(requests) == 4
    assert all(0.5 * 2**n <= wait <= 2**n for n, wait in enumerate(slept))


def test_an_answer_that_breaks_off_is_asked_for_again(either: Ask, slept: list[float]) -> None:
    broken = httpx.Response(200, stream=Pieces(b'{"id": ', httpx.ReadError("reset")))
    transport, requests = service(broken, solved())
    assert either(transport, Retries()).answer == "21"
    assert (len(requests), len(slept)) == (2, 1)
    transport, _ = service(httpx.Response(200, stream=Pieces(httpx.RemoteProtocolError("closed"))))
    with pytest.raises(ServiceError, match="does not answer: closed"):
        either(transport, Retries(limit=0))


def test_it_gives_up_after_the_last_try(either: Ask, slept: list[float]) -> None:
    transport, requests = service(failing(503))
    with pytest.raises(ServiceError, match="because 503") as raised:
        either(transport, Retries(limit=2))
    assert raised.value.status == 503
    assert (len(requests), len(slept)) == (3, 2)


@pytest.mark.parametrize("status", [400, 401, 404, 413, 422, 500])
def test_what_no_retry_mends_is_raised_at_once(either: Ask, slept: list[float], status: int) -> None:
    transport, requests = service(failing(status), solved())
    with pytest.raises(ServiceError) as raised:
        either(transport, Retries())
    assert (raised.value.status, len(requests), slept) == (status, 1, [])


def test_a_wait_longer_than_the_longest_is_not_waited_for(either: Ask, slept: list[float]) -> None:
    transport, _ = service(failing(429, Retry_After="3600"))
    with pytest.raises(ServiceError) as raised:
        either(transport, Retries(longest_wait_s=60))
    assert (raised.value.retry_after_s, slept) == (3600.0, [])


def test_a_read_that_times_out_is_not_tried_again(either: Ask, slept: list[float]) -> None:
    transport, requests = service(httpx.ReadTimeout("too slow"))
    with pytest.raises(ServiceError, match="too slow"):
        either(transport, Retries())
    assert len(requests) == 1


def test_waits_grow_up_to_the_longest_and_respect_dates(monkeypatch: pytest.MonkeyPatch) -> None:
    retries = Retries(limit=9, first_wait_s=1.0, longest_wait_s=5.0)
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    assert [retries.wait_s(tries, None) for tries in range(1, 6)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert retries.wait_s(10, None) is None
    past = failing(503, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")
    transport, _ = service(past)
    with pytest.raises(ServiceError) as raised:
        ask(transport, Retries(limit=0))
    assert raised.value.retry_after_s == 0.0
    assert pause_s(retries, 1, raised.value) == 0.0


def test_the_key_goes_along_and_foreign_answers_are_told() -> None:
    transport, requests = service(httpx.Response(200, text="<html>"), httpx.Response(418, text="teapot"))
    with Client("http://service", api_key="secret", transport=transport) as client:
        with pytest.raises(ServiceError, match="does not fit this version"):
            client.solve(PENS)
        with pytest.raises(ServiceError, match="418"):
            client.solve(PENS)
    assert requests[0].headers["Authorization"] == "Bearer secret"


def test_nobody_there_is_not_ready() -> None:
    transport, _ = service(httpx.ConnectError("refused"))
    with Client("http://service", transport=transport) as client:
        assert not client.is_ready()


def test_a_stream_without_an_answer_is_an_error() -> None:
    def lines() -> Iterator[bytes]:
        yield b': ping\n\nevent: vote\ndata: {"votes": [], "confidence": 0.0, "decided": false}\n\n'

    transport, _ = service(httpx.Response(200, content=lines(), headers=EVENT_STREAM))
    with (
        Client("http://service", transport=transport) as client,
        pytest.raises(ServiceError, match="without an answer"),
    ):
        list(client.stream(PENS))


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85"])
async def test_only_a_line_feed_ends_a_line(separator: str) -> None:
    """Row ids and texts may hold characters that end a line elsewhere. The body arrives in pieces."""
    odd = ANSWER | {"model": f"a{separator}b"}
    whole = json.dumps(odd, ensure_ascii=False).encode()
    events = b"event: answer\r\ndata: " + whole + b"\r\n\r\n"
    row = json.dumps({"id": f"1{separator}2", "line": 1, "solution": odd}, ensure_ascii=False).encode()

    def cut(body: bytes) -> httpx.Response:
        pieces = Pieces(*(body[at : at + 7] for at in range(0, len(body), 7)))
        return httpx.Response(200, stream=pieces, headers=EVENT_STREAM)

    for body in (row, row + b"\n"):
        with Client("http://service", transport=service(cut(body))[0]) as client:
            assert [found.id for found in client.solve_many([{"problem": PENS}])] == [f"1{separator}2"]
        async with AsyncClient("http://service", transport=service(cut(body))[0]) as caller:
            assert [found.id async for found in caller.solve_many([{"problem": PENS}])] == [f"1{separator}2"]
    with Client("http://service", transport=service(cut(events))[0]) as client:
        assert [getattr(event, "model", None) for event in client.stream(PENS)] == [odd["model"]]
    async with AsyncClient("http://service", transport=service(cut(events))[0]) as caller:
        assert [getattr(event, "model", None) async for event in caller.stream(PENS)] == [odd["model"]]


def test_a_response_that_is_no_event_stream_is_an_error(either_stream: Callable[[httpx.MockTransport], object]) -> None:
    transport, _ = service(solved())
    with pytest.raises(ServiceError, match=r"could not be read: .*text/event-stream.*application/json") as raised:
        either_stream(transport)
    assert raised.value.status is None


def test_events_of_a_later_version_are_ignored(either_stream: Callable[[httpx.MockTransport], object]) -> None:
    body = b'event: hint\ndata: {"x": 1}\n\nevent: answer\ndata: ' + json.dumps(ANSWER).encode() + b"\n\n"
    transport, _ = service(httpx.Response(200, content=body, headers=EVENT_STREAM))
    assert either_stream(transport) == ["21"]


def test_a_stream_that_breaks_off_is_an_error(either_stream: Callable[[httpx.MockTransport], object]) -> None:
    broken = Pieces(b"event: answer\ndata: {", httpx.ReadError("reset"))
    transport, _ = service(httpx.Response(200, stream=broken, headers=EVENT_STREAM))
    with pytest.raises(ServiceError, match="could not be read: reset"):
        either_stream(transport)


@pytest.mark.parametrize("name", ["vote", "path", "answer", "error"])
def test_an_event_that_does_not_fit_is_an_error(
    either_stream: Callable[[httpx.MockTransport], object], name: str
) -> None:
    body = f'event: {name}\ndata: {{"x": 1}}\n\n'.encode()
    transport, _ = service(httpx.Response(200, content=body, headers=EVENT_STREAM))
    with pytest.raises(ServiceError, match="does not fit this version"):
        either_stream(transport)


def with_news(value: object) -> object:
    """Value with a further field in every object, as a later version of the service may send it."""
    if isinstance(value, dict):
        return {name: with_news(inner) for name, inner in value.items()} | {"news": {"a": [1]}}
    return [with_news(inner) for inner in value] if isinstance(value, list) else value


PATH = {
    "index": 0, "kind": "cot", "text": "t", "answer": "21", "outcome": "voted", "repaired": False, "stated": "21",
    "program": None, "detail": "", "tokens": 1, "seconds": 0.1, "thought_chars": 0, "thinking_tokens": 0,
}  # fmt: skip
FULL = ANSWER | {
    "votes": [{"answer": "21", "cot": 1, "pot": 0}],
    "explanation": {
        "cot": {"path": 0, "text": "t", "repaired": False, "tokens": 1},
        "program": {"path": 1, "code": "ans = 21", "output": "21"},
        "left_out": ["12"],
    },
    "trace": [PATH | {"counted": True, "vote": "21"}],
}
GRADE = {
    "verdict": "incorrect", "answer": "21", "given": "20", "basis": "vote", "confidence": 0.9,
    "steps": [{"text": "7 * 3 = 20", "holds": False, "should_be": "21"}], "reason": None, "id": "a", "model": "m",
}  # fmt: skip
DETAILS = {
    "title": "t",
    "status": 422,
    "detail": "wrong",
    "request_id": None,
    "errors": [{"field": "f", "message": "m"}],
}


def served(content: object, **headers: str) -> httpx.MockTransport:
    body = content if isinstance(content, bytes) else json.dumps(with_news(content)).encode()
    return service(httpx.Response(200, content=body, headers=headers))[0]


def events(*named: tuple[str, object]) -> bytes:
    return b"".join(f"event: {name}\ndata: {json.dumps(with_news(data))}\n\n".encode() for name, data in named)


async def test_fields_of_a_later_version_are_ignored() -> None:
    """Replicas are upgraded one by one. At every depth, in each kind of response, for both clients."""
    solved_ = SolveResponse.model_validate_json(json.dumps(FULL))
    graded = GradeResponse.model_validate_json(json.dumps(GRADE))
    vote = {"votes": FULL["votes"], "confidence": 0.5, "decided": False}
    stream_ = events(("path", PATH), ("news", {}), ("vote", vote), ("answer", FULL))
    rows = b"".join(
        json.dumps(with_news({"id": 1, "line": line} | result)).encode() + b"\n\n"
        for line, result in enumerate([{"solution": FULL}, {"error": DETAILS}], 1)
    )
    grades = json.dumps(with_news({"id": 1, "line": 1, "grade": GRADE})).encode()
    expected_events = [PathEvent, VoteEvent, SolveResponse]

    with Client("http://service", transport=served(FULL)) as client:
        assert client.solve(PENS) == solved_
    with Client("http://service", transport=served(GRADE)) as client:
        assert client.grade(PENS, "20") == graded
    with Client("http://service", transport=served(stream_, **EVENT_STREAM)) as client:
        assert [type(event) for event in client.stream(PENS)] == expected_events
    with Client("http://service", transport=served(rows)) as client:
        first, second = client.solve_many([{"problem": PENS}])
        assert (first.solution, second.error and second.error.errors[0].message) == (solved_, "m")
    with Client("http://service", transport=served(grades)) as client:
        assert [row.grade for row in client.grade_many([])] == [graded]

    async with AsyncClient("http://service", transport=served(FULL)) as caller:
        assert await caller.solve(PENS) == solved_
    async with AsyncClient("http://service", transport=served(GRADE)) as caller:
        assert await caller.grade(PENS, "20") == graded
    async with AsyncClient("http://service", transport=served(stream_, **EVENT_STREAM)) as caller:
        assert [type(event) async for event in caller.stream(PENS)] == expected_events
    async with AsyncClient("http://service", transport=served(rows)) as caller:
        assert [row.solution async for row in caller.solve_many([])] == [solved_, None]


def test_values_of_a_later_version_are_kept() -> None:
    path = PATH | {"kind": "tool", "outcome": "novel", "counted": True, "vote": None}
    answer = FULL | {"status": "settled", "verdict": "superb", "trace": [path]}
    with Client("http://service", transport=served(answer)) as client:
        solved_ = client.solve(PENS)
    assert (solved_.status, solved_.verdict, solved_.answer) == ("settled", "superb", "21")
    assert isinstance(solved_.verdict, Verdict)
    assert solved_.verdict.value == "superb"
    assert solved_.verdict not in list(Verdict)
    assert solved_.trace is not None
    assert (solved_.trace[0].kind, solved_.trace[0].outcome) == ("tool", "novel")
    assert json.loads(solved_.model_dump_json()) == answer
    assert SolveResponse.model_validate_json(solved_.model_dump_json()) == solved_
    assert headline(solved_) == "Superb"
    assert "Superb" in solved_._repr_html_()
    with Client("http://service", transport=served(GRADE | {"verdict": "partial", "basis": "proof"})) as client:
        graded = client.grade(PENS, "20")
    assert (graded.verdict, graded.basis) == ("partial", "proof")
    assert "Partial" in graded._repr_html_()


@pytest.mark.parametrize("value", ["", "Superb", "a b", "\x1b[31m", "a" * 41, 1, None])
def test_a_value_of_a_later_version_is_a_word(either: Ask, value: object) -> None:
    with pytest.raises(ServiceError, match=r"does not fit this version of the client: `verdict` must be `likely`"):
        either(served(FULL | {"verdict": value}), Retries())


async def test_errors_of_a_later_version_are_read(either: Ask) -> None:
    refused = httpx.Response(422, json=with_news(DETAILS))
    with pytest.raises(ServiceError, match=r"^wrong$"):
        await asyncio.to_thread(either, service(refused)[0], Retries())
    for body in (
        events(("error", DETAILS)),
        events(("vote", {"votes": [], "confidence": 0.0, "decided": False}), ("error", DETAILS)),
    ):
        with (
            Client("http://service", transport=served(body, **EVENT_STREAM)) as client,
            pytest.raises(ServiceError, match=r"^wrong$"),
        ):
            list(client.stream(PENS))


def test_a_field_of_a_later_version_must_still_have_its_type(either: Ask) -> None:
    for field, value in (("confidence", "high"), ("answer", 21), ("votes", None)):
        with pytest.raises(ServiceError, match=f"does not fit this version of the client: `{field}` must be "):
            either(served(FULL | {field: value}), Retries())


def test_rows_of_a_batch_that_are_no_text_are_an_error() -> None:
    with (
        Client("http://service", transport=served(b'{"id": "\xff"}\n')) as client,
        pytest.raises(ServiceError, match="does not fit this version"),
    ):
        list(client.solve_many([]))


def test_rows_of_a_data_frame_are_sent() -> None:
    import pandas  # type: ignore[import-untyped]  # takes half a second

    frame = pandas.DataFrame(
        {
            "id": pandas.array([1, None], dtype="Int64"),
            "problem": [PENS, None],
            "seed": [7, None],
            "number": numpy.array([3, 4], dtype=numpy.int32),
            "on": pandas.to_datetime(["2026-01-02", None]),
            5: [decimal.Decimal("1.5"), {"a"}],
            ("a", "b"): [1, 2],
        }
    )
    rows = frame.to_dict("records")
    rows[1]["number"] = numpy.int64(4)
    assert [json.loads(line) for line in lines_of(rows)] == [
        {"id": 1, "problem": PENS, "seed": 7.0, "number": 3, "on": "2026-01-02 00:00:00", "5": "1.5"},
        {"id": None, "problem": None, "seed": None, "number": 4, "on": None, "5": "{'a'}"},
    ]
    assert list(lines_of([{"id": "\ud83d"}])) == [b'{"id": "\\ud83d"}\n']
    assert list(lines_of([{"id": 1, "problem": numpy.array([PENS])}])) == [
        b'{"id": 1, "problem": [' + json.dumps(PENS).encode() + b"]}\n"
    ]


async def test_rows_that_are_no_objects_have_an_error_each(live: Serve) -> None:
    import pandas

    server = await live(playing([cot(21)], [pot(21)]), computing_sandbox())
    rows: list[Any] = [*pandas.DataFrame({"problem": [PENS]}), None, numpy.array([PENS]), {"problem": PENS}, ["x"]]
    async with AsyncClient(str(server.base_url)) as client:
        results = [result async for result in client.solve_many(rows)]
    results.sort(key=lambda result: result.line)
    errors = [result.error and result.error.errors[0].message for result in results]
    assert errors == ["The line is not a JSON object."] * 3 + [None, "The line is not a JSON object."]
    assert results[3].solution is not None
