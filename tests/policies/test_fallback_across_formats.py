"""fallback with real codecs over loopback: the history goes on in another provider's format, streamed and not, and the
provider that takes over accepts what it is sent."""

from __future__ import annotations

import itertools

import pytest
from conformance.formats import FORMATS
from shared import SHARED
from simulator.talking import SPOKEN, remote

from agentkit.agent import Agent
from agentkit.codec import WireRequest
from agentkit.events import Answer
from agentkit.exchange import ModelSwitched, TextDelta
from agentkit.messages import AssistantMessage, Returned, Thinking
from agentkit.policies.fallback import FallbackModel
from agentkit.settings import Settings
from agentkit.simulator.connection_faults import Reset
from agentkit.simulator.plan import Rule
from agentkit.simulator.seen import Seen
from agentkit.simulator.server import simulate
from agentkit.simulator.status_faults import Quota, Status
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import tool

pytestmark = pytest.mark.anyio

PAIRS = list(itertools.permutations(SPOKEN, 2))
ORACLE_OF = {"chat": "chat_completions", "responses": "responses", "messages": "messages", "gemini": "generate_content"}


@tool(effect="read")
def get_weather(city: str) -> dict[str, object]:
    """Current weather for a city."""
    return {"city": city, "sky": "clear"}


def complaints(format: str, seen: Seen) -> list[str]:
    """What the oracle of the format has against a request; nothing where the oracles are not there."""
    if not (SHARED / "wire" / "oracles").is_dir():
        return []
    (rules,) = [each for each in FORMATS if each.name == ORACLE_OF[format]]
    headers = tuple(
        (name, value) for name, value in seen.asked.headers if name in ("content-type", "anthropic-version")
    )
    path = seen.asked.target.removeprefix("/v1beta") if format == "gemini" else seen.path
    return rules.complaints(WireRequest(path, seen.asked.body, headers=headers))


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=[f"{one}-to-{other}" for one, other in PAIRS])
@pytest.mark.parametrize("is_streamed", [False, True], ids=["plain", "streamed"])
async def test_a_run_with_thinking_and_calls_goes_on_with_another_provider(one, other, *, is_streamed: bool) -> None:
    settings = Settings(reasoning="low")
    async with simulate(faults=[Rule((Status(503),), at=(2,))]) as broken, simulate() as sound:
        model = FallbackModel([remote(broken, one, attempts=1), remote(sound, other, attempts=1)])
        agent = Agent(model, tools=[get_weather], settings=settings)
        if is_streamed:
            async with agent.stream("What is the weather in Paris and in Oslo?") as run:
                events = [event async for event in run]
                result = run.result
            switched = [event for event in events if isinstance(event, ModelSwitched)]
            assert [(event.model, event.is_restart) for event in switched] == [
                (f"{other}:{SPOKEN[other].model}", False)
            ]
            answers = [str(event.response.answered_by) for event in events if isinstance(event, Answer)]
            assert answers == [f"{one}:{SPOKEN[one].model}", f"{other}:{SPOKEN[other].model}"]
        else:
            result = await agent.run("What is the weather in Paris and in Oslo?")
        said, answer = [message for message in result.messages if isinstance(message, AssistantMessage)]
        assert [call.outcome for call in said.calls] == [
            Returned({"city": "Paris", "sky": "clear"}),
            Returned({"city": "Oslo", "sky": "clear"}),
        ]
        assert any(isinstance(part, Thinking) for part in said.parts) or one == "chat"
        assert "clear" in answer.text
        (taken,) = sound.requests
        assert (taken.refusal, complaints(other, taken)) == ("", [])
        assert (broken.count, sound.count) == (2, 1)


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=[f"{one}-to-{other}" for one, other in PAIRS])
async def test_a_stream_cut_amid_its_text_begins_anew_elsewhere(one: str, other: str) -> None:
    answer = "One two three four five six seven eight nine ten."
    cut = Reset("events", 6, is_reset=False)
    async with simulate(ScriptedModel(answer), faults=[cut]) as broken, simulate(ScriptedModel(answer)) as sound:
        model = FallbackModel([remote(broken, one), remote(sound, other)])
        async with Agent(model).stream("Count.") as run:
            pieces: list[str] = []
            before = ""
            async for event in run:
                if isinstance(event, ModelSwitched):
                    assert event.is_restart
                    before, pieces = "".join(pieces), []
                elif isinstance(event, TextDelta):
                    pieces.append(event.text)
        assert before
        assert answer.startswith(before)
        assert "".join(pieces) == run.result.output == answer
        assert (broken.count, sound.count) == (1, 1)


async def test_a_dead_provider_costs_one_exchange_and_not_one_a_call() -> None:
    async with simulate(faults=[Quota()]) as broken, simulate() as sound:
        agent = Agent(FallbackModel([remote(broken, "messages"), remote(sound, "responses")]), tools=[get_weather])
        for _ in range(5):
            await agent.run("What is the weather in Paris?")
        assert (broken.count, sound.count) == (1, 10)


async def test_a_provider_that_asks_for_a_long_wait_is_left_after_one_request() -> None:
    async with simulate(faults=[Status(429, wait_seconds=20)]) as broken, simulate() as sound:
        agent = Agent(FallbackModel([remote(broken, "chat"), remote(sound, "gemini")]), tools=[get_weather])
        result = await agent.run("What is the weather in Paris?")
        assert "clear" in result.output
        assert (broken.count, sound.count) == (1, 2)
