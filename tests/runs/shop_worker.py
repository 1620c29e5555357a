"""A process that works through runs in a store, and may be killed at any moment: `shop_worker.py STORE LOG COUNT LOOP`.

It goes on with every run that was cut off, and begins those that are missing. What its tools do they write to LOG, one
line each, before and after.
"""

from __future__ import annotations

import json
import os
import random
import sys
from typing import Any

import anyio

from agentkit import Agent, Context, tool
from agentkit.exchange import Request, Response
from agentkit.messages import AssistantMessage, Text, ToolCall, UserMessage
from agentkit.models import Capabilities, ModelIdentity, Sink
from agentkit.runs import SqliteRunStore

AT_ONCE = 4
STEPS = 5
store_path, log_path, count, loop = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
chance = random.Random()


def write(kind: str, name: str, context: Context[Any]) -> None:
    os.write(log, (json.dumps({"kind": kind, "tool": name, "key": context.idempotency_key}) + "\n").encode())


async def moment() -> None:
    await anyio.sleep(chance.uniform(0, 0.004))


@tool(effect="read")
async def look(context: Context[Any]) -> str:
    write("began", "look", context)
    await moment()
    write("ended", "look", context)
    return "17 in stock"


@tool(effect="destructive")
async def ship(context: Context[Any]) -> str:
    write("began", "ship", context)
    await moment()
    write("effect", "ship", context)
    await moment()
    write("ended", "ship", context)
    return "shipped"


class Model:
    """Calls tools in every step but the last; which step it is the conversation says, as with a real one."""

    def __init__(self, steps: int, *, asks_clerk: bool = False) -> None:
        self.steps = steps
        self.asks_clerk = asks_clerk
        self.identity = ModelIdentity("scripted", "scripted", Capabilities())

    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        await moment()
        since = [message for message in request.messages if isinstance(message, AssistantMessage)]
        step = len(since) + 1
        if step >= self.steps:
            return Response(AssistantMessage((Text("all is done"),)))
        said = next(message.text for message in request.messages if isinstance(message, UserMessage))
        names = ["look", "ship", "look"]
        if self.asks_clerk and step == 2 and int(said.split()[-1]) % 3 == 0:
            names = ["clerk", "look"]
        calls = tuple(ToolCall("", name, '{"prompt": "order 0"}' if name == "clerk" else "{}") for name in names)
        return Response(AssistantMessage(calls, finish="tool_calls"))


clerk = Agent(Model(3), tools=[look, ship], name="clerk")
agent = Agent(Model(STEPS, asks_clerk=True), tools=[look, ship, clerk.as_tool()], name="shop")


async def main() -> None:
    store = SqliteRunStore(store_path)
    kept = {run.prompt: run for run in await store.list(limit=100_000)}
    prompts = [f"order {number}" for number in range(count)]
    left = [prompt for prompt in prompts if prompt not in kept or kept[prompt].status != "finished"]
    chance.shuffle(left)
    print("ready", flush=True)

    async def work() -> None:
        while left:
            prompt = left.pop()
            known = kept.get(prompt)
            state, said = (known.run_id, None) if known else (None, prompt)
            if chance.random() < 0.5:
                await agent.run(said, state=state, store=store)
                continue
            async with agent.stream(said, state=state, store=store) as run:
                await run.text()

    async with anyio.create_task_group() as group:
        for _ in range(AT_ONCE):
            group.start_soon(work)


anyio.run(main, backend=loop)
