"""The scopes in which the steps of a run are watched: each a span, with its metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import Token
from dataclasses import dataclass
from time import time_ns
from types import TracebackType
from typing import Self

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, StatusCode, Tracer
from opentelemetry.util.types import AttributeValue

from agentkit.content import ContentWriter
from agentkit.exchange import Request, Response
from agentkit.messages import AssistantMessage, Message
from agentkit.models import ModelIdentity
from agentkit.telemetry import names
from agentkit.telemetry.attributes import Attributes, add_usage, server_attributes
from agentkit.telemetry.failures import describe, error_type_of, exception_attributes, words_of
from agentkit.telemetry.instruments import Instruments
from agentkit.usage import Cost, Usage

__all__ = ["AgentScope", "ModelScope", "Outlets", "SpanScope", "TaskScope", "ToolScope"]

_AGENT_KEY = otel_context.create_key("agentkit-agent")
_NO_USAGE = Usage()


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where spans, metrics and content go; None where nobody takes them."""

    tracer: Tracer | None
    instruments: Instruments | None
    content: ContentWriter | None


class SpanScope:
    """A span that is current inside `with`; what is learnt on the way is written to it once, at the end.

    An exception that passes through marks the span as failed and goes on. Raising is for failures alone: a run that
    pauses for a person leaves its scopes normally.
    """

    __slots__ = (
        "_attributes",
        "_error_type",
        "_is_kept",
        "_kind",
        "_later",
        "_name",
        "_outlets",
        "_span",
        "_started_ns",
        "_token",
    )

    def __init__(
        self, outlets: Outlets | None, name: str, attributes: Attributes, kind: SpanKind = SpanKind.INTERNAL
    ) -> None:
        self._outlets = outlets
        self._name = name
        self._kind = kind
        self._attributes = attributes
        self._later: Attributes = {}
        self._span: Span = INVALID_SPAN
        self._is_kept = False  # whether the span records: sampled, and an SDK is there
        self._started_ns = 0
        self._error_type = ""
        self._token: Token[Context] | None = None

    def __enter__(self) -> Self:
        outlets = self._outlets
        if outlets is None:
            return self
        self._started_ns = time_ns()
        context = otel_context.get_current()
        if outlets.tracer is not None:
            self._span = outlets.tracer.start_span(
                self._name, context, self._kind, self._attributes, start_time=self._started_ns
            )
            self._is_kept = self._span.is_recording()
            context = trace.set_span_in_context(self._span, context)
        try:
            context = self._entered(outlets, context)
        except BaseException:  # a user's mask failed; that is told, but no span may stay open for it
            self._span.end()
            raise
        self._token = otel_context.attach(context)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        outlets = self._outlets
        if outlets is None:
            return
        if self._token is not None:
            otel_context.detach(self._token)
        try:
            if error is not None:
                self.raised(error)
        finally:
            self._end(outlets)

    @property
    def trace_id(self) -> str:
        """The trace's id in hexadecimal; empty when nobody takes spans."""
        context = self._span.get_span_context()
        return trace.format_trace_id(context.trace_id) if context.is_valid else ""

    @property
    def is_recording(self) -> bool:
        """Whether anything told to this scope is kept, in the span or in metrics; ask before dear work."""
        outlets = self._outlets
        return outlets is not None and (self._is_kept or outlets.instruments is not None)

    @property
    def is_recording_content(self) -> bool:
        """Whether what is said is kept: prompts, answers, arguments, results."""
        return self._content is not None

    def note(self, key: str, value: AttributeValue) -> None:
        """An attribute of our own, written as agentkit.<key>. Never content."""
        if self._outlets is not None:
            self._later[names.OWN_PREFIX + key] = value

    def raised(self, error: BaseException) -> None:
        """The step failed with this exception; called for one that passes through, and by who caught it before."""
        if self._outlets is None:
            return
        self._error_type = error_type_of(error)
        if not self._is_kept:
            return
        content = self._outlets.content
        self._later[names.ERROR_TYPE] = self._error_type
        self._span.set_status(StatusCode.ERROR, content.text(words_of(error)) if content else describe(error))
        if isinstance(error, Exception):  # a cancellation is nobody's mistake: its stack would be noise
            self._span.add_event(names.EXCEPTION_EVENT, exception_attributes(error, content))

    def _end(self, outlets: Outlets) -> None:
        ended_ns = time_ns()
        if self._is_kept:
            if self._later:
                self._span.set_attributes(self._later)
            self._span.end(ended_ns)
        if outlets.instruments is not None:
            self._measure(outlets.instruments, (ended_ns - self._started_ns) / 1e9)

    @property
    def _content(self) -> ContentWriter | None:
        return self._outlets.content if self._outlets is not None and self._is_kept else None

    def _entered(self, outlets: Outlets, context: Context) -> Context:
        """Write content that is known before the step, count the step; gives the context the step runs in."""
        return context

    def _measure(self, instruments: Instruments, seconds: float) -> None:
        """Record the metrics of the step that ended."""

    def _with_error(self, attributes: Attributes) -> Attributes:
        if self._error_type:
            attributes[names.ERROR_TYPE] = self._error_type
        return attributes


