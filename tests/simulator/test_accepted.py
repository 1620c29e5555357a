"""What agentkit sends to the simulator in whole runs breaks no rule of the wire format: the oracles accept it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel
from shared import oracle
from simulator.talking import SPOKEN, remote

from agentkit.agent import Agent
from agentkit.settings import Settings
from agentkit.simulator.seen import Seen
from agentkit.simulator.server import simulate
from agentkit.tools import tool

pytestmark = pytest.mark.anyio


class Order(BaseModel):
    customer: str
    pizzas: int


@tool
async def get_weather(city: str) -> str:
    """Current weather for a city."""
    return f"rain in {city}"


def of_openai(api: str) -> Callable[[Seen], list[Any]]:
    return lambda seen: oracle("oracle_openai").check(seen.json, api)


def of_google(seen: Seen) -> list[Any]:
    return oracle("oracle_google").check(seen.json, camel_only="yes")


def of_aws(seen: Seen) -> list[Any]:
    url = f"https://bedrock-runtime.us-east-1.amazonaws.com{seen.asked.target}"
    sent = {"method": "POST", "url": url, "headers": {"authorization": "Bearer key"}, "json": seen.json}
    return oracle("oracle_aws").check(sent)


ORACLES: dict[str, Callable[[Seen], list[Any]]] = {
    "chat": of_openai("chat/completions"),
    "responses": of_openai("responses"),
    "messages": lambda seen: oracle("oracle_anthropic").check(seen.json),
    "gemini": of_google,
    "bedrock": of_aws,
}


@pytest.mark.parametrize("format", SPOKEN)
@pytest.mark.parametrize("is_streamed", [False, True])
async def test_runs_with_tools_thinking_and_structured_output_send_what_the_oracle_accepts(
    format: str, is_streamed: bool
) -> None:
    async with simulate() as simulator:
        model = remote(simulator, format)
        settings = Settings(reasoning="low", stream=is_streamed)
        talk = Agent(model, tools=[get_weather], settings=settings)
        first = await talk.run("What is the weather in Paris and in Oslo?")
        second = await talk.run("And what is the weather in Rome?", messages=first.messages)
        order = await Agent(model, output=Order).run("Two pizzas for customer Ada")
        problems = [problem for seen in simulator.requests for problem in ORACLES[format](seen)]
    assert problems == []
    assert "rain in Oslo" in first.output
    assert "rain in Rome" in second.output
    assert order.output == Order(customer="Ada", pizzas=2)
    assert [seen.refusal for seen in simulator.requests] == [""] * 5
