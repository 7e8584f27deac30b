"""OpenTelemetry traces: one span per request, per sampled path and per program.

Spans hold kinds, outcomes, token counts and seconds, never the text of a problem, a program or a key. Spans do
nothing without `otlp_endpoint`. The export needs the extra `otel`.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from asgi_correlation_id import correlation_id
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import __version__
from service.errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

_NAME = "twinpath"
_TRACED_PATHS = ("/solve", "/grade", "/v1/")
"""Prefixes of the paths that solve problems. Health, metrics and the page have no spans."""

_tracer = trace.get_tracer(_NAME, __version__)
_provider: "TracerProvider | None" = None
_sample_ratio = 1.0
_propagator = TraceContextTextMapPropagator()


def export_to(endpoint: str, sample_ratio: float) -> None:
    """Export spans in batches to a collector over OTLP and HTTP.

    Args:
        endpoint: address of the collector.
        sample_ratio: fraction of the requests to trace. A caller can only exclude a request.

    Raises:
        ConfigurationError: the extra `otel` is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigurationError(f"Traces need the extra `otel`; install twinpath[otel] ({error}).") from None
    install(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")), sample_ratio)


def install(processor: "SpanProcessor", sample_ratio: float = 1.0) -> None:
    """Send finished spans to `processor`."""
    global _tracer, _provider, _sample_ratio
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    resource = Resource.create({"service.name": _NAME, "service.version": __version__})
    _provider = TracerProvider(sampler=ParentBased(TraceIdRatioBased(sample_ratio)), resource=resource)
    _provider.add_span_processor(processor)
    _tracer = _provider.get_tracer(_NAME, __version__)
    _sample_ratio = sample_ratio


def shut_down() -> None:
    """Export the remaining spans. Blocks for some seconds if the collector does not answer."""
    global _tracer, _provider
    provider, _provider = _provider, None
    if provider is not None:
        provider.shutdown()
        _tracer = trace.get_tracer(_NAME, __version__)


def exemplar() -> dict[str, str] | None:
    """Exemplar labels of the current trace, or None if no trace is recorded."""
    context = trace.get_current_span().get_span_context()
    return {"trace_id": f"{context.trace_id:032x}"} if context.trace_flags.sampled else None


@contextmanager
def span(name: str, kind: SpanKind = SpanKind.INTERNAL, context: Context | None = None) -> Iterator[Span]:
    """Span around a block. Of an exception it records the type only: a message may hold text of the request."""
    with _tracer.start_as_current_span(
        name, context, kind, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except Exception as error:
            current.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


class TracingMiddleware:
    """ASGI middleware: one span per request that solves problems, within the trace of the `traceparent` header."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith(_TRACED_PATHS):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        with span("solve", SpanKind.SERVER, _parent(headers.get("traceparent", ""))) as current:
            current.set_attributes({"http.request.method": "POST", "url.path": scope["path"]})

            async def send_and_record(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _record_response(current, message["status"])
                await send(message)

            await self._app(scope, receive, send_and_record)


def _parent(traceparent: str) -> Context:
    """Context of the caller's trace, without its `tracestate`.

    The sampling ratio holds for it too. A caller can choose its trace id, so the decision is drawn at random.
    """
    caller = trace.get_current_span(_propagator.extract({"traceparent": traceparent}, Context())).get_span_context()
    if not caller.is_valid or _provider is None:  # without an export, exemplars would point to no trace
        return Context()
    is_sampled = caller.trace_flags.sampled and random.random() < _sample_ratio  # noqa: S311
    flags = TraceFlags(TraceFlags.SAMPLED if is_sampled else TraceFlags.DEFAULT)
    parent = SpanContext(caller.trace_id, caller.span_id, is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(NonRecordingSpan(parent), Context())


def _record_response(current: Span, status: int) -> None:
    current.set_attribute("http.response.status_code", status)
    if request_id := correlation_id.get():
        current.set_attribute("twinpath.request_id", request_id)
    if status >= 500:
        current.set_status(Status(StatusCode.ERROR))
