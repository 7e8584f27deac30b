"""Schemathesis hook for JSON Lines bodies."""

import json
import re
from typing import Any

import schemathesis

_SWITCHES = {"enable_thinking", "enabled", "think", "thinking", "reasoning_effort", "effort", "type"}
_ON = {
    "minimal": None,
    "low": None,
    "high": None,
    "xhigh": None,
    "max": None,
    "on": "off",
    "auto": "off",
    "enabled": "disabled",
}
_BUDGETS = {"thinking_budget", "thinking_budget_tokens", "thinking_token_budget", "thinking_tokens", "budget_tokens"}
_MAX_BUDGET = 131_072
_MAX_MESSAGES = 1000
_QUESTION = {"role": "user", "content": "How much is 2 + 3?"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@schemathesis.serializer("application/x-ndjson")
def json_lines(context: Any, value: Any) -> bytes:
    return value.encode(errors="replace") if isinstance(value, str) else json.dumps(value).encode()


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Replace the body of each call, which examples and generated values share."""
    case.body = _accepted(case.body)


def _accepted(body: Any) -> Any:
    """Body that is not refused for what no schema states.

    That is an unknown model, thoughts of a model that has none, an unreadable answer, a control character, or messages
    without a question.
    """
    if not isinstance(body, dict):
        return body
    changes: dict[str, Any] = {}
    if isinstance(body.get("model"), str) and len(body["model"]) <= 500:
        changes["model"] = "twinpath"
    if isinstance(body.get("expected"), str) and len(body["expected"]) <= 400:
        changes["expected"] = "24"
    for name in ("messages", "input"):
        if isinstance(body.get(name), list):
            changes[name] = [_printable(message) for message in body[name]]
    if 0 < len(changes.get("messages", ())) < _MAX_MESSAGES:
        changes["messages"].append(_QUESTION)
    return {name: _without_thoughts(name, value) for name, value in (body | changes).items()}


def _without_thoughts(name: str, value: Any) -> Any:
    """Valid value without a thought, for a valid value that switches thoughts on or limits them."""
    if isinstance(value, dict):
        if name == "reasoning" and _is_budget(value.get("max_tokens")):
            value = value | {"max_tokens": None}
        return {inner: _without_thoughts(inner, item) for inner, item in value.items()}
    if name in _SWITCHES and (value is True or isinstance(value, str)):
        return None if value is True else _ON.get(value, value)
    return None if name in _BUDGETS and _is_budget(value) else value


def _is_budget(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MAX_BUDGET


def _printable(message: Any) -> Any:
    """Message without control characters."""
    if not isinstance(message, dict) or not isinstance(message.get("content"), str):
        return message
    return message | {"content": _CONTROL.sub("x", message["content"])}
