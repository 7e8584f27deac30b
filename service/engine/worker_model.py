"""Model of a worker, which is read whenever the worker comes up."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from service.engine.stream import MALFORMED, error_message
from service.engine.worker_api import api_of, may_ignore_adapter
from service.errors import EngineError
from service.types import WorkerApi

_TIMEOUT = aiohttp.ClientTimeout(total=30)


class WrongWorkerError(EngineError):
    """The worker answers, but cannot sample the paths of this service."""


@dataclass(frozen=True, slots=True)
class WorkerModel:
    """Model of a worker.

    Args:
        name: name of the model on the worker.
        api: server of the worker.
        context: context length in tokens, or None if it is not known.
    """

    name: str
    api: WorkerApi
    context: int | None

    @property
    def ends_thoughts(self) -> bool:
        """Whether the worker ends a thought at a number of tokens."""
        return self.api is WorkerApi.VLLM


async def listed_models(session: aiohttp.ClientSession, url: str, worker: str) -> dict[str, Mapping[str, Any]]:
    """Entries of a worker's list of models by name.

    Args:
        session: HTTP session.
        url: address of the worker.
        worker: its name.

    Raises:
        EngineError: the worker does not list its models.
    """
    try:
        async with session.get(f"{url}/v1/models", timeout=_TIMEOUT) as response:
            response.raise_for_status()
            return {str(entry["id"]): dict(entry) for entry in (await response.json())["data"]}
    except (aiohttp.ClientError, TimeoutError, *MALFORMED) as error:
        raise EngineError(f"The worker {worker} does not list its models: {error!r}") from None


def chosen_model(
    listed: Mapping[str, Mapping[str, Any]],
    worker: str,
    *,
    name: str | None,
    adapters: Collection[str],
    api: WorkerApi | None,
) -> WorkerModel:
    """Model of a worker's list.

    Args:
        listed: entries of the list by name.
        worker: name of the worker.
        name: name of the model. None selects the first one.
        adapters: names of adapters on it, which are further models.
        api: server of the worker. None takes it from the list.

    Raises:
        WrongWorkerError: the worker does not serve the model or an adapter, or may answer with another model.
    """
    name = name or next(iter(listed), "")
    for wanted in (name, *sorted(adapters)):
        if wanted not in listed:
            raise WrongWorkerError(
                f"The worker {worker} serves {', '.join(listed) or 'nothing'}, not {wanted or 'a model'}."
            )
    if name in adapters:
        raise WrongWorkerError(f"{name} is the model and an adapter; set `worker_model` to the base model.")
    context, api = listed[name].get("max_model_len"), api or api_of(listed[name].get("owned_by"))
    for adapter in sorted(adapters):
        if may_ignore_adapter(api, listed[adapter]):
            raise WrongWorkerError(
                f"The worker {worker} may answer with the base model instead of the adapter {adapter}; serve it with "
                "vLLM or SGLang, and set `worker_api` to the server."
            )
    return WorkerModel(name, api, context if isinstance(context, int) else None)


async def check_ends_thoughts(session: aiohttp.ClientSession, url: str, worker: str, model: WorkerModel) -> None:
    """Check that a worker ends thoughts, by a path of one token.

    Args:
        session: HTTP session.
        url: address of the worker.
        worker: its name.
        model: its model.

    Raises:
        WrongWorkerError: the worker cannot end a thought.
        EngineError: the worker does not sample the path.
    """
    if not model.ends_thoughts:
        raise WrongWorkerError(
            f"The worker {worker} cannot end a thought, only vLLM can; leave the setting `thinking_tokens` out, or set "
            "`worker_api`."
        )
    body = {"model": model.name, "prompt": "1", "max_tokens": 1, "thinking_token_budget": 1}
    try:
        async with session.post(f"{url}/v1/completions", json=body, timeout=_TIMEOUT) as response:
            status, message = response.status, error_message(await response.text()) if response.status >= 400 else ""
    except (aiohttp.ClientError, TimeoutError) as error:
        raise EngineError(f"The worker {worker} did not sample a token: {error!r}") from None
    if status == 400:
        raise WrongWorkerError(
            f"The worker {worker} cannot end a thought; start `vllm serve` with --reasoning-parser, or leave the "
            f"setting `thinking_tokens` out. ({message})"
        )
    if message:
        raise EngineError(f"The worker {worker} did not sample a token: {status} {message}")
