from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode
from tracing.watched import (
    ARGUMENT,
    IDENTITY,
    MARKER,
    Watched,
    answering,
    calling,
    run_weather,
    weather_request,
)

from agentkit.errors import (
    BudgetExceededError,
    DeadlineError,
    ExchangeError,
    OutputError,
    RateLimitError,
    ServerError,
    ToolError,
)
from agentkit.exchange import OutputFormat, Response
from agentkit.models import ModelIdentity
from agentkit.settings import Settings
from agentkit.telemetry import Telemetry, TelemetryConfig, error_type_of
from agentkit.telemetry.names import CAPTURE_CONTENT_VARIABLE
from agentkit.usage import Cost, Usage


class CityError(Exception):
    pass


def attributes_of(watched: Watched, name: str) -> dict[str, Any]:
    return dict(watched.span(name).attributes or {})


def test_without_an_sdk_scopes_are_shared_objects_that_do_nothing() -> None:
    telemetry = Telemetry()
    before = trace.get_current_span()
    first = telemetry.agent_span(name="a")
    with first as agent:
        with telemetry.model_span(identity=IDENTITY, request=weather_request()) as step:
            step.responded(answering())
        with telemetry.tool_span(tool_name="t") as tool:
            tool.arguments({"city": ARGUMENT})
            tool.failed("boom")
            tool.raised(ValueError("boom"))
            tool.note("result.truncated", True)
        assert trace.get_current_span() is before
    assert first is telemetry.agent_span(name="b")
    assert (agent.trace_id, agent.is_recording, step.is_recording, tool.is_recording) == ("", False, False, False)


def test_a_span_is_current_inside_its_scope_and_the_old_one_after_it() -> None:
    watched = Watched()
    with watched.telemetry.agent_span(name="weather") as agent:
        assert trace.format_trace_id(trace.get_current_span().get_span_context().trace_id) == agent.trace_id
    assert not trace.get_current_span().get_span_context().is_valid


def test_a_model_call_says_what_was_asked_for_and_what_came() -> None:
    watched = Watched()
    settings = Settings(
        max_output_tokens=300, temperature=0, top_p=1, stop=("END",), seed=7, reasoning="low", service_tier="flex"
    )
    request = replace(
        weather_request(streamed=True), settings=settings, output=OutputFormat("answer", {"type": "object"})
    )
    response = Response(calling("call_1").message, details={"service_tier": "default"}, attempts=3)
    with watched.telemetry.model_span(identity=IDENTITY, request=request, conversation_id="session-7") as step:
        step.responded(response, time_to_first_chunk=0.5, cost=Cost(0.0011))
        step.note("replayed", True)
    span = watched.span("chat gpt-6-luna")
    assert span.kind is SpanKind.CLIENT
    assert span.status.status_code is StatusCode.UNSET
    assert dict(span.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-6-luna",
        "server.address": "api.openai.com",
        "server.port": 443,
        "gen_ai.request.stream": True,
        "gen_ai.output.type": "json",
        "openai.api.type": "chat_completions",
        "gen_ai.request.max_tokens": 300,
        "gen_ai.request.temperature": 0.0,
        "gen_ai.request.top_p": 1.0,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.request.seed": 7,
        "gen_ai.request.reasoning.level": "low",
        "openai.request.service_tier": "flex",
        "gen_ai.conversation.id": "session-7",
        "gen_ai.response.finish_reasons": ("tool_calls",),
        "gen_ai.response.id": "resp_1",
        "gen_ai.response.model": "gpt-6-luna-2026-09-01",
        "gen_ai.usage.input_tokens": 128,
        "gen_ai.usage.output_tokens": 32,
        "gen_ai.usage.cache_read.input_tokens": 20,
        "gen_ai.usage.cache_write.input_tokens": 8,
        "gen_ai.usage.cache_creation.input_tokens": 8,
        "gen_ai.usage.reasoning.output_tokens": 2,
        "gen_ai.response.time_to_first_chunk": 0.5,
        "agentkit.attempts": 3,
        "agentkit.cost_usd": 0.0011,
        "openai.response.service_tier": "default",
        "agentkit.replayed": True,
    }
    assert isinstance(attributes_of(watched, "chat gpt-6-luna")["gen_ai.request.temperature"], float)


