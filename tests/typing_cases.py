"""What the type checker has to know; run by test_typing.py. A line that has to fail ends with `# fails: <rule>`."""

from __future__ import annotations

from typing import Any, assert_type

from pydantic import BaseModel

from agentkit.agent import Agent
from agentkit.output import Output
from agentkit.result import Result
from agentkit.testing import ScriptedModel
from agentkit.tools import Context, Tool, tool
from agentkit.toolsets import Toolset

MODEL = ScriptedModel()


class City(BaseModel):
    name: str


class Country(BaseModel):
    code: str


class Shop:
    """What tools get as deps."""


@tool
def add(a: int, b: int = 1) -> int:
    return a + b


@tool(effect="read", timeout_seconds=None)
async def find(name: str) -> City:
    return City(name=name)


@tool
def sell(item: str, context: Context[Shop]) -> str:
    assert_type(context.deps, Shop)
    return item


class Store(Toolset):
    @tool
    def count(self, fruit: str) -> int:
        return len(fruit)

    @tool(effect="write")
    async def order(self, fruit: str) -> City:
        return City(name=fruit)


def a_decorated_tool_keeps_its_signature() -> None:
    assert_type(add(1, b=2), int)
    assert_type(add.tool, Tool)
    add("1")  # fails: reportArgumentType
    add(1, c=2)  # fails: reportCallIssue
    add.tol  # fails: reportAttributeAccessIssue


async def so_does_an_async_one() -> None:
    assert_type(await find("Rome"), City)
    assert_type(find.tool, Tool)
    find("Rome").name  # fails: reportAttributeAccessIssue
    await find(1)  # fails: reportArgumentType


async def so_does_a_method(store: Store) -> None:
    assert_type(store.count("pear"), int)
    assert_type(Store.count(store, "pear"), int)
    assert_type(await store.order("pear"), City)
    assert_type(Store.count.tool, Tool)
    store.count(1)  # fails: reportArgumentType


def an_output_has_the_declared_type() -> None:
    assert_type(Agent(MODEL).run_sync("go").output, str)
    assert_type(Agent("openai:gpt-6", tools=[add, find, Store()]).run_sync("go").output, str)
    assert_type(Agent(MODEL, output=City).run_sync("go").output, City)
    assert_type(Agent(MODEL, output=[City, Country]).run_sync("go").output, City | Country)
    assert_type(Agent(MODEL, output=list[int]).run_sync("go").output, list[int])
    assert_type(Agent(MODEL, output=int).run_sync("go").output, int)
    assert_type(Agent(MODEL, output={"type": "object"}).run_sync("go").output, dict[str, Any])
    assert_type(Agent(MODEL, output=Output(City, by="tool")).run_sync("go").output, City)
    Agent(MODEL, output=City).run_sync("go").output.code  # fails: reportAttributeAccessIssue
    number: int = Agent(MODEL).run_sync("go").output  # fails: reportAssignmentType
    print(number)


async def so_it_has_when_run_and_streamed() -> None:
    agent = Agent(MODEL, output=City)
    assert_type(await agent.run("go"), Result[City])
    assert_type((await agent.resume({})).output, City)
    async with agent.stream("go") as run:
        assert_type(run.result.output, City)
        assert_type(run.partial_output, City | None)


def deps_are_checked() -> None:
    agent: Agent[Shop, City] = Agent(MODEL, output=City)
    assert_type(agent.run_sync("go", deps=Shop()).output, City)
    agent.run_sync("go", deps=3)  # fails: reportArgumentType
    wrong: Agent[Shop, City] = Agent(MODEL, output=Country)  # fails: reportAssignmentType
    print(wrong)


def wrong_use_fails() -> None:
    Agent(MODEL, tool=[add])  # fails: reportCallIssue
    Agent(MODEL, tools=[1])  # fails: reportArgumentType
    Agent(MODEL).run_sync(3)  # fails: reportArgumentType
    tool(effect="rite")  # fails: reportArgumentType
