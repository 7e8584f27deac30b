"""Chat template of a model, rendered when the service starts.

Nearly all templates copy the message. What surrounds it is then rendered only once. Any other template is rendered for
each prompt.
"""

import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from service.errors import CheckpointError
from service.model.checkpoint import Checkpoint
from service.model.tokenizer_files import load_tokenizer, reason_of
from service.paths.base import Thoughts
from service.paths.chat import Render
from service.paths.thinking import delimiters_in, leftovers, opens_thought

RENDER_TIMEOUT_S = 5.0
"""Time limit for the samples, in seconds. transformers compiles the template within it."""

_SAMPLES = ("How many pens?", 'It\'s <b>"5 &\\ 6"</b> {{ 5 }} % é…\n\n```python\n  x = 5\n```')
# A tokenizer without a Jinja template refuses variables that it does not know, so only named ones are passed.
_VARIABLES: Mapping[str, Mapping[bool, Any]] = {
    "enable_thinking": {False: False, True: True},  # Qwen, GLM, Gemma, SmolLM
    "thinking": {False: False, True: True},  # DeepSeek, Granite
    "reasoning_effort": {False: "none", True: "high"},  # Mistral. gpt-oss has no "none"
}
"""Values of the variables that switch thinking off and on."""
_LINES: Mapping[str, Mapping[bool, str]] = {
    "detailed thinking": {False: "detailed thinking off", True: "detailed thinking on"},  # Llama-Nemotron
    "/no_think": {False: "/no_think", True: "/think"},  # Nemotron Nano
}
"""First lines of the system message that do so, for templates without such a variable."""
_Result = TypeVar("_Result")


class ChatTemplate:
    """Chat template of a checkpoint.

    Args:
        checkpoint: checkpoint with a chat template.

    Raises:
        CheckpointError: transformers cannot load the tokenizer, or the template fails.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._path = checkpoint.path
        self._special_tokens = checkpoint.special_tokens
        self._tokenizer = load_tokenizer(checkpoint.path)
        self._source = source = str(getattr(self._tokenizer, "chat_template", ""))
        self._variables = {name: values for name, values in _VARIABLES.items() if _is_named(name, values, source)}
        self._lines: Mapping[bool, str] = {False: "", True: ""}
        lines = next((values for name, values in _LINES.items() if name in source), None)
        if lines and not self._has_switch():
            self._lines = lines

    def render(self, *, system: str = "", thinking: bool = False) -> Render:
        """Renderer of one user message.

        Args:
            system: system message. Empty for none. Where the template refuses or leaves out such a message, it comes
                before the user message.
            thinking: whether the model thinks, where the template has a switch.

        Raises:
            CheckpointError: the template fails, takes too long, or leaves the message out.
        """
        system = "\n\n".join(filter(None, (self._lines[thinking], system)))
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
        switches = {name: values[thinking] for name, values in self._variables.items()}
        return str(
            self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **switches)
        )

    def thoughts(self) -> Thoughts:
        """Thoughts of the model. A template has a switch if its prompts differ.

        Raises:
            CheckpointError: as `render`.
        """
        delimiters = delimiters_in(self._source)
        is_named = delimiters is not None or "reasoning_effort" in self._source
        modes = (False, True) if self._has_switch() else (is_named or opens_thought(self.render()("?")),)
        return Thoughts(modes, delimiters, leftovers(self._special_tokens))

    def _has_switch(self) -> bool:
        """Whether the prompts of a model that thinks differ."""
        return self.render(thinking=False)("?") != self.render(thinking=True)("?")


def _is_named(name: str, values: Mapping[bool, Any], source: str) -> bool:
    """Whether a template names a variable, and the text of its value that switches thinking off."""
    off = values[False]
    return name in source and (not isinstance(off, str) or f'"{off}"' in source or f"'{off}'" in source)


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
