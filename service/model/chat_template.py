"""Chat template of a model, rendered when the service starts.

Nearly all templates copy the message. What surrounds it is then rendered only once. Any other template is rendered for
each prompt.
"""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
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
_NO_LINES: Mapping[bool, str] = {False: "", True: ""}
_CLOCK = "strftime_now"
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
        # With a time of its own, each prompt would differ from the one before.
        self._fixed_time = {_CLOCK: datetime(2026, 1, 1).strftime} if _CLOCK in source else {}
        named = [lines for name, lines in _LINES.items() if name in source]
        self._lines = next((lines for lines in (_NO_LINES, *named) if self._has_switch(lines)), _NO_LINES)

    def render(self, *, system: str = "", thinking: bool = False) -> Render:
        """Renderer of one user message.

        Args:
            system: system message. Empty for none. Where the template refuses or leaves out such a message, it comes
                before the user message.
            thinking: whether the model thinks, where the template has a switch.

        Raises:
            CheckpointError: the template fails, takes too long, or leaves the message out.
        """
        line, before = self._lines[thinking], ""
        if system and not self._takes(thinking, system):
            system, before = "", f"{system}\n\n"
        render = partial(self._render, thinking, _paragraphs(line, system))
        return rendered_once(lambda message: render(before + message), self._path)

    def thoughts(self) -> Thoughts:
        """Thoughts of the model.

        Raises:
            CheckpointError: the template takes too long.
        """
        delimiters = delimiters_in(self._source)
        modes = self._modes(delimiters)
        # Templates of models that never think are copies that remove earlier thoughts, and R1 distillations have no
        # other sign.
        is_known = modes is not None
        return Thoughts(modes or (False, True), delimiters, leftovers(self._special_tokens), is_known)

    def _modes(self, delimiters: tuple[str, str] | None) -> tuple[bool, ...] | None:
        """Modes of the thoughts, or None if they are not known. A template has a switch if its prompts differ."""
        prompts = {thinking: self._sample(thinking, self._lines[thinking]) for thinking in (False, True)}
        can = tuple(thinking for thinking, prompt in prompts.items() if prompt is not None)
        if len(can) < 2 or prompts[False] != prompts[True]:
            return can or (False,)
        prompt = prompts[False] or ""
        _, has_part, part = self._source.rpartition("add_generation_prompt")
        asks = delimiters is not None and (delimiters[0] in prompt or bool(has_part and delimiters[0] in part))
        if asks or "reasoning_effort" in self._source or opens_thought(prompt):
            return (True,)
        return None if delimiters else (False,)

    def _has_switch(self, lines: Mapping[bool, str]) -> bool:
        """Whether the prompts of a model that thinks differ, with these lines of the system message."""
        off, on = (self._sample(thinking, lines[thinking]) for thinking in (False, True))
        return off is not None and on is not None and off != on

    def _takes(self, thinking: bool, system: str) -> bool:
        """Whether the template takes a system message: another one changes the prompt."""
        line = self._lines[thinking]
        prompt = self._sample(thinking, _paragraphs(line, system))
        other = self._sample(thinking, _paragraphs(line, system, system))
        return prompt is not None and _SAMPLES[0] in prompt and prompt != other

    def _sample(self, thinking: bool, system: str) -> str | None:
        """Prompt of a short message at a fixed time, or None if the template fails.

        Raises:
            CheckpointError: it takes too long.
        """
        try:
            return _within(
                RENDER_TIMEOUT_S, self._path, lambda: self._render(thinking, system, _SAMPLES[0], **self._fixed_time)
            )
        except CheckpointError:
            raise
        except Exception:  # a template can raise any exception, such as Gemma's "System role not supported"
            return None

    def _render(self, thinking: bool, system: str, message: str, **variables: Any) -> str:
        messages = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": message})
        variables |= {name: values[thinking] for name, values in self._variables.items()}
        return str(
            self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **variables)
        )


def _paragraphs(*texts: str) -> str:
    return "\n\n".join(filter(None, texts))


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
        first, second = _within(RENDER_TIMEOUT_S, path, lambda: [render(sample) for sample in _SAMPLES])
    except CheckpointError:
        raise
    except Exception as error:  # a template can raise any exception
        raise CheckpointError(f"{path}: the chat template fails: {reason_of(error)}") from None
    before, message, after = first.partition(_SAMPLES[0])
    if not message:
        raise CheckpointError(f"{path}: the chat template leaves the message out.")
    if second != f"{before}{_SAMPLES[1]}{after}":
        return render
    return lambda text: f"{before}{text.strip()}{after}"  # many templates strip it too


def _within(timeout_s: float, path: Path, work: Callable[[], _Result]) -> _Result:
    """Result of a template. A thread that takes too long is abandoned, because nothing can end it.

    Raises:
        CheckpointError: the template takes too long.
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
        raise CheckpointError(f"{path}: the chat template takes longer than {timeout_s:g} s for a short message.")
    return results[0]
