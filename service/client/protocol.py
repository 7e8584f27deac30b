"""Shared code of the sync and async clients."""

import json
import math
import random
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any, TypedDict, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from service.credentials import KEY_FORM, is_key, is_url, without_password
from service.errors import InputError, ServiceError
from service.faults import fault_texts
from service.json_lines import LineSplitter
from service.schemas import PathBudget, PathEvent, SolveResponse, VoteEvent
from service.schemas.problem_details import ProblemDetails
from service.schemas.request import Wire
from service.types import Policy, Thinking

DEFAULT_URL = "http://127.0.0.1:8000"
"""Address of a service with the default settings on this machine."""

StreamEvent = PathEvent | VoteEvent | SolveResponse
"""Event of a stream: a path that ended, a changed vote, or the answer, which is the last event."""

_MISSING_TYPES = frozenset({"NAType", "NaTType"})
"""Types of pandas for a missing value."""
_RETRIED_STATUSES = frozenset({429, 502, 503, 504})
_RETRIED_ERRORS = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.ReadError,
    httpx.RemoteProtocolError,
    httpx.WriteError,
)

_Model = TypeVar("_Model", bound=BaseModel)


class GradeOptions(TypedDict, total=False):
    """Options of the vote of `POST /grade`. A field that is left out takes the service's default."""

    model: str | None
    paths: PathBudget | int | None
    policy: Policy | None
    temperature: float | None
    top_p: float | None
    top_k: int | None
    min_p: float | None
    repetition_penalty: float | None
    max_tokens: int | None
    thinking: Thinking | None
    thinking_tokens: int | None
    deadline_s: float | None
    seed: int | None


class SolveOptions(GradeOptions, total=False):
    """Optional fields of `POST /solve`. A field that is left out takes the service's default."""

    min_confidence: float
    trace: bool


@dataclass(frozen=True, slots=True)
class Retries:
    """Retry policy: exponential backoff with jitter, or the wait of the header Retry-After.

    Args:
        limit: maximum number of retries after the first try.
        first_wait_s: maximum of the first wait, in seconds. The maximum doubles with each retry.
        longest_wait_s: maximum of every wait, in seconds. A longer Retry-After ends the retries.
    """

    limit: int = 4
    first_wait_s: float = 0.5
    longest_wait_s: float = 60.0

    def wait_s(self, tries: int, retry_after_s: float | None) -> float | None:
        """Seconds until the next try, after `tries` tries. None if there is no further try."""
        if tries > self.limit or (retry_after_s is not None and retry_after_s > self.longest_wait_s):
            return None
        if retry_after_s is not None:
            return retry_after_s
        longest_s = self.first_wait_s * 2.0 ** (tries - 1)
        return min(self.longest_wait_s, longest_s) * random.uniform(0.5, 1)  # noqa: S311


JSON_LINES = {"Content-Type": "application/x-ndjson"}
_EVENTS: dict[str, type[PathEvent] | type[VoteEvent] | type[SolveResponse]] = {
    "path": PathEvent,
    "vote": VoteEvent,
    "answer": SolveResponse,
}


def stream_event(name: str, data: str) -> StreamEvent | None:
    """Event of a stream. None if this version does not know the name.

    Args:
        name: name of the server-sent event.
        data: its data, a JSON object.

    Raises:
        ServiceError: the event is an error, or the data does not fit the name.
    """
    if name == "error":
        details = parsed(ProblemDetails, data)
        raise ServiceError(details.detail, details.status)
    if name not in _EVENTS:
        return None
    event: StreamEvent = parsed(_EVENTS[name], data)
    return event


def require_answer(last: StreamEvent | None) -> None:
    """Check that a stream ended with the answer.

    Raises:
        ServiceError: the last event is not the answer.
    """
    if not isinstance(last, SolveResponse):
        raise ServiceError("The stream ended without an answer.", None)


def client_options(url: str, api_key: str | None, timeout_s: float) -> dict[str, Any]:
    """Keyword arguments for a client of httpx. A service on this machine is reached without a proxy.

    Raises:
        InputError: the URL is none of HTTP, or the API key cannot be sent. The message shows neither.
    """
    if not _is_url(url):
        raise InputError("`url` must be a URL such as http://127.0.0.1:8000.", "url")
    key = (api_key or "").strip()
    if not is_key(key):
        raise InputError(f"`api_key` must be {KEY_FORM}.", "api_key")
    return {
        "base_url": url,
        "headers": {"Authorization": f"Bearer {key}"} if key else {},
        "timeout": httpx.Timeout(timeout_s, connect=min(timeout_s, 10.0)),
        "trust_env": not _is_local(url),
    }


