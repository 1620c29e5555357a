"""What became of each constraint of a schema on its way to a provider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Action", "Change", "Report"]

Action = Literal["kept", "rewritten", "enforced locally", "dropped"]


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one keyword."""

    path: str
    """Where, as `order.items[].price`; "" for the root."""
    keyword: str
    action: Action
    detail: str = ""

    def __str__(self) -> str:
        said = f"{self.path or '(root)'} {self.keyword}: {self.action}"
        return f"{said} ({self.detail})" if self.detail else said


@dataclass(frozen=True, slots=True)
class Report:
    """The changes in the order of the schema, and why it is not strict when it is not."""

    changes: tuple[Change, ...] = ()
    fallback: str = ""
    """The first thing that the provider's strict subset cannot hold; "" when the schema is strict or was not to be."""

    def __str__(self) -> str:
        lines = [str(change) for change in self.changes]
        return "\n".join([f"not strict: {self.fallback}", *lines] if self.fallback else lines)
