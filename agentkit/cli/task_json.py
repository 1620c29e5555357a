"""What the APIs beside chat took, as JSON for scripts."""

from __future__ import annotations

import dataclasses
from typing import Any

from agentkit.usage import Cost, Usage

__all__ = ["spent_to_json"]


def spent_to_json(usage: Usage, cost: Cost) -> dict[str, Any]:
    """Usage and cost, as `agentkit run --json` tells them."""
    return {"usage": dataclasses.asdict(usage), "cost": {"usd": cost.usd, "is_known": cost.is_known}}
