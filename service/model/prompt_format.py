"""Prompt format of a checkpoint."""

import logging
from typing import Any

from service.model.checkpoint import Checkpoint
from service.paths.base import FormatV1, PathFormat
from service.paths.chat import ChatFormat
from service.paths.escape import EscapeSpecialTokens
from service.paths.fewshot import FewShotFormat
from service.paths.thinking import opens_thought

logger = logging.getLogger(__name__)


def prompt_format(checkpoint: Checkpoint) -> PathFormat:
    """Build the prompt format of a checkpoint. It escapes special tokens in a question."""
    return EscapeSpecialTokens(_inner_format(checkpoint), checkpoint.special_tokens)


def _inner_format(checkpoint: Checkpoint) -> PathFormat:
    if checkpoint.style == "v1":
        return FormatV1(checkpoint.bos)
    if checkpoint.style == "fewshot":
        return FewShotFormat(checkpoint.bos)
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint.path)

    template = str(getattr(tokenizer, "chat_template", ""))
    without_thinking: dict[str, Any] = {name: False for name in _THINKING_VARIABLES if name in template}

    def render(message: str) -> str:
        messages = [{"role": "user", "content": message}]
        return str(
            tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **without_thinking)
        )

    if opens_thought(render("?")):
        logger.warning("%s thinks before each answer, so most paths need a larger `max_tokens`", checkpoint.name)
    return ChatFormat(render)


# Templates name the first one (Qwen, GLM, Gemma) or the second one (DeepSeek, Granite). A tokenizer without a Jinja
# template refuses other variables.
_THINKING_VARIABLES = ("enable_thinking", "thinking")