class AgentScope(SpanScope):
    """One run of an agent. Usage is not written here: it sits on the model calls below, so that sums add up."""

    __slots__ = ("model_calls", "tool_calls")

    def __init__(self, outlets: Outlets | None, name: str, attributes: Attributes) -> None:
        super().__init__(outlets, name, attributes)
        self.model_calls = 0
        self.tool_calls = 0

    def asked(self, messages: Sequence[Message]) -> None:
        """What the run was asked; recorded only with content on."""
        if (content := self._content) is not None:
            self._later[names.INPUT_MESSAGES] = content.input_messages(messages)

    def answered(self, message: AssistantMessage) -> None:
        """What the run answered; recorded only with content on."""
        if (content := self._content) is not None:
            self._later[names.OUTPUT_MESSAGES] = content.output_messages(message)

    def _entered(self, outlets: Outlets, context: Context) -> Context:
        if outlets.instruments is None:
            return context
        return otel_context.set_value(_AGENT_KEY, self, context)  # so that calls below find whose they are

    def _measure(self, instruments: Instruments, seconds: float) -> None:
        name = self._attributes.get(names.AGENT_NAME)
        attributes: Attributes = {names.AGENT_NAME: name} if name else {}
        instruments.agent_calls.record(self.model_calls, attributes)
        instruments.agent_tools.record(self.tool_calls, attributes)
        timed = dict(attributes)
        if names.REQUEST_MODEL in self._attributes:
            timed[names.REQUEST_MODEL] = self._attributes[names.REQUEST_MODEL]
        instruments.agent_duration.record(seconds, self._with_error(timed))


class ModelScope(SpanScope):
    """One model call."""

    __slots__ = ("_first_chunk_seconds", "_identity", "_model", "_request", "_response_model", "_usage")

    def __init__(
        self,
        outlets: Outlets | None,
        name: str,
        attributes: Attributes,
        identity: ModelIdentity | None = None,
        request: Request | None = None,
    ) -> None:
        remote = identity is not None and identity.is_remote
        super().__init__(outlets, name, attributes, SpanKind.CLIENT if remote else SpanKind.INTERNAL)
        self._identity = identity
        self._request = request
        self._model = request.model if request is not None else ""
        self._response_model = ""
        self._usage = _NO_USAGE
        self._first_chunk_seconds: float | None = None

    def responded(
        self, response: Response, *, time_to_first_chunk: float | None = None, cost: Cost | None = None
    ) -> None:
        """The answer came. `time_to_first_chunk` is in seconds and only for streamed calls."""
        if self._outlets is None:
            return
        message = response.message
        self._usage = message.usage
        self._response_model = message.model
        self._first_chunk_seconds = time_to_first_chunk
        if response.answered_by is not None:
            self._identity, self._model = response.answered_by, response.answered_by.model
        if not self._is_kept:
            return
        if response.answered_by is not None:
            self._stand_in(response.answered_by, response.failed_over)
        if response.saved is not None:
            self._later[names.CACHE_HIT] = True
        later = self._later
        later[names.RESPONSE_FINISH_REASONS] = (message.finish,)
        if message.response_id:
            later[names.RESPONSE_ID] = message.response_id
        if message.model:
            later[names.RESPONSE_MODEL] = message.model
        add_usage(later, message.usage)
        if time_to_first_chunk is not None and names.REQUEST_STREAM in self._attributes:
            later[names.RESPONSE_TIME_TO_FIRST_CHUNK] = float(time_to_first_chunk)
        if response.attempts > 1:
            later[names.ATTEMPTS] = response.attempts
        if response.request_id:
            later[names.REQUEST_ID] = response.request_id
        if cost is not None and cost.is_known:
            later[names.COST_USD] = float(cost.usd)
        if names.OPENAI_API_TYPE in self._attributes and response.details.get("service_tier"):
            later[names.OPENAI_RESPONSE_SERVICE_TIER] = str(response.details["service_tier"])
        if (content := self._outlets.content) is not None:
            later[names.OUTPUT_MESSAGES] = content.output_messages(message)

    def _entered(self, outlets: Outlets, context: Context) -> Context:
        if outlets.instruments is not None and isinstance(agent := context.get(_AGENT_KEY), AgentScope):
            agent.model_calls += 1
        request, content = self._request, self._content
        if content is None or request is None:
            return context
        self._later[names.INPUT_MESSAGES] = content.input_messages(request.messages)
        if request.instructions:
            self._later[names.SYSTEM_INSTRUCTIONS] = content.instructions(request.instructions)
        if request.tools:
            self._later[names.TOOL_DEFINITIONS] = content.tool_definitions(request.tools)
        return context

    def _stand_in(self, identity: ModelIdentity, failed_over: tuple[str, ...]) -> None:
        """Tell of the model that answered, in place of the one that was to answer."""
        told = server_attributes(identity, identity.model)
        self._later.update(told)
        self._span.update_name(f"{told[names.OPERATION_NAME]} {identity.model}")
        if failed_over:
            self._later[names.FAILED_OVER] = failed_over

    def _measure(self, instruments: Instruments, seconds: float) -> None:
        if self._identity is None or self._request is None:
            return
        attributes = server_attributes(self._identity, self._model)
        if self._response_model:
            attributes[names.RESPONSE_MODEL] = self._response_model
        if self._first_chunk_seconds is not None:
            instruments.time_to_first_chunk.record(self._first_chunk_seconds, attributes)
        instruments.count(self._usage, {**attributes, names.TOKEN_MODALITY: "unknown"})  # providers seldom say which
        instruments.inference_duration.record(seconds, self._with_error(attributes))


