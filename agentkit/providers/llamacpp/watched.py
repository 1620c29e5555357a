"""Exchanges with a server that may die: a lost connection is told from a dead server, dropped ones are passed over."""

from __future__ import annotations

import anyio

from agentkit.errors import ConnectionFailedError
from agentkit.providers.llamacpp.server import Server
from agentkit.transport.protocol import HttpRequest, IteratedReply, Reply, StaleConnectionError, Transport

__all__ = ["ServerDiedError", "WatchedTransport", "death_of", "has_died"]

_MOST_DROPPED = 100
"""One exchange passes over so many dropped connections: a pool may hold that many of them."""
_DEATH_SECONDS = 0.05
_DEATH_POLL_SECONDS = 0.005


class ServerDiedError(ConnectionFailedError):
    """llama.cpp's server died while it answered. The next request starts a new one; this one is not sent again, for it
    may be what the server died of."""

    is_retryable = False


class WatchedTransport:
    """Tells a lost connection from a dead server, so that nobody tries again to reach the dead.

    This server drops kept-alive connections without an answer, now and then (seen in November 2026). That is no failed
    attempt that anybody should see or that should count: the request is sent over another connection.
    """

    def __init__(self, transport: Transport, server: Server) -> None:
        self._transport = transport
        self._server = server

    async def send(self, request: HttpRequest, *, connect_seconds: float) -> Reply:
        """Send the request and wait for the head of the reply; see `Transport.send`."""
        dropped = 0
        while True:
            try:
                reply = await self._transport.send(request, connect_seconds=connect_seconds)
            except ConnectionFailedError as error:
                if await has_died(self._server):
                    raise death_of(self._server) from error
                dropped += 1
                if not isinstance(error, StaleConnectionError) or dropped > _MOST_DROPPED:
                    raise
            else:
                return _WatchedReply(reply, self._server)


class _WatchedReply(IteratedReply):
    """A reply whose end by the server's death is told as that."""

    def __init__(self, reply: Reply, server: Server) -> None:
        self.status = reply.status
        self.headers = reply.headers
        self._reply = reply
        self._server = server
        self._chunks = reply.chunks()

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._chunks)
        except ConnectionFailedError as error:
            if await has_died(self._server):
                raise death_of(self._server) from error
            raise

    async def aclose(self) -> None:
        """Leave the reply, read or not."""
        aclose = getattr(self._chunks, "aclose", None)  # a transport of the user's may have made a generator
        if aclose is not None:
            await aclose()
        await self._reply.aclose()


async def has_died(server: Server) -> bool:
    """Whether the process is gone. Its connections end a moment before it does, so a moment is waited."""
    with anyio.move_on_after(_DEATH_SECONDS):
        while not server.is_over:  # noqa: ASYNC110 - a process tells no event loop
            await anyio.sleep(_DEATH_POLL_SECONDS)
    return server.has_ended


def death_of(server: Server, *, attempts: int = 1) -> ServerDiedError:
    """The error to raise for it."""
    return ServerDiedError(
        f"llama.cpp's server for {server.path} died while it answered ({server.ending()}){server.last_words()}; "
        "the next run starts a new one",
        provider="llamacpp",
        model=server.path.name,
        attempts=attempts,
    )
