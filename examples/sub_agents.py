"""Agents as tools: a lead asks two specialists, and all of them spend from one budget.

    python examples/sub_agents.py

For a real model set its key and name it: AGENTKIT_MODEL=openai:gpt-6-luna python examples/sub_agents.py
"""

from __future__ import annotations

import os

from agentkit import Agent, Budget, tool
from agentkit.errors import BudgetExceededError
from agentkit.tracing import configure

MODEL = os.environ.get("AGENTKIT_MODEL", "offline:")


@tool(effect="read")
def get_weather(city: str) -> str:
    """Current weather for a city."""
    return f"rain in {city}"


@tool(effect="read")
def convert(amount: float, currency: str) -> str:
    """Convert an amount of euros to another currency, such as "USD"."""
    return f"{amount * 1.1:.2f} {currency}"


forecaster = Agent(MODEL, tools=[get_weather], name="forecaster", instructions="You know the weather.")
banker = Agent(MODEL, tools=[convert], name="banker", instructions="You know exchange rates.")
lead = Agent(
    MODEL,
    tools=[
        forecaster.as_tool(description="Answers questions about the weather."),
        banker.as_tool(description="Converts amounts of money to another currency."),
    ],
    instructions="Ask your specialists; do not guess.",
    name="lead",
)
PROMPT = "Ask the forecaster about the weather in Oslo. Ask the banker to convert 20 euros to USD."


def main() -> None:
    """One run with enough budget, one that is stopped, and how that one goes on."""
    configure(console=True)
    result = lead.run_sync(PROMPT)
    print(f"{result.output}\nall three agents: {result.usage}\n")

    configure()
    try:
        lead.run_sync(PROMPT, budget=Budget(steps=3))  # the specialists' model calls count, too
    except BudgetExceededError as error:
        print(f"stopped: {error}")
        result = lead.run_sync(state=error.state, budget=Budget(steps=20))
        print(f"went on with what was earned: {result.output}")


if __name__ == "__main__":
    main()
