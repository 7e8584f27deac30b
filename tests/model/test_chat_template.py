"""Rendering of chat templates when the service starts."""

import time
from pathlib import Path

import pytest

from service.errors import CheckpointError
from service.model import chat_template
from service.model.chat_template import rendered_once
from service.paths.chat import Render

MODEL = Path("student")


def test_a_template_that_copies_the_message_is_rendered_only_at_the_start() -> None:
    calls: list[str] = []

    def render(message: str) -> str:
        calls.append(message)
        return f"<|user|>{message.strip()}<|assistant|>"

    prompt = rendered_once(render, MODEL)
    started = len(calls)
    assert prompt('Why?\n\nSay {{ it }} in <b>"one"</b> word. ') == (
        '<|user|>Why?\n\nSay {{ it }} in <b>"one"</b> word.<|assistant|>'
    )
    assert len(calls) == started == 2


@pytest.mark.parametrize(
    "render", [lambda text: f"[{text.replace(chr(10), ' ')}]", lambda text: f"{text}={text}", lambda text: repr(text)]
)
def test_a_template_that_changes_the_message_is_rendered_for_each_prompt(render: Render) -> None:
    assert rendered_once(render, MODEL) is render


def failing(message: str) -> str:
    raise RecursionError("too\ndeep " * 100)


def test_a_template_that_fails_is_refused_in_one_short_line() -> None:
    with pytest.raises(CheckpointError) as raised:
        rendered_once(failing, MODEL)
    assert str(raised.value) == f"student: the chat template fails: {('too deep ' * 100)[:200]}"


def test_a_template_that_leaves_the_message_out_is_refused() -> None:
    with pytest.raises(CheckpointError, match=r"^student: the chat template leaves the message out\.$"):
        rendered_once(lambda text: "<|assistant|>", MODEL)


def test_a_slow_template_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_template, "RENDER_TIMEOUT_S", 0.05)

    def slow(message: str) -> str:
        time.sleep(0.5)
        return message

    started = time.monotonic()
    with pytest.raises(
        CheckpointError, match=r"^student: the chat template takes longer than 0\.05 s for a short mess"
    ):
        rendered_once(slow, MODEL)
    assert time.monotonic() - started < 0.4
