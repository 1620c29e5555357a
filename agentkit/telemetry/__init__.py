"""How runs are watched: scopes that are spans and metrics of the OpenTelemetry GenAI conventions.

    with telemetry.agent_span(name="weather", model=identity) as agent:
        with telemetry.model_span(identity=identity, request=request) as step:
            response = await model.respond(request)
            step.responded(response, cost=cost)
        with telemetry.tool_span(tool_name="get_weather", call_id=call.id) as tool:
            tool.arguments(arguments)
            tool.result(await get_weather(**arguments))

The names follow the OpenTelemetry GenAI conventions as of November 2026 (schema 1.42.0 of their new home). They still
change there, which is why none is taken from a package. Only the OpenTelemetry API is used; where no SDK is set up, the
scopes are shared objects that do nothing.

What was said (content) leaves only when asked for. Without that, nothing of an exception but its class and the places
it came through is told either: a message may quote arguments.
"""

from __future__ import annotations

from agentkit.telemetry.failures import error_type_of
from agentkit.telemetry.scopes import AgentScope, ModelScope, SpanScope, TaskScope, ToolScope
from agentkit.telemetry.telemetry import TELEMETRY, Telemetry, TelemetryConfig

__all__ = [
    "TELEMETRY",
    "AgentScope",
    "ModelScope",
    "SpanScope",
    "TaskScope",
    "Telemetry",
    "TelemetryConfig",
    "ToolScope",
    "error_type_of",
]
