"""Every span, metric and attribute name of agentkit, once; and the scopes in which a run's steps are watched.

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

import os
import re
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextvars import Token
from dataclasses import dataclass
from time import time_ns
from types import TracebackType
from typing import Final, Self

from opentelemetry import context as otel_context
from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.metrics import Histogram, Meter, MeterProvider
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, StatusCode, Tracer, TracerProvider
from opentelemetry.util.types import AttributeValue

from agentkit.content import ContentWriter, default_mask
from agentkit.errors import AgentkitError, ExchangeError
from agentkit.exchange import Request, Response
from agentkit.messages import AssistantMessage, Message
from agentkit.model import ModelIdentity
from agentkit.usage import Cost, Usage

__all__ = [
    "TELEMETRY",
    "AgentScope",
    "ModelScope",
    "SpanScope",
    "Telemetry",
    "TelemetryConfig",
    "ToolScope",
    "error_type_of",
]

SCOPE_NAME = "agentkit"
SCHEMA_URL = "https://opentelemetry.io/schemas/gen-ai/1.42.0"

INVOKE_AGENT = "invoke_agent"
EXECUTE_TOOL = "execute_tool"
CHAT = "chat"
GENERATE_CONTENT = "generate_content"

OPERATION_NAME = "gen_ai.operation.name"
PROVIDER_NAME = "gen_ai.provider.name"
AGENT_NAME = "gen_ai.agent.name"
AGENT_DESCRIPTION = "gen_ai.agent.description"
CONVERSATION_ID = "gen_ai.conversation.id"
OUTPUT_TYPE = "gen_ai.output.type"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens"
REQUEST_TEMPERATURE = "gen_ai.request.temperature"
REQUEST_TOP_P = "gen_ai.request.top_p"
REQUEST_STOP_SEQUENCES = "gen_ai.request.stop_sequences"
REQUEST_SEED = "gen_ai.request.seed"
REQUEST_REASONING_LEVEL = "gen_ai.request.reasoning.level"
RESPONSE_ID = "gen_ai.response.id"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_FINISH_REASONS = "gen_ai.response.finish_reasons"
RESPONSE_TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
USAGE_INPUT = "gen_ai.usage.input_tokens"
USAGE_OUTPUT = "gen_ai.usage.output_tokens"
USAGE_CACHE_READ = "gen_ai.usage.cache_read.input_tokens"
USAGE_CACHE_WRITE = "gen_ai.usage.cache_write.input_tokens"
USAGE_CACHE_CREATION = "gen_ai.usage.cache_creation.input_tokens"
"""The name of USAGE_CACHE_WRITE in 1.41.1, which some readers still know alone; both are written."""
USAGE_REASONING = "gen_ai.usage.reasoning.output_tokens"
SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
TOOL_DEFINITIONS = "gen_ai.tool.definitions"
TOOL_NAME = "gen_ai.tool.name"
TOOL_TYPE = "gen_ai.tool.type"
TOOL_DESCRIPTION = "gen_ai.tool.description"
TOOL_CALL_ID = "gen_ai.tool.call.id"
TOOL_CALL_ARGUMENTS = "gen_ai.tool.call.arguments"
TOOL_CALL_RESULT = "gen_ai.tool.call.result"
TOKEN_MODALITY = "gen_ai.token.modality"  # noqa: S105 - a name, not a secret
OPENAI_API_TYPE = "openai.api.type"
OPENAI_REQUEST_SERVICE_TIER = "openai.request.service_tier"
OPENAI_RESPONSE_SERVICE_TIER = "openai.response.service_tier"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
ERROR_TYPE = "error.type"
EXCEPTION_EVENT = "exception"
EXCEPTION_TYPE = "exception.type"
EXCEPTION_MESSAGE = "exception.message"
EXCEPTION_STACKTRACE = "exception.stacktrace"

OWN_PREFIX = "agentkit."
"""What `note` puts before its keys."""
ATTEMPTS = "agentkit.attempts"
COST_USD = "agentkit.cost_usd"

INFERENCE_DURATION = "gen_ai.client.inference.duration"
INFERENCE_TIME_TO_FIRST_CHUNK = "gen_ai.client.inference.time_to_first_chunk"
INFERENCE_USAGE = "gen_ai.client.inference.usage."
INVOKE_AGENT_DURATION = "gen_ai.invoke_agent.duration"
INVOKE_AGENT_INFERENCE_CALLS = "gen_ai.invoke_agent.inference_calls"
INVOKE_AGENT_TOOL_CALLS = "gen_ai.invoke_agent.tool_calls"
EXECUTE_TOOL_DURATION = "gen_ai.execute_tool.duration"

CAPTURE_CONTENT_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

_INFERENCE_SECONDS = tuple(0.01 * 2**power for power in range(14))
_AGENT_SECONDS = tuple(0.1 * 2**power for power in range(13))
_COUNTS = tuple(float(2**power) for power in range(8))

_OPENAI_API_TYPES = {"chat": "chat_completions", "chat_completions": "chat_completions", "responses": "responses"}

Attributes = dict[str, AttributeValue]


@dataclass(frozen=True, slots=True)
class TelemetryConfig:
    """Where spans and metrics go and what they may hold."""

    tracer_provider: TracerProvider | None = None
    """None means the global one, whenever it is set."""
    meter_provider: MeterProvider | None = None
    """None means the global one, whenever it is set."""
    content: bool | None = None
    """Whether prompts, answers, arguments and results are recorded; None asks the environment variable of the
    OpenTelemetry conventions (CAPTURE_CONTENT_VARIABLE), which says no unless set."""
    mask: Callable[[str], str] = default_mask
    """What every recorded text goes through."""
    stop: Callable[[], None] | None = None
    """Called when another configuration takes the place of this one."""


class Telemetry:
    """Makes the scopes of runs; `configure` changes where everything goes from then on.

    Global providers may be set at any time. That is looked up at every agent span, not at the spans inside: begin with
    `agent_span`, or ask `is_live`.
    """

    __slots__ = ("_config", "_is_live", "content", "instruments", "tracer")

    def __init__(self, config: TelemetryConfig | None = None) -> None:
        self._config = TelemetryConfig()
        self.content: ContentWriter | None = None
        self.tracer: Tracer | None = None
        self.instruments: _Instruments | None = None
        self._is_live = False
        self.configure(config or self._config)

    def configure(self, config: TelemetryConfig) -> None:
        """Take another configuration, from the next span on."""
        if self._config.stop is not None:
            self._config.stop()
        self._config = config
        self.content = self.tracer = self.instruments = None
        self._is_live = False
        if config.tracer_provider is not None or config.meter_provider is not None:
            self.is_live()

    def is_live(self) -> bool:
        """Whether anybody takes spans or metrics."""
        if self.tracer is not None and self.instruments is not None:
            return True
        if self.tracer is None:
            provider = self._config.tracer_provider or trace.get_tracer_provider()
            if not isinstance(provider, trace.ProxyTracerProvider | trace.NoOpTracerProvider):
                self.tracer = provider.get_tracer(SCOPE_NAME, schema_url=SCHEMA_URL)
                self.content = ContentWriter(self._config.mask) if self._wants_content() else None
        if self.instruments is None:
            meters = self._config.meter_provider or metrics.get_meter_provider()
            # The API's stand-in for "not set yet" has no public class.
            if type(meters).__name__ != "_ProxyMeterProvider" and not isinstance(meters, metrics.NoOpMeterProvider):
                self.instruments = _Instruments(meters.get_meter(SCOPE_NAME, schema_url=SCHEMA_URL))
        self._is_live = self.tracer is not None or self.instruments is not None
        return self._is_live

    def agent_span(
        self,
        *,
        name: str | None,
        model: ModelIdentity | None = None,
        conversation_id: str | None = None,
        description: str | None = None,
    ) -> AgentScope:
        """The scope of one run of an agent; `model` only if the agent has exactly one."""
        if not self.is_live():
            return _SILENT_AGENT
        attributes: Attributes = {OPERATION_NAME: INVOKE_AGENT}
        if name:
            attributes[AGENT_NAME] = name
        if description:
            attributes[AGENT_DESCRIPTION] = description
        if model is not None:
            attributes[REQUEST_MODEL] = model.model
        if conversation_id:
            attributes[CONVERSATION_ID] = conversation_id
        return AgentScope(self, f"{INVOKE_AGENT} {name}" if name else INVOKE_AGENT, attributes)

    def model_span(
        self, *, identity: ModelIdentity, request: Request, conversation_id: str | None = None
    ) -> ModelScope:
        """The scope of one model call, its retries included."""
        if not self._is_live:
            return _SILENT_MODEL
        attributes = _server_attributes(identity, request.model)
        _add_request(attributes, identity, request)
        if conversation_id:
            attributes[CONVERSATION_ID] = conversation_id
        return ModelScope(self, f"{attributes[OPERATION_NAME]} {request.model}", attributes, identity, request)

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
        if not self._is_live:
            return _SILENT_TOOL
        attributes: Attributes = {OPERATION_NAME: EXECUTE_TOOL, TOOL_NAME: tool_name, TOOL_TYPE: "function"}
        if call_id:
            attributes[TOOL_CALL_ID] = call_id
        if description:
            attributes[TOOL_DESCRIPTION] = description
        if agent_name:
            attributes[AGENT_NAME] = agent_name
        if conversation_id:
            attributes[CONVERSATION_ID] = conversation_id
        return ToolScope(self, f"{EXECUTE_TOOL} {tool_name}", attributes)

    def _wants_content(self) -> bool:
        if self._config.content is not None:
            return self._config.content
        return os.environ.get(CAPTURE_CONTENT_VARIABLE, "").lower() in ("true", "span_only", "span_and_event")


class SpanScope:
    """A span that is current inside `with`; what is learnt on the way is written to it once, at the end.

    An exception that passes through marks the span as failed and goes on. Raising is for failures alone: a run that
    pauses for a person leaves its scopes normally.
    """

    __slots__ = (
        "_attributes",
        "_error_type",
        "_kind",
        "_later",
        "_name",
        "_span",
        "_started_ns",
        "_telemetry",
        "_token",
    )

    def __init__(
        self, telemetry: Telemetry | None, name: str, attributes: Attributes, kind: SpanKind = SpanKind.INTERNAL
    ) -> None:
        self._telemetry = telemetry
        self._name = name
        self._kind = kind
        self._attributes = attributes
        self._later: Attributes = {}
        self._span: Span = INVALID_SPAN
        self._started_ns = 0
        self._error_type = ""
        self._token: Token[Context] | None = None

    def __enter__(self) -> Self:
        telemetry = self._telemetry
        if telemetry is None:
            return self
        self._started_ns = time_ns()
        context = otel_context.get_current()
        if telemetry.tracer is not None:
            self._span = telemetry.tracer.start_span(
                self._name, context, self._kind, self._attributes, start_time=self._started_ns
            )
            context = trace.set_span_in_context(self._span, context)
        self._token = otel_context.attach(self._entered(telemetry, context))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        telemetry = self._telemetry
        if telemetry is None:
            return
        if error is not None:
            self.raised(error)
        if self._token is not None:
            otel_context.detach(self._token)
        ended_ns = time_ns()
        if self._span.is_recording():
            if self._later:
                self._span.set_attributes(self._later)
            self._span.end(ended_ns)
        if telemetry.instruments is not None:
            self._measure(telemetry.instruments, (ended_ns - self._started_ns) / 1e9)

    @property
    def trace_id(self) -> str:
        """The trace's id in hexadecimal; empty when nobody takes spans."""
        context = self._span.get_span_context()
        return trace.format_trace_id(context.trace_id) if context.is_valid else ""

    @property
    def is_recording(self) -> bool:
        """Whether what is told to this scope is kept; ask before working out something dear."""
        return self._span.is_recording()

    def note(self, key: str, value: AttributeValue) -> None:
        """An attribute of our own, written as agentkit.<key>. Never content."""
        if self._telemetry is not None:
            self._later[OWN_PREFIX + key] = value

    def raised(self, error: BaseException) -> None:
        """The step failed with this exception; called for one that passes through, and by who caught it before."""
        if self._telemetry is None:
            return
        self._error_type = error_type_of(error)
        if not self._span.is_recording():
            return
        content = self._telemetry.content
        self._later[ERROR_TYPE] = self._error_type
        self._span.set_status(StatusCode.ERROR, content.text(str(error)) if content else _describe(error))
        if isinstance(error, Exception):  # a cancellation is nobody's mistake: its stack would be noise
            self._span.add_event(EXCEPTION_EVENT, _exception_attributes(error, content))

    def _entered(self, telemetry: Telemetry, context: Context) -> Context:
        """Write content that is known before the step, count the step; gives the context the step runs in."""
        return context

    def _measure(self, instruments: _Instruments, seconds: float) -> None:
        """Record the metrics of the step that ended."""

    def _with_error(self, attributes: Attributes) -> Attributes:
        if self._error_type:
            attributes[ERROR_TYPE] = self._error_type
        return attributes


