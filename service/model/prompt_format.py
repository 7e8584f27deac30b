"""Prompt format of a checkpoint."""

import logging

from service.model.chat_template import ChatTemplate
from service.model.checkpoint import Checkpoint
from service.paths.base import FormatV1, PathFormat
from service.paths.chat import ChatFormat
from service.paths.escape import EscapeSpecialTokens
from service.paths.fewshot import FewShotFormat
from service.paths.thinking import opens_thought

logger = logging.getLogger(__name__)


def prompt_format(checkpoint: Checkpoint) -> PathFormat:
    """Build the prompt format of a checkpoint. It escapes special tokens in a question.

    Raises:
        CheckpointError: the chat template or its tokenizer cannot be used.
    """
    return EscapeSpecialTokens(_inner_format(checkpoint), checkpoint.special_tokens)


def _inner_format(checkpoint: Checkpoint) -> PathFormat:
    if checkpoint.style == "v1":
        return FormatV1(checkpoint.bos)
    if checkpoint.style == "fewshot":
        return FewShotFormat(checkpoint.bos)
    template = ChatTemplate(checkpoint)
    render = template.render()
    if opens_thought(render("?")):
        logger.warning("%s thinks before each answer, so most paths need a larger `max_tokens`", checkpoint.name)
    return ChatFormat(render, thinking_render=template.render(thinking=True), thoughts=template.thoughts())
