"""What a tool or a hook may do wrong: the model is told, the developer learns where, and no words leak."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest
from engine import call_once, elsewhere, outcomes, run

from agentkit.agent import Agent
from agentkit.approvals import Approve
from agentkit.errors import ConfigurationError
from agentkit.loop import state_from_json
from agentkit.messages import Failed, Lost, Returned
from agentkit.models import Ask, CallOffer, Deny, Middleware, ToolCallNext, Verdict
from agentkit.testing import ScriptedModel, calls
from agentkit.tools import Context, tool

pytestmark = pytest.mark.anyio


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@tool
def break_silently() -> str:
    raise Unspeakable


@tool
def break_loudly(value: str) -> str:
    raise KeyError(value)


def logged(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "agentkit"]


async def test_an_exception_whose_text_cannot_be_read_is_told_by_its_type() -> None:
    assert await call_once(break_silently) == Failed(
        "The tool break_silently failed: Unspeakable: its text cannot be read"
    )


async def test_a_tool_that_breaks_is_logged_with_its_place_and_without_words(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "agentkit"):
        await call_once(break_loudly, {"value": "canary"})
    [record] = logged(caplog)
    place = f"{__file__}:{break_loudly.__code__.co_firstlineno + 2} in break_loudly"
    assert (record.levelname, record.getMessage()) == (
        "WARNING",
        f"the tool break_loudly raised KeyError at {place}",
    )
    assert record.exc_info is None


async def test_forgotten_deps_are_named_where_a_tool_breaks_on_them(caplog: pytest.LogCaptureFixture) -> None:
    @tool
    def count(context: Context[dict[str, int]]) -> int:
        return len(context.deps.keys())

    await call_once(count)
    assert logged(caplog)[0].getMessage().endswith("; context.deps is None: was deps= forgotten?")


async def test_a_result_that_is_nested_too_deeply_fails_and_leaves_a_state_that_can_be_read() -> None:
    @tool
    def dig(depth: int) -> Any:
        value: Any = 1
        for _ in range(depth):
            value = [value]
        return value

    result = await run([dig], calls(("dig", {"depth": 100}), ("dig", {"depth": 150}), ("dig", {"depth": 5_000})))
    first, *others = outcomes(result.messages)
    assert isinstance(first, Returned)
    assert all(isinstance(outcome, Failed) for outcome in others)
    assert state_from_json(elsewhere(result.state)).step == 2


ran: list[str] = []


@tool
def pay(amount: int) -> str:
    ran.append("paid")
    return "paid"


class AskLate(Middleware):
    async def tool_call(self, call: CallOffer, call_next: ToolCallNext) -> Verdict:
        await call_next(call)
        return Ask("too late")


async def test_a_hook_that_asks_after_the_call_was_made_is_refused_and_it_is_never_made_twice() -> None:
    ran.clear()
    agent = Agent(ScriptedModel(calls(("pay", {"amount": 1})), "done"), tools=[pay], middleware=[AskLate()])
    with pytest.raises(
        ConfigurationError, match=r"AskLate\.tool_call answered Ask\(\) after .* the call of pay"
    ) as caught:
        await agent.run("go")
    assert caught.value.state is not None
    again = Agent(ScriptedModel("done"), tools=[pay])
    result = await again.resume(elsewhere(caught.value.state))
    assert (ran, outcomes(result.messages)) == (["paid"], [Lost()])


async def test_an_approved_call_is_made_once_by_a_hook_that_asks_first() -> None:
    class AskFirst(Middleware):
        async def tool_call(self, call: CallOffer, call_next: ToolCallNext) -> Verdict:
            return Ask("sure?")

    ran.clear()
    agent = Agent(ScriptedModel(calls(("pay", {"amount": 1})), "done"), tools=[pay], middleware=[AskFirst()])
    result = await agent.run("go")
    result = await agent.resume(result.state, approvals={result.pending[0]: Approve()})
    assert (ran, outcomes(result.messages)) == (["paid"], [Returned("paid")])


class Wrong(Middleware):
    async def tool_call(self, call: CallOffer, call_next: ToolCallNext) -> Verdict:
        return await call_next(replace(call, arguments={"amount": "much"}))


class Pass(Middleware):
    async def tool_call(self, call: CallOffer, call_next: ToolCallNext) -> Verdict:
        outcome = await call_next(call)
        return Deny("no") if isinstance(outcome, Failed) else outcome


@pytest.mark.parametrize("middleware", [[Wrong()], [Pass(), Wrong()], [Wrong(), Pass()]])
async def test_a_hook_that_gives_wrong_arguments_is_named(middleware: list[Middleware]) -> None:
    with pytest.raises(ConfigurationError, match=r"Wrong\.tool_call changed the arguments .* of pay .*amount: "):
        await run([pay], calls(("pay", {"amount": 1})), middleware=middleware)
