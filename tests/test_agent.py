"""Agents: put together once, run many times, changed by copies, used as tools."""

from __future__ import annotations

import re
from typing import Any

import pytest
from engine import outcomes

from agentkit.agent import Agent
from agentkit.budget import Budget
from agentkit.errors import ConfigurationError, DuplicateToolError, NewerVersionError, StateError
from agentkit.events import Answer, Nested, RunEnded, RunStarted
from agentkit.messages import AssistantMessage, Failed, Returned, Text, ToolCall, user_message
from agentkit.models import Middleware
from agentkit.settings import Settings
from agentkit.testing import ScriptedModel, calls
from agentkit.tools import Context, tool
from agentkit.toolsets import Toolset

pytestmark = pytest.mark.anyio


@tool
def look() -> str:
    return "seen"


async def test_a_conversation_goes_on_with_its_messages() -> None:
    first = await Agent(ScriptedModel("Hello Ada.")).run("My name is Ada.")
    model = ScriptedModel("Ada.")
    second = await Agent(model).run("What is my name?", messages=first.messages)
    assert [message.text for message in model.requests[0].messages] == [
        "My name is Ada.", "Hello Ada.", "What is my name?"
    ]  # fmt: skip
    assert [message.text for message in second.new_messages] == ["What is my name?", "Ada."]


async def test_a_state_goes_on_with_another_prompt() -> None:
    first = await Agent(ScriptedModel("one")).run("a")
    second = await Agent(ScriptedModel("two")).run("b", state=first.state)
    assert [message.text for message in second.messages] == ["a", "one", "b", "two"]
    assert (second.run_id, second.steps) == (first.run_id, 2)


