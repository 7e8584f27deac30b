"""Client of a teacher's endpoint, with retries, cache and cost meter.

Each answer is a file under the hash of its request and sample number. A file appears only when it is complete, so a
killed run pays for nothing twice.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.types import PathKind, PathOutcome
from training.data.problem import Problem
from training.data.teacher_faults import (
    ANSWER_S,
    GarbageError,
    OutOfTimeError,
    check_url,
    fault_of,
    is_permanent,
    listed_models,
)
from training.progress import bar
from training.recipe import Teacher

if TYPE_CHECKING:  # openai takes a second to import, and an up-to-date run does not need it
    import openai
    from tenacity import RetryCallState

CHARS_PER_TOKEN = 2
"""Lower bound for English text with any usual tokenizer, so that estimated costs are upper bounds."""

WAIT_S = 0.5
LONGEST_WAIT_S = 60.0
GIVE_UP = 20
"""Failed requests in a row after which the endpoint counts as down. Open requests get no further attempt."""
FIRST_ATTEMPTS = 2
"""Maximum number of attempts of the first request, which shows in seconds whether the endpoint works."""


@dataclass(frozen=True, slots=True)
class Request:
    """Request for one sample.

    Args:
        problem: the problem.
        kind: CoT or PoT.
        index: number of the sample within its problem and kind.
        body: JSON body of the request.
    """

    problem: Problem
    kind: PathKind
    index: int
    body: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Key in the cache."""
        return sha256(json.dumps([self.body, self.index], sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Completion:
    """Answer of the endpoint. `finish` is `stop`, or `length` for a text that was cut off."""

    text: str
    finish: str
    prompt_tokens: int
    completion_tokens: int


@dataclass
class CostMeter:
    """Tokens and dollars: spent, and reserved for open requests.

    Args:
        teacher: prices and cap.
        prompt_tokens: prompt tokens spent.
        completion_tokens: completion tokens spent.
        reserved: dollars that open requests can cost at most.
        lost: attempts that timed out. Their provider may have billed them.
        failed: message of each request that failed in every attempt.
        failed_in_a_row: number of failed requests since the last answer.
    """

    teacher: Teacher
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reserved: float = 0.0
    lost: int = 0
    failed: list[str] = field(default_factory=list)
    failed_in_a_row: int = 0

    @property
    def dollars(self) -> float:
        """Dollars spent."""
        return self.cost(self.prompt_tokens, self.completion_tokens)

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Cost in dollars."""
        price = prompt_tokens * self.teacher.price_prompt + completion_tokens * self.teacher.price_completion
        return price / 1e6

    def max_cost(self, request: Request) -> float:
        """Maximum cost of a request, in dollars."""
        chars = len(json.dumps(request.body))
        return self.cost(chars // CHARS_PER_TOKEN, self.teacher.max_tokens)

    def fits(self, request: Request) -> bool:
        """Whether the request cannot pass the cap, open requests included. A cap of 0 sets no limit."""
        return (
            not self.teacher.cap_dollars
            or self.dollars + self.reserved + self.max_cost(request) <= self.teacher.cap_dollars
        )

    def fail(self, message: str) -> None:
        """Add a request that failed in every attempt."""
        self.failed.append(message[:200])
        self.failed_in_a_row += 1

    def add(self, answer: Completion) -> None:
        """Add the tokens of an answer."""
        self.failed_in_a_row = 0
        self.prompt_tokens += answer.prompt_tokens
        self.completion_tokens += answer.completion_tokens

    def write(self, path: Path) -> None:
        """Write the totals as JSON."""
        totals = {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "dollars": self.dollars,
            "lost": self.lost,
            "failed": len(self.failed),
        }
        path.write_text(json.dumps(totals) + "\n")


async def sample(teacher: Teacher, requests: Sequence[Request], meter: CostMeter, cache: Path, api_key: str) -> int:
    """Send the first request, then the others, `teacher.concurrency` at a time, and cache the answers.

    Returns:
        The number of requests that were not sent: the cap left them out, or `GIVE_UP` requests in a row failed.

    Raises:
        ConfigurationError: `base_url` is not a URL, or the endpoint refuses the first request for a lasting reason.
        EngineError: the endpoint does not answer, or the first request fails for another reason.
    """
    if not requests:
        return 0
    check_url(teacher)
    import asyncio

    import openai

    waiting = list(reversed(requests))
    async with openai.AsyncOpenAI(
        base_url=teacher.base_url, api_key=api_key, timeout=teacher.timeout_s, max_retries=0
    ) as client:
        models = await listed_models(client, teacher)
        with bar("teacher", len(requests)) as step:
            step(0, dollars=meter.dollars)

            async def work(count: int, *, first: bool = False) -> None:
                while count and waiting and meter.fits(waiting[-1]) and meter.failed_in_a_row < GIVE_UP:
                    error = await _sample_one(client, teacher, waiting.pop(), meter, cache, first=first)
                    if first and error:
                        raise fault_of(error, teacher, models)
                    failed = {"failed": len(meter.failed)} if meter.failed else {}
                    step(0 if error else 1, dollars=meter.dollars, **failed)
                    count -= 1

            await work(1, first=True)
            async with asyncio.TaskGroup() as group:
                for _ in range(min(teacher.concurrency, len(requests))):
                    group.create_task(work(len(requests)))
    return len(waiting)


def cached(cache: Path, request: Request) -> Completion | None:
    """Cached answer of a request. A damaged file counts as none."""
    try:
        return Completion(**json.loads(_path(cache, request).read_text()))
    except (OSError, ValueError, TypeError):
        return None


async def _sample_one(
    client: "openai.AsyncOpenAI", teacher: Teacher, request: Request, meter: CostMeter, cache: Path, *, first: bool
) -> Exception | None:
    """Send one request until it is answered, its attempts are used up, or no other attempt can succeed.

    Returns:
        The error of the last attempt. None for an answer.
    """
    import openai
    from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

    # A first reply that is not a completion shows a wrong URL. Later ones come from an overloaded endpoint.
    final = (GarbageError, OutOfTimeError, openai.APITimeoutError) if first else ()

    def can_pass(error: BaseException) -> bool:
        return (
            isinstance(error, openai.APIError | GarbageError | OutOfTimeError)
            and not isinstance(error, final)
            and not is_permanent(error)
            and meter.failed_in_a_row < GIVE_UP
        )

    reserved = meter.max_cost(request)
    meter.reserved += reserved
    try:
        retrying = AsyncRetrying(
            stop=stop_after_attempt(min(teacher.attempts, FIRST_ATTEMPTS) if first else teacher.attempts),
            wait=partial(_wait_s, longest_s=ANSWER_S if first else LONGEST_WAIT_S),
            retry=retry_if_exception(can_pass),
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                try:
                    answer = await _completion(client, request)
                except openai.APITimeoutError:
                    meter.lost += 1
                    raise
        _store(cache, request, answer)
        meter.add(answer)
    except (openai.APIError, GarbageError, OutOfTimeError) as error:
        meter.fail(f"{type(error).__name__}: {error}")
        return error
    finally:
        meter.reserved -= reserved
    return None


async def _completion(client: "openai.AsyncOpenAI", request: Request) -> Completion:
    """One call.

    Raises:
        GarbageError: the reply is not a completion.
        OutOfTimeError: a Twinpath service stopped the path at its deadline.
    """
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
        return Completion(
            _encodable(text or ""), str(choice.finish_reason), int(usage.prompt_tokens), int(usage.completion_tokens)
        )
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise GarbageError(f"not a completion: {error!r}") from error


def _solved(reply: Any, request: Request) -> Completion:
    """The only path in a traced response of Twinpath's service.

    Raises:
        OutOfTimeError: the path did not end before the deadline.
    """
    (path,) = reply["trace"]
    if path["outcome"] == PathOutcome.ABORTED:
        raise OutOfTimeError(f"the path did not end within {request.body['deadline_s']:g} s; raise teacher.timeout_s")
    finish = "length" if path["tokens"] >= request.body["max_tokens"] else "stop"
    return Completion(_encodable(path["text"]), finish, int(reply["usage"]["prompt_tokens"]), int(path["tokens"]))


def _encodable(text: Any) -> str:
    """Text of a reply, with a question mark for each lone surrogate, which no file can hold."""
    return str(text).encode(errors="replace").decode()


def _wait_s(state: "RetryCallState", longest_s: float) -> float:
    """Seconds until the next attempt: the endpoint's Retry-After, else exponential with jitter."""
    import openai

    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, openai.APIStatusError):
        retry_after = error.response.headers.get("retry-after", "")
        if retry_after.replace(".", "", 1).isdecimal():
            return min(float(retry_after), longest_s)
    return float(min(WAIT_S * 2.0**state.attempt_number * random.uniform(0.5, 1), longest_s))


def _path(cache: Path, request: Request) -> Path:
    return cache / request.key[:2] / f"{request.key}.json"


def _store(cache: Path, request: Request, answer: Completion) -> None:
    path = _path(cache, request)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(answer), ensure_ascii=False))
    fresh.replace(path)
