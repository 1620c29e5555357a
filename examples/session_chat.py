"""A conversation that is kept: in a SQLite file, between runs, programs and days.

    python examples/session_chat.py                      a short conversation by itself
    python examples/session_chat.py chats.db customer-7  talk yourself; come back later and go on

For a real model set its key and name it: AGENTKIT_MODEL=openai:gpt-6-luna python examples/session_chat.py
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from agentkit import Agent, tool
from agentkit.sessions import SqliteSession

ORDERS = {1001: "sent on Monday", 1002: "paid, not sent yet"}


@tool(effect="read")
def find_order(order: int) -> str:
    """Find an order by its number.

    Args:
        order: Number of the order.
    """
    return f"order {order}: {ORDERS.get(order, 'unknown')}"


agent = Agent(
    os.environ.get("AGENTKIT_MODEL", "offline:"), tools=[find_order], instructions="You work in a shop. Be brief."
)


def talk(session: SqliteSession) -> None:
    """Read prompts until the input ends."""
    print("Ask about orders 1001 and 1002; end with Ctrl-D.")
    while True:
        try:
            prompt = input("> ").strip()
        except EOFError:
            return
        if prompt:
            print(agent.run_sync(prompt, session=session).output)


def show(file: Path) -> None:
    """Two prompts, the second of which makes sense only after the first."""
    print(agent.run_sync("Find order 1001", session=SqliteSession(file, "customer-7")).output)
    later = SqliteSession(file, "customer-7")  # as if in another program
    result = agent.run_sync("And order 1002?", session=later)
    print(result.output)
    print(f"{len(result.messages)} messages are kept, {len(result.new_messages)} of them new")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        talk(SqliteSession(sys.argv[1], sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as name:
            show(Path(name, "chats.db"))
