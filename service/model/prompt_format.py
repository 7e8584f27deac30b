"""Prompt format of a checkpoint."""

from service.model.checkpoint import Checkpoint
from service.paths.base import FormatV1, PathFormat
from service.paths.chat import ChatFormat
from service.paths.escape import EscapeSpecialTokens
from service.paths.fewshot import FewShotFormat


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

    def render(message: str) -> str:
        messages = [{"role": "user", "content": message}]
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    return ChatFormat(render)
