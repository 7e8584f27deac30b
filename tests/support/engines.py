"""Engines with scripted texts, failures and order of paths."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from service.engine.base import Completion, Finish, Sampling
from service.engine.fake import FakeEngine, Script
from service.errors import EngineDeadError
from service.sandbox.base import Execution, Outcome, Value
from service.sandbox.fake import FakeSandbox
from service.solve.problem import Problem
from service.types import PathKind, Policy

Played = str | Exception
_STEPS = 8  # turns of the event loop between two paths, more than the solver needs to record one


class TurnEngine:
    """Returns one text or failure for each path of the fixed order, and ends the paths in a given order.

    Args:
        texts: text of each path by its index. An exception is raised.
        order: path indices in the order of their ends. The other paths end only when aborted.
        together: number of paths that end in the same turn of the event loop.
    """

    model = "turns"

    def __init__(self, texts: Sequence[Played], order: Sequence[int] | None = None, *, together: int = 1) -> None:
        self.texts = texts
        self._turn = {
            index: turn // together for turn, index in enumerate(range(len(texts)) if order is None else order)
        }
        self._running: dict[str, asyncio.Event] = {}
        self.sampled: list[tuple[str, str, Sampling]] = []
        self.aborted: list[str] = []
        self.dead = False

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def ends_thoughts(self) -> bool:
        return True

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def probe(self) -> None:
        if self.dead:
            raise EngineDeadError("The engine died.")

    async def sample(self, request_id: str, prompt: str, sampling: Sampling) -> Completion:
        self.sampled.append((request_id, prompt, sampling))
        index = int(request_id.rpartition("-")[2])
        aborted = self._running[request_id] = asyncio.Event()
        try:
            if index not in self._turn:
                await aborted.wait()
            for _ in range(_STEPS * self._turn.get(index, 0)):
                if aborted.is_set():
                    break
                await asyncio.sleep(0)
        finally:
            del self._running[request_id]
        if aborted.is_set():
            return Completion("half a", 10, 3, Finish.ABORT)
        played = self.texts[index]
        if isinstance(played, Exception):
            raise played
        return Completion(played, 10, 5, Finish.STOP)

    async def abort(self, request_ids: Sequence[str]) -> None:
        for request_id in request_ids:
            if request_id in self._running:
                self.aborted.append(request_id)
                self._running[request_id].set()
        await asyncio.sleep(0)


def cot(answer: object) -> str:
    """Rationale that states an answer."""
    return f"The answer is {answer}"


def pot(answer: object) -> str:
    """Program that leaves an answer, for `computing_sandbox`."""
    return f"ans = {answer}"


def texts(votes: Sequence[int | None], kinds: Sequence[PathKind]) -> list[str]:
    """One text per path. None is a text without an answer."""
    write = {PathKind.COT: cot, PathKind.POT: pot}
    return ["I do not know." if vote is None else write[kind](vote) for vote, kind in zip(votes, kinds, strict=True)]


def ok(value: Value, seconds: float = 0.0) -> Execution:
    return Execution(Outcome.OK, value, "", seconds)


def computing_sandbox(*numbers: int) -> FakeSandbox:
    """Sandbox with the results of `pot` for these numbers, by default 0 to 99."""
    return FakeSandbox({pot(number): ok(number) for number in numbers or range(100)})


def problem(text: str = "How many?", **changes: object) -> Problem:
    fields: dict[str, object] = {
        "text": text,
        "cot": 2,
        "pot": 2,
        "policy": Policy.FIXED,
        "temperature": 0.7,
        "top_p": 0.9,
        "max_tokens": 100,
        "deadline_s": 30.0,
        "seed": 7,
    }
    return Problem(**(fields | changes))  # type: ignore[arg-type]


def playing(cots: Sequence[str], pots: Sequence[str], *, tokens_per_s: float | None = None) -> FakeEngine:
    """Fake engine that repeats the texts of each kind in turn."""
    return FakeEngine(in_turn(cots, pots), tokens_per_s=tokens_per_s)


def in_turn(cots: Sequence[str], pots: Sequence[str]) -> Script:
    played = {True: 0, False: 0}

    def script(prompt: str, sampling: Sampling) -> str:
        is_cot = prompt.endswith("Reasoning:\n")
        played[is_cot] += 1
        written = cots if is_cot else pots
        return written[(played[is_cot] - 1) % len(written)]

    return script


def lines(path: Path, *rows: str) -> Path:
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path
