"""Loop over the rows of a batch."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import EngineDeadError
from service.schemas import SolveRequest, SolveResponse
from service.schemas.batch import GRADE, SOLVE, BatchResult, BatchRow, Row


def row(line: int) -> Row[SolveRequest]:
    return Row(line, line, SolveRequest(problem="How many?"))


async def test_a_dead_row_discards_no_finished_result_and_no_row_in_progress() -> None:
    started: list[int] = []
    together = asyncio.Event()

    async def rows() -> AsyncIterator[Row[SolveRequest] | BatchRow]:
        for line in range(1, 10):
            yield row(line)

    async def work(row: Row[SolveRequest]) -> SolveResponse:
        started.append(row.line)
        if row.line == 4:
            together.set()
        await together.wait()
        if row.line == 1:
            raise EngineDeadError("The engine died.")
        if row.line == 3:
            await asyncio.sleep(0.01)
        response: Any = SolveResponse.model_construct
        return cast("SolveResponse", response())

    found: list[int] = []

    async def collect() -> None:
        async for result in SOLVE.process(rows(), work, concurrency=4):
            found.append(result.line)  # noqa: PERF401 - the error would lose a comprehension

    with pytest.raises(EngineDeadError, match="The engine died"):
        await collect()
    assert sorted(found) == [2, 3, 4]
    assert started == [1, 2, 3, 4]


async def test_an_input_that_cannot_be_read_ends_the_rows_in_progress() -> None:
    ended: list[int] = []

    async def rows() -> AsyncIterator[Row[SolveRequest] | BatchRow]:
        yield row(1)
        raise EngineDeadError("no input")

    async def work(row: Row[SolveRequest]) -> SolveResponse:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(row.line)
        raise AssertionError

    with pytest.raises(EngineDeadError, match="no input"):
        assert [result async for result in SOLVE.process(rows(), work, concurrency=2)] == []
    assert ended == [1]


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=5)
    | st.sampled_from(["p", "\ud83d", "", " ", 7.0, 2**64, 1e400, "fixed", 10**500]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
NAMES = st.sampled_from(
    [
        "id",
        "problem",
        "question",
        "response",
        "expected",
        "seed",
        "paths",
        "policy",
        "trace",
        "problem\ud83d",
        "Problem",
    ]
) | st.text(st.characters(), max_size=9)


@given(st.dictionaries(NAMES, ANYTHING, max_size=6) | ANYTHING, st.booleans())
def test_any_row_is_a_request_or_an_error_that_can_be_sent(content: object, is_ascii: bool) -> None:
    line = json.dumps(content, ensure_ascii=is_ascii).encode(errors="surrogatepass")
    for form in (SOLVE, GRADE):
        parsed = form.parse_line((7, line), 10_000, "r")
        if isinstance(parsed, BatchResult):
            assert parsed.error is not None
            assert (parsed.line, parsed.error.status, parsed.error.request_id) == (7, 422, "r")
            assert parsed.error.errors[0].field
            assert type(parsed).model_validate_json(parsed.model_dump_json()) == parsed
        else:
            failed = form.failure(EngineDeadError("gone"), parsed.id, parsed.line)
            assert json.loads(failed.model_dump_json())["id"] == parsed.id


@given(st.binary(max_size=40))
def test_any_bytes_are_a_row_or_an_error(line: bytes) -> None:
    parsed = SOLVE.parse_line((1, line), 30)
    assert isinstance(parsed, BatchResult)
    assert json.loads(parsed.model_dump_json())["error"]["status"] == 422


async def test_invalid_rows_need_no_place() -> None:
    """They are yielded in between, and no task is made for them."""

    async def rows() -> AsyncIterator[Row[SolveRequest] | BatchRow]:
        yield row(1)
        for line in range(2, 50):
            yield SOLVE.failure(EngineDeadError("wrong"), line=line)

    blocked = asyncio.Event()

    async def work(row: Row[SolveRequest]) -> SolveResponse:
        await blocked.wait()
        response: Any = SolveResponse.model_construct
        return cast("SolveResponse", response())

    found = []
    async for result in SOLVE.process(rows(), work, concurrency=2):
        found.append(result.line)
        if len(found) == 48:
            blocked.set()
    assert found == [*range(2, 50), 1]
