"""One endpoint, one request, one answer: asked with retries, kept in a content-addressed cache, booked in a ledger.

`teacher.py` decides what to ask and when to stop; here is how one sample is had. The cache is the truth: an answer is a
file, written whole before it counts, under the hash of the whole request and the sample's number.
"""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import openai
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt

from service.errors import ConfigurationError
from service.types import PathKind
from training.rationale import Problem
from training.recipe import Teacher

CHARS_PER_TOKEN = 2
"""Fewer characters than any usual tokenizer needs for a token of English: estimates are upper bounds."""

WAIT_S = 0.5
LONGEST_WAIT_S = 60.0


class GarbageError(Exception):
    """The endpoint answered with something that is no completion."""


@dataclass(frozen=True, slots=True)
class Request:
    """One sample to ask for."""

    problem: Problem
    kind: PathKind
    index: int
    body: Mapping[str, Any]

    @property
    def key(self) -> str:
        """What it is cached under."""
        return sha256(json.dumps([self.body, self.index], sort_keys=True).encode()).hexdigest()


@dataclass
class Ledger:
    """Dollars and tokens: spent for good, and reserved by what is under way."""

    teacher: Teacher
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reserved: float = 0.0
    lost: int = 0
    failed: list[str] = field(default_factory=list)

    @property
    def dollars(self) -> float:
        """What was paid."""
        return self.cost(self.prompt_tokens, self.completion_tokens)

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """What so many tokens cost."""
        price = prompt_tokens * self.teacher.price_prompt + completion_tokens * self.teacher.price_completion
        return price / 1e6

    def worst(self, request: Request) -> float:
        """The most that a request can cost."""
        chars = len(json.dumps(request.body))
        return self.cost(chars // CHARS_PER_TOKEN, self.teacher.max_tokens)

    def fits(self, request: Request) -> bool:
        """Whether the cap allows it; no cap (0) allows all."""
        return (
            not self.teacher.cap_dollars
            or self.dollars + self.reserved + self.worst(request) <= self.teacher.cap_dollars
        )

    def add(self, answer: Mapping[str, Any]) -> None:
        """Book an answer."""
        self.prompt_tokens += answer["prompt_tokens"]
        self.completion_tokens += answer["completion_tokens"]


async def ask(client: openai.AsyncOpenAI, teacher: Teacher, request: Request, ledger: Ledger, cache: Path) -> None:
    """Have one sample: ask until it is there or the attempts are used up, keep it, book it.

    Raises:
        ConfigurationError: the endpoint refuses the key.
    """
    worst = ledger.worst(request)
    ledger.reserved += worst
    try:
        retrying = AsyncRetrying(
            stop=stop_after_attempt(teacher.attempts),
            wait=_wait,
            retry=retry_if_exception_type((openai.APIConnectionError, openai.APIStatusError, GarbageError)),
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                try:
                    answer = await _answer(client, request)
                except openai.APITimeoutError:
                    ledger.lost += 1
                    raise
        _keep(cache, request, answer)
        ledger.add(answer)
    except openai.AuthenticationError as error:
        raise ConfigurationError(f"the teacher's endpoint refuses the key: {error.message}") from error
    except (openai.APIError, GarbageError) as error:
        ledger.failed.append(f"{type(error).__name__}: {error}"[:200])
    finally:
        ledger.reserved -= worst


def cached(cache: Path, request: Request) -> dict[str, Any] | None:
    """The answer that is kept for a request: `text`, `finish`, `prompt_tokens`, `completion_tokens`."""
    path = _path(cache, request)
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text())
    return found


async def _answer(client: openai.AsyncOpenAI, request: Request) -> dict[str, Any]:
    """One call; raises `GarbageError` if what came back is no completion."""
    try:
        if "problem" in request.body:
            return _solved(await client.post("/solve", cast_to=dict[str, Any], body=request.body), request)
        if "messages" in request.body:
            reply = await client.chat.completions.create(**request.body)
            choice = reply.choices[0]
            text = choice.message.content
        else:
            completed = await client.completions.create(**request.body)
            reply, choice, text = completed, completed.choices[0], completed.choices[0].text
        usage = reply.usage
        return {
            "text": str(text or ""),
            "finish": str(choice.finish_reason),
            "prompt_tokens": int(usage.prompt_tokens),
            "completion_tokens": int(usage.completion_tokens),
        }
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise GarbageError(f"no completion: {error!r}") from error


def _solved(reply: Any, request: Request) -> dict[str, Any]:
    """The one path of a traced response of Twinpath's service."""
    (path,) = reply["trace"]
    return {
        "text": str(path["text"]),
        "finish": "length" if path["tokens"] >= request.body["max_tokens"] else "stop",
        "prompt_tokens": int(reply["usage"]["prompt_tokens"]),
        "completion_tokens": int(path["tokens"]),
    }


def _wait(state: RetryCallState) -> float:
    """The endpoint's Retry-After, else twice as long each time, with jitter."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, openai.APIStatusError):
        asked = error.response.headers.get("retry-after", "")
        if asked.replace(".", "", 1).isdigit():
            return min(float(asked), LONGEST_WAIT_S)
    return float(min(WAIT_S * 2.0**state.attempt_number * random.uniform(0.5, 1), LONGEST_WAIT_S))


def _path(cache: Path, request: Request) -> Path:
    return cache / request.key[:2] / f"{request.key}.json"


def _keep(cache: Path, request: Request, answer: Mapping[str, Any]) -> None:
    path = _path(cache, request)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(answer, ensure_ascii=False))
    fresh.replace(path)