class AgentScope(SpanScope):
    """One run of an agent. Usage is not written here: it sits on the model calls below, so that sums add up."""

    __slots__ = ("model_calls", "tool_calls")

    def __init__(self, telemetry: Telemetry | None, name: str, attributes: Attributes) -> None:
        super().__init__(telemetry, name, attributes)
        self.model_calls = 0
        self.tool_calls = 0

    def asked(self, messages: Sequence[Message]) -> None:
        """What the run was asked; recorded only with content on."""
        if self._telemetry is not None and (content := self._telemetry.content) and self.is_recording:
            self._later[INPUT_MESSAGES] = content.input_messages(messages)

    def answered(self, message: AssistantMessage) -> None:
        """What the run answered; recorded only with content on."""
        if self._telemetry is not None and (content := self._telemetry.content) and self.is_recording:
            self._later[OUTPUT_MESSAGES] = content.output_messages(message)

    def _entered(self, telemetry: Telemetry, context: Context) -> Context:
        if telemetry.instruments is None:
            return context
        return otel_context.set_value(_AGENT_KEY, self, context)  # so that calls below find whose they are

    def _measure(self, instruments: _Instruments, seconds: float) -> None:
        name = self._attributes.get(AGENT_NAME)
        attributes: Attributes = {AGENT_NAME: name} if name else {}
        instruments.agent_calls.record(self.model_calls, attributes)
        instruments.agent_tools.record(self.tool_calls, attributes)
        timed = dict(attributes)
        if REQUEST_MODEL in self._attributes:
            timed[REQUEST_MODEL] = self._attributes[REQUEST_MODEL]
        instruments.agent_duration.record(seconds, self._with_error(timed))


