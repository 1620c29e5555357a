"""Whole runs against a loopback server that speaks generateContent, on both event loops."""

from __future__ import annotations

import pytest
from canaries import KEY
from providers.google.content_strategies import SIGNED
from providers.google.test_provider import ROW

from agentkit.agent import Agent
from agentkit.errors import RateLimitError
from agentkit.exchange import Response
from agentkit.messages import AssistantMessage, Returned, Thinking, ToolCall
from agentkit.providers.google.provider import connect
from agentkit.providers.table import Options
from agentkit.settings import Settings
from agentkit.simulator.plan import Rule
from agentkit.simulator.server import simulate
from agentkit.simulator.status_faults import Status
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import tool

pytestmark = pytest.mark.anyio

STEP = Response(
    AssistantMessage(
        (
            Thinking("Two cities."),
            ToolCall("", "get_weather", '{"city":"Paris"}', provider_data=SIGNED),
            ToolCall("", "get_weather", '{"city":"Rome"}'),
        ),
        "gemini-3.8-flash",
        finish="tool_calls",
    ),
    "STOP",
)


@tool
def get_weather(city: str) -> str:
    """Current weather for a city.

    Args:
        city: City name.
    """
    return f"sunny in {city}"


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_runs_tools_and_sends_signatures_back_in_their_places(*, is_streamed: bool) -> None:
    script = ScriptedModel(STEP, "Sunny in both.")
    async with simulate(script, faults=[Rule((Status(503),), first=1)]) as simulator:
        model = connect(ROW, "gemini-3.8-flash", Options(api_key=KEY, base_url=simulator.url))
        agent = Agent(model, tools=[get_weather], settings=Settings(stream=is_streamed))
        result = await agent.run("Weather in Paris and Rome?")
        assert simulator.count == 3
    assert result.output == "Sunny in both."
    answer = script.requests[1].messages[1]
    assert isinstance(answer, AssistantMessage)
    assert answer.calls == (
        ToolCall("", "get_weather", '{"city":"Paris"}', Returned("sunny in Paris"), SIGNED),
        ToolCall("", "get_weather", '{"city":"Rome"}', Returned("sunny in Rome")),
    )
    assert answer.thinking == "Two cities."


async def test_a_rate_limit_is_waited_for_as_the_body_says_and_then_told() -> None:
    async with simulate(ScriptedModel("hi"), faults=[Rule((Status(429, 0.02),))]) as simulator:
        model = connect(ROW, "gemini-3.8-flash", Options(api_key=KEY, base_url=simulator.url))
        with pytest.raises(RateLimitError) as caught:
            await Agent(model).run("hi")
        assert simulator.count == 3
    assert caught.value.attempts == 3
    assert caught.value.error_type == "RESOURCE_EXHAUSTED"
