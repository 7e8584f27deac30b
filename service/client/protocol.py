"""What both clients share: what goes over the wire, which failures are tried again, and after how long."""

import json
import random
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypedDict, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from service.errors import ServiceError
from service.schemas import PathBudget, PathEvent, SolveRequest, SolveResponse, VoteEvent
from service.schemas.problem_details import ProblemDetails
from service.types import Policy

StreamEvent = PathEvent | VoteEvent | SolveResponse
"""A path that ended, a vote that changed, or, last, the answer."""

_AGAIN = frozenset({429, 502, 503, 504})
_LOST = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadError, httpx.RemoteProtocolError, httpx.WriteError)


_Model = TypeVar("_Model", bound=BaseModel)


class SolveOptions(TypedDict, total=False):
    """How to solve; the fields of `POST /solve`. What is left out takes the service's settings."""

    paths: PathBudget | None
    policy: Policy | None
    temperature: float | None
    max_tokens: int | None
    deadline_s: float | None
    seed: int | None
    min_confidence: float
    trace: bool


@dataclass(frozen=True, slots=True)
class Retries:
    """When to ask again.

    Args:
        limit: how often, after the first time.
        first_wait_s: the first wait at most; each one after it may be twice as long.
        longest_wait_s: no wait is longer; a service that asks for more is not asked again.
    """

    limit: int = 4
    first_wait_s: float = 0.5
    longest_wait_s: float = 60.0

    def wait_s(self, tries: int, retry_after_s: float | None) -> float | None:
        """Seconds until the next try after so many; None ends it."""
        if tries > self.limit or (retry_after_s is not None and retry_after_s > self.longest_wait_s):
            return None
        if retry_after_s is not None:
            return retry_after_s
        growing_s = self.first_wait_s * 2.0 ** (tries - 1)
        return min(self.longest_wait_s, growing_s) * random.uniform(0.5, 1)  # noqa: S311


JSON_LINES = {"Content-Type": "application/x-ndjson"}
_EVENTS: dict[str, type[PathEvent] | type[VoteEvent] | type[SolveResponse]] = {
    "path": PathEvent,
    "vote": VoteEvent,
    "answer": SolveResponse,
}


class EventReader:
    """Server-sent events, line by line; the service writes each event's data on one line."""

    def __init__(self) -> None:
        self._name = ""
        self._answered = False

    def feed(self, line: str) -> StreamEvent | None:
        """The event that the line completes, if it does.

        Raises:
            ServiceError: the event is an error.
        """
        field, _, value = line.partition(": ")
        if field == "event":
            self._name = value
        elif field == "data" and self._name == "error":
            document = parsed(ProblemDetails, value)
            raise ServiceError(document.detail, document.status)
        elif field == "data" and self._name in _EVENTS:
            self._answered = self._name == "answer"
            event: StreamEvent = parsed(_EVENTS[self._name], value)
            return event
        return None

    def end(self) -> None:
        """The stream has ended; that is an error unless it ended with an answer."""
        if not self._answered:
            raise ServiceError("The stream ended without an answer.", None)


def client_options(url: str, api_key: str | None, timeout_s: float) -> dict[str, Any]:
    """What a client of httpx is made with."""
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    return {"base_url": url, "headers": headers, "timeout": httpx.Timeout(timeout_s, connect=min(timeout_s, 10.0))}


def body_of(request: SolveRequest) -> dict[str, Any]:
    """The request's body."""
    return request.model_dump(mode="json", exclude_none=True)


def lines_of(rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Rows as JSON Lines."""
    for row in rows:
        yield json.dumps(row).encode() + b"\n"


async def async_lines_of(rows: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]]) -> AsyncIterator[bytes]:
    """The same, asynchronously."""
    if isinstance(rows, AsyncIterable):
        async for row in rows:
            yield json.dumps(row).encode() + b"\n"
    else:
        for line in lines_of(rows):
            yield line


def lines_in(chunks: Iterable[bytes]) -> Iterator[str]:
    """A body's lines. Only a line feed ends one, unlike in httpx: a text may hold U+2028 and the like."""
    rest = b""
    for chunk in chunks:
        lines, rest = _cut(rest + chunk)
        yield from lines
    if rest:
        yield rest.decode()


async def async_lines_in(chunks: AsyncIterable[bytes]) -> AsyncIterator[str]:
    """The same, asynchronously."""
    rest = b""
    async for chunk in chunks:
        lines, rest = _cut(rest + chunk)
        for line in lines:
            yield line
    if rest:
        yield rest.decode()


def _cut(body: bytes) -> tuple[list[str], bytes]:
    """The whole lines, and what has begun after them."""
    *lines, rest = body.split(b"\n")
    return [line.removesuffix(b"\r").decode() for line in lines], rest


def parsed(model: type[_Model], content: bytes | str) -> _Model:
    """The wire model of an answer."""
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise ServiceError(
            f"The service's answer is none of this version's: {error.errors()[0]['msg']}.", None
        ) from None


def service_error(response: httpx.Response) -> ServiceError:
    """What a response without success says."""
    try:
        detail = ProblemDetails.model_validate_json(response.content).detail
    except ValidationError:  # a proxy's own page
        detail = f"The service answers {response.status_code} {response.reason_phrase}."
    return ServiceError(detail, response.status_code, _retry_after_s(response.headers.get("Retry-After")))


def unreachable(url: httpx.URL, error: httpx.HTTPError) -> ServiceError:
    """What a failed connection says."""
    failure = ServiceError(f"{url} does not answer: {error or type(error).__name__}", None)
    failure.__cause__ = error
    return failure


@contextmanager
def lost_midway() -> Iterator[None]:
    """A connection that is lost while a response is read, as an error of ours."""
    try:
        yield
    except httpx.HTTPError as error:
        raise ServiceError(f"The connection was lost: {error or type(error).__name__}", None) from error


def pause_s(retries: Retries, tries: int, failure: ServiceError) -> float | None:
    """Seconds until the next try; None where there is none."""
    again = failure.status in _AGAIN if failure.status else isinstance(failure.__cause__, _LOST)
    return retries.wait_s(tries, failure.retry_after_s) if again else None


def _retry_after_s(value: str | None) -> float | None:
    """Seconds, of a header that holds seconds or a date."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        now = datetime.now(UTC)  # noqa: TID251 - Retry-After may be a date
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):
        return None
