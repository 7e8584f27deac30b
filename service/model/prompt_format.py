"""Prompt format of a checkpoint."""

import logging

from service.model.chat_template import ChatTemplate
from service.model.checkpoint import Checkpoint
from service.model.prompts import prompt_of
from service.paths.base import FormatV1, PathFormat
from service.paths.chat import ChatFormat
from service.paths.escape import EscapeSpecialTokens
from service.paths.fewshot import FewShotFormat
from service.paths.thinking import opens_thought

logger = logging.getLogger(__name__)


def prompt_format(checkpoint: Checkpoint, prompt: str | None = None) -> PathFormat:
    """Build the prompt format of a checkpoint. It escapes special tokens in a question.

    Args:
        checkpoint: the checkpoint.
        prompt: name or file of the prompt of an instruct model. None is the prompt of its family.

    Raises:
        CheckpointError: the chat template or its tokenizer cannot be used.
        ConfigurationError: the prompt is unknown or invalid, or the checkpoint is not an instruct model.
    """
    return EscapeSpecialTokens(_inner_format(checkpoint, prompt), checkpoint.special_tokens)


def _inner_format(checkpoint: Checkpoint, name: str | None) -> PathFormat:
    prompt = prompt_of(checkpoint, name)
    if prompt is None:
        return FormatV1(checkpoint.bos) if checkpoint.style == "v1" else FewShotFormat(checkpoint.bos)
    template = ChatTemplate(checkpoint)
    thoughts = template.thoughts()
    renders = {thinks: template.render(system=prompt.system, thinking=thinks) for thinks in thoughts.modes}
    default = renders[thoughts.modes[0]]
    if opens_thought(default("?")):
        logger.warning("%s thinks before each answer, so most paths need a larger `max_tokens`", checkpoint.name)
    return ChatFormat(
        renders.get(False, default), prompt, thinking_render=renders.get(True, default), thoughts=thoughts
    )
