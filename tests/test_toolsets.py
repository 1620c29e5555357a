"""Toolsets: their lifetimes, their methods as tools, and what can be changed about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import pytest
from engine import outcomes

from agentkit.agent import Agent
from agentkit.errors import ConfigurationError, DuplicateToolError
from agentkit.messages import Failed, Returned
from agentkit.testing import ScriptedModel, calls
from agentkit.tools import Context, Tool, tool
from agentkit.toolsets import StaticToolset, Toolset

pytestmark = pytest.mark.anyio


class Shop(Toolset):
    def __init__(self) -> None:
        self.log: list[str] = []
        self.stock = {"pear": 3}

    async def open(self) -> None:
        await anyio.lowlevel.checkpoint()
        self.log.append("open")

    async def close(self) -> None:
        await anyio.lowlevel.checkpoint()
        self.log.append("close")

    @tool(effect="read")
    async def count_stock(self, fruit: str) -> int:
        """How many are left."""
        await anyio.lowlevel.checkpoint()
        assert self.log[-1] == "open"
        return self.stock[fruit]

    @tool(effect="write")
    def sell(self, fruit: str, context: Context) -> str:
        self.stock[fruit] -= 1
        return f"sold by {context.agent}"

    def helper(self) -> None:
        """No tool."""


class SmallShop(Shop):
    sell = None  # type: ignore[assignment]

    @tool
    def greet(self) -> str:
        return "hello"


def names(tools: Sequence[Tool]) -> list[str]:
    return [made.name for made in tools]


async def test_decorated_methods_are_the_tools_and_stay_methods() -> None:
    shop = Shop()
    assert names(await shop.list_tools()) == ["count_stock", "sell"]
    assert shop.sell("pear", Context(None, agent="me")) == "sold by me"
    assert names(await SmallShop().list_tools()) == ["count_stock", "greet"]
    count, _ = await shop.list_tools()
    assert count.parameters == {
        "type": "object",
        "properties": {"fruit": {"type": "string"}},
        "required": ["fruit"],
        "additionalProperties": False,
    }


async def test_static_and_class_methods_are_tools_too() -> None:
    class Odd(Toolset):
        @staticmethod
        @tool
        def one(number: int) -> int:
            return number

        @tool
        @staticmethod
        def two(number: int) -> int:
            return number

        @classmethod
        @tool
        def three(cls, number: int) -> list[Any]:
            return [cls.__name__, number]

    made = calls(*[(name, {"number": 1}) for name in ("one", "two", "three")])
    result = await Agent(ScriptedModel(made, "done"), tools=[Odd()]).run("go")
    assert outcomes(result.messages) == [Returned(1), Returned(1), Returned(["Odd", 1])]


async def test_a_run_opens_its_toolsets_and_closes_them() -> None:
    shop = Shop()
    model = ScriptedModel(calls(("count_stock", {"fruit": "pear"}), ("sell", {"fruit": "pear"})), "done")
    result = await Agent(model, tools=[shop], name="me").run("go")
    assert outcomes(result.messages) == [Returned(3), Returned("sold by me")]
    assert shop.log == ["open", "close"]


async def test_a_bound_method_is_a_tool_by_itself() -> None:
    shop = Shop()
    shop.log.append("open")
    model = ScriptedModel(calls(("count_stock", {"fruit": "pear"})), "done")
    assert outcomes((await Agent(model, tools=[shop.count_stock]).run("go")).messages) == [Returned(3)]


async def test_an_agent_that_is_entered_keeps_them_open_for_many_runs() -> None:
    shop = Shop()
    agent = Agent(ScriptedModel("one", "two"), tools=[shop])
    async with agent, agent:
        await agent.run("go")
        await agent.run("go")
        assert shop.log == ["open"]
    assert shop.log == ["open", "close"]


async def test_toolsets_are_closed_after_an_error_and_after_a_cancel() -> None:
    shop = Shop()
    with pytest.raises(RuntimeError, match="broken"):
        await Agent(ScriptedModel(RuntimeError("broken")), tools=[shop]).run("go")
    with anyio.CancelScope() as scope:

        class Stop:
            async def respond(self, request: Any, sink: Any = None) -> Any:
                scope.cancel()
                await anyio.sleep_forever()

        await Agent(Stop(), tools=[shop]).run("go")
    assert shop.log == ["open", "close"] * 2


async def test_a_toolset_that_cannot_open_closes_those_before_it() -> None:
    class Broken(Toolset):
        async def open(self) -> None:
            raise OSError("no server")

    shop = Shop()
    with pytest.raises(OSError, match="no server"):
        await Agent(ScriptedModel(), tools=[shop, Broken()]).run("go")
    assert shop.log == ["open", "close"]


async def test_runs_side_by_side_share_one_opening() -> None:
    shop = Shop()
    model = ScriptedModel(*[lambda request: calls(("count_stock", {"fruit": "pear"}))] * 3, *["done"] * 3)
    agent = Agent(model, tools=[shop])
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(agent.run, "go")
    assert shop.log == ["open", "close"]


async def test_toolsets_that_derive_from_one_another_are_opened_once() -> None:
    shop = Shop()
    tools = [shop.filtered(["sell"]), shop.filtered(["count_stock"]).prefixed("shop_")]
    model = ScriptedModel(calls(("shop_count_stock", {"fruit": "pear"})), "done")
    assert outcomes((await Agent(model, tools=tools).run("go")).messages) == [Returned(3)]
    assert shop.log == ["open", "close"]


async def test_lists_can_be_filtered_prefixed_and_renamed() -> None:
    shop = Shop()
    assert names(await shop.filtered(lambda made: made.effect == "read").list_tools()) == ["count_stock"]
    assert names(await shop.filtered(["sell"]).list_tools()) == ["sell"]
    assert names(await shop.prefixed("a_").prefixed("b_").list_tools()) == ["b_a_count_stock", "b_a_sell"]
    assert names(await shop.renamed({"sell": "buy"}).list_tools()) == ["count_stock", "buy"]
    assert (await shop.prefixed("a_").list_tools())[0].definition.name == "a_count_stock"


@pytest.mark.parametrize("change", [lambda shop: shop.filtered(["sel"]), lambda shop: shop.renamed({"sel": "buy"})])
async def test_names_that_are_not_there_are_a_clear_error(change: Any) -> None:
    with pytest.raises(ConfigurationError, match="this toolset has no tool sel; it has count_stock, sell"):
        await change(Shop()).list_tools()


async def test_approval_can_be_asked_for_some_tools() -> None:
    count, sell = await Shop().approved(lambda made: made.effect != "read").list_tools()
    assert (count.approve, sell.approve) == (False, True)
    model = ScriptedModel(calls(("sell", {"fruit": "pear"})))
    result = await Agent(model, tools=[Shop().approved()]).run("go")
    assert [call.tool for call in result.pending] == ["sell"]


@tool
def add_numbers(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def send_mail(to: str) -> str:
    """Send an e-mail to somebody."""
    return f"sent to {to}"


@pytest.mark.parametrize("prefix", ["", "my_"])
async def test_a_search_reveals_the_tools_that_it_finds(prefix: str) -> None:
    model = ScriptedModel(
        calls((f"{prefix}send_mail", {"to": "x"})),
        calls(("search_tools", {"query": "mails"})),
        calls((f"{prefix}send_mail", {"to": "x"})),
        calls(("search_tools", {"query": "zzz"})),
        "done",
    )
    tools = StaticToolset([add_numbers, send_mail]).searchable()
    result = await Agent(model, tools=[tools.prefixed(prefix) if prefix else tools]).run("go")
    offered = [names_of(request) for request in model.requests]
    assert offered == [["search_tools"]] * 2 + [["search_tools", f"{prefix}send_mail"]] * 3
    unknown, found, sent, nothing = outcomes(result.messages)
    assert isinstance(unknown, Failed)
    assert found == Returned([{"name": f"{prefix}send_mail", "description": "Send an e-mail to somebody."}])
    assert sent == Returned("sent to x")
    assert nothing == Returned("Nothing fits 'zzz'. Try other words; there are 2 tools.")


def names_of(request: Any) -> list[str]:
    return [offered.name for offered in request.tools]


async def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(DuplicateToolError, match=r"two tools are named 'add_numbers' \(.*test_toolsets\.py:\d+ and "):
        Agent(ScriptedModel(), tools=[add_numbers, add_numbers])
    agent = Agent(ScriptedModel(), tools=[add_numbers, StaticToolset([add_numbers])])
    with pytest.raises(DuplicateToolError, match="give its toolset a prefix"):
        await agent.run("go")


async def test_the_names_that_agentkit_needs_itself_are_refused() -> None:
    @tool
    def read_result() -> str:
        return ""

    @tool
    def final_result() -> str:
        return ""

    with pytest.raises(DuplicateToolError, match="'read_result'"):
        Agent(ScriptedModel(), tools=[read_result])
    from agentkit.output import Output

    with pytest.raises(DuplicateToolError, match="'final_result'"):
        await Agent(ScriptedModel(), tools=[final_result], output=Output(int, by="tool")).run("go")
    assert (await Agent(ScriptedModel("fine"), tools=[final_result]).run("go")).output == "fine"


@pytest.mark.parametrize("name", ["open", "close"])
async def test_an_opening_that_is_not_async_is_refused_with_how_to_write_it(name: str) -> None:
    shelf = type("Shelf", (Toolset,), {name: lambda self: None})()
    with pytest.raises(ConfigurationError, match=rf"Shelf.{name} is no async function; write"):
        await Agent(ScriptedModel("hi"), tools=[shelf]).run("go")
