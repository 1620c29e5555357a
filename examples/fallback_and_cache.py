"""A program that goes on while a provider is down, and asks nobody twice.

    python examples/fallback_and_cache.py

Two simulated providers stand for the real ones, of which the first has no capacity. With keys set, name two models:
AGENTKIT_MODEL=anthropic:claude-sonnet-5 AGENTKIT_STAND_IN=openai:gpt-6-luna python examples/fallback_and_cache.py
"""

from __future__ import annotations

import os
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import anyio

from agentkit import Agent, Model, Settings, cached, fallback, model, tool
from agentkit.events import Answer
from agentkit.exchange import ModelSwitched
from agentkit.simulator.server import simulate
from agentkit.simulator.status_faults import Status


@tool(effect="read")
def find_order(number: int) -> dict[str, object]:
    """Find an order.

    Args:
        number: Number of the order.
    """
    return {"number": number, "state": "shipped"}


async def models(stack: AsyncExitStack) -> tuple[str | Model, str | Model]:
    """The model to ask, and the one that stands in for it."""
    named = os.environ.get("AGENTKIT_MODEL"), os.environ.get("AGENTKIT_STAND_IN")
    if named[0] and named[1]:
        return named[0], named[1]
    full = await stack.enter_async_context(simulate(faults=[Status(529)]))
    sound = await stack.enter_async_context(simulate())
    return (
        model("anthropic:claude-sonnet-5", base_url=full.url, api_key="none", settings=Settings(attempts=1)),
        model("openai:gpt-6-luna", base_url=sound.base_url, api_key="none"),
    )


async def main() -> None:
    """Ask three times: the first provider is found dead once, and the third question was asked before."""
    async with AsyncExitStack() as stack:
        first, stand_in = await models(stack)
        store = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "answers.db"
        kept = cached(stand_in, store)
        stack.callback(kept.close)
        agent = Agent(fallback(first, kept), tools=[find_order], instructions="Be brief.")
        for number in (1002, 1003, 1002):
            async with agent.stream(f"Where is order {number}?") as run:
                async for event in run:
                    match event:
                        case ModelSwitched(failed=failed, error=error):
                            print(f"  not {failed}: {error}")
                        case Answer(step=step, response=response):
                            source = "the cache" if response.saved else response.answered_by
                            print(f"  step {step} was answered by {source}")
                        case _:
                            pass
            print(run.result.output)


if __name__ == "__main__":
    anyio.run(main)
