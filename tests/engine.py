"""What the tests of the engine share: short ways to run an agent on a script and to read what became of its calls."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from agentkit.agent import Agent
from agentkit.messages import AssistantMessage, Message, Outcome
from agentkit.result import Result
from agentkit.testing import ScriptedModel, calls
from agentkit.testing.scripted import ScriptedTurn


def outcomes(messages: Sequence[Message]) -> list[Outcome]:
    """What became of every call, in order."""
    found: list[Outcome] = []
    for message in messages:
        if isinstance(message, AssistantMessage):
            found += [call.outcome for call in message.calls]
    return found


async def run(tools: Sequence[Any], *turns: ScriptedTurn, **parts: Any) -> Result[Any]:
    """Run an agent with these tools on these turns, and "done" after them."""
    return await Agent(ScriptedModel(*turns, "done"), tools=tools, **parts).run("go")


async def call_once(tool: Any, arguments: Any = "{}", **parts: Any) -> Outcome:
    """What becomes of one call of a tool."""
    name = tool.tool.name if hasattr(tool, "tool") else tool.name
    return outcomes((await run([tool], calls((name, arguments)), **parts)).messages)[0]


def elsewhere(state: dict[str, Any]) -> dict[str, Any]:
    """The state as another process reads it."""
    return json.loads(json.dumps(state))
