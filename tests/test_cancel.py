"""A run may be cancelled anywhere: at every point where it waits, in turn, it leaves a state that goes on."""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel
import pytest
from engine import elsewhere
from wire import assert_encodes

from agentkit.agent import Agent
from agentkit.budget import Budget
from agentkit.errors import BudgetExceededError
from agentkit.exchange import Request
from agentkit.loop import fold, state_from_json, state_to_json
from agentkit.messages import AssistantMessage, Message
from agentkit.records import Record
from agentkit.runtime import StepKey
from agentkit.settings import Settings
from agentkit.testing import ScriptedModel, calls
from agentkit.tools import tool

pytestmark = pytest.mark.anyio

left: contextvars.ContextVar[list[int]] = contextvars.ContextVar("left")  # checkpoints until the cancel
stop: contextvars.ContextVar[Callable[[], None]] = contextvars.ContextVar("stop")


async def point() -> None:
    """A place where the run waits; the cancel comes at the k-th."""
    count()
    await anyio.lowlevel.checkpoint()


def count() -> None:
    countdown = left.get()
    countdown[0] -= 1
    if countdown[0] == 0:
        stop.get()()


class Counting:
    """A sink at which the cancel may come too: between two deltas."""

    def __init__(self, sink: Any) -> None:
        self.sink = sink

    def emit(self, deltas: Any) -> bool:
        count()
        return self.sink.emit(deltas)

    async def drain(self) -> None:
        await self.sink.drain()


class Slow:
    """A scripted model that waits before it answers and at every delta."""

    def __init__(self, *turns: Any) -> None:
        self.script = ScriptedModel(*turns)
        self.identity = self.script.identity

    async def respond(self, request: Request, sink: Any = None) -> Any:
        await point()
        response = await self.script.respond(request, Counting(sink) if sink else None)
        await point()
        return response


class Waiting:
    """A runtime that waits before and after each effect, as one that writes does."""

    async def step(self, key: StepKey, fn: Callable[[], Awaitable[Record]]) -> Record:
        if key.name != "run_began":  # before that there is no run yet
            await point()
        record = await fn()
        with anyio.CancelScope(shield=True):
            await anyio.lowlevel.checkpoint()
        return record


@tool
async def look() -> str:
    await point()
    await point()
    return "seen"


@tool(effect="write")
async def save() -> str:
    await point()
    return "saved"


@tool(effect="read")
def read() -> str:
    anyio.from_thread.run(point)
    return "read"


@tool(approve=True)
def never() -> str:
    return "never"


FIRST = calls(("look", {}), ("save", {}), ("read", {}), ("clerk", {"prompt": "x"}), ("nobody", {}), text="Well:")
TURNS = (FIRST, calls(("save", {}), ("look", {})), "all is done")
INNER = (calls(("look", {}), ("save", {})), "clerk is done")
REST = ["more"] * 8


def agent(turns: tuple[Any, ...], inner: tuple[Any, ...], *, runtime: Any = None, is_slow: bool = True) -> Agent:
    kind = Slow if is_slow else ScriptedModel
    clerk = Agent(kind(*inner), tools=[look, save], name="clerk")
    return Agent(kind(*turns), tools=[look, save, read, clerk.as_tool()], runtime=runtime)


async def cancelled_run(k: int, *, is_streamed: bool, runtime: Any) -> tuple[dict[str, Any], bool]:
    """The state of a run that was cancelled at its k-th point, and whether it came to its end before."""
    countdown = [k]
    left.set(countdown)
    running = agent(TURNS, INNER, runtime=runtime)
    if is_streamed:
        stream = running.stream("go")
        stop.set(stream.cancel)
        async with stream:
            async for _ in stream:
                pass
        return stream.state, countdown[0] > 0
    quiet = running.replace(settings=Settings(stream=False)).stream("go")  # the same without deltas
    with anyio.CancelScope() as scope:
        stop.set(scope.cancel)
        async with quiet:
            async for _ in quiet:
                pass
    return quiet.state, countdown[0] > 0


@pytest.mark.parametrize("is_streamed", [True, False])
@pytest.mark.parametrize("runtime", [None, Waiting()], ids=["memory", "waiting"])
async def test_a_cancel_at_any_point_leaves_a_state_that_goes_on(is_streamed: bool, runtime: Any) -> None:
    for k in range(1, 200):
        state, is_over = await cancelled_run(k, is_streamed=is_streamed, runtime=runtime)
        messages = check(state, k)
        left.set([-1])
        result = await agent((*REST,), (*REST,), is_slow=False).resume(elsewhere(state))
        assert result.output, k
        assert_encodes(result.messages)
        assert messages[0].kind == "user"
        if is_over:
            break
    assert k > 15
    assert is_over


def check(state: dict[str, Any], k: int) -> tuple[Message, ...]:
    """The state can be read, kept and sent."""
    read_back = state_from_json(elsewhere(state))
    assert state_to_json(read_back) == state, k
    messages = read_back.visible_messages
    unsettled = [message for message in messages if isinstance(message, AssistantMessage) and not message.is_settled]
    assert unsettled == [], k
    assert_encodes(messages)
    for cut in range(len(read_back.journal) + 1):
        fold(read_back.journal[:cut])
    return messages


async def test_a_deadline_of_the_run_is_a_cancel_too() -> None:
    @tool
    async def forever() -> None:
        await anyio.sleep_forever()

    running = Agent(ScriptedModel(calls(("forever", {}), ("look", {}))), tools=[forever, look])
    left.set([-1])
    with pytest.raises(BudgetExceededError, match=r"budget of 0\.05 seconds is spent") as caught:
        await running.run("go", budget=Budget(seconds=0.05))
    assert caught.value.state is not None
    check(caught.value.state, 0)
    result = await Agent(ScriptedModel("done"), tools=[forever, look]).resume(caught.value.state)
    assert result.output == "done"
