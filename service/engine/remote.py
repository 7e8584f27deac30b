"""Remote engine: OpenAI-compatible workers (vLLM, SGLang, llama.cpp) over HTTP.

Each path is one streamed request, and a disconnect aborts it. If a worker fails, another samples the path again
with the same seed. The worker counts the tokens, of an aborted path up to its last chunk. Without a worker, `probe`
raises `EngineError`, and paths wait up to 15 s.
"""

import asyncio
import json
import logging
import math
import time
from collections.abc import Callable, Collection, Sequence

import aiohttp

from service.engine.base import Completion, Sampling, require_adapter
from service.engine.stream import (
    MALFORMED,
    StreamedPath,
    WorkerFailedError,
    WorkerRefusedError,
    WorkerUnavailableError,
    error_message,
    read_chunks,
)
from service.engine.worker_api import fitting_tokens, model_fields, refusal, sampler_fields
from service.engine.worker_model import WorkerModel, check_ends_thoughts, chosen_model, listed_models
from service.engine.workers import PATIENCE_S, Worker, Workers
from service.errors import EngineDeadError, EngineError
from service.types import WorkerApi

logger = logging.getLogger(__name__)

_MAX_ATTEMPTS = 6
_BACKOFF_S = 0.1
_MAX_BACKOFF_S = 2.0
_UNAVAILABLE = {429, 502, 503, 504}
_CONNECT_TIMEOUT_S = 5.0
_KEEPALIVE_S = 4.0  # vLLM closes idle connections after 5 s, and the reuse of a closed connection fails the path
_START_TIMEOUT_S = 600.0
_CHUNK_TOKENS = 8  # chunks of one token cost a tenth of the throughput; an aborted path counts up to 7 too few