class ModelScope(SpanScope):
    """One model call."""

    __slots__ = ("_first_chunk_seconds", "_identity", "_request", "_response_model", "_usage")

    def __init__(
        self,
        telemetry: Telemetry | None,
        name: str,
        attributes: Attributes,
        identity: ModelIdentity | None = None,
        request: Request | None = None,
    ) -> None:
        remote = identity is not None and identity.is_remote
        super().__init__(telemetry, name, attributes, SpanKind.CLIENT if remote else SpanKind.INTERNAL)
        self._identity = identity
        self._request = request
        self._response_model = ""
        self._usage = _NO_USAGE
        self._first_chunk_seconds: float | None = None

    def responded(
        self, response: Response, *, time_to_first_chunk: float | None = None, cost: Cost | None = None
    ) -> None:
        """The answer came. `time_to_first_chunk` is in seconds and only for streamed calls."""
        if self._telemetry is None:
            return
        message = response.message
        self._usage = message.usage
        self._response_model = message.model
        self._first_chunk_seconds = time_to_first_chunk
        if not self._span.is_recording():
            return
        later = self._later
        later[RESPONSE_FINISH_REASONS] = (message.finish,)
        if message.response_id:
            later[RESPONSE_ID] = message.response_id
        if message.model:
            later[RESPONSE_MODEL] = message.model
        _add_usage(later, message.usage)
        if time_to_first_chunk is not None and REQUEST_STREAM in self._attributes:
            later[RESPONSE_TIME_TO_FIRST_CHUNK] = float(time_to_first_chunk)
        if response.attempts > 1:
            later[ATTEMPTS] = response.attempts
        if cost is not None and cost.is_known:
            later[COST_USD] = float(cost.usd)
        if OPENAI_API_TYPE in self._attributes and response.details.get("service_tier"):
            later[OPENAI_RESPONSE_SERVICE_TIER] = str(response.details["service_tier"])
        if (content := self._telemetry.content) is not None:
            later[OUTPUT_MESSAGES] = content.output_messages(message)

    def _entered(self, telemetry: Telemetry, context: Context) -> Context:
        if telemetry.instruments is not None and isinstance(agent := context.get(_AGENT_KEY), AgentScope):
            agent.model_calls += 1
        request, content = self._request, telemetry.content
        if content is None or request is None or not self._span.is_recording():
            return context
        self._later[INPUT_MESSAGES] = content.input_messages(request.messages)
        if request.instructions:
            self._later[SYSTEM_INSTRUCTIONS] = content.instructions(request.instructions)
        if request.tools:
            self._later[TOOL_DEFINITIONS] = content.tool_definitions(request.tools)
        return context

    def _measure(self, instruments: _Instruments, seconds: float) -> None:
        if self._identity is None or self._request is None:
            return
        attributes = _server_attributes(self._identity, self._request.model)
        if self._response_model:
            attributes[RESPONSE_MODEL] = self._response_model
        if self._first_chunk_seconds is not None:
            instruments.time_to_first_chunk.record(self._first_chunk_seconds, attributes)
        instruments.count(self._usage, {**attributes, TOKEN_MODALITY: "unknown"})  # providers seldom say which
        instruments.inference_duration.record(seconds, self._with_error(attributes))


