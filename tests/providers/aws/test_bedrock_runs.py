"""Runs with Bedrock against the simulator: tools, streams, thinking, counts; signed, on both event loops."""

from __future__ import annotations

from typing import Any

import pytest

from agentkit.agent import Agent
from agentkit.budget import Budget
from agentkit.events import Adapted
from agentkit.exchange import TextDelta, ThinkingDelta, ToolCallDelta
from agentkit.messages import Thinking
from agentkit.providers import model
from agentkit.providers.aws.signing import Credentials
from agentkit.settings import Settings
from agentkit.simulator.plan import Rule
from agentkit.simulator.server import Simulator, simulate
from agentkit.simulator.status_faults import Status
from agentkit.tools import tool

pytestmark = pytest.mark.anyio

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
QUESTION = "What is the weather in Paris and in Oslo?"


@tool
def get_weather(city: str) -> dict[str, str]:
    """Current weather for a city."""
    return {"city": city, "sky": "rain"}


def asked(simulator: Simulator, id: str = CLAUDE, **settings: Any) -> Agent[Any, str]:
    made = model(
        f"bedrock:{id}",
        base_url=simulator.url,
        region="us-east-1",
        credentials=Credentials("AKIDCANARY", "canary"),
    )
    return Agent(made, tools=[get_weather], settings=Settings(**settings))


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_tools_run_and_thoughts_go_back_signed(is_streamed: bool) -> None:
    async with simulate() as simulator:
        result = await asked(simulator, reasoning="low", stream=is_streamed).run(QUESTION)
        first, second = (seen.json for seen in simulator.requests)
        paths = {seen.asked.path.rpartition("/")[2] for seen in simulator.requests}
    assert paths == {"converse-stream" if is_streamed else "converse"}
    assert "rain" in result.output
    content = second["messages"][1]["content"]
    thought = next(part for part in result.messages[1].parts if isinstance(part, Thinking))
    assert content[0]["reasoningContent"]["reasoningText"] == {
        "text": thought.text,
        "signature": "c2lt00000001",
    }
    assert [block["toolUse"]["input"] for block in content if "toolUse" in block] == [
        {"city": "Paris"},
        {"city": "Oslo"},
    ]
    results = [block["toolResult"] for block in second["messages"][2]["content"] if "toolResult" in block]
    assert [result["content"][0]["json"]["city"] for result in results] == ["Paris", "Oslo"]
    assert first["messages"][0]["content"][0] == second["messages"][0]["content"][0]
    assert result.usage.total > 0


async def test_deltas_come_while_the_answer_streams() -> None:
    async with simulate() as simulator, asked(simulator, reasoning="low").stream(QUESTION) as run:
        kinds = {type(event) async for event in run}
    assert {TextDelta, ThinkingDelta, ToolCallDelta} <= kinds


async def test_a_refused_request_is_sent_again_and_the_loss_of_a_setting_is_told_once() -> None:
    async with simulate(faults=[Rule((Status(429, 0.01),), first=1)]) as simulator:
        agent = asked(simulator, "meta.llama4-scout-17b-instruct-v1:0", seed=5)
        async with agent.stream("Hello") as run:
            told = [event.changes async for event in run if isinstance(event, Adapted)]
        assert (told, simulator.count) == ([("left out seed: this format has none",)], 3)


async def test_a_budget_may_count_exactly() -> None:
    async with simulate() as simulator:
        await asked(simulator).run("Hello", budget=Budget(counts_exactly=True, tokens=100_000))
        paths = [seen.asked.path for seen in simulator.requests]
    assert [path.rpartition("/")[2] for path in paths] == ["count-tokens", "converse"] * 2
    assert "/anthropic.claude" in paths[0]
