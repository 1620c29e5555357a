"""ScriptedModel does what its script says."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest

from agentkit.assemble import assemble, assemble_cut
from agentkit.errors import ConfigurationError, RateLimitError
from agentkit.exchange import (
    Delta,
    Request,
    Response,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
)
from agentkit.messages import AssistantMessage, Text, Thinking, ToolCall, UserMessage, user_message
from agentkit.models import ModelIdentity
from agentkit.testing import Delay, ScriptedModel, Turn, calls
from agentkit.usage import Usage

pytestmark = pytest.mark.anyio

HELLO = Request("m", (user_message("hello"),))


class Listener:
    def __init__(self, *, is_slow: bool = False) -> None:
        self.deltas: list[Delta] = []
        self.drained = 0
        self._is_slow = is_slow

    def emit(self, deltas: Sequence[Delta]) -> bool:
        self.deltas.extend(deltas)
        return self._is_slow

    async def drain(self) -> None:
        self.drained += 1


async def test_answers_with_text() -> None:
    model = ScriptedModel("Hello there, friend.")
    response = await model.respond(HELLO)
    assert response == Response(
        AssistantMessage((Text("Hello there, friend."),), "m", "scripted_1", "stop", Usage(2, output=5)), "stop"
    )
    assert model.requests == [HELLO]


async def test_makes_calls_with_raw_argument_text_and_counts_their_ids() -> None:
    model = ScriptedModel(calls(("a", '{"x": '), ("b", {"y": 1})), calls(("a", "{}", "mine"), text="Look:"))
    first = await model.respond(HELLO)
    second = await model.respond(HELLO)
    assert first.calls == (ToolCall("call_1", "a", '{"x": '), ToolCall("call_2", "b", '{"y": 1}'))
    assert first.finish == "tool_calls"
    assert second.message.parts == (Text("Look:"), ToolCall("mine", "a", "{}"))


@pytest.mark.parametrize(
    "turn",
    [
        "Two  words\n and more ",
        " ",
        calls(("tool", {"long": "argument text that is told in pieces"}), text="Wait."),
        Response(AssistantMessage((Thinking("hm hm"), Text("yes")), "m", "r", "stop", Usage(1)), "stop"),
    ],
)
async def test_what_is_streamed_is_what_is_returned(turn: object) -> None:
    listener = Listener()
    streamed = await ScriptedModel(turn).respond(HELLO, listener)
    plain = await ScriptedModel(turn).respond(HELLO)
    assert assemble(listener.deltas) == streamed == plain


async def test_waits_for_a_slow_listener_after_each_delta() -> None:
    listener = Listener(is_slow=True)
    await ScriptedModel("one two three").respond(HELLO, listener)
    assert listener.drained == len(listener.deltas) == 5


async def test_tells_a_list_of_deltas_as_it_is_and_adds_the_end() -> None:
    listener = Listener()
    deltas = [ResponseStarted("r", "m"), ToolCallDelta("{}", 0, "c", "t")]
    response = await ScriptedModel(deltas).respond(HELLO, listener)
    assert listener.deltas == [*deltas, ResponseFinished("tool_calls", "tool_calls", Usage(2, output=1))]
    assert response.calls == (ToolCall("c", "t", "{}"),)


async def test_raises_a_scripted_error_at_once_or_among_deltas() -> None:
    model = ScriptedModel(RateLimitError("slow down"), [TextDelta("half"), RateLimitError("cut")])
    with pytest.raises(RateLimitError, match="slow down"):
        await model.respond(HELLO)
    listener = Listener()
    with pytest.raises(RateLimitError, match="cut"):
        await model.respond(HELLO, listener)
    assert listener.deltas == [TextDelta("half")]


async def test_usage_and_finish_of_a_turn_can_be_said() -> None:
    model = ScriptedModel(Turn("cut off", usage=Usage(10, output=3), finish="length"))
    response = await model.respond(HELLO)
    assert (response.usage, response.finish) == (Usage(10, output=3), "length")


async def test_a_turn_may_be_a_function_of_the_request() -> None:
    model = ScriptedModel(lambda request: f"you said {request.messages[0].parts[0].text!r}")
    assert (await model.respond(HELLO)).text == "you said 'hello'"


async def test_can_be_cancelled_at_every_delta() -> None:
    for stop_after in range(1, 6):
        listener = Listener()
        with anyio.CancelScope() as scope:

            def emit(deltas: Sequence[Delta], listener: Listener = listener, stop: int = stop_after) -> bool:
                listener.deltas.extend(deltas)
                if len(listener.deltas) == stop:
                    scope.cancel()
                return False

            listener.emit = emit  # type: ignore[method-assign]
            await ScriptedModel("one two three four").respond(HELLO, listener)
        assert len(listener.deltas) == stop_after
        kept = assemble_cut(listener.deltas)
        assert (kept.text if kept else "") == "one two three four"[: [0, 0, 3, 7, 13, 18][stop_after]]


async def test_a_delay_can_be_cancelled() -> None:
    model = ScriptedModel(Delay(3600, then="late"), Delay(0, then="now"))
    with anyio.move_on_after(0.001):
        await model.respond(HELLO)
    assert (await model.respond(HELLO)).text == "now"


async def test_a_request_after_the_last_turn_says_how_many_there_were() -> None:
    model = ScriptedModel("only one")
    await model.respond(HELLO)
    assert model.remaining == 0
    with pytest.raises(ConfigurationError, match=r"has 1 turns, and this is request 2.*user: 'hello'"):
        await model.respond(Request("m", (UserMessage((Text("hello"),)),)))


def test_says_who_it_is() -> None:
    model = ScriptedModel("x")
    assert model.identity == ModelIdentity("scripted", "scripted", api="scripted", is_remote=False)
    assert repr(model) == "ScriptedModel(0 of 1 turns used)"
