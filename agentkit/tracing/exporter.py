"""What the exporters share: they take whole traces, not single spans. Needs the OpenTelemetry SDK.

A trace is whole when every span of it that began here has ended. So nothing has to be known about roots: a run below a
web server's span, or below a span of another process, arrives as one piece all the same.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Sequence
from threading import Lock

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id

from agentkit.tracing.record import SpanEvent, SpanRecord

__all__ = ["TraceExporter", "record_of"]

_KINDS = {
    SpanKind.INTERNAL: 1,
    SpanKind.SERVER: 2,
    SpanKind.CLIENT: 3,
    SpanKind.PRODUCER: 4,
    SpanKind.CONSUMER: 5,
}

_MAX_WAITING_SPANS = 10_000
"""Of one trace; more are handed over before the trace has ended."""


class _Waiting:
    """The spans of one trace that is not whole yet."""

    __slots__ = ("ended", "open_count")

    def __init__(self) -> None:
        self.ended: list[ReadableSpan] = []
        self.open_count = 0


class TraceExporter(SpanProcessor):
    """Hands whole traces to `write`, on the thread where the last span ended. Add it to a TracerProvider of the SDK."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: dict[int, _Waiting] = {}  # trace id -> its spans
        self._is_closed = False

    @abstractmethod
    def write(self, spans: Sequence[SpanRecord]) -> None:
        """Take the spans of one trace, in the order in which they ended. An OSError is logged and the trace lost."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """A span began."""
        context = span.get_span_context()
        with self._lock:
            self._waiting.setdefault(context.trace_id, _Waiting()).open_count += 1

    def on_end(self, span: ReadableSpan) -> None:
        """A span ended; with the last one of its trace, the trace is written."""
        context = span.get_span_context()
        if context is None:
            return
        with self._lock:
            waiting = self._waiting.setdefault(context.trace_id, _Waiting())
            waiting.ended.append(span)
            waiting.open_count -= 1
            if waiting.open_count > 0 and len(waiting.ended) < _MAX_WAITING_SPANS:
                return
            ended, waiting.ended = waiting.ended, []
            if waiting.open_count <= 0:
                del self._waiting[context.trace_id]
        self._deliver(ended)

    def shutdown(self) -> None:
        """Write what has ended and take nothing more."""
        self.force_flush()
        self._is_closed = True

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Write what has ended, whole traces or not."""
        with self._lock:
            pieces = [waiting.ended for waiting in self._waiting.values()]
            for waiting in self._waiting.values():
                waiting.ended = []
        for piece in pieces:
            self._deliver(piece)
        return True

    def _deliver(self, ended: Sequence[ReadableSpan]) -> None:
        if self._is_closed or not ended:
            return
        try:
            self.write([record_of(span) for span in ended])
        except OSError as error:  # a full disk or a closed terminal must not end a run
            logging.getLogger(__name__).warning("a trace could not be written: %s", error)


def record_of(span: ReadableSpan) -> SpanRecord:
    """A span of the SDK as data."""
    context = span.get_span_context()
    scope = span.instrumentation_scope
    return SpanRecord(
        trace_id=format_trace_id(context.trace_id) if context else "",
        span_id=format_span_id(context.span_id) if context else "",
        parent_id=format_span_id(span.parent.span_id) if span.parent else "",
        name=span.name,
        kind=_KINDS[span.kind],
        start_ns=span.start_time or 0,
        end_ns=span.end_time or 0,
        attributes=dict(span.attributes or {}),
        events=tuple(SpanEvent(event.name, event.timestamp, dict(event.attributes or {})) for event in span.events),
        is_error=span.status.status_code is StatusCode.ERROR,
        status_message=span.status.description or "",
        is_ok=span.status.status_code is StatusCode.OK,
        resource=dict(span.resource.attributes),
        scope=(scope.name, scope.version or "", scope.schema_url or "") if scope else ("", "", ""),
    )
