"""Streaming to a terminal: words as they come, tool calls and their progress between them.

    python examples/stream_terminal.py

For a real model set its key and name it: AGENTKIT_MODEL=openai:gpt-6-luna python examples/stream_terminal.py
"""

from __future__ import annotations

import os
from typing import Any

import anyio

from agentkit import Agent, Context, Event, tool
from agentkit.events import ToolFinished, ToolProgress, ToolStarted
from agentkit.exchange import TextDelta, ThinkingDelta
from agentkit.messages import Returned


@tool(effect="read")
async def count_words(book: str, context: Context[Any]) -> int:
    """Count the words of a book.

    Args:
        book: Title of the book.
    """
    for chapter in range(1, 4):
        context.progress(f"chapter {chapter} of 3")
        await anyio.sleep(0.05)
    return len(book.split()) * 1_000


agent = Agent(
    os.environ.get("AGENTKIT_MODEL", "offline:"), tools=[count_words], instructions="Answer in one short sentence."
)


def show(event: Event) -> None:
    """One event, as a terminal shows it."""
    match event:
        case TextDelta(text=text):
            print(text, end="", flush=True)
        case ThinkingDelta(text=text):
            print(f"\x1b[2m{text}\x1b[0m", end="", flush=True)
        case ToolStarted(tool=name, arguments=arguments):
            print(f"→ {name} {arguments}")
        case ToolProgress(tool=name, text=text):
            print(f"  {name}: {text}")
        case ToolFinished(tool=name, outcome=Returned(content=content)):
            print(f"← {name}: {content}")
        case ToolFinished(tool=name, outcome=outcome):
            print(f"← {name}: {outcome.kind}")
        case _:
            pass


async def main() -> None:
    """Watch one run. Leaving the block early would stop it."""
    async with agent.stream('Count the words of the book "A Room of One\'s Own".') as run:
        async for event in run:
            show(event)
    print(f"\n\n{run.result.usage}")


if __name__ == "__main__":
    anyio.run(main)
