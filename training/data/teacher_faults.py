"""Faults of a teacher's endpoint, found at the first request.

A list of models, which costs nothing, shows whether the endpoint answers. The first sample shows whether it accepts
key, model and request.
"""

import os
from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from service.credentials import is_url, without_password
from service.errors import ConfigurationError, EngineError
from training.recipe import Teacher

if TYPE_CHECKING:  # openai takes a second to import, and an up-to-date run does not need it
    import openai

ANSWER_S = 5.0
"""Seconds within which an endpoint must list its models, or refuse to."""

_TRANSIENT = (408, 409, 425, 429)
"""HTTP status codes below 500 after which the same request can succeed."""
_MAX_DETAIL, _MAX_MODELS = 200, 5


class GarbageError(Exception):
    """The endpoint's reply is not a completion."""


class OutOfTimeError(Exception):
    """A Twinpath service stopped the path at its deadline."""


def check_url(teacher: Teacher) -> None:
    """Check of `base_url`.

    Raises:
        ConfigurationError: it is not a URL of HTTP.
    """
    if not is_url(teacher.base_url):
        shown = without_password(teacher.base_url)
        raise ConfigurationError(f"teacher.base_url is {shown!r}; it must be a URL such as http://HOST:PORT/v1")


async def listed_models(client: "openai.AsyncOpenAI", teacher: Teacher) -> list[str]:
    """Names of the models that the endpoint lists. Empty without a list.

    Raises:
        EngineError: the endpoint does not answer.
    """
    import openai

    try:
        page = await client.models.list(timeout=ANSWER_S)
        return [str(model.id) for model in page.data]
    except openai.APITimeoutError:
        reason = f"no answer within {ANSWER_S:g} s"
    except openai.APIConnectionError as error:
        reason = _cause(error)
    except (openai.OpenAIError, AttributeError, TypeError, ValueError):
        return []
    raise _unreachable(teacher, reason)


def is_permanent(error: BaseException) -> bool:
    """Whether the same request would fail again: its key, its model, or the request itself is refused."""
    import openai

    return isinstance(error, openai.APIStatusError) and (
        (error.status_code < 500 and error.status_code not in _TRANSIENT) or error.code == "insufficient_quota"
    )


def fault_of(error: Exception, teacher: Teacher, models: Sequence[str]) -> ConfigurationError | EngineError:
    """Fault that the first sample has shown.

    Args:
        error: error of the last attempt.
        teacher: settings of the teacher.
        models: names of the models that the endpoint lists.
    """
    import openai

    at = _teacher_at(teacher)
    if isinstance(error, GarbageError):
        return ConfigurationError(
            f"{at} does not reply in the style `{teacher.style}` ({error}); correct teacher.base_url or teacher.style"
        )
    if isinstance(error, openai.APIStatusError):
        if is_permanent(error):
            return ConfigurationError(_refusal(error, teacher, models))
        status = f"{error.status_code}: {_detail(error)}"
        if error.status_code < 500:
            return EngineError(f"{at} takes no further request now ({status}); run the command again later")
        return EngineError(f"{at} fails ({status}); start it again, or correct teacher.base_url")
    if isinstance(error, openai.APITimeoutError):
        return EngineError(
            f"{at} did not answer the first request within {teacher.timeout_s:g} s; start it again, correct "
            "teacher.base_url, or raise teacher.timeout_s"
        )
    if isinstance(error, OutOfTimeError):
        return EngineError(f"{at} is too slow: {error}")
    return _unreachable(teacher, _cause(error))


def _teacher_at(teacher: Teacher) -> str:
    return f"the teacher at {without_password(teacher.base_url)}"


def _unreachable(teacher: Teacher, reason: str) -> EngineError:
    return EngineError(f"{_teacher_at(teacher)} cannot be reached: {reason}; start it, or correct teacher.base_url")


def _refusal(error: "openai.APIStatusError", teacher: Teacher, models: Sequence[str]) -> str:
    """Reason of a refused request, and its remedy."""
    at, detail = _teacher_at(teacher), _detail(error)
    status = f"{error.status_code}: {detail}"
    if error.code == "insufficient_quota":
        return f"{at} has no credit for this key ({detail}); add some, or use another key"
    if models and teacher.model not in models and teacher.style != "solve":
        near = ", ".join(_nearest(teacher.model, models))
        return f"{at} does not have the model {teacher.model!r} ({status}); set teacher.model, for example to {near}"
    if error.status_code in (401, 403):
        return f"{at} refuses the API key ({status}); set teacher.api_key_file to a file with a valid key"
    if error.status_code in (404, 405) and (not models or teacher.style == "solve"):
        end = "without /v1" if teacher.style == "solve" else "usually with /v1 at its end"
        url = without_password(str(error.request.url))
        return f"{url} does not exist ({status}); correct teacher.base_url ({end}) or teacher.model"
    return f"{at} refuses the request ({status})"


def _nearest(model: str, models: Sequence[str]) -> list[str]:
    return get_close_matches(model, models, _MAX_MODELS) or list(models[:_MAX_MODELS])


def _detail(error: "openai.APIStatusError") -> str:
    """Message in the endpoint's error document, on one line."""
    body = error.body
    found = (
        next((body[key] for key in ("message", "detail", "title") if body.get(key)), "")
        if isinstance(body, dict)
        else body
    )
    return " ".join(str(found or error.response.reason_phrase).split())[:_MAX_DETAIL]


def _cause(error: BaseException) -> str:
    """Message of the first cause, such as "Connection refused"."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        return os.strerror(error.errno)  # asyncio's own text has no reason
    return (getattr(error, "strerror", None) or str(error)).rstrip(".")
