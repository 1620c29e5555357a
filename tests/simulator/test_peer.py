"""Another framework, pydantic-ai, runs against the simulator: tools, streams and structured output."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from agentkit.simulator.plan import Rule
from agentkit.simulator.status_faults import Status
from agentkit.testing.simulator import SimulatorOnThread, start_simulator

peer = pytest.importorskip("pydantic_ai")
openai_models = pytest.importorskip("pydantic_ai.models.openai")
openai_provider = pytest.importorskip("pydantic_ai.providers.openai")

QUESTION = "What is the weather in Paris and in Oslo?"
ANSWER = "- get_weather (Paris): rain in Paris.\n- get_weather (Oslo): rain in Oslo."


class Order(BaseModel):
    customer: str
    pizzas: int


def get_weather(city: str) -> str:
    """Current weather for a city."""
    return f"rain in {city}"


@pytest.fixture
def server() -> Iterator[SimulatorOnThread]:
    with start_simulator() as server:
        yield server


@pytest.fixture(params=["OpenAIChatModel", "OpenAIResponsesModel"])
async def model(request: pytest.FixtureRequest, server: SimulatorOnThread, anyio_backend: str) -> Any:
    openai = pytest.importorskip("openai")
    async with openai.AsyncOpenAI(api_key="none", base_url=server.base_url, max_retries=2) as client:
        provider = openai_provider.OpenAIProvider(openai_client=client)
        yield getattr(openai_models, request.param)("gpt-x", provider=provider)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
class TestPydanticAi:
    async def test_tools_are_called_side_by_side(self, server: SimulatorOnThread, model) -> None:
        result = await peer.Agent(model, tools=[get_weather]).run(QUESTION)
        assert (result.output, server.count) == (ANSWER, 2)
        assert [seen.refusal for seen in server.requests] == ["", ""]

    async def test_an_answer_streams(self, server: SimulatorOnThread, model) -> None:
        async with peer.Agent(model, tools=[get_weather]).run_stream(QUESTION) as stream:
            pieces = [piece async for piece in stream.stream_text(delta=True, debounce_by=None)]
        assert ("".join(pieces), server.count) == (ANSWER, 2)
        assert len(pieces) > 5

    async def test_structured_output_is_read(self, model) -> None:
        result = await peer.Agent(model, output_type=Order).run("Two pizzas for customer Ada")
        assert result.output == Order(customer="Ada", pizzas=2)

    async def test_its_retries_are_counted_on_the_wire(self, server: SimulatorOnThread, model) -> None:
        server.suffer(Rule((Status(429, 0.01, "milliseconds"),), first=2))
        result = await peer.Agent(model, tools=[get_weather]).run(QUESTION)
        assert (result.output, server.count) == (ANSWER, 4)
