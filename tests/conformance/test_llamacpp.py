"""The whole loop on a real server that nobody here wrote: llama.cpp with a tiny random model.

With tool choice "required" llama.cpp holds even random weights to the schemas, so every call has to be valid, or cut by
the limit of tokens and reported so. AGENTKIT_LLAMACPP_RUNS=200 makes as many runs; a few by default.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, TypedDict

import anyio
import pytest
from providers.llamacpp.tiny import no_server_is_left, tiny
from pydantic import Field

from agentkit.agent import Agent
from agentkit.exchange import Request, Response
from agentkit.messages import AssistantMessage, Failed, Message, Returned, ToolCall
from agentkit.models import Middleware, ModelCallNext
from agentkit.providers.llamacpp.model import LlamaCppModel
from agentkit.providers.llamacpp.options import ServerOptions
from agentkit.providers.llamacpp.servers import running_server
from agentkit.result import Result
from agentkit.settings import Settings
from agentkit.tools import tool

__all__ = ["no_server_is_left", "tiny"]

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_server_is_left")]

RUNS = int(os.environ.get("AGENTKIT_LLAMACPP_RUNS", "8"))
AT_ONCE = 8
MOST_CALLING_STEPS = 4
CUT = "your answer was cut by the limit of output tokens"
SETTINGS = Settings(tool_choice="required", max_output_tokens=200)


class Guest(TypedDict):
    name: Annotated[str, Field(max_length=8)]
    vip: bool


@tool
def get_weather(
    city: Annotated[str, Field(max_length=12)],
    days: Annotated[int, Field(ge=0, le=9)],
    units: Literal["c", "f"],
    tags: Annotated[list[Annotated[str, Field(max_length=5)]], Field(max_length=3)] | None = None,
) -> str:
    """The weather of a city."""
    return f"{city}: {days} days, {units}, {tags}"


@tool
def add(a: float, b: float) -> float:
    """The sum of two numbers."""
    return a + b


@tool
def book(who: Guest, when: Annotated[int, Field(ge=0, le=99)] | None) -> dict[str, object]:
    """Book a table."""
    return {"for": who["name"], "at": when}


class EnoughCalls(Middleware):
    """Offers no tools from the fifth step on: a random model may call for ever."""

    async def model_call(self, request: Request, call_next: ModelCallNext) -> Response:
        if sum(isinstance(message, AssistantMessage) for message in request.messages) >= MOST_CALLING_STEPS:
            request = replace(request, settings=replace(request.settings, tool_choice="none"))
        return await call_next(request)


def verdict(message: AssistantMessage, call: ToolCall) -> str:
    """What became of a call, in a word or two."""
    match call.outcome:
        case Returned():
            return "valid"
        case Failed(text) if message.finish == "length" and CUT in text:
            return "cut by the limit, and reported so"
        case outcome:
            return f"{call.name}({call.arguments}): {outcome}"


def verdicts(messages: Sequence[Message]) -> Counter[str]:
    answers = [message for message in messages if isinstance(message, AssistantMessage)]
    return Counter(verdict(message, call) for message in answers for call in message.calls)


async def run(model: LlamaCppModel, seed: int, *, is_streamed: bool) -> Result[str]:
    settings = replace(SETTINGS, seed=seed)
    agent = Agent(model, tools=[get_weather, add, book], settings=settings, middleware=[EnoughCalls()])
    if not is_streamed:
        return await agent.run(f"request {seed}")
    async with agent.stream(f"request {seed}") as stream:
        async for _ in stream:
            pass
    return stream.result


@pytest.mark.timeout(1200)
async def test_every_call_is_valid_or_cut_and_reported(tiny: Path) -> None:
    model = LlamaCppModel(tiny, ServerOptions(threads=1))  # others work on this machine, too
    results: list[Result[str]] = []
    limiter = anyio.CapacityLimiter(AT_ONCE)

    async def one(seed: int) -> None:
        async with limiter:
            results.append(await run(model, seed, is_streamed=bool(seed % 2)))

    begun = time.monotonic()
    async with anyio.create_task_group() as group:
        for seed in range(RUNS):
            group.start_soon(one, seed)
    found = sum((verdicts(result.messages) for result in results), Counter[str]())
    seconds = time.monotonic() - begun
    print(
        f"\n{len(results)} runs on llama.cpp, {AT_ONCE} at once, half streamed, in {seconds:.1f} s: "
        f"{dict(found)}, finishes {dict(Counter(result.finish for result in results))}"
    )
    assert len(results) == RUNS
    assert found["valid"] >= RUNS / 2
    assert set(found) <= {"valid", "cut by the limit, and reported so"}
    assert running_server(model.path, model.options) is not None
