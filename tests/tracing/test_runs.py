"""Real runs, watched: what their spans say is accepted by the checker, and holds nothing that was said unasked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from tracing.watched import MARKER, Watched, check

from agentkit.agent import Agent
from agentkit.errors import RateLimitError
from agentkit.testing.scripted import ScriptedModel, ScriptedTurn, calls
from agentkit.tools import tool
from agentkit.tracing.configure import configure

pytestmark = pytest.mark.anyio

CALL = calls(("get_weather", {"city": "Paris MARKER"}))
ANSWER = "It rains, MARKER"
PROMPT = "What is the weather? MARKER"


@pytest.fixture(params=[False, True], ids=["content off", "content on"])
def watched(request: pytest.FixtureRequest) -> Iterator[Watched]:
    watched = Watched()
    configure(tracer_provider=watched.provider, meter_provider=watched.meters, content=request.param)
    watched.content = request.param
    yield watched
    configure()


@tool
async def get_weather(city: str) -> dict[str, str]:
    """Current weather for a city.

    Args:
        city: City name.
    """
    await anyio.lowlevel.checkpoint()
    if city == "Atlantis MARKER":
        raise LookupError(f"no city {city}")
    return {"city": city, "sky": "rain MARKER"}


def weather_agent(*turns: ScriptedTurn) -> Agent[object, str]:
    model = ScriptedModel(*turns, provider="openai", model="gpt-6-luna")
    return Agent(model, tools=[get_weather], instructions="Be brief. MARKER", name="weather")


def check_run(folder: Path, watched: Watched) -> None:
    if watched.content:
        check(folder, watched, "--expect-content")
        return
    assert MARKER not in watched.exported()
    check(folder, watched, "--expect-no-content", "--forbid", MARKER)


async def test_a_plain_run(watched: Watched, tmp_path: Path) -> None:
    result = await weather_agent(CALL, ANSWER).run(PROMPT)
    assert [span.name for span in watched.finished] == [
        "chat gpt-6-luna",
        "execute_tool get_weather",
        "chat gpt-6-luna",
        "invoke_agent weather",
    ]
    assert {format(span.context.trace_id, "032x") for span in watched.finished} == {result.trace_id}
    check_run(tmp_path, watched)


async def test_a_failing_tool_and_invalid_arguments(watched: Watched, tmp_path: Path) -> None:
    turn = calls(("get_weather", {"city": "Atlantis MARKER"}), ("get_weather", {"town": "MARKER"}))
    await weather_agent(turn, ANSWER).run(PROMPT)
    tools = [dict(span.attributes or {}) for span in watched.finished if span.name == "execute_tool get_weather"]
    assert {found["error.type"] for found in tools} == {"LookupError", "invalid_arguments"}
    check_run(tmp_path, watched)


async def test_parallel_tools(watched: Watched, tmp_path: Path) -> None:
    turn = calls(*(("get_weather", {"city": f"{name} MARKER"}) for name in ("Paris", "Rome", "Oslo")))
    await weather_agent(turn, ANSWER).run(PROMPT)
    (point,) = watched.points("gen_ai.invoke_agent.tool_calls")
    assert point["sum"] == 3
    check_run(tmp_path, watched)


async def test_a_failed_model_call(watched: Watched, tmp_path: Path) -> None:
    error = RateLimitError("slow down, MARKER", provider="openai", status=429, code="rate_limit_exceeded")
    with pytest.raises(RateLimitError):
        await weather_agent(error).run(PROMPT)
    assert [dict(span.attributes or {})["error.type"] for span in watched.finished] == ["rate_limit_exceeded"] * 2
    check_run(tmp_path, watched)


async def test_a_stream_that_is_left_early(watched: Watched, tmp_path: Path) -> None:
    async with weather_agent(ANSWER * 100).stream(PROMPT) as run:
        async for _ in run:
            break
    assert [span.status.is_ok for span in watched.finished] == [False, False]
    check_run(tmp_path, watched)


async def test_a_whole_stream(watched: Watched, tmp_path: Path) -> None:
    async with weather_agent(CALL, ANSWER).stream(PROMPT) as run:
        async for _ in run:
            pass
    chats = [dict(span.attributes or {}) for span in watched.finished if span.name == "chat gpt-6-luna"]
    assert [found["gen_ai.request.stream"] for found in chats] == [True, True]
    assert all(found["gen_ai.response.time_to_first_chunk"] >= 0 for found in chats)
    check_run(tmp_path, watched)


async def test_a_sub_agent(watched: Watched, tmp_path: Path) -> None:
    expert = weather_agent(CALL, ANSWER).as_tool(name="ask_expert", description="Knows the weather.")
    model = ScriptedModel(calls(("ask_expert", {"prompt": PROMPT})), ANSWER, provider="openai", model="gpt-6-luna")
    await Agent(model, tools=[expert], name="planner").run(PROMPT)
    tool_span, inner = watched.span("execute_tool ask_expert"), watched.span("invoke_agent weather")
    assert inner.parent and inner.parent.span_id == tool_span.context.span_id
    counted = {
        point["attributes"]["gen_ai.agent.name"]: point["sum"]
        for point in watched.points("gen_ai.invoke_agent.inference_calls")
    }
    assert counted == {"planner": 2, "weather": 2}
    check_run(tmp_path, watched)
