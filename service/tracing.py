"""Traces: one span for each request that solves, under it one for each sampled path and one for each program run.

Off unless `--otlp-endpoint` names an OpenTelemetry collector. The spans hang together by the context that a task
inherits from the one that made it, so nothing between the request and the engine knows of them. They tell kinds,
outcomes, tokens and seconds; never a problem's text, a program or a key. The module needs the extra `otel`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, get_current_span
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import __version__
from service.engine.base import Completion, Engine, Sampling
from service.sandbox.base import Execution, Sandbox
from service.sandbox.lock import LockState

_SOLVES = ("/solve", "/v1/")
"""What a path begins with that solves problems; health, metrics and the page make no spans."""


class Tracing:
    """A tracer and what is wrapped with it.

    Args:
        processor: takes the spans that end.
        ratio: share of the requests that are traced, where the caller has not decided that already.
    """

    def __init__(self, processor: SpanProcessor, ratio: float = 1.0) -> None:
        resource = Resource.create({"service.name": "twinpath", "service.version": __version__})
        self._provider = TracerProvider(sampler=ParentBased(TraceIdRatioBased(ratio)), resource=resource)
        self._provider.add_span_processor(processor)
        self.tracer = self._provider.get_tracer("twinpath", __version__)

    @classmethod
    def to_collector(cls, endpoint: str, ratio: float) -> "Tracing":
        """Send the spans to a collector's OTLP over HTTP, in batches, beside the requests."""
        url = f"{endpoint.rstrip('/')}/v1/traces"
        return cls(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)), ratio)

    def close(self) -> None:
        """Send what is left; waits for the collector for some seconds at most."""
        self._provider.shutdown()


def exemplar() -> dict[str, str] | None:
    """The current trace, as a metric's exemplar names it; None where none is recorded."""
    context = get_current_span().get_span_context()
    return {"trace_id": f"{context.trace_id:032x}"} if context.trace_flags.sampled else None


class TracedRequests:
    """ASGI middleware: the span of each request that solves, within the trace that the caller's `traceparent` names."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on within its span."""
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith(_SOLVES):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        with _span(self._tracer, "solve", SpanKind.SERVER, extract(dict(headers))) as span:
            span.set_attributes({"http.request.method": "POST", "url.path": scope["path"]})

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _describe(span, message["status"], Headers(raw=message["headers"]))
                await send(message)

            await self._app(scope, receive, sending)


@contextmanager
def _span(
    tracer: Tracer, name: str, kind: SpanKind = SpanKind.INTERNAL, context: Context | None = None
) -> Iterator[Span]:
    """A span that tells an exception's type; its message may hold what a request said."""
    with tracer.start_as_current_span(
        name, context, kind, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except Exception as error:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


def _describe(span: Span, status: int, headers: Headers) -> None:
    span.set_attribute("http.response.status_code", status)
    if request_id := headers.get("X-Request-ID"):
        span.set_attribute("twinpath.request_id", request_id)
    if status >= 500:
        span.set_status(Status(StatusCode.ERROR))


class TracedEngine:
    """An engine with a span for each path."""

    def __init__(self, engine: Engine, tracer: Tracer) -> None:
        self._engine = engine
        self._tracer = tracer

    @property
    def model(self) -> str:
        """See `Engine.model`."""
        return self._engine.model

    async def start(self) -> None:
        """See `Engine.start`."""
        await self._engine.start()

    async def sample(self, request_id: str, prompt: str, sampling: Sampling) -> Completion:
        """See `Engine.sample`."""
        with _span(self._tracer, "engine", SpanKind.CLIENT) as span:
            completion = await self._engine.sample(request_id, prompt, sampling)
            span.set_attribute("twinpath.path", request_id.rpartition("-")[2])
            span.set_attribute("gen_ai.request.model", self._engine.model)
            span.set_attribute("gen_ai.usage.input_tokens", completion.prompt_tokens)
            span.set_attribute("gen_ai.usage.output_tokens", completion.completion_tokens)
            span.set_attribute("gen_ai.response.finish_reasons", [completion.finish.value])
            return completion

    async def abort(self, request_ids: Sequence[str]) -> None:
        """See `Engine.abort`."""
        await self._engine.abort(request_ids)

    async def probe(self) -> None:
        """See `Engine.probe`."""
        await self._engine.probe()

    async def close(self) -> None:
        """See `Engine.close`."""
        await self._engine.close()


class TracedSandbox:
    """A sandbox with a span for each program."""

    def __init__(self, sandbox: Sandbox, tracer: Tracer) -> None:
        self._sandbox = sandbox
        self._tracer = tracer

    @property
    def lock(self) -> LockState:
        """See `Sandbox.lock`."""
        return self._sandbox.lock

    async def start(self) -> None:
        """See `Sandbox.start`."""
        await self._sandbox.start()

    async def run(self, program: str) -> Execution:
        """See `Sandbox.run`."""
        with _span(self._tracer, "sandbox") as span:
            execution = await self._sandbox.run(program)
            span.set_attribute("twinpath.outcome", execution.outcome.value)
            span.set_attribute("twinpath.run_s", execution.seconds)
            return execution

    async def close(self) -> None:
        """See `Sandbox.close`."""
        await self._sandbox.close()
