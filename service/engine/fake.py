"""Scripted engine for tests, demonstrations and load tests of the service.

It reads prompts of format v1. The demo plays the known problems of `demo.jsonl` and improvises all others. An
improvised path combines the first two numbers of the problem with the operation that its words suggest. Some are
wrong, and a few have no answer.
"""

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from service.engine.base import Completion, Finish, Sampling, require_adapter
from service.errors import ConfigurationError, EngineDeadError, PromptTooLongError
from service.files import read_text
from service.json_lines import encodable
from service.types import DEMO_MODEL

Script = Callable[[str, Sampling], str]
"""Function that returns the text of one path from its prompt and its sampling parameters."""

_DEMO_ROWS = Path(__file__).with_name("demo.jsonl")
_TOKEN = re.compile(r"\w+|[^\w\s]|\s+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_MARKERS = {True: "Reasoning:\n", False: "Program:\n"}  # by whether it is a chain of thought
_OPERATIONS = {
    "-": ("left", "discount", "more than", "fewer", "less", "remain", "gave", "lost", "difference", "change"),
    "*": ("each", "every", "times", "per"),
    "/": ("split", "share", "equally", "divide"),
}


class FakeEngine:
    """Returns scripted texts at a given token rate.

    Args:
        script: text of each path. None is `improvise`.
        tokens_per_s: token rate of each path. None returns at once.
        model: reported name of the model.
        max_model_len: maximum number of tokens in prompt and completion. A token is a word, white space or another
            character.
        adapters: names of LoRA adapters. The script gets the name in the sampling parameters.
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        tokens_per_s: float | None = None,
        model: str = DEMO_MODEL,
        max_model_len: int = 8192,
        adapters: Collection[str] = (),
    ) -> None:
        self._script = script or improvise
        self._tokens_per_s = tokens_per_s
        self._max_model_len = max_model_len
        self._model = model
        self._adapters = frozenset(adapters)
        self._aborts: dict[str, asyncio.Event] = {}
        self._running = False

    @property
    def model(self) -> str:
        """See `Engine.model`."""
        return self._model

    @property
    def ends_thoughts(self) -> bool:
        """See `Engine.ends_thoughts`. The script gets the limit."""
        return True

    @property
    def running(self) -> int:
        """Number of paths that are sampled now."""
        return len(self._aborts)

    async def start(self) -> None:
        """See `Engine.start`."""
        self._running = True

    async def sample(self, request_id: str, prompt: str, sampling: Sampling) -> Completion:
        """See `Engine.sample`."""
        await self.probe()
        require_adapter(sampling.adapter, self._adapters)
        prompt_tokens = len(_TOKEN.findall(prompt))
        if prompt_tokens >= self._max_model_len:
            raise PromptTooLongError(
                f"The prompt has {prompt_tokens} tokens. The context length is {self._max_model_len}."
            )
        tokens = _TOKEN.findall(encodable(_cut(self._script(prompt, sampling), sampling.stop)))
        max_tokens = min(sampling.max_tokens, self._max_model_len - prompt_tokens)
        finish = Finish.STOP if len(tokens) <= max_tokens else Finish.LENGTH
        tokens = tokens[:max_tokens]
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
        return Completion("".join(tokens), prompt_tokens, len(tokens), finish)

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
    """Script from a JSON Lines file.

    A row has the fields `problem` (text of the problem or a part of it), `kind` (cot or pot) and `text`. Rows of the
    same problem and kind repeat in turn. A prompt without a row gets an improvised path.

    Raises:
        ConfigurationError: the file cannot be read, or a row is invalid. The message names the line.
    """
    rows = _read_rows(path)
    played: Counter[tuple[str, bool]] = Counter()

    def script(prompt: str, sampling: Sampling) -> str:
        for key, texts in rows.items():
            if key[0] in prompt and key[1] == _is_cot(prompt):
                played[key] += 1
                return texts[(played[key] - 1) % len(texts)]
        return improvise(prompt, sampling)

    return script


def demo() -> Script:
    """Script of the demo, deterministic in prompt and seed.

    A known problem gets one of its texts in `demo.jsonl`, at temperature 0 the first. Case and white space of the
    problem have no effect. Another problem gets an improvised path.
    """
    rows = {(_normal(problem), is_cot): texts for (problem, is_cot), texts in _read_rows(_DEMO_ROWS).items()}

    def script(prompt: str, sampling: Sampling) -> str:
        question = _question(prompt)
        is_cot = _is_cot(prompt)
        texts = rows.get((_normal(question.removesuffix(_MARKERS[is_cot])), is_cot))
        if texts is None:
            return improvise(prompt, sampling)
        return _chance(question, sampling).choice(texts) if sampling.temperature else texts[0]

    return script


def improvise(prompt: str, sampling: Sampling) -> str:
    """Plausible path, deterministic in prompt and seed. At temperature 0 the seed has no effect."""
    question = _question(prompt)
    chance = _chance(question, sampling)
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


def _read_rows(path: Path) -> dict[tuple[str, bool], list[str]]:
    """Texts of a script by problem, and by whether they are chains of thought."""
    rows: dict[tuple[str, bool], list[str]] = {}
    for number, line in enumerate(read_text(path, f"The script {path}").split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            problem, is_cot, text = row["problem"], {"cot": True, "pot": False}[row["kind"]], row["text"]
            if not isinstance(problem, str) or not isinstance(text, str):
                raise TypeError("problem and text must be strings")
            rows.setdefault((problem, is_cot), []).append(text)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ConfigurationError(
                f"{path}, line {number}: a row needs `problem`, `kind` (cot or pot) and `text` ({error!r})."
            ) from None
    return rows


def _question(prompt: str) -> str:
    """Question of a prompt of format v1, with the marker of the kind."""
    return prompt.rpartition("Question: ")[2]


def _normal(question: str) -> str:
    return " ".join(question.casefold().split())


def _chance(question: str, sampling: Sampling) -> random.Random:
    """Random numbers of one path of a model. At temperature 0 the seed has no effect."""
    model = f"/{sampling.adapter}" if sampling.adapter else ""
    return random.Random(f"{question}/{sampling.seed if sampling.temperature else None}{model}")  # noqa: S311


def _cut(text: str, stop: Sequence[str]) -> str:
    """Text before the first stop string."""
    return text[: min((place for string in stop if (place := text.find(string)) >= 0), default=len(text))]


def _operation(question: str) -> str:
    lowered = question.lower()
    return next((op for op, words in _OPERATIONS.items() if any(word in lowered for word in words)), "+")


def _is_cot(prompt: str) -> bool:
    return prompt.endswith(_MARKERS[True])