class ToolScope(SpanScope):
    """One tool call."""

    __slots__ = ()

    def arguments(self, arguments: Mapping[str, object]) -> None:
        """What the tool is called with; recorded only with content on."""
        if self._telemetry is not None and (content := self._telemetry.content) and self.is_recording:
            self._later[TOOL_CALL_ARGUMENTS] = content.tool_value(arguments)

    def result(self, result: object) -> None:
        """What the tool returned; recorded only with content on."""
        if self._telemetry is not None and (content := self._telemetry.content) and self.is_recording:
            self._later[TOOL_CALL_RESULT] = content.tool_value(result)

    def failed(self, error_type: str, message: str = "") -> None:
        """The call failed and the model is told so; the run goes on. `message` is recorded only with content on."""
        if self._telemetry is None:
            return
        self._error_type = error_type
        if not self._span.is_recording():
            return
        content = self._telemetry.content
        self._later[ERROR_TYPE] = error_type
        self._span.set_status(StatusCode.ERROR, content.text(message) if content and message else error_type)

    def _entered(self, telemetry: Telemetry, context: Context) -> Context:
        if telemetry.instruments is not None and isinstance(agent := context.get(_AGENT_KEY), AgentScope):
            agent.tool_calls += 1
        return context

    def _measure(self, instruments: _Instruments, seconds: float) -> None:
        kept = {key: self._attributes[key] for key in (TOOL_NAME, TOOL_TYPE, AGENT_NAME) if key in self._attributes}
        instruments.tool_duration.record(seconds, self._with_error(kept))


