"""Reading beside the event loop."""

import asyncio
import threading

from service.solve.text_reader import SHORT_CHARS, TextReader

LONG = "a" * (SHORT_CHARS + 1)


def _thread(text: str) -> str:
    return threading.current_thread().name.partition("_")[0]


async def test_the_event_loop_reads_short_texts_itself() -> None:
    reader = TextReader()
    assert await reader.read(_thread, "a" * SHORT_CHARS) == threading.current_thread().name
    assert await reader.read(_thread, LONG) == "reading"


async def test_the_texts_of_a_problem_are_read_in_order_and_problems_take_turns() -> None:
    order: list[str] = []
    held = threading.Event()

    def note(text: str) -> str:
        held.wait(10)
        order.append(text[:2])
        return text[:2]

    one, other = TextReader(), TextReader()
    reads = [asyncio.create_task(one.read(note, f"a{n}{LONG}")) for n in range(4)]
    await asyncio.sleep(0)
    reads.append(asyncio.create_task(other.read(note, f"b0{LONG}")))
    await asyncio.sleep(0.01)
    held.set()
    assert await asyncio.gather(*reads) == ["a0", "a1", "a2", "a3", "b0"]
    assert order == ["a0", "b0", "a1", "a2", "a3"]


async def test_aborted_texts_leave_the_queue() -> None:
    read: list[str] = []
    started, held = threading.Event(), threading.Event()

    def note(text: str) -> str:
        started.set()
        held.wait(10)
        read.append(text[:2])
        return text[:2]

    reader = TextReader()
    reads = [asyncio.create_task(reader.read(note, f"a{n}{LONG}")) for n in range(50)]
    while not started.is_set():
        await asyncio.sleep(0.001)
    reader.abort()
    assert await asyncio.wait_for(asyncio.gather(*reads), 5) == [None] * 50  # while the thread still reads
    assert await reader.read(note, "short") is None
    held.set()
    assert await TextReader().read(_thread, LONG) == "reading"
    assert read == ["a0"]


async def test_a_caller_that_leaves_takes_its_text_along() -> None:
    held = threading.Event()
    read: list[str] = []

    def note(text: str) -> str:
        held.wait(10)
        read.append(text[:2])
        return text[:2]

    reader = TextReader()
    reads = [asyncio.create_task(reader.read(note, f"a{n}{LONG}")) for n in range(3)]
    await asyncio.sleep(0.01)
    reads[1].cancel()
    await asyncio.sleep(0)
    held.set()
    assert [await reads[0], await reads[2]] == ["a0", "a2"]
    assert (read, reads[1].cancelled()) == (["a0", "a2"], True)
