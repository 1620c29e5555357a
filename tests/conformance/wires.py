"""Ends of the wire that keep what is sent: a transport without a network, and a server on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from agentkit.errors import ExchangeError
from agentkit.transport.protocol import HttpRequest

__all__ = ["InTurn", "OneReply", "Seen", "served"]


@dataclass
class OneReply:
    """A reply in one piece."""

    body: bytes = b""
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
    """Answers the requests with these in turn, or fails with them; with the last one again and again."""

    says: Sequence[bytes | OneReply | ExchangeError]
    sent: list[HttpRequest] = field(default_factory=list[HttpRequest])

    async def send(self, request: HttpRequest, *, connect_seconds: float) -> OneReply:
        self.sent.append(request)
        said = self.says[min(len(self.sent), len(self.says)) - 1]
        if isinstance(said, ExchangeError):
            raise said
        return OneReply(said) if isinstance(said, bytes) else said

    def body(self, at: int = -1) -> dict[str, Any]:
        """The JSON body of a request."""
        return json.loads(self.sent[at].body)


@dataclass(frozen=True)
class Seen:
    """One request that came in over loopback."""

    path: str
    """With its query."""
    headers: dict[str, str]
    """Lower-case names."""
    body: dict[str, Any]


@contextmanager
def served(answer: Callable[[Seen], tuple[str, bytes]]) -> Generator[tuple[str, list[Seen]]]:
    """A server on loopback while this lasts: its address, and the requests it got.

    `answer` gives the type and the bytes of each reply, which has status 200.
    """
    seen: list[Seen] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen.append(Seen(self.path, headers, json.loads(self.rfile.read(length))))
            kind, body = answer(seen[-1])
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
