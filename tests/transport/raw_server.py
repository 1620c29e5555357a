"""A server that says exactly the bytes a test tells it to say, on a loopback socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import anyio
from anyio.abc import SocketAttribute, SocketStream


@dataclass
class Visit:
    """One request, and the connection to answer it on."""

    head: bytes
    body: bytes
    stream: SocketStream
    connection: int
    number: int

    def header(self, name: str) -> str | None:
        for line in self.head.split(b"\r\n")[1:]:
            found, _, value = line.decode("latin-1").partition(":")
            if found.lower() == name.lower():
                return value.strip()
        return None


Handler = Callable[[Visit], Awaitable[Any]]


@dataclass
class RawServer:
    port: int
    opened: int = 0
    open_now: int = 0
    visits: list[Visit] = field(default_factory=list)
    changed: anyio.Condition = field(default_factory=anyio.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/chat"

    async def wait_until_open(self, count: int) -> None:
        """Until the server has exactly this many connections."""
        with anyio.fail_after(10):
            async with self.changed:
                while self.open_now != count:
                    await self.changed.wait()

    async def count(self, change: int) -> None:
        async with self.changed:
            self.open_now += change
            self.changed.notify_all()


def reply(body: bytes = b"{}", *, status: str = "200 OK", headers: dict[str, str] | None = None) -> bytes:
    lines = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@asynccontextmanager
async def raw_server(handler: Handler) -> AsyncIterator[RawServer]:
    """Serve with `handler`, called once per request; connections are kept until it closes them or the client does."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", backlog=2048)
    server = RawServer(listener.extra(SocketAttribute.local_port))

    async def serve(stream: SocketStream) -> None:
        server.opened += 1
        connection = server.opened
        await server.count(1)
        try:
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream):
                async with stream:
                    await _serve_connection(stream, handler, server=server, connection=connection)
        finally:
            with anyio.CancelScope(shield=True):
                await server.count(-1)

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve, tasks)
        yield server
        tasks.cancel_scope.cancel()


async def _serve_connection(stream: SocketStream, handler: Handler, *, server: RawServer, connection: int) -> None:
    buffer = b""
    number = 0
    while True:
        while b"\r\n\r\n" not in buffer:
            buffer += await stream.receive()
        head, _, buffer = buffer.partition(b"\r\n\r\n")
        visit = Visit(head, b"", stream, connection, number)
        length = int(visit.header("content-length") or 0)
        while len(buffer) < length:
            buffer += await stream.receive()
        visit.body, buffer = buffer[:length], buffer[length:]
        server.visits.append(visit)
        number += 1
        await handler(visit)
