"""Calls that wait for a person: told, stored, decided, resumed; in agents inside agents too."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from engine import elsewhere, outcomes

from agentkit.agent import Agent
from agentkit.approvals import Approve, PendingCall
from agentkit.budget import Budget
from agentkit.errors import BudgetExceededError, ConfigurationError, StateError
from agentkit.events import ApprovalRequired, Nested
from agentkit.messages import Denied, Failed, Pending, Returned
from agentkit.models import CallOffer, Deny, Middleware, ToolCallNext, Verdict
from agentkit.testing import ScriptedModel, Turn, calls
from agentkit.tools import tool
from agentkit.usage import Usage

pytestmark = pytest.mark.anyio

done: list[str] = []


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    done.clear()


@tool(approve=True, effect="destructive")
def delete(name: str) -> str:
    done.append(f"delete {name}")
    return f"deleted {name}"


@tool(approve=lambda amount: amount > 100)
def pay(amount: int) -> str:
    done.append(f"pay {amount}")
    return f"paid {amount}"


@tool
def look() -> str:
    done.append("look")
    return "seen"


def agent(*turns: Any, **parts: Any) -> Agent[Any, str]:
    return Agent(ScriptedModel(*turns), tools=[delete, pay, look], **parts)


DELETE_TWO = calls(("delete", {"name": "a"}), ("look", {}), ("delete", {"name": "b"}))


async def test_calls_that_need_a_yes_wait_and_the_others_run() -> None:
    result = await agent(DELETE_TWO).run("go")
    assert result.pending == [PendingCall("1.0", "delete", None), PendingCall("1.2", "delete", None)]
    assert [call.arguments for call in result.pending] == [{"name": "a"}, {"name": "b"}]
    assert outcomes(result.messages) == [Pending(), Returned("seen"), Pending()]
    assert done == ["look"]
    with pytest.raises(ConfigurationError, match=r"delete \(1\.0\), delete \(1\.2\) wait for a person"):
        _ = result.output


async def test_a_yes_makes_the_call_and_a_no_is_told() -> None:
    waiting = await agent(DELETE_TWO).run("go")
    decisions = {waiting.pending[0]: Approve(), waiting.pending[1]: Deny("b is needed")}
    result = await agent("done").resume(elsewhere(waiting.state), approvals=decisions)
    assert result.output == "done"
    assert outcomes(result.messages) == [Returned("deleted a"), Returned("seen"), Denied("b is needed")]
    assert done == ["look", "delete a"]


async def test_only_some_may_be_decided() -> None:
    waiting = await agent(DELETE_TWO).run("go")
    half = await agent().resume(elsewhere(waiting.state), approvals={"1.2": Approve()})
    assert half.pending == [PendingCall("1.0", "delete", None)]
    assert outcomes(half.messages) == [Pending(), Returned("seen"), Returned("deleted b")]
    result = await agent("done").resume(elsewhere(half.state), approvals={"1.0": Approve()})
    assert outcomes(result.messages) == [Returned("deleted a"), Returned("seen"), Returned("deleted b")]
    assert done == ["look", "delete b", "delete a"]


async def test_resuming_without_a_decision_waits_on() -> None:
    waiting = await agent(DELETE_TWO).run("go")
    again = await agent().resume(elsewhere(waiting.state))
    assert again.pending == waiting.pending
    assert done == ["look"]


async def test_arguments_can_be_edited_and_are_shown_as_edited() -> None:
    waiting = await agent(calls(("delete", {"name": "a"}))).run("go")
    result = await agent("done").resume(waiting.state, approvals={"1.0": Approve({"name": "z"})})
    assert outcomes(result.messages) == [Returned("deleted z")]
    assert result.messages[1].calls[0].arguments == '{"name":"z"}'  # type: ignore[union-attr]


async def test_arguments_stay_edited_when_the_call_waits_again() -> None:
    def boss(turns: list[Any], clerk_turns: list[Any]) -> Agent[Any, str]:
        clerk = Agent(ScriptedModel(*clerk_turns), tools=[delete], name="clerk")
        return Agent(ScriptedModel(*turns), tools=[clerk.as_tool(approve=True)])

    first = await boss([asking("clerk")], []).run("go")
    inner = boss([], [calls(("delete", {"name": "a"}))])
    second = await inner.resume(elsewhere(first.state), approvals={"1.0": Approve({"prompt": "edited"})})
    assert [call.id for call in second.pending] == ["1.0/1.0"]
    result = await boss(["done"], ["clerk"]).resume(elsewhere(second.state), approvals={"1.0/1.0": Approve()})
    assert result.messages[1].calls[0].arguments == '{"prompt":"edited"}'  # type: ignore[union-attr]


async def test_usage_of_a_sub_agent_that_waits_is_counted() -> None:
    usage = Usage(100, output=10)
    clerk = Agent(ScriptedModel(Turn(calls(("delete", {"name": "a"})), usage=usage)), tools=[delete], name="clerk")
    waiting = await Agent(ScriptedModel(Turn(asking("clerk"), usage=usage)), tools=[clerk.as_tool()]).run("go")
    assert waiting.usage == usage + usage
    again = Agent(ScriptedModel(Turn("c", usage=usage)), tools=[delete], name="clerk")
    model = ScriptedModel(Turn("done", usage=usage))
    result = await Agent(model, tools=[again.as_tool()]).resume(
        elsewhere(waiting.state), approvals={waiting.pending[0]: Approve()}
    )
    assert result.usage == Usage(400, output=40)


async def test_edited_arguments_that_the_tool_does_not_take_are_refused_before_anything_moves() -> None:
    waiting = await agent(calls(("delete", {"name": "a"}))).run("go")
    with pytest.raises(ConfigurationError) as caught:
        await agent("done").resume(waiting.state, approvals={"1.0": Approve({"title": "z"})})
    assert str(caught.value) == (
        "the arguments approved for call '1.0' (delete) are not valid: name: required, but missing (string); "
        "title: no such argument; the arguments are: name; nothing was decided"
    )
    result = await agent("done").resume(waiting.state, approvals={"1.0": Approve({"name": "z"})})
    assert (outcomes(result.messages), done) == ([Returned("deleted z")], ["delete z"])


async def test_a_predicate_says_which_calls_wait() -> None:
    result = await agent(calls(("pay", {"amount": 5}), ("pay", {"amount": 500}))).run("go")
    assert result.pending == [PendingCall("1.1", "pay", None)]
    assert done == ["pay 5"]


async def test_invalid_arguments_are_told_before_anybody_is_asked() -> None:
    result = await agent(calls(("delete", {})), "done").run("go")
    assert result.pending == []
    assert isinstance(outcomes(result.messages)[0], Failed)


@pytest.mark.parametrize("id", ["1.1", "2.0", "nonsense", "1.0/1.0"])
async def test_a_decision_on_no_waiting_call_is_a_clear_error(id: str) -> None:
    waiting = await agent(calls(("delete", {"name": "a"}))).run("go")
    with pytest.raises(ConfigurationError) as caught:
        await agent().resume(waiting.state, approvals={id: Approve()})
    assert str(caught.value) == f"no call {id!r} waits for a decision; these do: 1.0 (delete)"


async def test_a_decision_where_nothing_waits_is_a_clear_error() -> None:
    ended = await agent("done").run("go")
    with pytest.raises(ConfigurationError, match=r"^no call '1\.0' waits for a decision; none does in this run$"):
        await agent().resume(ended.state, approvals={"1.0": Approve()})


async def test_what_is_no_decision_is_a_clear_error() -> None:
    waiting = await agent(calls(("delete", {"name": "a"}))).run("go")
    with pytest.raises(ConfigurationError, match=r"True decides nothing on call '1\.0'"):
        await agent().resume(waiting.state, approvals={"1.0": True})  # type: ignore[dict-item]


async def test_approvals_without_a_state_are_a_clear_error() -> None:
    with pytest.raises(ConfigurationError, match="pass its state= too"):
        await agent().run("go", approvals={"1.0": Approve()})


async def test_a_prompt_while_calls_wait_is_a_clear_error() -> None:
    waiting = await agent(calls(("delete", {"name": "a"}))).run("go")
    with pytest.raises(StateError, match="decide with approvals= before prompting"):
        await agent().run("and now?", state=waiting.state)


async def test_a_prompt_may_follow_a_no() -> None:
    waiting = await agent(calls(("delete", {"name": "a"}))).run("go")
    result = await agent("fine").resume(waiting.state, approvals={"1.0": Deny("stop")}, prompt="leave it")
    assert [message.text for message in result.messages] == ["go", "", "leave it", "fine"]


async def test_a_stream_tells_what_waits() -> None:
    async with agent(DELETE_TWO).stream("go") as stream:
        told = [event async for event in stream if isinstance(event, ApprovalRequired)]
    assert [event.id for event in told] == ["1.0", "1.2"]
    assert stream.result.pending == [PendingCall("1.0", "delete", None), PendingCall("1.2", "delete", None)]


# A chief asks a clerk, who asks an intern, who wants to delete.


def chief(chief_turns: list[Any], clerk_turns: list[Any], intern_turns: list[Any], **parts: Any) -> Agent[Any, str]:
    intern = Agent(ScriptedModel(*intern_turns), tools=[delete, look], name="intern")
    clerk = Agent(ScriptedModel(*clerk_turns), tools=[intern.as_tool(), look], name="clerk")
    return Agent(ScriptedModel(*chief_turns), tools=[clerk.as_tool(), look], name="chief", **parts)


def asking(name: str, count: int = 1) -> Any:
    return calls(*[(name, {"prompt": f"please {number}"}) for number in range(count)])


async def test_calls_wait_two_agents_deep_and_go_on_from_there() -> None:
    first = chief([asking("clerk")], [asking("intern")], [DELETE_TWO])
    waiting = await first.run("go")
    assert [(call.id, call.tool, call.agent) for call in waiting.pending] == [
        ("1.0/1.0/1.0", "delete", "intern"),
        ("1.0/1.0/1.2", "delete", "intern"),
    ]
    second = chief([], [], [])
    half = await second.resume(elsewhere(waiting.state), approvals={"1.0/1.0/1.2": Deny("no")})
    assert [call.id for call in half.pending] == ["1.0/1.0/1.0"]
    third = chief(["chief done"], ["clerk done"], ["intern done"])
    result = await third.resume(elsewhere(half.state), approvals={half.pending[0]: Approve({"name": "z"})})
    assert result.output == "chief done"
    assert outcomes(result.messages) == [Returned("clerk done")]
    assert done == ["look", "delete z"]


async def test_two_sub_agents_wait_side_by_side_and_are_decided_one_by_one() -> None:
    def clerk(*turns: Any) -> Any:
        return Agent(ScriptedModel(*turns), tools=[delete], name="clerk").as_tool()

    delete_one = calls(("delete", {"name": "x"}))
    first = Agent(ScriptedModel(asking("clerk", 2)), tools=[clerk(delete_one, delete_one)])
    waiting = await first.run("go")
    assert [call.id for call in waiting.pending] == ["1.0/1.0", "1.1/1.0"]
    half = await Agent(ScriptedModel(), tools=[clerk("second")]).resume(
        elsewhere(waiting.state), approvals={"1.1/1.0": Approve()}
    )
    assert [call.id for call in half.pending] == ["1.0/1.0"]
    result = await Agent(ScriptedModel("done"), tools=[clerk("first")]).resume(
        elsewhere(half.state), approvals={"1.0/1.0": Deny()}
    )
    assert outcomes(result.messages) == [Returned("first"), Returned("second")]
    assert done == ["delete x"]


async def test_an_agent_without_the_tool_of_a_decided_call_is_refused_and_the_decision_is_kept() -> None:
    waiting = await agent(calls(("delete", {"name": "a"}))).run("go")
    other = Agent(ScriptedModel(), tools=[look], name="other")
    with pytest.raises(StateError) as caught:
        await other.resume(elsewhere(waiting.state), approvals={"1.0": Approve()})
    assert str(caught.value) == (
        "call 1.0 of this run is one of 'delete', which the agent 'other' does not have; its tools are: look. Nothing "
        "was done, and what was decided is kept: resume with the agent that began the run ('agent'), with that tool"
    )
    assert done == []
    result = await agent("done").resume(elsewhere(caught.value.state))
    assert outcomes(result.messages) == [Returned("deleted a")]


async def test_no_call_is_made_when_the_tool_of_one_of_them_is_missing() -> None:
    waiting = await agent(calls(("delete", {"name": "a"}), ("pay", {"amount": 200}))).run("go")
    with pytest.raises(StateError, match=r"call 1\.1 of this run is one of 'pay'"):
        await Agent(ScriptedModel(), tools=[delete]).resume(
            waiting.state, approvals={"1.0": Approve(), "1.1": Approve()}
        )
    assert done == []


async def test_a_sub_agent_without_the_tool_of_a_decided_call_ends_the_run_and_keeps_the_decision() -> None:
    def boss(turns: list[Any], clerk_turns: list[Any], *tools: Any) -> Agent[Any, str]:
        clerk = Agent(ScriptedModel(*clerk_turns), tools=list(tools), name="clerk")
        return Agent(ScriptedModel(*turns), tools=[clerk.as_tool()])

    waiting = await boss([asking("clerk")], [calls(("delete", {"name": "a"}))], delete).run("go")
    with pytest.raises(
        StateError, match="'delete', which the agent 'clerk' does not have; its tools are: look"
    ) as caught:
        await boss([], [], look).resume(elsewhere(waiting.state), approvals={"1.0/1.0": Approve()})
    assert done == []
    result = await boss(["done"], ["clerk done"], delete).resume(elsewhere(caught.value.state))
    assert (result.output, done) == ("done", ["delete a"])


async def test_usage_of_a_sub_agent_that_waited_is_counted_once() -> None:
    first = chief([asking("clerk")], [asking("intern")], [calls(("delete", {"name": "a"}))])
    waiting = await first.run("go")
    third = chief(["chief done"], ["clerk done"], ["intern done"])
    result = await third.resume(waiting.state, approvals={"1.0/1.0/1.0": Approve()})
    own = [message.usage for message in result.messages if hasattr(message, "usage")]
    inner = next(record for record in result.state["journal"] if record["kind"] == "call_ended")["usage"]
    assert result.usage.output == sum(usage.output for usage in own) + inner["output"]
    assert inner["output"] > 0


async def test_events_of_agents_inside_agents_are_nested() -> None:
    first = chief([asking("clerk"), "done"], ["clerk done"], [])
    async with first.stream("go") as stream:
        nested = [event async for event in stream if isinstance(event, Nested)]
    assert {(event.agent, event.step) for event in nested} == {("clerk", 1)}


async def test_an_agent_that_needs_a_yes_and_was_stopped_by_the_budget_is_not_asked_again() -> None:
    def boss(turns: list[Any], clerk_turns: list[Any]) -> Agent[Any, str]:
        clerk = Agent(ScriptedModel(*clerk_turns), tools=[look], name="clerk")
        return Agent(ScriptedModel(*turns), tools=[clerk.as_tool(approve=True)])

    waiting = await boss([asking("clerk")], []).run("go")
    with pytest.raises(BudgetExceededError) as caught:
        await boss([], [calls(("look", {}))]).resume(
            waiting.state, approvals={"1.0": Approve()}, budget=Budget(steps=2)
        )
    assert caught.value.state is not None
    result = await boss(["done"], ["clerk done"]).resume(elsewhere(caught.value.state))
    assert result.output == "done"
    assert done == ["look"]


async def test_waiting_calls_are_counted_once_in_the_budget() -> None:
    budget = Budget(tool_calls=1)
    waiting = await agent(calls(("delete", {"name": "a"}))).run("go", budget=budget)
    with pytest.raises(BudgetExceededError):
        await agent(calls(("look", {}))).resume(waiting.state, approvals={"1.0": Approve()}, budget=budget)
    assert done == ["delete a"]


SECOND_PROCESS = """
import json, sys
from agentkit.agent import Agent
from agentkit.approvals import Approve
from agentkit.testing import ScriptedModel
from agentkit.tools import tool