async def test_a_run_that_had_ended_gives_its_result_again() -> None:
    first = await Agent(ScriptedModel("one")).run("a")
    model = ScriptedModel()
    assert (await Agent(model).resume(first.state)).output == "one"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({}, "a run needs a prompt, or messages= that end with one"),
        ({"messages": []}, "a run needs a prompt, or messages= that end with one"),
        ({"messages": [user_message("a"), AssistantMessage((Text("b"),))]}, "or messages= that end with one"),
        ({"prompt": "a", "messages": [user_message("a")], "state": {}}, "pass either messages= or state="),
    ],
)
async def test_a_run_without_anything_to_answer_is_a_clear_error(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await Agent(ScriptedModel("x")).run(**arguments)
    assert problem in str(caught.value)


async def test_messages_alone_are_enough_when_they_end_with_a_prompt() -> None:
    assert (await Agent(ScriptedModel("done")).run(messages=[user_message("go")])).output == "done"


async def test_messages_with_a_pending_call_are_refused_with_what_to_do() -> None:
    waiting = AssistantMessage((ToolCall("1", "look", "{}"),))
    with pytest.raises(ConfigurationError, match=r"while the call of look is pending; resume the run"):
        await Agent(ScriptedModel("x")).run("go", messages=[waiting])


async def test_a_newer_state_is_refused_and_left_as_it_is() -> None:
    state = {"version": 99, "journal": [{"kind": "telepathy"}]}
    with pytest.raises(NewerVersionError, match="this state of a run has version 99, this agentkit reads up to 2"):
        await Agent(ScriptedModel()).resume(state)
    assert state == {"version": 99, "journal": [{"kind": "telepathy"}]}


async def test_an_edited_state_is_refused_with_its_place() -> None:
    state = (await Agent(ScriptedModel("one")).run("a")).state
    state["journal"][1]["message"]["finish"] = "tired"
    with pytest.raises(StateError, match=r"this state cannot be read: at journal\.1\."):
        await Agent(ScriptedModel()).resume(state)


def test_a_copy_has_some_parts_changed() -> None:
    agent = Agent(ScriptedModel(), tools=[look], name="guide", settings=Settings(seed=1), budget=Budget(steps=3))
    copy = agent.replace(model=ScriptedModel("other"), name="other")
    assert (copy.name, copy.settings, copy.budget) == ("other", Settings(seed=1), Budget(steps=3))
    assert copy.run_sync("go").output == "other"
    assert agent.name == "guide"
    with pytest.raises(ConfigurationError, match="an agent has no part modle"):
        agent.replace(modle="x")


def test_an_agent_shows_what_it_is() -> None:
    assert repr(Agent(ScriptedModel(model="m"), tools=[look], name="guide")) == "Agent('m', name='guide', tools=[look])"
    assert repr(Agent("openai:gpt-6")) == "Agent('openai:gpt-6', name='agent', tools=[])"


def test_plain_functions_are_tools_too_and_other_things_are_not() -> None:
    def plain(number: int) -> int:
        """Give it back."""
        return number

    agent = Agent(ScriptedModel(calls(("plain", {"number": 4})), "done"), tools=[plain])
    assert outcomes(agent.run_sync("go").messages) == [Returned(4)]
    with pytest.raises(ConfigurationError, match="3 is no tool; pass a function"):
        Agent(ScriptedModel(), tools=[3])  # type: ignore[list-item]


async def test_an_agent_is_a_tool_of_another() -> None:
    @tool
    def whose(context: Context[str]) -> str:
        return context.deps

    clerk = Agent(ScriptedModel(calls(("whose", {})), "clerk done"), tools=[whose], name="clerk")
    made = clerk.as_tool(description="Ask the clerk.", effect="read")
    assert (made.name, made.description, made.effect) == ("clerk", "Ask the clerk.", "read")
    assert made.parameters["required"] == ["prompt"]
    boss = Agent(ScriptedModel(calls(("clerk", {"prompt": "please"})), "done"), tools=[made])
    async with boss.stream("go", deps="mine") as stream:
        nested = [event for event in [event async for event in stream] if isinstance(event, Nested)]
    assert outcomes(stream.result.messages) == [Returned("clerk done")]
    assert [type(event.event) for event in nested][:: len(nested) - 1] == [RunStarted, RunEnded]
    answers = [event.event for event in nested if isinstance(event.event, Answer)]
    assert answers[0].response.calls[0].name == "whose"
    assert nested[-1].event.result.messages[0] == user_message("please")  # type: ignore[union-attr]
    assert outcomes(nested[-1].event.result.messages) == [Returned("mine")]  # type: ignore[union-attr]


async def test_structured_output_of_an_agent_inside_reaches_the_one_above_as_json() -> None:
    clerk = Agent(ScriptedModel('{"value": [1, 2]}'), output=list[int], name="clerk")
    boss = Agent(ScriptedModel(calls(("clerk", {"prompt": "x"})), "done"), tools=[clerk.as_tool()])
    assert outcomes((await boss.run("go")).messages) == [Returned([1, 2])]


async def test_a_failing_agent_inside_is_a_failed_call() -> None:
    clerk = Agent(ScriptedModel(RuntimeError("broken")), name="clerk")
    boss = Agent(ScriptedModel(calls(("clerk", {"prompt": "x"})), "done"), tools=[clerk.as_tool()])
    assert outcomes((await boss.run("go")).messages) == [Failed("The tool clerk failed: RuntimeError: broken")]


@pytest.mark.parametrize("wrong", [None, 3])
async def test_what_is_no_model_is_refused_when_the_agent_is_made(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"{wrong} is no model; write it as 'provider:model-id'"):
        Agent(wrong)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"budget": {"steps": 1}}, "{'steps': 1} is no Budget; give an object of it, such as Budget(...)"),
        ({"settings": {"seed": 1}}, "{'seed': 1} is no Settings; give an object of it, such as Settings(...)"),
        ({"middleware": [Middleware]}, "Middleware'> is no Middleware; give an object of it, such as Middleware(...)"),
        ({"tools": len}, "tools= takes a list; write tools=[...] in place of <built-in function len>"),
        ({"tools": None}, "tools= takes a list; write tools=[...] in place of None"),
    ],
)
async def test_a_part_of_the_wrong_kind_is_refused_when_the_agent_is_made(parts: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        Agent(ScriptedModel(), **parts)


async def test_what_a_run_is_given_of_the_wrong_kind_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"'chat.db' is no session; write SqliteSession\('chat.db'\)"):
        await Agent(ScriptedModel("hi")).run("go", session="chat.db")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"\{'steps': 1\} is no Budget"):
        await Agent(ScriptedModel("hi")).run("go", budget={"steps": 1})  # type: ignore[arg-type]


async def test_tools_may_come_from_a_generator() -> None:
    @tool
    def look() -> str:
        return "seen"

    agent = Agent(ScriptedModel(), tools=(each for each in [look]))  # type: ignore[arg-type]
    assert [made.name for made in await agent.list_tools()] == ["look"]


async def test_methods_of_one_name_are_told_with_their_lines() -> None:
    class Shelf(Toolset):
        @tool
        def look(self) -> str:
            return "seen"

    with pytest.raises(DuplicateToolError, match=r"two tools are named 'look' \(.*test_agent\.py:\d+ and .*py:\d+\)"):
        await Agent(ScriptedModel(), tools=[Shelf(), Shelf()]).list_tools()
