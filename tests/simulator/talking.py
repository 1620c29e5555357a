"""agentkit's own client halves, pointed at a simulator."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import httpcore  # noqa: F401 -- loaded now, so that no deadline of a test pays for it
import httpx  # noqa: F401

from agentkit.codec import Codec
from agentkit.errors import ExchangeError
from agentkit.exchange import Delta, Request, Response, ToolDefinition
from agentkit.messages import user_message
from agentkit.models import ModelIdentity
from agentkit.providers.anthropic.messages import MessagesCodec
from agentkit.providers.aws.converse import ConverseCodec
from agentkit.providers.google.generate_content import GenerateContentCodec
from agentkit.providers.openai.chat import ChatCodec
from agentkit.providers.openai.responses import ResponsesCodec
from agentkit.remote import Endpoint, RemoteModel
from agentkit.settings import Deadlines, Settings
from agentkit.simulator.server import Simulator
from agentkit.transport.default import default_transport
from agentkit.transport.fast_transport import FastTransport
from agentkit.transport.httpx_transport import HttpxTransport
from agentkit.transport.protocol import Transport


@dataclass(frozen=True)
class Spoken:
    """A wire format as agentkit speaks it."""

    codec: Codec
    base: str
    """What follows the simulator's address."""
    model: str


SPOKEN = {
    "chat": Spoken(ChatCodec(), "/v1", "gpt-x"),
    "responses": Spoken(ResponsesCodec(), "/v1", "gpt-x"),
    "messages": Spoken(MessagesCodec(), "", "claude-x"),
    "gemini": Spoken(GenerateContentCodec(), "/v1beta", "gemini-x"),
    "bedrock": Spoken(ConverseCodec(), "", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
}
WEATHER = ToolDefinition(
    "get_weather",
    "Current weather for a city.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
LONG = Deadlines(10, 30, 30, 60)


class Listener:
    """Listens to a stream and keeps what it hears."""

    def __init__(self) -> None:
        self.deltas: list[Delta] = []

    def emit(self, deltas) -> bool:
        self.deltas += deltas
        return False

    async def drain(self) -> None: ...


def remote(
    simulator: Simulator,
    format: str,
    *,
    deadlines: Deadlines = LONG,
    attempts: int = 3,
    chance: Callable[[], float] = lambda: 0.0,
    transport: Transport | None = None,
) -> RemoteModel:
    spoken = SPOKEN[format]
    endpoint = Endpoint(simulator.url + spoken.base, {"authorization": "Bearer sk-canary"})
    return RemoteModel(
        spoken.codec,
        endpoint,
        ModelIdentity(format, spoken.model),
        transport=transport or default_transport(),
        settings=Settings(deadlines=deadlines, attempts=attempts),
        random=chance,
    )


def question(format: str, *, is_streamed: bool, text: str = "What is the weather in Paris and in Oslo?") -> Request:
    return Request(SPOKEN[format].model, (user_message(text),), tools=(WEATHER,), is_streamed=is_streamed)


@asynccontextmanager
async def longest_standstill() -> AsyncGenerator[Callable[[], float]]:
    """Gives how long this machine stood still at the longest within the block, in seconds."""
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = anyio.current_time()
            await anyio.sleep(0.01)
            longest = max(longest, anyio.current_time() - before - 0.01)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        yield lambda: longest
        tasks.cancel_scope.cancel()


def transports(backend: str) -> dict[str, Callable[[], Transport]]:
    """What moves bytes on this event loop: name -> how to make one."""
    fast: dict[str, Callable[[], Transport]] = {"fast": FastTransport} if backend == "asyncio" else {}
    return {"httpx": HttpxTransport, **fast}


async def outcome(model: RemoteModel, request: Request) -> Response | ExchangeError:
    """The answer, or the typed error; a test that hangs fails."""
    with anyio.fail_after(20):
        try:
            return await model.respond(request, Listener() if request.is_streamed else None)
        except ExchangeError as error:
            return error