@pytest.mark.parametrize(
    ("identity", "operation", "provider", "kind"),
    [
        (ModelIdentity("anthropic", "m", api="messages"), "chat", "anthropic", SpanKind.CLIENT),
        (ModelIdentity("google", "m", "gcp.gemini"), "generate_content", "gcp.gemini", SpanKind.CLIENT),
        (ModelIdentity("google", "m", "gcp.gemini", api="chat"), "chat", "gcp.gemini", SpanKind.CLIENT),
        (ModelIdentity("offline", "m", is_remote=False), "chat", "offline", SpanKind.INTERNAL),
    ],
)
def test_the_identity_decides_operation_provider_and_kind(
    identity: ModelIdentity, operation: str, provider: str, kind: SpanKind
) -> None:
    watched = Watched()
    with watched.telemetry.model_span(identity=identity, request=replace(weather_request(), model="m")):
        pass
    (span,) = watched.finished
    assert span.name == f"{operation} m"
    assert span.kind is kind
    assert dict(span.attributes or {}) == {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": "m",
    }


def test_a_cost_that_is_not_known_is_not_written() -> None:
    watched = Watched()
    with watched.telemetry.model_span(identity=IDENTITY, request=weather_request()) as step:
        step.responded(answering(), cost=Cost.unknown)
    assert "agentkit.cost_usd" not in attributes_of(watched, "chat gpt-6-luna")


def test_an_agent_carries_no_provider_and_no_usage() -> None:
    watched = Watched()
    run_weather(watched.telemetry, conversation_id="session-7")
    assert attributes_of(watched, "invoke_agent weather") == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "weather",
        "gen_ai.request.model": "gpt-6-luna",
        "gen_ai.conversation.id": "session-7",
    }


def test_a_nameless_agent_has_a_short_span_name() -> None:
    watched = Watched()
    with watched.telemetry.agent_span(name=None, description="Knows the weather."):
        pass
    assert attributes_of(watched, "invoke_agent") == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.description": "Knows the weather.",
    }


def test_nothing_that_was_said_leaves_while_content_is_off() -> None:
    watched = Watched()
    run_weather(watched.telemetry)
    with (
        pytest.raises(ToolError),
        watched.telemetry.agent_span(name="weather"),
        watched.telemetry.tool_span(tool_name="get_weather", call_id="c", description="Weather.") as tool,
    ):
        tool.arguments({"city": ARGUMENT})
        try:
            raise CityError(f"no city {ARGUMENT}")
        except CityError as error:
            raise ToolError("MARKER in one of our own errors") from error
    exported = watched.exported()
    assert MARKER not in exported
    assert "ToolError" in exported


def test_an_exception_keeps_its_places_and_loses_its_words_while_content_is_off() -> None:
    watched = Watched()
    with pytest.raises(CityError), watched.telemetry.tool_span(tool_name="get_weather"):
        raise CityError("MARKER")
    span = watched.span("execute_tool get_weather")
    (event,) = span.events
    name = f"{CityError.__module__}.CityError"
    assert span.status.description == name
    assert attributes_of(watched, span.name)["error.type"] == name
    kept = dict(event.attributes or {})
    assert set(kept) == {"exception.type", "exception.stacktrace"}
    assert kept["exception.type"] == name
    assert "in test_an_exception_keeps_its_places" in str(kept["exception.stacktrace"])


def test_an_exception_is_told_in_full_and_masked_while_content_is_on() -> None:
    watched = Watched(content=True)
    with pytest.raises(CityError), watched.telemetry.tool_span(tool_name="get_weather"):
        raise CityError("ask ada@example.com")
    span = watched.span("execute_tool get_weather")
    (event,) = span.events
    assert span.status.description == "ask [masked]"
    assert (event.attributes or {})["exception.message"] == "ask [masked]"
    assert "ada@example.com" not in watched.exported()


def test_our_own_errors_say_what_they_mean_without_their_text() -> None:
    watched = Watched()
    with pytest.raises(RateLimitError), watched.telemetry.model_span(identity=IDENTITY, request=weather_request()):
        raise RateLimitError("MARKER", status=429)
    status = watched.span("chat gpt-6-luna").status
    assert status.description == "Too many requests or tokens for now; waiting helps. (HTTP 429)"


