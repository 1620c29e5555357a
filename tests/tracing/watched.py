"""Runs made of scopes alone, as the driver makes them, and what came out of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from shared import SHARED

from agentkit.exchange import Request, Response, ToolDefinition
from agentkit.messages import AssistantMessage, Finish, Returned, Text, ToolCall, user_message
from agentkit.models import ModelIdentity
from agentkit.telemetry import Telemetry, TelemetryConfig
from agentkit.tracing.exporter import record_of
from agentkit.tracing.record import to_otlp
from agentkit.usage import Usage

IDENTITY = ModelIdentity("openai", "gpt-6-luna", address="api.openai.com", port=443, api="chat")

PROMPT = "weather-for-MARKER-prompt"
ARGUMENT = "Paris-MARKER-argument"
RESULT = "rain-MARKER-result"
ANSWER = "It rains, MARKER-answer"
INSTRUCTIONS = "Be brief, MARKER-instructions"
MARKER = "MARKER"

TOOLS = (ToolDefinition("get_weather", "Current weather for a city.", {"type": "object"}),)


@dataclass
class Watched:
    """A Telemetry whose spans and metrics are kept."""

    content: bool = False
    spans: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = field(default_factory=InMemoryMetricReader)
    config: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.spans))
        self.meters = MeterProvider([self.reader])
        self.telemetry = Telemetry(
            TelemetryConfig(
                tracer_provider=self.provider,
                meter_provider=self.meters,
                content=self.content,
                **self.config,
            )
        )

    @property
    def finished(self) -> list[ReadableSpan]:
        return list(self.spans.get_finished_spans())

    def span(self, name: str) -> ReadableSpan:
        (found,) = [span for span in self.finished if span.name == name]
        return found

    def exported(self) -> str:
        """Everything that left, as text."""
        return json.dumps(to_otlp([record_of(span) for span in self.finished])) + json.dumps(self.metrics())

    def metrics(self) -> dict[str, Any]:
        data = self.reader.get_metrics_data()
        return {"resourceMetrics": [] if data is None else [_resource_metrics(item) for item in data.resource_metrics]}

    def points(self, name: str) -> list[dict[str, Any]]:
        """The data points of a metric, attributes as a plain mapping."""
        found = [
            metric
            for resource in self.metrics()["resourceMetrics"]
            for scope in resource["scopeMetrics"]
            for metric in scope["metrics"]
            if metric["name"] == name
        ]
        (metric,) = found
        shape = metric.get("histogram") or metric["sum"]
        return [
            {**point, "attributes": {pair["key"]: next(iter(pair["value"].values())) for pair in point["attributes"]}}
            for point in shape["dataPoints"]
        ]


def _resource_metrics(resource: Any) -> dict[str, Any]:
    return {
        "scopeMetrics": [{"metrics": [_metric(metric) for metric in scope.metrics]} for scope in resource.scope_metrics]
    }


def _metric(metric: Any) -> dict[str, Any]:
    points: list[dict[str, Any]] = []
    for point in metric.data.data_points:
        attributes = [{"key": key, "value": _value(value)} for key, value in point.attributes.items()]
        if hasattr(point, "explicit_bounds"):
            bounds = list(point.explicit_bounds)
            points.append({"attributes": attributes, "explicitBounds": bounds, "sum": point.sum, "count": point.count})
        else:
            points.append({"attributes": attributes, "asInt": point.value})
    shape = "histogram" if "explicitBounds" in points[0] else "sum"
    return {"name": metric.name, "unit": metric.unit, shape: {"dataPoints": points}}


def _value(value: object) -> dict[str, object]:
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}


def weather_request(*, streamed: bool = False) -> Request:
    return Request("gpt-6-luna", (user_message(PROMPT),), instructions=INSTRUCTIONS, tools=TOOLS, is_streamed=streamed)


def calling(*ids: str, tool: str = "get_weather") -> Response:
    """An answer that calls a tool, once for each id."""
    calls = tuple(ToolCall(id, tool, json.dumps({"city": ARGUMENT})) for id in ids)
    return Response(_message(calls, "tool_calls", Usage(100, 20, 8, 30, 2)))


def answering() -> Response:
    return Response(_message((Text(ANSWER),), "stop", Usage(184, 0, 0, 56, 0)))


def returned(response: Response) -> AssistantMessage:
    """The message of an answer with its calls returned."""
    outcomes = {position: Returned({"sky": RESULT}) for position, _ in enumerate(response.calls)}
    return response.message.with_outcomes(outcomes)


def _message(parts: tuple[Any, ...], finish: Finish, usage: Usage) -> AssistantMessage:
    return AssistantMessage(parts, "gpt-6-luna-2026-09-01", "resp_1", finish, usage)


def run_weather(telemetry: Telemetry, *, name: str = "weather", conversation_id: str | None = None) -> None:
    """A plain run: model, tool, model."""
    with telemetry.agent_span(name=name, model=IDENTITY, conversation_id=conversation_id) as agent:
        agent.asked([user_message(PROMPT)])
        first = calling("call_1")
        with telemetry.model_span(
            identity=IDENTITY, request=weather_request(), conversation_id=conversation_id
        ) as step:
            step.responded(first)
        with telemetry.tool_span(
            tool_name="get_weather", call_id="call_1", agent_name=name, conversation_id=conversation_id
        ) as tool:
            tool.arguments({"city": ARGUMENT})
            tool.result({"sky": RESULT})
        again = Request("gpt-6-luna", (user_message(PROMPT), returned(first)), instructions=INSTRUCTIONS, tools=TOOLS)
        with telemetry.model_span(identity=IDENTITY, request=again, conversation_id=conversation_id) as step:
            step.responded(answering())
        agent.answered(answering().message)


def check(folder: Path, watched: Watched, *options: str) -> None:
    """Give what left to the checker of the conventions; fails with what it complains of."""
    script = SHARED / "otel" / "check_spans.py"
    if not script.is_file():
        pytest.skip(f"the checker of the conventions is not at {script}; set AGENTKIT_SHARED to the shared folder")
    traces, metrics = folder / "traces.jsonl", folder / "metrics.json"
    traces.write_text("\n".join(json.dumps(to_otlp([record_of(span)])) for span in watched.finished))
    metrics.write_text(json.dumps(watched.metrics()))
    complaints = _complaints([str(script), "--strict", *options, str(traces), str(metrics)])
    assert complaints == "", complaints


def _complaints(arguments: Iterable[str]) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=60, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr
