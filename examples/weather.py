"""Hello: two functions become tools, and an agent answers with them.

    python examples/weather.py

For a real model set its key and name it:

    export OPENAI_API_KEY=...
    AGENTKIT_MODEL=openai:gpt-6-luna python examples/weather.py
"""

from __future__ import annotations

import os
from typing import Literal, TypedDict

from agentkit import Agent, tool

WEATHER = {"paris": ("rain", 14.0), "rome": ("sun", 23.5), "oslo": ("snow", -2.0)}


class Weather(TypedDict):
    """What the weather is like."""

    sky: str
    degrees: float


@tool
def get_weather(city: str, unit: Literal["celsius", "fahrenheit"] = "celsius") -> Weather:
    """Current weather for a city.

    Args:
        city: City name, such as "Paris".
        unit: Temperature unit.
    """
    sky, degrees = WEATHER.get(city.lower(), ("fog", 10.0))
    return {"sky": sky, "degrees": degrees if unit == "celsius" else degrees * 9 / 5 + 32}


@tool
def pack(item: str) -> str:
    """Put an item into the suitcase.

    Args:
        item: What to take along, such as "umbrella".
    """
    return f"{item} is packed"


agent = Agent(
    os.environ.get("AGENTKIT_MODEL", "offline:"),
    tools=[get_weather, pack],
    instructions="You help people to pack. Be brief.",
)


def main() -> None:
    """Ask once and show what it took."""
    result = agent.run_sync('What is the weather in Rome in fahrenheit? And pack the item "umbrella".')
    print(result.output)
    print(f"\n{result.steps} steps, {result.usage}, cost {result.cost}")


if __name__ == "__main__":
    main()