@pytest.mark.parametrize(
    ("error", "error_type"),
    [
        (ValueError("x"), "ValueError"),
        (CityError("x"), f"{CityError.__module__}.CityError"),
        (asyncio.CancelledError(), "asyncio.exceptions.CancelledError"),
        (RateLimitError("x", status=429, code="rate_limit_exceeded"), "rate_limit_exceeded"),
        (RateLimitError("x", status=429, code="you have used too much"), "429"),
        (ServerError("x", status=500, error_type="server_error"), "server_error"),
        (ServerError("x", status=502), "502"),
        (DeadlineError("x"), "timeout"),
        (ExchangeError("x"), "agentkit.ExchangeError"),
        (BudgetExceededError("usd", allowed=1, used=1, wanted=1), "agentkit.BudgetExceededError"),
        (OutputError("x", text="x", complaints=[]), "agentkit.OutputError"),
    ],
)
def test_error_types_are_codes_or_classes(error: BaseException, error_type: str) -> None:
    assert error_type_of(error) == error_type


def test_a_failure_told_to_the_model_fails_the_tool_span_alone() -> None:
    watched = Watched(content=True)
    with watched.telemetry.agent_span(name="weather"), watched.telemetry.tool_span(tool_name="t", call_id="c") as tool:
        tool.failed("invalid_arguments", "at city: a string was expected")
    status = watched.span("execute_tool t").status
    assert (status.status_code, status.description) == (StatusCode.ERROR, "at city: a string was expected")
    assert attributes_of(watched, "execute_tool t")["error.type"] == "invalid_arguments"
    assert watched.span("invoke_agent weather").status.status_code is StatusCode.UNSET


def test_metrics_count_durations_tokens_and_calls() -> None:
    watched = Watched()
    run_weather(watched.telemetry)
    model = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-6-luna",
        "server.address": "api.openai.com",
        "server.port": "443",
        "gen_ai.response.model": "gpt-6-luna-2026-09-01",
    }
    (duration,) = watched.points("gen_ai.client.inference.duration")
    assert (duration["count"], duration["attributes"]) == (2, model)
    chats = [span for span in watched.finished if span.name.startswith("chat")]
    spans = sum(((span.end_time or 0) - (span.start_time or 0)) / 1e9 for span in chats)
    assert duration["sum"] == pytest.approx(spans)
    for name, total in (
        ("input_tokens", 312),
        ("output_tokens", 88),
        ("cache_read.input_tokens", 20),
        ("cache_write.input_tokens", 8),
        ("reasoning.output_tokens", 2),
    ):
        (point,) = watched.points(f"gen_ai.client.inference.usage.{name}")
        assert (point["asInt"], point["attributes"]) == (total, {**model, "gen_ai.token.modality": "unknown"})
    (calls,) = watched.points("gen_ai.invoke_agent.inference_calls")
    assert (calls["sum"], calls["attributes"]) == (2, {"gen_ai.agent.name": "weather"})
    (tools,) = watched.points("gen_ai.invoke_agent.tool_calls")
    assert (tools["sum"], tools["attributes"]) == (1, {"gen_ai.agent.name": "weather"})
    (tool,) = watched.points("gen_ai.execute_tool.duration")
    assert tool["attributes"] == {
        "gen_ai.tool.name": "get_weather",
        "gen_ai.tool.type": "function",
        "gen_ai.agent.name": "weather",
    }


def test_a_failed_call_is_counted_with_its_error_and_no_tokens() -> None:
    watched = Watched()
    with (
        pytest.raises(ServerError),
        watched.telemetry.agent_span(name="weather"),
        watched.telemetry.model_span(identity=IDENTITY, request=weather_request()),
    ):
        raise ServerError("x", status=503)
    (duration,) = watched.points("gen_ai.client.inference.duration")
    assert duration["attributes"]["error.type"] == "503"
    (tokens,) = watched.points("gen_ai.client.inference.usage.input_tokens")
    assert tokens["asInt"] == 0
    (calls,) = watched.points("gen_ai.invoke_agent.inference_calls")
    assert calls["sum"] == 1
    (agent,) = watched.points("gen_ai.invoke_agent.duration")
    assert agent["attributes"] == {"gen_ai.agent.name": "weather", "error.type": "503"}


def test_time_to_first_chunk_is_measured_for_streamed_calls() -> None:
    watched = Watched()
    with watched.telemetry.model_span(identity=IDENTITY, request=weather_request(streamed=True)) as step:
        step.responded(answering(), time_to_first_chunk=0.25)
    (point,) = watched.points("gen_ai.client.inference.time_to_first_chunk")
    assert point["sum"] == 0.25


