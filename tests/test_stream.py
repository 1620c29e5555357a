"""A run that is watched: its events, a slow reader, leaving early, errors as themselves, cancelling."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from engine import elsewhere, outcomes
from pydantic import BaseModel

from agentkit.agent import Agent
from agentkit.errors import ConfigurationError, RateLimitError
from agentkit.events import Answer, Event, RunEnded, RunStarted, StepStarted, ToolFinished, ToolStarted
from agentkit.exchange import ResponseFinished, ResponseStarted, TextDelta, ToolCallDelta
from agentkit.messages import AssistantMessage, Returned, Text
from agentkit.models import Capabilities
from agentkit.output import Output
from agentkit.settings import Settings
from agentkit.stream import RunStream
from agentkit.testing import Delay, ScriptedModel, calls
from agentkit.tools import tool

pytestmark = pytest.mark.anyio


@tool
async def look() -> str:
    await anyio.lowlevel.checkpoint()
    return "seen"


async def test_a_run_is_told_from_beginning_to_end() -> None:
    agent = Agent(ScriptedModel(calls(("look", {})), "all good"), tools=[look], name="guide")
    async with agent.stream("go") as stream:
        events = [event async for event in stream]
    kinds = [type(event) for event in events]
    assert kinds == [
        RunStarted, StepStarted, ResponseStarted, ToolCallDelta, ToolCallDelta, ResponseFinished, Answer, ToolStarted,
        ToolFinished, StepStarted, ResponseStarted, TextDelta, TextDelta, ResponseFinished, Answer, RunEnded,
    ]  # fmt: skip
    assert events[0] == RunStarted(stream.result.run_id, "guide")
    assert events[-1] == RunEnded(stream.result)
    assert stream.result.output == "all good"


async def test_streamed_and_not_streamed_runs_end_alike() -> None:
    def agent() -> Agent:
        return Agent(ScriptedModel(calls(("look", {})), "all good"), tools=[look])

    async with agent().stream("go") as stream:
        assert await stream.text() == "all good"
    plain = await agent().run("go")
    assert stream.result.messages == plain.messages


async def test_text_is_told_also_when_the_provider_is_not_asked_to_stream() -> None:
    model = ScriptedModel("all good")
    async with Agent(model, settings=Settings(stream=False)).stream("go") as stream:
        assert await stream.text() == "all good"
    assert [request.is_streamed for request in model.requests] == [False]


async def test_an_error_is_raised_as_itself_and_the_state_stays() -> None:
    error = RateLimitError("too many")
    agent = Agent(ScriptedModel(calls(("look", {})), error), tools=[look])
    with pytest.raises(RateLimitError) as caught:
        async with agent.stream("go") as stream:
            async for _ in stream:
                pass
    assert caught.value is error
    assert stream.state == error.state
    result = await Agent(ScriptedModel("done"), tools=[look]).resume(elsewhere(stream.state))
    assert outcomes(result.messages) == [Returned("seen")]
    with pytest.raises(ConfigurationError, match="the run has no result"):
        _ = stream.result


async def test_an_error_that_nobody_read_is_raised_at_the_end_of_the_block() -> None:
    gate = anyio.Event()

    class Broken:
        async def respond(self, request: Any, sink: Any = None) -> Any:
            gate.set()
            raise RuntimeError("broken model")

    with pytest.raises(RuntimeError, match="broken model"):
        async with Agent(Broken()).stream("go"):
            await gate.wait()
            await anyio.lowlevel.checkpoint()


async def test_the_bodys_own_error_wins() -> None:
    with pytest.raises(KeyError, match="mine"):
        async with Agent(ScriptedModel("hello there")).stream("go") as stream:
            async for _ in stream:
                raise KeyError("mine")


async def test_leaving_early_stops_the_run_and_leaves_a_state_that_goes_on() -> None:
    async with Agent(ScriptedModel([TextDelta("one "), TextDelta("two "), Delay(60)])).stream("go") as stream:
        async for event in stream:
            if isinstance(event, TextDelta) and event.text.startswith("two"):
                break
    result = await Agent(ScriptedModel("whole answer")).resume(elsewhere(stream.state))
    assert [message.text for message in result.messages] == ["go", "whole answer"]


async def test_a_state_that_was_left_early_goes_on_with_another_prompt_about_what_was_said() -> None:
    async with Agent(ScriptedModel([TextDelta("one "), TextDelta("two"), Delay(60)])).stream("go") as stream:
        async for event in stream:
            if isinstance(event, TextDelta) and event.text.startswith("two"):
                break
    result = await Agent(ScriptedModel("fine")).resume(elsewhere(stream.state), prompt="shorter")
    assert [message.text for message in result.messages] == ["go", "one two", "shorter", "fine"]


async def test_what_was_said_before_a_cancel_is_kept() -> None:
    async with Agent(ScriptedModel([TextDelta("one "), TextDelta("two"), Delay(60)])).stream("go") as stream:
        async for event in stream:
            if isinstance(event, TextDelta) and event.text.strip() == "two":
                stream.cancel()
    result = await Agent(ScriptedModel("fine")).run("stop it", state=None, messages=_messages(stream))
    cut = result.messages[1]
    assert isinstance(cut, AssistantMessage)
    assert cut.finish == "cancelled"
    assert cut.text.startswith("one two")


def _messages(stream: RunStream[Any]) -> Any:
    from agentkit.loop import state_from_json

    return state_from_json(stream.state).visible_messages


async def test_the_reader_goes_on_after_a_cancel() -> None:
    async with Agent(ScriptedModel("one two three")).stream("go") as stream:
        read = 0
        async for event in stream:
            if isinstance(event, TextDelta):
                stream.cancel()
            read += 1
            await anyio.lowlevel.checkpoint()  # the block itself is not cancelled
        await anyio.lowlevel.checkpoint()
    assert read >= 4
    with pytest.raises(ConfigurationError, match="the run has no result"):
        _ = stream.result


async def test_a_cancel_from_outside_ends_run_and_reader() -> None:
    @tool
    async def forever() -> None:
        scope.cancel()
        await anyio.sleep_forever()

    with anyio.CancelScope() as scope:
        async with Agent(ScriptedModel(calls(("forever", {}))), tools=[forever]).stream("go") as stream:
            async for _ in stream:
                pass
    assert scope.cancelled_caught
    assert stream.state["journal"][-1]["outcome"] == {"kind": "lost"}


async def test_a_slow_reader_makes_the_model_wait() -> None:
    words = " ".join(["word"] * 5_000)
    told = 0

    class Counting(ScriptedModel):
        async def respond(self, request: Any, sink: Any = None) -> Any:
            nonlocal told

            class Sink:
                def emit(self, deltas: Any) -> bool:
                    nonlocal told
                    told += len(deltas)
                    return sink.emit(deltas)

                async def drain(self) -> None:
                    await sink.drain()

            return await super().respond(request, Sink())

    ahead = 0
    async with Agent(Counting(words)).stream("go") as stream:
        read = 0
        async for _ in stream:
            read += 1
            for _ in range(3):
                await anyio.lowlevel.checkpoint()
            ahead = max(ahead, told - read)
    assert stream.result.output == words
    assert ahead <= 1_001


async def test_a_reader_that_leaves_frees_a_waiting_model() -> None:
    with anyio.fail_after(10):
        async with Agent(ScriptedModel(" ".join(["word"] * 3_000))).stream("go") as stream:
            for _ in range(2_500):
                await anyio.lowlevel.checkpoint()
    assert stream.state["journal"][-1]["kind"] == "interrupted"


async def test_a_stream_is_entered_once() -> None:
    stream = Agent(ScriptedModel("hello")).stream("go")
    with pytest.raises(ConfigurationError, match="has not begun"):
        _ = stream.state
    async with stream:
        with pytest.raises(ConfigurationError, match="entered once"):
            await stream.__aenter__()
        with pytest.raises(ConfigurationError, match="the run has no result"):
            _ = stream.result


async def test_the_state_can_be_read_at_every_event() -> None:
    agent = Agent(ScriptedModel(calls(("look", {}), ("look", {})), "all good"), tools=[look])
    async with agent.stream("go") as stream:
        states = [stream.state async for _ in stream]
    for state in states:
        result = await Agent(ScriptedModel("one", "two", "three"), tools=[look]).resume(elsewhere(state))
        assert result.messages[0].parts == (Text("go"),)


class Trip(BaseModel):
    city: str = ""
    nights: int = 0


def _trip_words(event: Event) -> bool:
    return isinstance(event, (TextDelta, ToolCallDelta))


async def test_partial_output_grows_while_it_streams() -> None:
    deltas = [TextDelta('{"city": "Ro'), TextDelta('me", "nights": 3'), TextDelta("}")]
    async with Agent(ScriptedModel(deltas), output=Trip).stream("go") as stream:
        partials = [stream.partial_output async for event in stream if _trip_words(event)]
    assert partials == [Trip(city="Ro"), Trip(city="Rome", nights=3), Trip(city="Rome", nights=3)]
    assert stream.result.output == Trip(city="Rome", nights=3)


async def test_partial_output_grows_also_when_the_model_calls_a_tool_with_it() -> None:
    deltas = [
        ToolCallDelta('{"city": "Ro', id="1", name="final_result"),
        ToolCallDelta('me", "nights": 3'),
        ToolCallDelta("}"),
    ]
    model = ScriptedModel(deltas, capabilities=Capabilities(structured_output=False))
    async with Agent(model, output=Output(Trip, by="tool")).stream("go") as stream:
        partials = [stream.partial_output async for event in stream if _trip_words(event)]
    assert partials == [Trip(city="Ro"), Trip(city="Rome", nights=3), Trip(city="Rome", nights=3)]
    assert stream.result.output == Trip(city="Rome", nights=3)


async def test_partial_text_is_text() -> None:
    async with Agent(ScriptedModel("one two")).stream("go") as stream:
        partials = [stream.partial_output async for event in stream if _trip_words(event)]
    assert partials[-1] == "one two"


async def test_a_stream_that_was_not_entered_says_how_instead_of_waiting_for_ever() -> None:
    stream = Agent(ScriptedModel("hi")).stream("go")
    with pytest.raises(
        ConfigurationError, match=r"enter the stream first, as in `async with agent.stream\(...\) as run:`"
    ):
        async for _ in stream:
            pass
    with pytest.raises(ConfigurationError, match="the run has not begun"):
        await stream.text()
