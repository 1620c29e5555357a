"""Telemetry: makes the scopes of runs, where somebody takes spans or metrics."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from opentelemetry import metrics, trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import Tracer, TracerProvider
from opentelemetry.util.types import AttributeValue

from agentkit.content import ContentWriter, default_mask
from agentkit.exchange import Request
from agentkit.models import ModelIdentity
from agentkit.telemetry import names
from agentkit.telemetry.attributes import Attributes, add_request, server_attributes
from agentkit.telemetry.instruments import Instruments
from agentkit.telemetry.scopes import AgentScope, ModelScope, Outlets, TaskScope, ToolScope

__all__ = ["TELEMETRY", "Telemetry", "TelemetryConfig"]


@dataclass(frozen=True, slots=True)
class TelemetryConfig:
    """Where spans and metrics go and what they may hold."""

    tracer_provider: TracerProvider | None = None
    """None means the global one, whenever it is set."""
    meter_provider: MeterProvider | None = None
    """None means the global one, whenever it is set."""
    content: bool | None = None
    """Whether prompts, answers, arguments and results are recorded; None asks the environment variable of the
    OpenTelemetry conventions (names.CAPTURE_CONTENT_VARIABLE), which says no unless set."""
    mask: Callable[[str], str] = default_mask
    """What every recorded text goes through."""
    stop: Callable[[], None] | None = None
    """Called when another configuration takes the place of this one."""


class Telemetry:
    """Makes the scopes of runs; `configure` changes where everything goes from then on.

    Global providers may be set at any time. That is looked up at every agent span, not at the spans inside: begin with
    `agent_span`, or ask `is_live`.
    """

    __slots__ = ("_config", "_looked_into", "_outlets")

    def __init__(self, config: TelemetryConfig | None = None) -> None:
        self._config = TelemetryConfig()
        self._outlets: Outlets | None = None
        self._looked_into: tuple[object, object] = (None, None)
        """The providers of which `_outlets` tells: looking into them costs more than a whole silent scope."""
        self.configure(config or self._config)

    def configure(self, config: TelemetryConfig) -> None:
        """Take another configuration, from the next span on."""
        if self._config.stop is not None:
            self._config.stop()
        self._config = config
        self._outlets = None
        self._looked_into = (None, None)
        if config.tracer_provider is not None or config.meter_provider is not None:
            self.is_live()

    @property
    def content(self) -> ContentWriter | None:
        """What writes content; None while it is off."""
        return self._outlets.content if self._outlets is not None else None

    def is_live(self) -> bool:
        """Whether anybody takes spans or metrics."""
        found = self._outlets or _NOWHERE
        if found.tracer is not None and found.instruments is not None:
            return True
        traces = self._config.tracer_provider or trace.get_tracer_provider()
        meters = self._config.meter_provider or metrics.get_meter_provider()
        if traces is self._looked_into[0] and meters is self._looked_into[1]:
            return self._outlets is not None
        self._looked_into = (traces, meters)
        tracer = found.tracer or _tracer_of(traces)
        instruments = found.instruments or _instruments_of(meters)
        if tracer is not found.tracer or instruments is not found.instruments:
            content = ContentWriter(self._config.mask) if tracer is not None and self._wants_content() else None
            self._outlets = Outlets(tracer, instruments, content)
        return self._outlets is not None

    def agent_span(
        self,
        *,
        name: str | None,
        model: ModelIdentity | None = None,
        conversation_id: str | None = None,
        description: str | None = None,
    ) -> AgentScope:
        """The scope of one run of an agent; `model` only if the agent has exactly one."""
        self.is_live()
        outlets = self._outlets
        if outlets is None:
            return _SILENT_AGENT
        attributes: Attributes = {names.OPERATION_NAME: names.INVOKE_AGENT}
        if name:
            attributes[names.AGENT_NAME] = name
        if description:
            attributes[names.AGENT_DESCRIPTION] = description
        if model is not None:
            attributes[names.REQUEST_MODEL] = model.model
        if conversation_id:
            attributes[names.CONVERSATION_ID] = conversation_id
        return AgentScope(outlets, f"{names.INVOKE_AGENT} {name}" if name else names.INVOKE_AGENT, attributes)

    def model_span(
        self, *, identity: ModelIdentity, request: Request, conversation_id: str | None = None
    ) -> ModelScope:
        """The scope of one model call, its retries included."""
        outlets = self._outlets
        if outlets is None:
            return _SILENT_MODEL
        attributes = server_attributes(identity, request.model)
        add_request(attributes, identity, request)
        if conversation_id:
            attributes[names.CONVERSATION_ID] = conversation_id
        return ModelScope(outlets, f"{attributes[names.OPERATION_NAME]} {request.model}", attributes, identity, request)

    def task_span(
        self, operation: str, *, identity: ModelIdentity, attributes: Mapping[str, AttributeValue]
    ) -> TaskScope:
        """The scope of one exchange that is not a chat, such as embeddings, its retries included."""
        self.is_live()
        outlets = self._outlets
        if outlets is None:
            return _SILENT_TASK
        known = server_attributes(identity, identity.model)
        known[names.OPERATION_NAME] = operation
        return TaskScope(outlets, f"{operation} {identity.model}", {**known, **attributes}, identity)

    def tool_span(
        self,
        *,
        tool_name: str,
        call_id: str = "",
        description: str | None = None,
        agent_name: str | None = None,
        conversation_id: str | None = None,
    ) -> ToolScope:
        """The scope of one tool call."""
        outlets = self._outlets
        if outlets is None:
            return _SILENT_TOOL
        attributes: Attributes = {
            names.OPERATION_NAME: names.EXECUTE_TOOL,
            names.TOOL_NAME: tool_name,
            names.TOOL_TYPE: "function",
        }
        if call_id:
            attributes[names.TOOL_CALL_ID] = call_id
        if description:
            attributes[names.TOOL_DESCRIPTION] = description
        if agent_name:
            attributes[names.AGENT_NAME] = agent_name
        if conversation_id:
            attributes[names.CONVERSATION_ID] = conversation_id
        return ToolScope(outlets, f"{names.EXECUTE_TOOL} {tool_name}", attributes)

    def _wants_content(self) -> bool:
        if self._config.content is not None:
            return self._config.content
        return os.environ.get(names.CAPTURE_CONTENT_VARIABLE, "").lower() in ("true", "span_only", "span_and_event")


def _tracer_of(provider: TracerProvider) -> Tracer | None:
    if isinstance(provider, trace.ProxyTracerProvider | trace.NoOpTracerProvider):
        return None
    return provider.get_tracer(names.SCOPE_NAME, schema_url=names.SCHEMA_URL)


def _instruments_of(provider: MeterProvider) -> Instruments | None:
    # The API's stand-in for "not set yet" has no public class.
    if isinstance(provider, metrics.NoOpMeterProvider) or type(provider).__name__ == "_ProxyMeterProvider":
        return None
    return Instruments(provider.get_meter(names.SCOPE_NAME, schema_url=names.SCHEMA_URL))


_NOWHERE = Outlets(None, None, None)

_SILENT_AGENT = AgentScope(None, "", {})
_SILENT_MODEL = ModelScope(None, "", {})
_SILENT_TASK = TaskScope(None, "", {})
_SILENT_TOOL = ToolScope(None, "", {})

TELEMETRY: Final = Telemetry()
"""What runs use; `agentkit.tracing.configure` says where it sends everything."""
