"""OpenAI's own client talks to the simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agentkit.simulator.server import Simulator, simulate

openai = pytest.importorskip("openai")

pytestmark = pytest.mark.anyio

CHAT_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather for a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
ASKED = [{"role": "user", "content": "What is the weather in Paris?"}]


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with simulate() as simulator:
        yield simulator


@pytest.fixture
async def client(simulator: Simulator):
    async with openai.AsyncOpenAI(api_key="sk-none", base_url=simulator.base_url, max_retries=0) as client:
        yield client


async def test_a_chat_is_answered(client) -> None:
    answer = await client.chat.completions.create(model="gpt-x", messages=ASKED)
    assert answer.model == "gpt-x"
    assert answer.choices[0].finish_reason == "stop"
    assert "tools" in answer.choices[0].message.content


async def test_a_chat_streams(client) -> None:
    stream = await client.chat.completions.create(model="gpt-x", messages=ASKED, stream=True, tools=[CHAT_TOOL])
    chunks = [chunk async for chunk in stream]
    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert "".join(call.function.arguments for call in calls) == '{"city": "Paris"}'
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