@tool(approve=True)
def delete(name: str) -> str:
    return "deleted " + name

state = json.load(sys.stdin)
result = Agent(ScriptedModel("done"), tools=[delete]).run_sync(state=state, approvals={"1.0": Approve()})
print(result.output, result.messages[1].calls[0].outcome.content)
"""


def test_a_run_is_resumed_in_another_process() -> None:
    waiting = agent(calls(("delete", {"name": "a"}))).run_sync("go")
    process = subprocess.run(
        [sys.executable, "-c", SECOND_PROCESS],
        input=json.dumps(waiting.state),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (process.stdout, process.stderr) == ("done deleted a\n", "")


async def test_a_predicate_sees_the_arguments_that_a_hook_put_in_place() -> None:
    class Tenfold(Middleware):
        async def tool_call(self, call: CallOffer, call_next: ToolCallNext) -> Verdict:
            return await call_next(replace(call, arguments={"amount": call.arguments["amount"] * 10}))

    waiting = await agent(calls(("pay", {"amount": 50})), middleware=[Tenfold()]).run("go")
    assert waiting.pending == [PendingCall("1.0", "pay", None)]
    assert done == []
    result = await agent("done", middleware=[Tenfold()]).resume(waiting.state, approvals={"1.0": Approve()})
    assert outcomes(result.messages) == [Returned("paid 500")]


async def test_decisions_that_say_nothing_of_a_call_are_refused_with_how_to_write_them() -> None:
    waiting = await agent(DELETE_TWO).run("go")
    with pytest.raises(ConfigurationError, match=r"approvals= is of type list; .* \{call: Approve\(\) for call in"):
        await agent("done").resume(waiting.state, approvals=waiting.pending)  # type: ignore[arg-type]


async def test_a_predicate_sees_defaults_and_only_what_it_names() -> None:
    @tool(approve=lambda amount: amount > 100)
    def transfer(to: str, amount: int = 500, *, note: str = "") -> str:
        return f"{amount} to {to}"

    @tool(approve=lambda **arguments: arguments == {"path": "/", "depth": 9})
    def wipe(path: str = "/", depth: int = 9) -> str:
        return "wiped"

    turn = calls(("transfer", {"to": "a"}), ("transfer", {"to": "b", "amount": 1, "note": "x"}), ("wipe", {}))
    result = await Agent(ScriptedModel(turn), tools=[transfer, wipe]).run("go")
    assert [call.id for call in result.pending] == ["1.0", "1.2"]
    assert outcomes(result.messages) == [Pending(), Returned("1 to b"), Pending()]


async def test_a_predicate_sees_what_goes_by_position() -> None:
    @tool(approve=lambda path, *more, force=False: force or "b" in more)
    def remove(path: str, *more: str, force: bool = True) -> str:
        return "removed"

    turn = calls(
        ("remove", {"path": "a"}), ("remove", {"path": "a", "more": ["b"], "force": False}),
        ("remove", {"path": "a", "force": False}),
    )  # fmt: skip
    result = await Agent(ScriptedModel(turn), tools=[remove]).run("go")
    assert [call.id for call in result.pending] == ["1.0", "1.1"]


async def test_a_yes_to_a_call_inside_an_agent_is_none_to_a_tool_that_took_its_name() -> None:
    @tool(approve=True, effect="destructive")
    def clerk(prompt: str) -> str:
        done.append(f"clerk {prompt}")
        return "done"

    inner = agent(calls(("delete", {"name": "a"})), name="clerk")
    first = await Agent(ScriptedModel(calls(("clerk", {"prompt": "x"}))), tools=[inner.as_tool()]).run("go")
    other = Agent(ScriptedModel("ended"), tools=[clerk])
    asked = await other.resume(first.state, approvals={"1.0/1.0": Approve()})
    assert ([call.id for call in asked.pending], done) == (["1.0"], [])
    result = await other.resume(asked.state, approvals={"1.0": Approve()})
    assert (result.output, done) == ("ended", ["clerk x"])
