"""What the simulator keeps of each request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from agentkit.exchange import Request
from agentkit.simulator.fault import Fault
from agentkit.simulator.http import HttpAsked
from agentkit.transport.redact import REDACTED, is_secret_header, redacted_url

__all__ = ["Seen"]


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that arrived, whatever became of it. Its repr and its JSON show no keys."""

    number: int
    """Its position, from 1."""
    connection: int
    """Which connection it came over, from 1."""
    format: str
    """The wire format by whose path it came, such as "openai:chat"; empty for another path."""
    asked: HttpAsked = field(repr=False)
    faults: tuple[Fault, ...] = ()
    """What was planned for it."""
    request: Request | None = field(default=None, repr=False)
    """What it asks for; None when it is refused, or is no request for an answer."""
    refusal: str = ""
    """Which rule of the wire format it breaks."""

    @property
    def path(self) -> str:
        """Where it was sent."""
        return self.asked.path

    @property
    def json(self) -> Any:
        """The body; None when it is no JSON."""
        try:
            return from_json(self.asked.body)
        except ValueError:
            return None

    def as_json(self) -> dict[str, Any]:
        """What `/_sim/requests` tells of it; keys are left out."""
        return {
            "number": self.number,
            "connection": self.connection,
            "format": self.format,
            "method": self.asked.method,
            "target": redacted_url(self.asked.target),
            "headers": {name: REDACTED if is_secret_header(name) else value for name, value in self.asked.headers},
            "json": self.json,
            "faults": [repr(fault) for fault in self.faults],
            "refusal": self.refusal,
        }
