"""Loop over the rows of a batch."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from service.errors import EngineDeadError
from service.schemas import SolveRequest, SolveResponse
from service.schemas.batch import SOLVE, BatchRow, Row


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
