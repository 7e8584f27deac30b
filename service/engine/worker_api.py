"""Names and rules of each server of remote workers."""

from collections.abc import Mapping
from typing import Any

from service.engine.base import Sampling
from service.errors import EngineError, InputError, PromptTooLongError
from service.types import WorkerApi

_CLIPPING = {WorkerApi.VLLM, WorkerApi.LLAMACPP}


def api_of(owned_by: object) -> WorkerApi:
    """Server of a worker by the `owned_by` of its models. One that is not known gets vLLM's names."""
    return next((api for api in WorkerApi if api == owned_by), WorkerApi.OTHER)


def may_ignore_adapter(api: WorkerApi, entry: Mapping[str, Any]) -> bool:
    """Whether a worker may answer with its base model if a request names an adapter.

    Args:
        api: server of the worker.
        entry: entry of the adapter in the worker's list of models.
    """
    return api is WorkerApi.LLAMACPP or (api is WorkerApi.OTHER and not entry.get("parent"))


def model_fields(api: WorkerApi, model: str | None, adapter: str | None) -> dict[str, object]:
    """Fields of a request that select the base model or an adapter."""
    if adapter is not None and api is WorkerApi.SGLANG:  # which ignores `model`, except for "BASE:ADAPTER"
        return {"model": model, "lora_path": adapter}
    return {"model": adapter or model}


def fitting_tokens(api: WorkerApi, max_tokens: int, prompt: str, context: int | None) -> int:
    """Maximum number of tokens of a path that a worker accepts.

    Args:
        api: server of the worker.
        max_tokens: maximum number of tokens of the path.
        prompt: the prompt.
        context: context length of the model, or None if it is not known.
    """
    if context is None:
        return max_tokens
    if api in _CLIPPING:
        return min(max_tokens, context)
    # The others refuse a path that could exceed the context. A prompt has at most as many tokens as bytes, but usually
    # a quarter of them, so that a long one leaves half of the context.
    return min(max_tokens, max(context - len(prompt.encode()), context // 2))


def sampler_fields(api: WorkerApi, sampling: Sampling) -> dict[str, object]:
    """Fields of a request. Without them a worker takes its own defaults, unlike the engine in this process.

    Args:
        api: server of the worker. Only vLLM can end a thought.
        sampling: sampling parameters of the path.
    """
    if api is WorkerApi.LLAMACPP:
        penalty = {"repeat_penalty": sampling.repetition_penalty, "repeat_last_n": -1}  # all tokens, not the last 64
        return {"top_k": sampling.top_k, "min_p": sampling.min_p, **penalty}
    fields: dict[str, object] = {
        "top_k": sampling.top_k or -1,
        "min_p": sampling.min_p,
        "repetition_penalty": sampling.repetition_penalty,
    }
    if not sampling.skip_special_tokens:
        fields["skip_special_tokens"] = False
    if sampling.thinking_tokens is not None and api is WorkerApi.VLLM:
        fields["thinking_token_budget"] = sampling.thinking_tokens
    return fields


def refusal(status: int, message: str, context: int | None) -> Exception:
    """Error for a path that a worker refused.

    Args:
        status: HTTP status.
        message: message of the worker.
        context: context length of the model, or None if it is not known.
    """
    if status == 400 and "thinking_token_budget" in message:
        return InputError(
            "`thinking_tokens` needs a worker that can end thoughts; start `vllm serve` with --reasoning-parser, or "
            f"set no `thinking_tokens`. ({message})",
            "thinking_tokens",
        )
    if status == 400 and ("context" in message or "maximum model length" in message):
        length = f"the model's context length of {context} tokens" if context else "the context length of the model"
        if "requested" in message.lower():  # prompt and path together
            return InputError(
                f"The prompt and `max_tokens` exceed {length}. Lower `max_tokens`, or shorten the problem. ({message})",
                "max_tokens",
            )
        return PromptTooLongError(f"The problem and its prompt exceed {length}. Shorten the problem. ({message})")
    return EngineError(f"The worker refused the path: {status} {message}")