class TaskScope(SpanScope):
    """One exchange that is not a chat."""

    __slots__ = ("_identity",)

    def __init__(
        self, outlets: Outlets | None, name: str, attributes: Attributes, identity: ModelIdentity | None = None
    ) -> None:
        remote = identity is not None and identity.is_remote
        super().__init__(outlets, name, attributes, SpanKind.CLIENT if remote else SpanKind.INTERNAL)
        self._identity = identity

    def answered(self, usage: Usage, *, cost: Cost, attempts: int, model: str = "") -> None:
        """The answer came."""
        if not self._is_kept:
            return
        if self._attributes[names.OPERATION_NAME] == names.EMBEDDINGS:
            if usage.total:
                self._later[names.USAGE_INPUT] = usage.total  # whose spans know no output
        elif usage.total:
            add_usage(self._later, usage)
        if model:
            self._later[names.RESPONSE_MODEL] = model
        if attempts > 1:
            self._later[names.ATTEMPTS] = attempts
        if cost.is_known:
            self._later[names.COST_USD] = float(cost.usd)

    def by_policy(self, who: ModelIdentity, *, failed_over: tuple[str, ...], is_from_cache: bool) -> None:
        """What a policy made of the exchange: who answered, in whose place, or that nobody was asked."""
        stands_in = bool(failed_over) and who != self._identity
        if failed_over:
            self._identity = who
        if not self._is_kept:
            return
        if is_from_cache:
            self._later[names.CACHE_HIT] = True
        if stands_in:
            operation = self._attributes[names.OPERATION_NAME]
            self._later.update({**server_attributes(who, who.model), names.OPERATION_NAME: operation})
            self._span.update_name(f"{operation} {who.model}")
        if failed_over:
            self._later[names.FAILED_OVER] = failed_over

    def _measure(self, instruments: Instruments, seconds: float) -> None:
        if self._identity is None:
            return
        attributes = server_attributes(self._identity, self._identity.model)
        attributes[names.OPERATION_NAME] = self._attributes[names.OPERATION_NAME]
        instruments.operation_duration.record(seconds, self._with_error(attributes))


class ToolScope(SpanScope):
    """One tool call."""

    __slots__ = ()

    def arguments(self, arguments: Mapping[str, object]) -> None:
        """What the tool is called with; recorded only with content on."""
        if (content := self._content) is not None:
            self._later[names.TOOL_CALL_ARGUMENTS] = content.tool_value(arguments)

    def result(self, result: object) -> None:
        """What the tool returned; recorded only with content on."""
        if (content := self._content) is not None:
            self._later[names.TOOL_CALL_RESULT] = content.tool_value(result)

    def failed(self, error_type: str, message: str = "") -> None:
        """The call failed and the model is told so; the run goes on. `message` is recorded only with content on."""
        if self._outlets is None:
            return
        self._error_type = error_type
        if not self._is_kept:
            return
        content = self._outlets.content
        self._later[names.ERROR_TYPE] = error_type
        self._span.set_status(StatusCode.ERROR, content.text(message) if content and message else error_type)

    def _entered(self, outlets: Outlets, context: Context) -> Context:
        if outlets.instruments is not None and isinstance(agent := context.get(_AGENT_KEY), AgentScope):
            agent.tool_calls += 1
        return context

    def _measure(self, instruments: Instruments, seconds: float) -> None:
        kept = {
            key: self._attributes[key]
            for key in (names.TOOL_NAME, names.TOOL_TYPE, names.AGENT_NAME)
            if key in self._attributes
        }
        instruments.tool_duration.record(seconds, self._with_error(kept))