class RemoteEngine:
    """Samples paths on workers that all serve the same model, and the same adapters as further models.

    Each worker gets the names and the context length of its own server.

    Args:
        urls: addresses of the workers, or of one router.
        model: name of the model on the workers. None selects the first one that a worker lists.
        adapters: names of adapters on the workers.
        api_key: bearer token for the workers.
        read_timeout_s: seconds without a chunk after which a worker counts as failed, including its queueing time.
        start_timeout_s: seconds that `start` waits for a worker.
        api: server whose names the workers know. None takes it from the list of models of each.
        must_end_thoughts: whether a worker that cannot end a thought is refused.
        on_worker: called with a worker's name and whether it is up, at the start and at each change.
        on_request: called with a worker's name and the result of a path: `ok`, `aborted`, `refused` or `failed`.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        model: str | None = None,
        adapters: Collection[str] = (),
        api_key: str | None = None,
        read_timeout_s: float = 60.0,
        start_timeout_s: float = _START_TIMEOUT_S,
        api: WorkerApi | None = None,
        must_end_thoughts: bool = False,
        on_worker: Callable[[str, bool], None] = lambda worker, up: None,
        on_request: Callable[[str, str], None] = lambda worker, result: None,
    ) -> None:
        self._workers = Workers(urls, self._read_model, on_worker)
        self._model = model
        self._adapters = frozenset(adapters)
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._read_timeout_s = read_timeout_s
        self._start_timeout_s = start_timeout_s
        self._on_request = on_request
        self._api = api
        self._must_end_thoughts = must_end_thoughts
        self._session: aiohttp.ClientSession | None = None
        self._streams: dict[str, asyncio.Task[None]] = {}

    @property
    def model(self) -> str:
        """See `Engine.model`."""
        return self._model or "remote"

    @property
    def ends_thoughts(self) -> bool:
        """See `Engine.ends_thoughts`."""
        models = self._workers.models
        return bool(models) and all(model.ends_thoughts for model in models)

    async def start(self) -> None:
        """See `Engine.start`. Waits until a worker is up.

        Raises:
            EngineError: no worker was up in time, or one that answered does not serve the model or an adapter, or
                cannot end thoughts.
        """
        self._session = aiohttp.ClientSession(
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT_S, sock_read=self._read_timeout_s),
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE_S),
        )
        logger.info("waiting for a worker", extra={"workers": self._workers.names})
        try:
            if not await self._workers.start(self._session, self._start_timeout_s):
                raise EngineError(f"No worker answered within {self._start_timeout_s:g} s.")
        except BaseException:
            await self.close()
            raise

    async def sample(self, request_id: str, prompt: str, sampling: Sampling) -> Completion:
        """See `Engine.sample`. A path that was aborted before its first chunk has no tokens."""
        session = self._require_session()
        require_adapter(sampling.adapter, self._adapters)
        path = StreamedPath()
        stream = asyncio.create_task(self._stream(session, request_id, prompt, sampling, path))
        self._streams[request_id] = stream
        try:
            await asyncio.wait({stream})
            if stream.cancelled():
                return path.completion(aborted=True)
            await stream
            return path.completion(aborted=False)
        except asyncio.CancelledError:
            stream.cancel()
            await asyncio.gather(stream, return_exceptions=True)
            raise
        finally:
            del self._streams[request_id]

    async def abort(self, request_ids: Sequence[str]) -> None:
        """See `Engine.abort`. The worker aborts the path when its connection closes."""
        streams = {self._streams[request_id] for request_id in request_ids if request_id in self._streams}
        for stream in streams:
            stream.cancel()
        if streams:
            await asyncio.wait(streams)

    async def probe(self) -> None:
        """See `Engine.probe`. Raises `EngineError` while no worker is up."""
        self._require_session()
        if not self._workers.any_up:
            raise EngineError("No worker answers.")

    async def close(self) -> None:
        """See `Engine.close`. The workers keep running."""
        session, self._session = self._session, None
        if session is not None:
            await self.abort(list(self._streams))
            await self._workers.close()
            await session.close()

    def _require_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise EngineDeadError("The engine is not running.")
        return self._session

    async def _read_model(self, worker: Worker) -> WorkerModel:
        """Model of a worker. The first one that is read names the model of all.

        Raises:
            EngineError: the worker does not serve the model or an adapter, or cannot end thoughts.
        """
        session = self._require_session()
        listed = await listed_models(session, worker.url, worker.name)
        model = chosen_model(listed, worker.name, name=self._model, adapters=self._adapters, api=self._api)
        self._model = model.name
        if self._must_end_thoughts:
            await check_ends_thoughts(session, worker.url, worker.name, model)
        logger.info("the worker %s has the names of %s", worker.name, model.api)
        return model

    async def _stream(
        self, session: aiohttp.ClientSession, request_id: str, prompt: str, sampling: Sampling, path: StreamedPath
    ) -> None:
        """Sample one path into `path`, on the first worker that succeeds."""
        tried: list[Worker] = []
        failure = "no worker is up"
        failures = 0
        refused_at = math.inf  # first time that a worker was unavailable
        while failures < _MAX_ATTEMPTS:
            worker = await self._workers.choose_patiently(tried)
            if worker in tried:
                await asyncio.sleep(min(_BACKOFF_S * 2.0 ** (len(tried) - 1), _MAX_BACKOFF_S))
                worker = await self._workers.choose_patiently(tried)
            if worker is None:
                break
            tried.append(worker)
            path.clear()
            try:
                await self._stream_from(session, worker, request_id, self._request_body(worker, prompt, sampling), path)
                return
            except WorkerUnavailableError as error:
                failure = f"{worker.name}: {error}"
                refused_at = min(refused_at, time.monotonic())
                if time.monotonic() >= refused_at + PATIENCE_S:
                    break
            except WorkerFailedError as error:
                failure = f"{worker.name}: {error}"
                failures += 1
        raise EngineError(f"No worker could sample the path ({failure}).")

    def _request_body(self, worker: Worker, prompt: str, sampling: Sampling) -> bytes:
        model = _model_of(worker)
        fields: dict[str, object] = {
            **model_fields(model.api, model.name, sampling.adapter),
            "prompt": prompt,
            "max_tokens": fitting_tokens(model.api, sampling.max_tokens, prompt, model.context),
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": sampling.seed,
            "stop": list(sampling.stop),
            "stream": True,
            "stream_options": {"include_usage": True},
            # vLLM's extensions, which other servers ignore. The token ids count an aborted path's tokens.
            "stream_interval": _CHUNK_TOKENS,
            "return_token_ids": True,
            "add_special_tokens": False,  # the prompt contains them as text
            **sampler_fields(model.api, sampling),
        }
        if sampling.cache_salt:
            fields["cache_salt"] = sampling.cache_salt
        return json.dumps(fields).encode()

    async def _stream_from(
        self, session: aiohttp.ClientSession, worker: Worker, request_id: str, body: bytes, path: StreamedPath
    ) -> None:
        result = "failed"
        worker.running += 1
        try:
            headers = {"Content-Type": "application/json", "X-Request-Id": request_id}
            async with session.post(f"{worker.url}/v1/completions", data=body, headers=headers) as response:
                if response.status != 200:
                    result = "failed" if response.status >= 500 or response.status in _UNAVAILABLE else "refused"
                    _raise_for_status(worker, response.status, error_message(await response.text()))
                async for chunk in read_chunks(response.content.iter_any()):
                    path.add(chunk)
                    worker.progressed_at = time.monotonic()
            if path.finish is None:
                raise WorkerFailedError("the stream ended early")
            result = "ok"
        except asyncio.CancelledError:
            result = "aborted"
            raise
        except WorkerRefusedError as error:
            result = "refused"
            raise refusal(400, str(error), _model_of(worker).context) from None
        except aiohttp.ClientConnectorError as error:
            self._workers.mark_down(worker)
            raise WorkerFailedError(str(error)) from None
        except (aiohttp.ClientError, TimeoutError, *MALFORMED) as error:
            raise WorkerFailedError(repr(error)) from None
        finally:
            worker.running -= 1
            self._on_request(worker.name, result)


def _model_of(worker: Worker) -> WorkerModel:
    assert worker.model  # a worker is only chosen while it is up
    return worker.model


def _raise_for_status(worker: Worker, status: int, message: str) -> None:
    if status in _UNAVAILABLE:
        raise WorkerUnavailableError(f"{status} {message}")
    if status >= 500:
        raise WorkerFailedError(f"{status} {message}")
    raise refusal(status, message, _model_of(worker).context)