def test_calls_of_a_sub_agent_are_not_those_of_its_caller() -> None:
    watched = Watched()
    telemetry = watched.telemetry
    with telemetry.agent_span(name="planner") as planner:
        with telemetry.tool_span(tool_name="ask_expert", call_id="c"):
            run_weather(telemetry, name="expert")
        with telemetry.model_span(identity=IDENTITY, request=weather_request()):
            pass
    assert (planner.model_calls, planner.tool_calls) == (1, 1)


def test_metrics_work_without_spans_and_leave_a_foreign_span_current() -> None:
    watched = Watched()
    meters = Telemetry(TelemetryConfig(tracer_provider=trace.NoOpTracerProvider(), meter_provider=watched.meters))
    foreign = TracerProvider().get_tracer("t").start_span("outer")
    with trace.use_span(foreign), meters.agent_span(name="weather") as agent:
        assert trace.get_current_span() is foreign
        with meters.tool_span(tool_name="t"):
            pass
    assert (agent.trace_id, agent.tool_calls) == ("", 1)
    (calls,) = watched.points("gen_ai.invoke_agent.tool_calls")
    assert calls["sum"] == 1


def test_a_run_that_is_not_sampled_records_nothing_and_keeps_its_trace_id() -> None:
    telemetry = Telemetry(TelemetryConfig(tracer_provider=TracerProvider(sampler=ALWAYS_OFF), content=True))
    with (
        telemetry.agent_span(name="weather") as agent,
        telemetry.model_span(identity=IDENTITY, request=weather_request()) as step,
    ):
        step.responded(answering())
        step.raised(ValueError("boom"))
    with telemetry.tool_span(tool_name="t") as tool:
        tool.failed("boom")
    assert len(agent.trace_id) == 32
    assert (agent.is_recording, tool.is_recording_content) == (False, False)


@pytest.mark.parametrize(
    ("value", "is_captured"),
    [("SPAN_ONLY", True), ("span_and_event", True), ("true", True), ("EVENT_ONLY", False), ("NO_CONTENT", False)],
)
def test_the_environment_may_ask_for_content(monkeypatch: pytest.MonkeyPatch, value: str, is_captured: bool) -> None:
    monkeypatch.setenv(CAPTURE_CONTENT_VARIABLE, value)
    telemetry = Telemetry(TelemetryConfig(tracer_provider=TracerProvider()))
    assert (telemetry.content is not None) is is_captured


def test_another_configuration_stops_the_one_before() -> None:
    stopped: list[str] = []
    telemetry = Telemetry(TelemetryConfig(stop=lambda: stopped.append("first")))
    telemetry.configure(TelemetryConfig())
    telemetry.configure(TelemetryConfig())
    assert stopped == ["first"]


def test_an_answer_without_id_and_model_leaves_them_out() -> None:
    watched = Watched()
    response = Response(replace(answering().message, model="", response_id=""))
    with watched.telemetry.model_span(identity=IDENTITY, request=weather_request()) as step:
        step.responded(response)
    assert not {"gen_ai.response.id", "gen_ai.response.model"} & set(attributes_of(watched, "chat gpt-6-luna"))


def test_a_request_of_a_bare_prompt_has_neither_instructions_nor_tools() -> None:
    watched = Watched(content=True)
    request = replace(weather_request(), instructions="", tools=())
    with watched.telemetry.model_span(identity=IDENTITY, request=request) as step:
        assert step.is_recording_content
    found = {name for name in attributes_of(watched, "chat gpt-6-luna") if "messages" in name or "tool" in name}
    assert found == {"gen_ai.input.messages"}
    assert "gen_ai.system_instructions" not in attributes_of(watched, "chat gpt-6-luna")


def test_a_mask_that_fails_is_heard_of_and_leaves_no_span_open() -> None:
    def broken(text: str) -> str:
        raise ZeroDivisionError(text)

    watched = Watched(content=True, config={"mask": broken})
    with (
        pytest.raises(ZeroDivisionError),
        watched.telemetry.agent_span(name="a"),
        watched.telemetry.model_span(identity=IDENTITY, request=weather_request()),
    ):
        raise AssertionError("never reached")
    assert [span.name for span in watched.finished] == ["chat gpt-6-luna", "invoke_agent a"]
    assert not trace.get_current_span().get_span_context().is_valid


def test_usage_of_nothing_is_written_as_zero() -> None:
    watched = Watched()
    response = Response(replace(answering().message, usage=Usage()))
    with watched.telemetry.model_span(identity=IDENTITY, request=weather_request()) as step:
        step.responded(response)
    found = attributes_of(watched, "chat gpt-6-luna")
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (0, 0)
