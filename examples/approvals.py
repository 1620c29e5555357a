"""A person decides: the run stops before a refund, is kept in a file, and goes on in a second process.

    python examples/approvals.py            the whole story, the second process included
    python examples/approvals.py ask FILE   only the first half: run until a person is needed
    python examples/approvals.py yes FILE   only the second half: agree, perhaps next week
    python examples/approvals.py no FILE    or do not

For a real model set its key and name it: AGENTKIT_MODEL=openai:gpt-6-luna python examples/approvals.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from agentkit import Agent, Approve, Deny, tool


def is_large(order: int, amount: float) -> bool:
    """Small refunds need nobody's approval."""
    return amount >= 50


@tool(effect="destructive", approve=is_large)
def refund(order: int, amount: float) -> str:
    """Pay money back for an order.

    Args:
        order: Number of the order.
        amount: How much to pay back.
    """
    return f"paid back {amount:.2f} for order {order}"


agent = Agent(os.environ.get("AGENTKIT_MODEL", "offline:"), tools=[refund], name="shop")


def ask(file: Path) -> None:
    """Run until a call waits for a person, and keep the run."""
    result = agent.run_sync("Refund the amount 79.90 for order 1002.")
    for call in result.pending:
        print(f"process {os.getpid()}: {call.tool}({call.arguments}) waits for a person")
    file.write_text(json.dumps(result.state), encoding="utf-8")


def decide(file: Path, is_approved: bool) -> None:
    """Go on with the run that was kept."""
    state = json.loads(file.read_text(encoding="utf-8"))
    waiting = agent.run_sync(state=state)  # asks nothing of the model: it only says what waits
    decision = Approve() if is_approved else Deny("we do not refund damaged parcels")
    result = agent.run_sync(state=state, approvals=dict.fromkeys(waiting.pending, decision))
    print(f"process {os.getpid()}: {result.output}")


def main() -> None:
    """The part that was asked for, or both in two processes."""
    match sys.argv[1:]:
        case ["ask", file]:
            ask(Path(file))
        case ["yes" | "no" as word, file]:
            decide(Path(file), word == "yes")
        case _:
            with tempfile.TemporaryDirectory() as folder:
                file = str(Path(folder, "run.json"))
                for word in ("ask", "yes"):
                    subprocess.run([sys.executable, __file__, word, file], check=True)


if __name__ == "__main__":
    main()
