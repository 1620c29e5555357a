"""Structured output: from a customer's letter to a checked value of your own type.

    python examples/extract_orders.py

The offline model fills fields by their names and types. A real one understands the letter:

    export OPENAI_API_KEY=...
    AGENTKIT_MODEL=openai:gpt-6-luna python examples/extract_orders.py
"""

from __future__ import annotations

import os
from datetime import date
from enum import Enum

from pydantic import BaseModel, Field

from agentkit import Agent

LETTER = 'The customer "Grace Hopper" wants a refund of 79.90 for order 1002 by 2026-12-24. It arrived damaged.'


class Wish(Enum):
    """What a customer wants."""

    refund = "refund"
    exchange = "exchange"
    information = "information"


class Request(BaseModel):
    """What a letter to the shop asks for."""

    customer: str = Field(description="Full name of the customer.")
    wish: Wish
    order: int = Field(ge=1, description="Number of the order.")
    refund: float | None = Field(default=None, ge=0, description="How much money they want back.")
    due: date | None = Field(default=None, description="By when, if they say so.")


agent = Agent(
    os.environ.get("AGENTKIT_MODEL", "offline:"),
    output=Request,
    instructions="Read the letter and say what is asked for.",
)


def main() -> None:
    """Read one letter."""
    request = agent.run_sync(LETTER).output  # a Request: the type checker knows
    print(request.model_dump_json(indent=2))


if __name__ == "__main__":
    main()
