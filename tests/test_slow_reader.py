"""A reader that is slow holds the stream up, down to the socket: what nobody has read stays with the provider."""

from __future__ import annotations

import gc
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import pytest
from transport.raw_server import CHUNKED, LAST_CHUNK, RawServer, Visit, chunk, raw_server

from agentkit.agent import Agent
from agentkit.events import Nested
from agentkit.exchange import TextDelta
from agentkit.providers import model
from agentkit.stream import RunStream
from agentkit.testing.scripted import ScriptedModel, calls

pytestmark = pytest.mark.anyio

EVENTS = 100_000
AT_ONCE = 50
EVENT = b'data: {"id":"c","model":"m","object":"chat.completion","choices":[{"index":0,"delta":{"content":"w "}}]}\n\n'
END = b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'

# What may be on its way: unread events, what one read of the socket brings beyond them, and the two sockets' buffers,
# which the system lets grow to several megabytes on loopback.
MOST_SENT = 8 * 2**20
MOST_MEMORY = 2 * 2**20


@dataclass
class Talking:
    """A server that says 100,000 words as fast as they are taken."""

    server: RawServer
    sent: int = 0

    async def say(self, visit: Visit) -> None:
        await visit.stream.send(CHUNKED)
        block = b"".join([chunk(EVENT)] * AT_ONCE)
        for _ in range(EVENTS // AT_ONCE):
            await visit.stream.send(block)
            self.sent += len(block)
        await visit.stream.send(chunk(END) + LAST_CHUNK)

    async def settle(self) -> None:
        """Until nothing moves any more: the second in which a slow reader reads nothing."""
        quiet = 0
        while quiet < 50:
            before = self.sent
            await anyio.wait_all_tasks_blocked()
            quiet = quiet + 1 if self.sent == before else 0


@asynccontextmanager
async def talking() -> AsyncIterator[Talking]:
    talking: Talking

    async def say(visit: Visit) -> None:
        await talking.say(visit)

    async with raw_server(say) as server:
        talking = Talking(server)
        yield talking


def talker(server: Talking, name: str = "talker") -> Agent[None, str]:
    base_url = f"http://127.0.0.1:{server.server.port}/v1"
    return Agent(model("openai-chat:m", base_url=base_url, api_key="none"), name=name)


async def read_slowly(run: RunStream[str], server: Talking, *, streams: int = 1) -> None:
    """Events until the server waits, then fifty, with all the time in the world after each: nothing has grown."""
    sent, still = server.sent, 0
    while still < 10:  # the buffers of sockets fill when the system has time for it
        await anext(run)
        await server.settle()
        sent, still = server.sent, still + 1 if server.sent == sent else 0
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(50):
            await anext(run)
            await server.settle()
        assert tracemalloc.get_traced_memory()[0] < MOST_MEMORY
    finally:
        tracemalloc.stop()
    assert sent < streams * MOST_SENT < streams * EVENTS * len(EVENT)
    assert server.sent - sent < MOST_MEMORY


async def test_a_slow_reader_holds_up_the_server_and_gets_every_event_in_the_end() -> None:
    async with talking() as server, talker(server).stream("Talk.") as run:
        events = aiter(run)
        await read_slowly(events, server)
        words = 0
        async for event in events:
            words += type(event) is TextDelta
    assert words > EVENTS - 100
    assert run.result.output == "w " * EVENTS


async def test_sub_agents_side_by_side_are_held_up_by_the_reader_of_the_run_above() -> None:
    async with talking() as server:
        both = ScriptedModel(calls(("left", {"prompt": "Talk."}), ("right", {"prompt": "Talk."})))
        boss = Agent(both, tools=[talker(server, "left").as_tool(), talker(server, "right").as_tool()])
        async with boss.stream("Let both talk.") as run:
            events = aiter(run)
            await read_slowly(events, server, streams=2)
            # Both go on when the reader does.
            heard = Counter()
            while min(heard["left"], heard["right"]) < 5_000:
                event = await anext(events)
                if isinstance(event, Nested):
                    heard[event.agent] += 1
