"""What has to work in an installation that has nothing but the wheel and its core dependencies.

    python smoke.py FOLDER

Runs outside the checkout, in an environment without test tools; prints "smoke: ok" at the end.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import anyio
from pydantic import BaseModel

import agentkit
import agentkit_tools
from agentkit import Agent, Approve, Budget, fork, tool
from agentkit.errors import BudgetExceededError, MissingKeyError
from agentkit.events import ToolFinished
from agentkit.sessions import SqliteSession
from agentkit.testing import ScriptedModel, calls
from agentkit.tracing import configure, load_trace, render_tree
from agentkit_tools.files import Files
from agentkit_tools.http import Http


@tool(effect="read")
def find_order(order: int) -> str:
    """Find an order by its number."""
    return f"order {order} was paid"


@tool(effect="destructive", approve=True)
def refund(order: int, amount: float) -> str:
    """Pay money back for an order."""
    return f"paid back {amount:.2f} for order {order}"


class Order(BaseModel):
    """An order."""

    customer: str
    amount: float


def check_that_nothing_of_the_checkout_is_used() -> None:
    """Both packages come from the environment."""
    for package in (agentkit, agentkit_tools):
        assert "site-packages" in str(package.__file__), package.__file__


def check_an_agent_with_a_tool(folder: Path) -> None:
    """A run with a trace in a file, and its fork."""
    configure(folder=folder / "traces")
    agent = Agent("offline:", tools=[find_order])
    result = agent.run_sync("Find order 1002")
    configure()
    assert result.output == "order 1002 was paid.", result.output
    (file,) = (folder / "traces").iterdir()
    assert "execute_tool find_order" in render_tree(load_trace(file))
    assert agent.run_sync(state=fork(result.state, step=2)).output == result.output


def check_an_approval() -> None:
    """A run that waits, as JSON, and goes on."""
    agent = Agent("offline:", tools=[refund])
    waiting = agent.run_sync("Refund 79.90 for order 1002")
    state = json.loads(json.dumps(waiting.state))
    assert [call.id for call in waiting.pending] == ["1.0"]
    assert agent.run_sync(state=state, approvals={"1.0": Approve()}).output == "paid back 79.90 for order 1002."


def check_output_and_budget() -> None:
    """Typed output, a bound, and an error that carries the run."""
    order = Agent(ScriptedModel('{"customer": "Ada", "amount": 3}'), output=Order).run_sync("Read").output
    assert order == Order(customer="Ada", amount=3)
    agent = Agent(ScriptedModel(calls(("find_order", {"order": 1})), "done"), tools=[find_order])
    try:
        agent.run_sync("go", budget=Budget(steps=1))
    except BudgetExceededError as error:
        assert agent.run_sync(state=error.state).output == "done"
    else:
        raise AssertionError("the budget was not kept")


def check_a_real_model_asks_for_its_key() -> None:
    """The providers are there; without a key the error says what to set."""
    try:
        Agent("openai:gpt-6-luna").run_sync("Hello")
    except MissingKeyError as error:
        assert "OPENAI_API_KEY" in str(error)
    else:
        raise AssertionError("no key was asked for")


async def check_a_stream(folder: Path) -> None:
    """Events, a session, and the ready-made tools."""
    (folder / "notes.md").write_text("Call Ada back.\n")
    agent = Agent("offline:", tools=[Files(folder), Http(base_url="https://api.example.com")])
    async with agent.stream('Read the file "notes.md"', session=SqliteSession(folder / "chats.db")) as run:
        finished = [event.tool async for event in run if isinstance(event, ToolFinished)]
    assert finished == ["read_file"], finished
    assert "Call Ada back." in run.result.output
    assert len(await SqliteSession(folder / "chats.db").load()) == 3


def main(folder: Path) -> None:
    """Everything in turn."""
    check_that_nothing_of_the_checkout_is_used()
    check_an_agent_with_a_tool(folder)
    check_an_approval()
    check_output_and_budget()
    check_a_real_model_asks_for_its_key()
    anyio.run(check_a_stream, folder)
    print("smoke: ok")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
