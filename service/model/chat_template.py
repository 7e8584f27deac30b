"""Chat template of a model, rendered when the service starts.

Nearly all templates copy the message. What surrounds it is then rendered only once. Any other template is rendered for
each prompt.
"""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from service.errors import CheckpointError
from service.model.checkpoint import Checkpoint
from service.model.tokenizer_files import load_tokenizer, reason_of
from service.paths.chat import Render

RENDER_TIMEOUT_S = 5.0
"""Time limit for the samples, in seconds. transformers compiles the template within it."""

_SAMPLES = ("How many pens?", 'It\'s <b>"5 &\\ 6"</b> {{ 5 }} % é…\n\n```python\n  x = 5\n```')
# Templates name the first one (Qwen, GLM, Gemma) or the second one (DeepSeek, Granite). A tokenizer without a Jinja
# template refuses other variables.
_THINKING_VARIABLES = ("enable_thinking", "thinking")
_Result = TypeVar("_Result")


class ChatTemplate:
    """Chat template of a checkpoint.

    Args:
        checkpoint: checkpoint with a chat template.

    Raises:
        CheckpointError: transformers cannot load the tokenizer.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._path = checkpoint.path
        self._tokenizer = load_tokenizer(checkpoint.path)
        template = str(getattr(self._tokenizer, "chat_template", ""))
        self._switches = [name for name in _THINKING_VARIABLES if name in template]

    def render(self, *, system: str = "", thinking: bool = False) -> Render:
        """Renderer of one user message.

        Args:
            system: system message. Empty for none. Where the template refuses or leaves out such a message, it comes
                before the user message.
            thinking: value of the template's thinking variable, where it has one.

        Raises:
            CheckpointError: the template fails, takes too long, or leaves the message out.
        """
        if system:
            try:
                render = rendered_once(partial(self._render, thinking, system), self._path)
                if system in render("?"):
                    return render
            except CheckpointError:  # such as Gemma's: "System role not supported"
                pass
            return rendered_once(lambda message: self._render(thinking, "", f"{system}\n\n{message}"), self._path)
        return rendered_once(partial(self._render, thinking, ""), self._path)

    def _render(self, thinking: bool, system: str, message: str) -> str:
        messages = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": message})
        switches: dict[str, Any] = dict.fromkeys(self._switches, thinking)
        return str(self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **switches))


def rendered_once(render: Render, path: Path) -> Render:
    """Faster renderer of a template that copies the message. The text around it is rendered once.

    Args:
        render: renders the template.
        path: model directory, for messages.

    Returns:
        `render` itself for a template that changes the message.

    Raises:
        CheckpointError: the template fails, takes too long, or leaves the message out.
    """
    try:
        first, second = _within(RENDER_TIMEOUT_S, lambda: [render(sample) for sample in _SAMPLES])
    except TimeoutError:
        raise CheckpointError(
            f"{path}: the chat template takes longer than {RENDER_TIMEOUT_S:g} s for a short message."
        ) from None
    except Exception as error:  # a template can raise any exception
        raise CheckpointError(f"{path}: the chat template fails: {reason_of(error)}") from None
    before, message, after = first.partition(_SAMPLES[0])
    if not message:
        raise CheckpointError(f"{path}: the chat template leaves the message out.")
    if second != f"{before}{_SAMPLES[1]}{after}":
        return render
    return lambda text: f"{before}{text.strip()}{after}"  # many templates strip it too


def _within(timeout_s: float, work: Callable[[], _Result]) -> _Result:
    """Result of a function. A thread that takes too long is abandoned, because nothing can end it.

    Raises:
        TimeoutError: the function takes too long.
    """
    results: list[_Result] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(timeout_s)
    for error in errors:
        raise error
    if not results:
        raise TimeoutError
    return results[0]