def error_type_of(error: BaseException) -> str:
    """The error.type of an exception: a provider's code, an HTTP status, "timeout", or the class; never its message."""
    if isinstance(error, ExchangeError):
        for known in (error.code, error.error_type):
            if known and _PLAIN_CODE.fullmatch(known):
                return known
        if error.status is not None:
            return str(error.status)
        if isinstance(error, TimeoutError):
            return "timeout"
    return _class_name(error)


class _Instruments:
    """The metrics, made once per meter provider."""

    __slots__ = (
        "agent_calls", "agent_duration", "agent_tools", "inference_duration", "time_to_first_chunk", "tool_duration",
        "usage",
    )  # fmt: skip

    def __init__(self, meter: Meter) -> None:
        def histogram(name: str, unit: str, bounds: Sequence[float]) -> Histogram:
            return meter.create_histogram(name, unit, explicit_bucket_boundaries_advisory=bounds)

        self.inference_duration = histogram(INFERENCE_DURATION, "s", _INFERENCE_SECONDS)
        self.time_to_first_chunk = histogram(INFERENCE_TIME_TO_FIRST_CHUNK, "s", _INFERENCE_SECONDS)
        self.agent_duration = histogram(INVOKE_AGENT_DURATION, "s", _AGENT_SECONDS)
        self.agent_calls = histogram(INVOKE_AGENT_INFERENCE_CALLS, "{inference_call}", _COUNTS)
        self.agent_tools = histogram(INVOKE_AGENT_TOOL_CALLS, "{tool_call}", _COUNTS)
        self.tool_duration = histogram(EXECUTE_TOOL_DURATION, "s", _INFERENCE_SECONDS)
        self.usage = tuple(
            meter.create_counter(INFERENCE_USAGE + name, "{token}")
            for name in (
                "input_tokens", "output_tokens", "cache_read.input_tokens", "cache_write.input_tokens",
                "reasoning.output_tokens",
            )
        )  # fmt: skip

    def count(self, usage: Usage, attributes: Attributes) -> None:
        """Add to the token counters; a failed call adds zeros, so that it is seen."""
        amounts = (usage.total_input, usage.total_output, usage.cache_read, usage.cache_write, usage.reasoning)
        for counter, amount in zip(self.usage, amounts, strict=True):
            counter.add(amount, attributes)


