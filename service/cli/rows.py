"""Rows of JSON Lines, and their results in the same order."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, TypeVar

from service.errors import ConfigurationError, json_reason
from service.json_lines import Line, LineSplitter, file_lines, json_value

STANDARD_INPUT = Path("-")

_CHUNK_BYTES = 1 << 16
_Row = TypeVar("_Row")
_Result = TypeVar("_Result")


async def json_rows(path: Path) -> AsyncIterator[tuple[str, object]]:
    """Place ("F.jsonl, line 3") and content of each row. Blank lines are left out.

    Args:
        path: a JSON Lines file, or `STANDARD_INPUT`.

    Raises:
        ConfigurationError: the file cannot be read, has no rows, or a line is not valid JSON. The rows before it have
            been yielded.
    """
    name, number = "standard input" if path == STANDARD_INPUT else str(path), 0
    with ExitStack() as stack:
        file = sys.stdin if path == STANDARD_INPUT else stack.enter_context(_opened(path))
        async for number, line in _lines(file.fileno()):
            place = f"{name}, line {number}"
            yield place, _json_row(place, line)
    _require_rows(name, number)


def file_rows(path: Path) -> Iterator[object]:
    """Content of each row of a JSON Lines file.

    Raises:
        ConfigurationError: as `json_rows`.
    """
    number = 0
    for number, line in file_lines(path):
        yield _json_row(f"{path}, line {number}", line)
    _require_rows(str(path), number)


def _require_rows(name: str, last: int) -> None:
    if not last:
        raise ConfigurationError(f"{name} has no rows.")


def _json_row(place: str, line: bytes) -> object:
    """Content of a row.

    Raises:
        ConfigurationError: the line is not valid JSON.
    """
    try:
        return json_value(line)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{place}: not valid JSON ({json_reason(error)}).") from None


async def in_order(
    rows: AsyncIterator[_Row], process: Callable[[_Row], Awaitable[_Result]], concurrency: int
) -> AsyncIterator[_Result]:
    """Results in the order of the rows, each as soon as those before it are ready.

    Args:
        rows: the rows. If they raise, the results of the rows before come first.
        process: computes the result of one row.
        concurrency: maximum number of rows in progress.
    """
    places = asyncio.Semaphore(concurrency)
    started: asyncio.Queue[asyncio.Task[_Result] | None] = asyncio.Queue()

    async def start_all() -> None:
        try:
            async for row in rows:
                await places.acquire()
                started.put_nowait(asyncio.create_task(_run(process, row)))
        finally:
            started.put_nowait(None)

    feeder = asyncio.create_task(start_all())
    try:
        while task := await started.get():
            yield await task
            places.release()
        await feeder
    finally:
        unfinished = [started.get_nowait() for _ in range(started.qsize())]
        for future in (feeder, *unfinished):
            if future:
                future.cancel()
        await asyncio.gather(feeder, *filter(None, unfinished), return_exceptions=True)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None


async def _run(process: Callable[[_Row], Awaitable[_Result]], row: _Row) -> _Result:
    return await process(row)


async def _lines(descriptor: int) -> AsyncIterator[Line]:
    """Lines of a file, a pipe or a terminal, without a wait that blocks the event loop."""
    splitter = LineSplitter()
    while chunk := await _read(descriptor):
        for line in splitter.feed(chunk):
            yield line
    for line in splitter.end():
        yield line


async def _read(descriptor: int) -> bytes:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    try:
        loop.add_reader(descriptor, readable.set)
    except PermissionError:  # the selector refuses regular files, which are always readable
        return os.read(descriptor, _CHUNK_BYTES)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(descriptor)
    return os.read(descriptor, _CHUNK_BYTES)
