"""Parameters of a completion by the names of each server."""

from service.engine.base import Sampling
from service.types import WorkerApi


def api_of(owned_by: object) -> WorkerApi:
    """Server of a worker by the `owned_by` of its models. One that is not known gets vLLM's names."""
    return next((api for api in WorkerApi if api == owned_by), WorkerApi.OTHER)


def sampler_fields(api: WorkerApi, sampling: Sampling) -> dict[str, object]:
    """Fields of a request. Without them a worker takes its own defaults, unlike the engine in this process.

    Args:
        api: server of the worker. Only vLLM can end a thought.
        sampling: sampling parameters of the path.
    """
    if api is WorkerApi.LLAMACPP:
        return {"top_k": sampling.top_k, "min_p": sampling.min_p, "repeat_penalty": sampling.repetition_penalty}
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