def _is_url(url: str) -> bool:
    """Whether httpx can send a request to a URL."""
    try:
        httpx.URL(url).host  # noqa: B018 - it decodes the name of the host
    except (httpx.InvalidURL, ValueError):
        return False
    return is_url(url)


def _is_local(url: str) -> bool:
    """Whether a URL of HTTP leads to this machine."""
    parts = httpx.URL(url)
    try:
        return parts.scheme == "http" and (parts.host == "localhost" or ip_address(parts.host).is_loopback)
    except ValueError:  # another name
        return False


def body_of(request: Wire) -> dict[str, Any]:
    """JSON body of a request, without the fields that are None."""
    return request.model_dump(mode="json", exclude_none=True)


def lines_of(rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Rows as JSON Lines."""
    return map(_line_of, rows)


async def async_lines_of(rows: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]]) -> AsyncIterator[bytes]:
    """Asynchronous `lines_of`, also for asynchronous rows."""
    if isinstance(rows, AsyncIterable):
        async for row in rows:
            yield _line_of(row)
    else:
        for line in lines_of(rows):
            yield line


def _line_of(row: Any) -> bytes:
    """Row as a line. A data frame's missing values are null, and its numbers are plain numbers.

    The service answers a row that is not an object with an error.
    """
    if isinstance(row, Mapping):
        row = {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}
    return json.dumps(row, default=_plain, skipkeys=True).encode() + b"\n"


def _plain(value: Any) -> Any:
    """Value of a type that JSON lacks: that of a numpy scalar or array, or a text."""
    if type(value).__name__ in _MISSING_TYPES:
        return None
    return value.tolist() if hasattr(value, "tolist") else str(value)


def lines_in(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines of a body. Only a line feed ends a line, because a text may hold U+2028, at which httpx splits."""
    splitter = LineSplitter()
    for chunk in chunks:
        yield from (line for _, line in splitter.feed(chunk))
    yield from (line for _, line in splitter.end())


async def async_lines_in(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Asynchronous `lines_in`."""
    splitter = LineSplitter()
    async for chunk in chunks:
        for _, line in splitter.feed(chunk):
            yield line
    for _, line in splitter.end():
        yield line


def parsed(model: type[_Model], content: bytes | str) -> _Model:
    """Wire model of a JSON document.

    Raises:
        ServiceError: the document does not fit the model.
    """
    try:
        return model.model_validate_json(content, extra="ignore")  # a later version of the service may add fields
    except ValidationError as error:
        first = fault_texts(error, model, "it")[0]
        raise ServiceError(f"The service's response does not fit this version of the client: {first}.", None) from None


def service_error(response: httpx.Response) -> ServiceError:
    """Error of a response with an error status."""
    try:
        detail = ProblemDetails.model_validate_json(response.content).detail
    except ValidationError:  # such as the error page of a proxy
        detail = f"The service responded {response.status_code} {response.reason_phrase}."
    return ServiceError(detail, response.status_code, _retry_after_s(response.headers.get("Retry-After")))


def unreachable(url: httpx.URL, error: httpx.HTTPError) -> ServiceError:
    """Error of a failed connection."""
    name = without_password(str(url))
    if isinstance(error, httpx.LocalProtocolError):  # it quotes the headers, and with them the key
        return ServiceError(f"{name} cannot be sent this request: a header is not valid HTTP", None)
    failure = ServiceError(f"{name} does not answer: {error or type(error).__name__}", None)
    failure.__cause__ = error
    return failure


@contextmanager
def read_errors() -> Iterator[None]:
    """Turn errors of httpx while a response is read into a ServiceError.

    Raises:
        ServiceError: the connection was lost, or the response is not an event stream.
    """
    try:
        yield
    except httpx.HTTPError as error:
        raise ServiceError(f"The response could not be read: {error or type(error).__name__}", None) from error


def pause_s(retries: Retries, tries: int, failure: ServiceError) -> float | None:
    """Seconds until the next try. None if there is no further try."""
    if failure.status:
        is_retried = failure.status in _RETRIED_STATUSES
    else:
        is_retried = isinstance(failure.__cause__, _RETRIED_ERRORS)
    return retries.wait_s(tries, failure.retry_after_s) if is_retried else None


def _retry_after_s(value: str | None) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or a date."""
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