def _server_attributes(identity: ModelIdentity, model: str) -> Attributes:
    """What spans and metrics of a model call share."""
    provider = identity.otel_provider or identity.provider
    attributes: Attributes = {
        OPERATION_NAME: GENERATE_CONTENT if _is_gemini(identity) else CHAT,
        PROVIDER_NAME: provider,
        REQUEST_MODEL: model,
    }
    if identity.address and identity.is_remote:
        attributes[SERVER_ADDRESS] = identity.address
        attributes[SERVER_PORT] = identity.port or 443
    return attributes


def _is_gemini(identity: ModelIdentity) -> bool:
    """Whether it is Google's own format: Google serves other formats too, which count as chats."""
    if identity.api:
        return identity.api == GENERATE_CONTENT
    return identity.provider == "google" or identity.otel_provider.startswith("gcp.")


def _add_request(attributes: Attributes, identity: ModelIdentity, request: Request) -> None:
    if request.is_streamed:
        attributes[REQUEST_STREAM] = True
    if request.output is not None:
        attributes[OUTPUT_TYPE] = "json"
    if attributes[PROVIDER_NAME] == "openai" and (api := _OPENAI_API_TYPES.get(identity.api)):
        attributes[OPENAI_API_TYPE] = api
    settings = request.settings
    if settings is _DEFAULT_SETTINGS:
        return
    if settings.max_output_tokens is not None:
        attributes[REQUEST_MAX_TOKENS] = settings.max_output_tokens
    if settings.temperature is not None:
        attributes[REQUEST_TEMPERATURE] = float(settings.temperature)  # 0 would be written as an integer
    if settings.top_p is not None:
        attributes[REQUEST_TOP_P] = float(settings.top_p)
    if settings.stop:
        attributes[REQUEST_STOP_SEQUENCES] = settings.stop
    if settings.seed is not None:
        attributes[REQUEST_SEED] = settings.seed
    if settings.reasoning is not None:
        attributes[REQUEST_REASONING_LEVEL] = settings.reasoning
    if settings.service_tier is not None and OPENAI_API_TYPE in attributes:
        attributes[OPENAI_REQUEST_SERVICE_TIER] = settings.service_tier


def _add_usage(attributes: Attributes, usage: Usage) -> None:
    attributes[USAGE_INPUT] = usage.total_input
    attributes[USAGE_OUTPUT] = usage.total_output
    if usage.cache_read:
        attributes[USAGE_CACHE_READ] = usage.cache_read
    if usage.cache_write:
        attributes[USAGE_CACHE_WRITE] = usage.cache_write
        attributes[USAGE_CACHE_CREATION] = usage.cache_write
    if usage.reasoning:
        attributes[USAGE_REASONING] = usage.reasoning


def _class_name(error: BaseException) -> str:
    kind = type(error)
    if kind.__module__ == "builtins":
        return kind.__name__
    module = SCOPE_NAME if kind.__module__ == AgentkitError.__module__ else kind.__module__
    return f"{module}.{kind.__qualname__}".replace(".<locals>", "")[-120:]


def _describe(error: BaseException) -> str:
    """What went wrong, in words that cannot hold content: what the class of one of our errors says of itself."""
    meaning = (type(error).__doc__ or "").partition("\n")[0] if isinstance(error, AgentkitError) else ""
    status = f" (HTTP {error.status})" if isinstance(error, ExchangeError) and error.status is not None else ""
    return (meaning or _class_name(error)) + status


def _exception_attributes(error: Exception, content: ContentWriter | None) -> Attributes:
    if content is not None:
        return {
            EXCEPTION_TYPE: _class_name(error),
            EXCEPTION_MESSAGE: content.text(str(error)),
            EXCEPTION_STACKTRACE: content.text("".join(traceback.format_exception(error))),
        }
    # No source lines: a literal in one may be what must not leave.
    places = [
        f'  File "{frame.f_code.co_filename}", line {line}, in {frame.f_code.co_name}'
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    return {EXCEPTION_TYPE: _class_name(error), EXCEPTION_STACKTRACE: "\n".join([*places, _class_name(error)])}


_PLAIN_CODE = re.compile(r"[\w.:/-]{1,64}")
_AGENT_KEY = otel_context.create_key("agentkit-agent")
_NO_USAGE = Usage()
_DEFAULT_SETTINGS = Request.__dataclass_fields__["settings"].default

_SILENT_AGENT = AgentScope(None, "", {})
_SILENT_MODEL = ModelScope(None, "", {})
_SILENT_TOOL = ToolScope(None, "", {})

TELEMETRY: Final = Telemetry()
"""What runs use; `agentkit.tracing.configure` says where it sends everything."""
