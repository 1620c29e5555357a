"""Fork and replay: go back to any step of a finished run and take another way, without paying for the steps before.

    python examples/fork_and_replay.py

For a real model set its key and name it: AGENTKIT_MODEL=openai:gpt-6-luna python examples/fork_and_replay.py
"""

from __future__ import annotations

import json
import os

from agentkit import Agent, fork, tool

looked_up: list[str] = []


@tool(effect="read")
def find_order(order: int) -> dict[str, object]:
    """Find an order by its number."""
    looked_up.append(f"order {order}")
    return {"order": order, "customer": "Grace", "amount": 79.9}


agent = Agent(os.environ.get("AGENTKIT_MODEL", "offline:"), tools=[find_order], instructions="Be polite.")


def main() -> None:
    """One run, and two other endings of it."""
    first = agent.run_sync("Find order 1002")
    print(f"first:  {first.output}  ({first.steps} steps, lookups: {looked_up})")

    stored = json.dumps(first.state)  # a state is JSON: a file, a column, a queue
    before_answer = fork(json.loads(stored), step=2)  # the model was about to be asked for the second time

    other = agent.replace(instructions="Answer like a pirate.").run_sync(state=before_answer)
    print(f"forked: {other.output}  ({other.steps} steps, lookups: {looked_up})")

    again = agent.run_sync(state=first.state)  # a finished run gives its answer again and asks nobody
    print(f"again:  {again.output}  (same answer: {again.output == first.output})")


if __name__ == "__main__":
    main()
