"""A transport that keeps what is sent and answers from a list; nothing touches a network."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentkit.transport.protocol import HttpRequest

__all__ = ["InTurn"]


@dataclass
class OneReply:
    """A reply in one piece."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})

    async def read(self) -> bytes:
        return self.body

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self.body

    async def aclose(self) -> None:
        pass


@dataclass
class InTurn:
    """Answers the requests with these bodies in turn; the last one again and again."""

    bodies: Sequence[bytes]
    sent: list[HttpRequest] = field(default_factory=list[HttpRequest])

    async def send(self, request: HttpRequest, *, connect_seconds: float) -> OneReply:
        self.sent.append(request)
        return OneReply(self.bodies[min(len(self.sent), len(self.bodies)) - 1])

    def body(self, at: int = -1) -> dict[str, Any]:
        """The JSON body of a request."""
        return json.loads(self.sent[at].body)
