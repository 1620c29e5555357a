"""fallback with real codecs over loopback: the history goes on in another provider's format, streamed and not, and the
provider that takes over accepts what it is sent."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from conformance.formats import CONVERSE, FORMATS
from shared import SHARED
from simulator.talking import SPOKEN, remote

from agentkit.agent import Agent
from agentkit.budget import Budget
from agentkit.codec import WireRequest
from agentkit.errors import BudgetExceededError, ConnectionFailedError
from agentkit.events import Answer
from agentkit.exchange import ModelSwitched, Request, Response, TextDelta
from agentkit.identity import ModelIdentity
from agentkit.messages import AssistantMessage, Returned, Thinking
from agentkit.models import Middleware, ModelCallNext
from agentkit.policies.cache import cached
from agentkit.policies.fallback import FallbackModel, fallback
from agentkit.providers.openai.responses import ResponsesCodec
from agentkit.settings import Deadlines, Settings
from agentkit.simulator.connection_faults import Reset, Silence
from agentkit.simulator.plan import Rule
from agentkit.simulator.seen import Seen
from agentkit.simulator.server import simulate
from agentkit.simulator.status_faults import Quota, Status
from agentkit.testing.scripted import ScriptedModel, calls
from agentkit.tools import tool
from agentkit.usage import Usage

pytestmark = pytest.mark.anyio

PAIRS = list(itertools.permutations(SPOKEN, 2))
ORACLE_OF = {
    "chat": "chat_completions",
    "responses": "responses",
    "messages": "messages",
    "gemini": "generate_content",
    "bedrock": "converse",
}


@tool(effect="read")
def get_weather(city: str) -> dict[str, object]:
    """Current weather for a city."""
    return {"city": city, "sky": "clear"}


def complaints(format: str, seen: Seen) -> list[str]:
    """What the oracle of the format has against a request; nothing where the oracles are not there."""
    if not (SHARED / "wire" / "oracles").is_dir():
        return []
    (rules,) = [each for each in (*FORMATS, CONVERSE) if each.name == ORACLE_OF[format]]
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


async def test_a_model_is_left_after_its_own_attempts_and_no_request_more() -> None:
    async with simulate(faults=[Status(503)]) as broken, simulate() as sound:
        model = FallbackModel([remote(broken, "responses", attempts=3), remote(sound, "messages")])
        result = await Agent(model).run("Hello")
        assert result.output
        assert (broken.count, sound.count) == (3, 1)


async def test_each_model_has_deadlines_of_its_own_and_the_run_one_for_all() -> None:
    short, patient = Deadlines(10, 0.1, 0.1, 0.2), Deadlines(10, 30, 30, 60)
    async with simulate(faults=[Silence()]) as silent, simulate(faults=[Silence()]) as other, simulate() as sound:
        first = remote(silent, "chat", deadlines=short, attempts=1)
        with anyio.fail_after(10):
            result = await Agent(FallbackModel([first, remote(sound, "gemini", deadlines=patient)])).run("Hello")
            assert result.output
            hopeless = FallbackModel([first, remote(other, "gemini", deadlines=patient)], cool_down_seconds=0)
            with pytest.raises(BudgetExceededError, match="seconds"):
                await Agent(hopeless, budget=Budget(seconds=0.5)).run("Hello")
        assert (silent.count, other.count, sound.count) == (2, 1, 1)


async def test_models_of_one_format_are_sent_the_bytes_that_each_would_be_sent_alone() -> None:
    """What one keeps of the head of a conversation never reaches the other, and is right when it is asked again."""

    @tool(effect="read")
    def count(so_far: int) -> int:
        """Count."""
        return so_far + 1

    turns = [calls(("count", {"so_far": number}), text=f"step {number}") for number in range(3)]
    faults = Rule((Status(503),), at=(2, 3, 5))
    async with simulate(ScriptedModel(*turns, "done"), faults=[faults]) as one, simulate(ScriptedModel(*turns)) as two:
        members = [remote(one, "responses", attempts=1), remote(two, "responses", attempts=1)]
        members[1].identity = ModelIdentity("responses", "another")
        seen: list[Request] = []

        class Watching(Middleware):
            async def model_call(self, request: Request, call_next: ModelCallNext) -> Response:
                seen.append(request)
                return await call_next(request)

        both = FallbackModel(members, cool_down_seconds=0)
        await Agent(both, tools=[count], middleware=[Watching()], budget=Budget(steps=8)).run("go")
        codec = ResponsesCodec()
        asked = {1: iter(one.requests), 2: iter(two.requests)}
        answered = 0
        for request in seen:
            sent = next(asked[1])
            assert sent.asked.body == codec.encode(replace(request, memo=None), None).body
            if sent.number in (2, 3, 5):
                answered += 1
                taken = next(asked[2]).asked.body
                assert taken == codec.encode(replace(request, memo=None, model="another"), None).body
        assert (answered, two.count) == (3, 3)


@pytest.mark.parametrize("format", SPOKEN)
@pytest.mark.parametrize("first_is_streamed", [True, False])
async def test_what_was_answered_once_is_answered_again_streamed_or_not(
    format: str, tmp_path: Path, *, first_is_streamed: bool
) -> None:
    async with simulate() as sound:
        agent = Agent(
            cached(remote(sound, format), tmp_path / "a.db"), tools=[get_weather], settings=Settings(reasoning="low")
        )
        question = "What is the weather in Paris and in Oslo?"
        results = [None, None]
        for place, is_streamed in enumerate((first_is_streamed, not first_is_streamed)):
            if is_streamed:
                async with agent.stream(question) as run:
                    told = "".join([event.text async for event in run if isinstance(event, TextDelta)])
                    results[place] = run.result
                assert told.endswith(run.result.output)
            else:
                results[place] = await agent.run(question)
        first, second = results
        assert (first.output, sound.count) == (second.output, 2)
        assert [message.parts for message in first.messages] == [message.parts for message in second.messages]
        assert (second.usage, first.usage.total > 0) == (Usage(), True)


@pytest.mark.parametrize("format", SPOKEN)
async def test_a_simulator_that_serves_a_fallback_streams_one_answer(format: str) -> None:
    cut = [TextDelta("One two"), ConnectionFailedError("gone")]
    source = fallback(ScriptedModel(cut), ScriptedModel("One two three."))
    async with simulate(source) as served, Agent(remote(served, format)).stream("Count.") as run:
        assert await run.text() == "One two three."
