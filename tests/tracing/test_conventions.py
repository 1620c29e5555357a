"""What runs emit is accepted by the checker of the GenAI conventions, with nothing excused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from tracing.watched import (
    ANSWER,
    ARGUMENT,
    IDENTITY,
    MARKER,
    Watched,
    answering,
    calling,
    check,
    run_weather,
    weather_request,
)

from agentkit.errors import RateLimitError
from agentkit.telemetry.attempts import tell_attempts, tell_failed_attempt, tell_limit_wait


def test_a_plain_run_is_accepted(tmp_path: Path) -> None:
    watched = Watched()
    run_weather(watched.telemetry, conversation_id="session-7")
    check(tmp_path, watched, "--expect-no-content", "--forbid", MARKER)


def test_a_run_with_content_is_accepted(tmp_path: Path) -> None:
    watched = Watched(content=True)
    run_weather(watched.telemetry)
    assert ANSWER in watched.exported()
    assert ARGUMENT in watched.exported()
    check(tmp_path, watched, "--expect-content")


def test_messages_are_valid_under_the_older_conventions_too(tmp_path: Path) -> None:
    watched = Watched(content=True)
    run_weather(watched.telemetry)
    names = ("missing-required", "unknown-attribute", "renamed-attribute", "unknown-metric", "not-on-this-span")
    ignored = [word for name in names for word in ("--ignore", name)]
    check(tmp_path, watched, "--profile", "1.41.1", *ignored)


@pytest.mark.parametrize("content", [False, True])
def test_a_failing_tool_is_accepted_and_does_not_fail_the_run(tmp_path: Path, content: bool) -> None:
    watched = Watched(content=content)
    telemetry = watched.telemetry
    with telemetry.agent_span(name="weather"):
        with telemetry.model_span(identity=IDENTITY, request=weather_request()) as step:
            step.responded(calling("call_1"))
        with telemetry.tool_span(tool_name="get_weather", call_id="call_1", agent_name="weather") as tool:
            tool.arguments({"city": ARGUMENT})
            try:
                raise ValueError(f"no such city {ARGUMENT}")
            except ValueError as error:
                tool.raised(error)
        with telemetry.model_span(identity=IDENTITY, request=weather_request()) as step:
            step.responded(answering())
    assert not watched.span("execute_tool get_weather").status.is_ok
    assert watched.span("invoke_agent weather").status.is_unset
    check(tmp_path, watched, *(("--expect-content",) if content else ("--expect-no-content", "--forbid", MARKER)))


@pytest.mark.anyio
async def test_a_cancelled_stream_is_accepted(tmp_path: Path) -> None:
    watched = Watched()
    telemetry = watched.telemetry
    with (
        anyio.move_on_after(0),
        telemetry.agent_span(name="weather", model=IDENTITY),
        telemetry.model_span(identity=IDENTITY, request=weather_request(streamed=True)),
    ):
        await anyio.sleep_forever()
    chat, agent = watched.finished
    assert (chat.name, agent.name) == ("chat gpt-6-luna", "invoke_agent weather")
    assert chat.attributes and str(chat.attributes["error.type"]).rpartition(".")[2] in ("CancelledError", "Cancelled")
    assert not chat.status.is_ok and not agent.status.is_ok
    assert chat.events == ()
    check(tmp_path, watched, "--expect-no-content")


def test_a_failed_model_call_is_accepted(tmp_path: Path) -> None:
    watched = Watched(content=True)
    telemetry = watched.telemetry
    with (
        pytest.raises(RateLimitError),
        telemetry.agent_span(name="weather"),
        telemetry.model_span(identity=IDENTITY, request=weather_request()),
    ):
        raise RateLimitError("slow down", provider="openai", status=429, code="rate_limit_exceeded")
    check(tmp_path, watched, "--expect-content")


@pytest.mark.anyio
async def test_parallel_tools_and_a_sub_agent_are_accepted(tmp_path: Path) -> None:
    watched = Watched(content=True)
    telemetry = watched.telemetry

    async def call(id: str) -> None:
        with telemetry.tool_span(tool_name="get_weather", call_id=id, agent_name="planner") as tool:
            tool.arguments({"city": ARGUMENT})
            await anyio.lowlevel.checkpoint()
            with (
                telemetry.agent_span(name=f"expert {id}", model=IDENTITY),
                telemetry.model_span(identity=IDENTITY, request=weather_request()) as step,
            ):
                await anyio.lowlevel.checkpoint()
                step.responded(answering())
            tool.result("plain text")

    with telemetry.agent_span(name="planner", model=IDENTITY):
        with telemetry.model_span(identity=IDENTITY, request=weather_request(streamed=True)) as step:
            step.responded(calling("call_1", "call_2"), time_to_first_chunk=0.25)
        async with anyio.create_task_group() as group:
            group.start_soon(call, "call_1")
            group.start_soon(call, "call_2")
    planner = watched.span("invoke_agent planner")
    tools = [span for span in watched.finished if span.name == "execute_tool get_weather"]
    assert [span.parent and span.parent.span_id for span in tools] == [planner.context.span_id] * 2
    check(tmp_path, watched, "--expect-content")


def test_retries_waits_and_request_ids_are_accepted(tmp_path: Path) -> None:
    watched = Watched()
    error = RateLimitError(MARKER, status=429, attempts=1)
    with watched.telemetry.agent_span(name="weather", model=IDENTITY) as agent:
        agent.asked([])
        with watched.telemetry.model_span(identity=IDENTITY, request=weather_request()) as step:
            tell_limit_wait("60 requests per minute", seconds=3.2)
            tell_failed_attempt(error, wait_seconds=0.5)
            tell_attempts(2, waited_seconds=0.5)
            step.responded(replace(answering(), attempts=2, request_id="req-1"))

    chat = next(span for span in watched.finished if span.name.startswith("chat"))
    assert [event.name for event in chat.events] == ["agentkit.limit_waited", "agentkit.attempt_failed"]
    told = {name: value for name, value in (chat.attributes or {}).items() if name.startswith("agentkit.")}
    assert told == {
        "agentkit.attempts": 2,
        "agentkit.limit_wait_seconds": 3.2,
        "agentkit.request_id": "req-1",
        "agentkit.retry_wait_seconds": 0.5,
    }
    check(tmp_path, watched, "--expect-no-content", "--forbid", MARKER)
