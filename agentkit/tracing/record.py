"""A finished span as data, and its OTLP JSON: what the file exporter writes and `agentkit trace show` reads."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from agentkit.errors import StateError

__all__ = ["SpanEvent", "SpanRecord", "load_trace", "to_otlp"]

_ERROR = 2  # STATUS_CODE_ERROR of OTLP


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """Something that happened at one moment of a span, such as an exception."""

    name: str
    time_ns: int
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """One finished span."""

    trace_id: str
    """32 hexadecimal digits."""
    span_id: str
    """16 hexadecimal digits."""
    parent_id: str
    """Empty for the root."""
    name: str
    kind: int
    """As OTLP counts: 1 internal, 2 server, 3 client, 4 producer, 5 consumer."""
    start_ns: int
    """Since the epoch."""
    end_ns: int
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    events: tuple[SpanEvent, ...] = ()
    is_error: bool = False
    status_message: str = ""
    is_ok: bool = False
    """Set by an application that says so; libraries leave it alone."""
    resource: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What made the span: service name, SDK."""
    scope: tuple[str, str, str] = ("", "", "")
    """Name, version and schema URL of the instrumentation."""

    @property
    def duration_seconds(self) -> float:
        """How long it took."""
        return (self.end_ns - self.start_ns) / 1e9


def to_otlp(spans: Sequence[SpanRecord]) -> dict[str, Any]:
    """The spans as one OTLP JSON document, grouped by what made them."""
    resources: dict[str, dict[tuple[str, str, str], list[SpanRecord]]] = {}  # resource as JSON -> scope -> spans
    for span in spans:
        key = json.dumps(_pairs(span.resource))
        resources.setdefault(key, {}).setdefault(span.scope, []).append(span)
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": json.loads(key)},
                "scopeSpans": [_scope_spans(scope, members) for scope, members in scopes.items()],
            }
            for key, scopes in resources.items()
        ]
    }


def load_trace(path: str | Path) -> list[SpanRecord]:
    """The spans of a trace file, in the order written: OTLP JSON, one document or one a line. Raises StateError."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise StateError(f"cannot read the trace file {str(path)!r}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise StateError(f"{str(path)!r} is no trace file: byte {error.start} is not UTF-8 text") from error
    lines = text.splitlines()
    whole = _parsed(text) if lines and _parsed(lines[0]) is None else None  # one document over many lines
    if whole is not None:
        return _checked_spans(whole, path=path, line=1)
    spans: list[SpanRecord] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            spans += _checked_spans(_parsed(line), path=path, line=number)
    if not spans:
        raise StateError(f"the trace file {str(path)!r} holds no span; the run that wrote it may still be going on")
    return spans


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _checked_spans(document: object, *, path: Path, line: int) -> list[SpanRecord]:
    try:
        return list(_spans_of(cast("dict[str, Any]", document)))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StateError(
            f"line {line} of the trace file {str(path)!r} is not OTLP JSON; it was cut or edited. "
            f"Delete line {line} to read the rest, or run again to get a new trace"
        ) from error


def _spans_of(document: dict[str, Any]) -> Iterable[SpanRecord]:
    for group in document["resourceSpans"]:
        resource = _mapping(group.get("resource", {}).get("attributes"))
        for inner in group["scopeSpans"]:
            named: dict[str, str] = inner.get("scope") or {}
            scope = (named.get("name", ""), named.get("version", ""), inner.get("schemaUrl", ""))
            for span in inner["spans"]:
                yield _span_of(span, resource, scope)


def _span_of(span: dict[str, Any], resource: Mapping[str, Any], scope: tuple[str, str, str]) -> SpanRecord:
    status: dict[str, Any] = span.get("status") or {}
    return SpanRecord(
        trace_id=str(span["traceId"]),
        span_id=str(span["spanId"]),
        parent_id=str(span.get("parentSpanId") or ""),
        name=str(span["name"]),
        kind=int(span.get("kind", 0)),
        start_ns=int(span["startTimeUnixNano"]),
        end_ns=int(span["endTimeUnixNano"]),
        attributes=_mapping(span.get("attributes")),
        events=tuple(
            SpanEvent(str(event["name"]), int(event["timeUnixNano"]), _mapping(event.get("attributes")))
            for event in span.get("events", [])
        ),
        is_error=status.get("code") in (_ERROR, "STATUS_CODE_ERROR"),
        status_message=str(status.get("message", "")),
        is_ok=status.get("code") in (1, "STATUS_CODE_OK"),
        resource=resource,
        scope=scope,
    )


def _scope_spans(scope: tuple[str, str, str], spans: Iterable[SpanRecord]) -> dict[str, Any]:
    name, version, schema_url = scope
    return {
        "scope": {"name": name, "version": version},
        "schemaUrl": schema_url,
        "spans": [_span_json(span) for span in spans],
    }


def _span_json(span: SpanRecord) -> dict[str, Any]:
    status: dict[str, Any] = {"code": _ERROR if span.is_error else int(span.is_ok)}
    if span.status_message:
        status["message"] = span.status_message
    return {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        **({"parentSpanId": span.parent_id} if span.parent_id else {}),
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": _pairs(span.attributes),
        "events": [
            {"name": event.name, "timeUnixNano": str(event.time_ns), "attributes": _pairs(event.attributes)}
            for event in span.events
        ],
        "status": status,
    }


def _pairs(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _any_value(value)} for key, value in attributes.items()]


def _any_value(value: object) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}  # 64 bits do not fit a JSON number everywhere
        case float():
            return {"doubleValue": value}
        case str():
            return {"stringValue": value}
        case bytes():
            return {"bytesValue": base64.b64encode(value).decode("ascii")}
        case Mapping():
            return {"kvlistValue": {"values": _pairs(cast("Mapping[str, Any]", value))}}
        case list() | tuple():
            return {"arrayValue": {"values": [_any_value(item) for item in cast("Sequence[object]", value)]}}
        case _:
            return {}


def _mapping(pairs: object) -> dict[str, Any]:
    return {pair["key"]: _plain(pair.get("value") or {}) for pair in cast("list[dict[str, Any]]", pairs or [])}


def _plain(value: dict[str, Any]) -> Any:
    for kind, found in value.items():
        match kind:
            case "intValue":
                return int(found)
            case "doubleValue":
                return float(found)
            case "arrayValue":
                return [_plain(item) for item in found.get("values", [])]
            case "kvlistValue":
                return _mapping(found.get("values"))
            case "bytesValue":
                return base64.b64decode(found)
            case _:
                return found
    return None
