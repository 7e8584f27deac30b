"""A scripted engine, shipped: for tests, demonstrations and load tests of everything around the engine.

It speaks format v1. Without a script it gives any problem deterministic, plausible paths of both kinds: most of them
right by the simplest reading of the problem, some wrong, a few of them useless. It reasons about nothing.
"""

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from service.engine.base import Completion, Finish, Sampling
from service.errors import ConfigurationError, EngineDeadError

Script = Callable[[str, Sampling], str]
"""The text of one path, from its prompt and how it is sampled."""

_TOKEN = re.compile(r"\w+|[^\w\s]|\s+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_OPERATIONS = {
    "-": ("left", "discount", "more than", "fewer", "less", "remain", "gave", "lost", "difference", "change"),
    "*": ("each", "every", "times", "per"),
    "/": ("split", "share", "equally", "divide"),
}


class FakeEngine:
    """Plays a script at a settable rate.

    Args:
        script: the text of a path; None improvises.
        tokens_per_s: token rate of each path; None answers at once.
        model: the name that is reported.
    """

    def __init__(self, script: Script | None = None, *, tokens_per_s: float | None = None, model: str = "fake") -> None:
        self._script = script or improvise
        self._tokens_per_s = tokens_per_s
        self._model = model
        self._aborts: dict[str, asyncio.Event] = {}
        self._running = False

    @property
    def model(self) -> str:
        """See `Engine.model`."""
        return self._model

    @property
    def running(self) -> int:
        """Paths that are being sampled now."""
        return len(self._aborts)

    async def start(self) -> None:
        """See `Engine.start`."""
        self._running = True

    async def sample(self, request_id: str, prompt: str, sampling: Sampling) -> Completion:
        """See `Engine.sample`."""
        await self.probe()
        tokens = _TOKEN.findall(self._script(prompt, sampling))
        finish = Finish.STOP if len(tokens) < sampling.max_tokens else Finish.LENGTH
        tokens = tokens[: sampling.max_tokens]
        aborted = self._aborts[request_id] = asyncio.Event()
        started = asyncio.get_running_loop().time()
        try:
            if self._tokens_per_s is None:
                await asyncio.sleep(0)
            else:
                await asyncio.wait_for(aborted.wait(), timeout=len(tokens) / self._tokens_per_s)
        except TimeoutError:
            pass
        finally:
            del self._aborts[request_id]
        if aborted.is_set():
            elapsed_s = asyncio.get_running_loop().time() - started
            tokens, finish = tokens[: int(elapsed_s * (self._tokens_per_s or 0))], Finish.ABORT
        await self.probe()
        return Completion("".join(tokens), len(_TOKEN.findall(prompt)), len(tokens), finish)

    async def abort(self, request_ids: Sequence[str]) -> None:
        """See `Engine.abort`."""
        for request_id in request_ids:
            if request_id in self._aborts:
                self._aborts[request_id].set()

    async def probe(self) -> None:
        """See `Engine.probe`."""
        if not self._running:
            raise EngineDeadError("The engine is not running.")

    async def close(self) -> None:
        """See `Engine.close`."""
        self._running = False


def scripted(path: Path) -> Script:
    """A script from a JSON Lines file.

    A row holds `problem` (its text, or a part of it), `kind` (cot or pot) and `text`. Rows of the same problem and
    kind are played in turn, over and over; a prompt without a row is improvised.

    Raises:
        ConfigurationError: the file is missing or a row is wrong; the message names the line.
    """
    rows: dict[tuple[str, bool], list[str]] = {}
    try:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                row = json.loads(line)
                rows.setdefault((row["problem"], {"cot": True, "pot": False}[row["kind"]]), []).append(row["text"])
            except (ValueError, KeyError, TypeError) as error:
                raise ConfigurationError(
                    f"{path}, line {number}: a row needs problem, kind (cot or pot) and text ({error!r})."
                ) from None
    except OSError as error:
        raise ConfigurationError(f"The script {path} cannot be read: {error}") from None
    played: Counter[tuple[str, bool]] = Counter()

    def script(prompt: str, sampling: Sampling) -> str:
        for key, texts in rows.items():
            if key[0] in prompt and key[1] == _is_cot(prompt):
                played[key] += 1
                return texts[(played[key] - 1) % len(texts)]
        return improvise(prompt, sampling)

    return script


def improvise(prompt: str, sampling: Sampling) -> str:
    """A plausible path; the same for the same prompt and seed, and for every seed at temperature 0."""
    question = prompt.rpartition("Question: ")[2]
    chance = random.Random(f"{question}/{sampling.seed if sampling.temperature else None}")  # noqa: S311
    numbers = _NUMBER.findall(question)[:2]
    if len(numbers) < 2 or (sampling.temperature and chance.random() < 0.05):
        return "I do not know."
    a, b = numbers
    wrong = sampling.temperature and chance.random() < 0.3
    operation = chance.choice("+-*") if wrong else _operation(question)
    if _is_cot(prompt):
        result = {"+": float(a) + float(b), "-": float(a) - float(b), "*": float(a) * float(b)}.get(
            operation, float(a) / (float(b) or 1)
        )
        return f"We are given {a} and {b}. So {a} {operation} {b} = {result:g}. The answer is {result:g}"
    return f"first = {a}\nsecond = {b}\nans = first {operation} second"


def _operation(question: str) -> str:
    lowered = question.lower()
    return next((op for op, words in _OPERATIONS.items() if any(word in lowered for word in words)), "+")


def _is_cot(prompt: str) -> bool:
    return prompt.endswith("Reasoning:\n")
