"""Scripted OpenAI-compatible worker: the fake engine behind vLLM's HTTP interface.

    python -m tests.support.fake_worker --port 8001 --tokens-per-s 40 --slots 64

It queues (`--slots` paths decode, the others wait), streams and counts as vLLM does, under vLLM's metric names.
"""

import argparse
import asyncio
import json
import re
import time
from collections.abc import Collection
from typing import TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from service.engine.base import Completion, Sampling
from service.engine.fake import FakeEngine, Script
from service.errors import PromptTooLongError

_Metric = TypeVar("_Metric", Counter, Gauge, Histogram)
NO_PARSER = (
    "thinking_token_budget is set but reasoning_config is not configured. Please set --reasoning-parser and/or "
    "--reasoning-config to use thinking_token_budget."
)
"""Message of vLLM 0.32."""
_PIECE = re.compile(r"\w+|[^\w\s]|\s+")


class WorkerMetrics:
    """vLLM's metrics that the dashboards and rules read."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def one(kind: type[_Metric], name: str) -> _Metric:
            metric = kind(f"vllm:{name}", f"As vLLM's {name}.", ["engine", "model_name"], registry=self.registry)
            return metric.labels("0", "fake")

        self.running = one(Gauge, "num_requests_running")
        self.waiting = one(Gauge, "num_requests_waiting")
        self.kv_cache = one(Gauge, "kv_cache_usage_perc")
        self.prompt_tokens = one(Counter, "prompt_tokens")
        self.generation_tokens = one(Counter, "generation_tokens")
        self.preemptions = one(Counter, "num_preemptions")
        self.cache_queries = one(Counter, "prefix_cache_queries")
        self.cache_hits = one(Counter, "prefix_cache_hits")
        histograms = {"request_queue_time", "time_to_first_token", "inter_token_latency", "e2e_request_latency"}
        histograms |= {"request_prefill_time", "request_decode_time"}
        self.seconds = {name: one(Histogram, f"{name}_seconds") for name in histograms}


class FakeWorker:
    """Serves scripted completions.

    Args:
        script: text of a path (default: improvised).
        tokens_per_s: token rate of each path.
        slots: maximum number of paths that decode at the same time.
        chunk: number of tokens in one event of the stream, unless `stream_interval` of the request is larger.
        max_model_len: maximum number of prompt and completion tokens of one path.
        model: name in the list of models.
        adapters: further names in the list. The script gets that of a request in the sampling parameters.
        owned_by: server in the list of models. With `sglang` it takes an adapter only from `lora_path`, and refuses a
            path that could exceed the context, as SGLang does.
        ends_thoughts: whether it has a reasoning parser. Without one it refuses a thinking budget, as vLLM does.
        key: key of the routes below /v1, as vLLM protects them. None lets every caller in.
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        tokens_per_s: float = 1000.0,
        slots: int = 64,
        chunk: int = 1,
        max_model_len: int = 2048,
        model: str = "fake",
        adapters: Collection[str] = (),
        owned_by: str = "vllm",
        ends_thoughts: bool = True,
        key: str | None = None,
    ) -> None:
        self._engine = FakeEngine(script, max_model_len=max_model_len, adapters=adapters)
        self._adapters = adapters
        self._max_model_len = max_model_len
        self._model = model
        self._owned_by = owned_by
        self._ends_thoughts = ends_thoughts
        self._key = key
        self._tokens_per_s = tokens_per_s
        self._slots = slots
        self._free = asyncio.Semaphore(slots)
        self._chunk = chunk
        self.metrics = WorkerMetrics()
        self.asked: list[dict[str, object]] = []
        self.running = 0

    async def application(self) -> web.Application:
        """The worker as an aiohttp application."""
        await self._engine.start()
        app = web.Application(middlewares=[self._authenticate])
        app.add_routes(
            [
                web.get("/health", self._health),
                web.get("/v1/models", self._models),
                web.get("/metrics", self._metrics),
                web.post("/v1/completions", self._complete),
            ]
        )
        return app

    @web.middleware
    async def _authenticate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if (
            self._key
            and request.path.startswith("/v1/")
            and request.headers.get("Authorization") != f"Bearer {self._key}"
        ):
            return web.json_response({"error": "Unauthorized"}, status=401)
        return await handler(request)

    async def _health(self, request: web.Request) -> web.Response:
        return web.Response()

    async def _models(self, request: web.Request) -> web.Response:
        common = {"max_model_len": self._max_model_len, "owned_by": self._owned_by}
        parent = {"parent": self._model} if self._owned_by in ("vllm", "sglang") else {}
        listed = [{"id": self._model, **common}, *({"id": name, **common, **parent} for name in self._adapters)]
        return web.json_response({"data": listed})

    async def _metrics(self, request: web.Request) -> web.Response:
        text = generate_latest(self.metrics.registry)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append(body)
        if "thinking_token_budget" in body and not self._ends_thoughts:
            error = json.dumps({"error": {"message": NO_PARSER, "type": "BadRequestError", "code": 400}})
            is_streamed = bool(body.get("stream"))  # vLLM checks the budget in the stream
            return web.Response(text=f"data: {error}\n\n" if is_streamed else error, status=200 if is_streamed else 400)
        is_sglang = self._owned_by == "sglang"
        adapter = body.get("lora_path") if is_sglang else body["model"]
        sampling = Sampling(
            temperature=body.get("temperature", 1.0),
            top_p=body.get("top_p", 1.0),
            max_tokens=body["max_tokens"],
            seed=body.get("seed"),
            stop=tuple(body.get("stop", ())),
            adapter=adapter if adapter in self._adapters else None,
        )
        try:
            completion = await self._engine.sample(f"{len(self.asked)}", body["prompt"], sampling)
        except PromptTooLongError as error:
            message = f"This model's maximum context length is {self._max_model_len} tokens. {error}"
            return web.json_response({"error": {"message": message, "code": 400}}, status=400)
        total = completion.prompt_tokens + body["max_tokens"]
        if is_sglang and total >= self._max_model_len:
            message = (
                f"Requested token count exceeds the model's maximum context length of {self._max_model_len} tokens. You "
                f"requested a total of {total} tokens: {completion.prompt_tokens} tokens from the input messages and "
                f"{body['max_tokens']} tokens for the completion."
            )
            return web.json_response({"object": "error", "message": message, "code": 400}, status=400)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        self.running += 1
        try:
            await self._send(response, completion, max(self._chunk, body.get("stream_interval") or 1))
        finally:
            self.running -= 1
        return response

    async def _send(self, response: web.StreamResponse, completion: Completion, chunk: int) -> None:
        metrics, arrived = self.metrics, time.monotonic()
        with metrics.waiting.track_inprogress():
            await self._free.acquire()
        began = time.monotonic()
        metrics.seconds["request_queue_time"].observe(began - arrived)
        metrics.prompt_tokens.inc(completion.prompt_tokens)
        metrics.cache_queries.inc(completion.prompt_tokens)
        pieces = _PIECE.findall(completion.text) or [""]
        try:
            with metrics.running.track_inprogress():
                metrics.kv_cache.set(1 - self._free._value / self._slots)
                starts = [0, *range(1, len(pieces), chunk)]  # the first token comes at once, as vLLM sends it
                for start, end in zip(starts, [*starts[1:], len(pieces)], strict=True):
                    sent = pieces[start:end]
                    await asyncio.sleep(len(sent) / self._tokens_per_s)
                    reason = completion.finish.value if end == len(pieces) else None
                    prompt_ids = None if start else [0] * completion.prompt_tokens
                    await response.write(_event("".join(sent), reason, prompt_ids, [0] * len(sent)))
                    metrics.generation_tokens.inc(len(sent))
                    metrics.seconds["inter_token_latency"].observe(1 / self._tokens_per_s)
                    if not start:
                        metrics.seconds["time_to_first_token"].observe(time.monotonic() - arrived)
                        metrics.seconds["request_prefill_time"].observe(time.monotonic() - began)
            await response.write(_usage(completion.prompt_tokens, len(pieces)) + b"data: [DONE]\n\n")
        finally:
            self._free.release()
            metrics.kv_cache.set(1 - self._free._value / self._slots)
        metrics.seconds["request_decode_time"].observe(time.monotonic() - began)
        metrics.seconds["e2e_request_latency"].observe(time.monotonic() - arrived)


def _event(text: str, reason: str | None, prompt_ids: list[int] | None, ids: list[int]) -> bytes:
    choice = {"index": 0, "text": text, "finish_reason": reason, "prompt_token_ids": prompt_ids, "token_ids": ids}
    return f"data: {json.dumps({'choices': [choice]})}\n\n".encode()


def _usage(prompt_tokens: int, completion_tokens: int) -> bytes:
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}
    return f"data: {json.dumps({'choices': [], 'usage': usage})}\n\n".encode()


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--tokens-per-s", type=float, default=1000.0)
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--chunk", type=int, default=1)
    parser.add_argument("--model", default="fake", help="name in the list of models")
    parser.add_argument("--key", help="key of the routes below /v1")
    arguments = parser.parse_args()

    async def application() -> web.Application:
        worker = FakeWorker(
            tokens_per_s=arguments.tokens_per_s,
            slots=arguments.slots,
            chunk=arguments.chunk,
            model=arguments.model,
            key=arguments.key,
        )
        return await worker.application()

    web.run_app(application(), host=arguments.host, port=arguments.port, print=None)


if __name__ == "__main__":
    main()
