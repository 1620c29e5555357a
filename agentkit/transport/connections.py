"""The connections of one event loop: kept alive, used by one exchange at a time, closed when the loop ends.

httpcore's pool looks at every connection on every request, so 1,000 at once never end. Here an origin has a stack of
idle connections: taking and giving back cost the same however many there are, and the latest used is taken first.
"""

from __future__ import annotations

import functools
import ssl
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any, Protocol, cast

import anyio
from anyio.lowlevel import RunVar

from agentkit.transport.sockets import SocketBackend
from agentkit.transport.target import Target, environment_proxy

KEEP_ALIVE_SECONDS = 120.0
"""How long an idle connection is kept; servers that close sooner are noticed before the connection is used."""

_SWEEP_SECONDS = 30.0
_CLOSE_SECONDS = 5.0


class Connection(Protocol):
    """What we use of `httpcore.AsyncConnectionInterface`."""

    async def handle_async_request(self, request: Any) -> Any:
        """Send a request and wait for the head of its reply."""
        ...

    async def aclose(self) -> None:
        """Close the socket."""
        ...

    def is_idle(self) -> bool:
        """Whether the last exchange came to its end and the connection can carry another."""
        ...

    def has_expired(self) -> bool:
        """Whether it was idle for too long, or the server has closed it."""
        ...


class Connections:
    """All connections of one event loop. Only that loop's tasks may use it."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sources: dict[tuple[str, str, int], Any] = {}  # origin -> httpcore pool, used only to make connections
        self._idle: dict[tuple[str, str, int], list[Connection]] = {}
        self._taken: set[Connection] = set()
        self._sweep_at = clock() + _SWEEP_SECONDS
        self._is_closed = False
        self.closer: AsyncGenerator[None] | None = None
        """Suspended until the loop ends."""

    async def take(self, target: Target) -> Connection:
        """A connection for one exchange: a living idle one, else one that connects when it is used."""
        idle = self._idle.get(target.origin)
        if idle is None:
            self._sources[target.origin] = _source(target)  # first: it raises for a proxy that cannot be used
            idle = self._idle[target.origin] = []
        while idle:
            connection = idle.pop()
            if not connection.has_expired():
                break
            await self.drop(connection)
        else:
            connection = cast(Connection, self._sources[target.origin].create_connection(target.url.origin))
        self._taken.add(connection)
        return connection

    async def give_back(self, connection: Connection, target: Target) -> None:
        """The exchange is over: keep the connection if it can carry another."""
        self._taken.discard(connection)
        if self._is_closed:
            await self.drop(connection)
        elif connection.is_idle():
            self._idle[target.origin].append(connection)
        if self._clock() >= self._sweep_at:
            await self._sweep()

    async def drop(self, connection: Connection) -> None:
        """Close a connection that can carry no other exchange."""
        self._taken.discard(connection)
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            await connection.aclose()

    async def aclose(self) -> None:
        """Close every connection, those in use too."""
        self._is_closed = True
        connections = [*self._taken, *(connection for idle in self._idle.values() for connection in idle)]
        self._taken.clear()
        self._idle.clear()
        self._sources.clear()
        for connection in connections:
            await self.drop(connection)

    async def _sweep(self) -> None:
        """Close what has expired, of every origin: nobody may ever ask for its origin again."""
        self._sweep_at = self._clock() + _SWEEP_SECONDS
        expired: list[Connection] = []
        for idle in self._idle.values():
            living = [connection for connection in idle if not connection.has_expired()]
            expired.extend(set(idle).difference(living))
            idle[:] = living
        for connection in expired:
            await self.drop(connection)


async def connections_of_loop() -> Connections:
    """The connections of the running event loop, made on first use."""
    connections = _of_loop.get(None)
    if connections is None:
        connections = Connections()
        connections.closer = _close_when_loop_ends(connections)
        await anext(connections.closer)
        _of_loop.set(connections)
    return connections


_of_loop: RunVar[Connections | None] = RunVar("agentkit_connections")


async def _close_when_loop_ends(connections: Connections) -> AsyncGenerator[None]:
    """Suspended until asyncio.run, anyio.run or trio ends the loop and finalises its generators."""
    try:
        yield
    finally:
        await connections.aclose()
        # A generator holds its loop, and the loop's variables hold this one: the loop would never be collected.
        connections.closer = None


def _source(target: Target) -> Any:
    import httpcore  # on first use: the import budget

    return httpcore.AsyncConnectionPool(
        ssl_context=_tls_context() if target.origin[0] == "https" else None,
        proxy=environment_proxy(target),
        keepalive_expiry=KEEP_ALIVE_SECONDS,
        network_backend=cast(httpcore.AsyncNetworkBackend, SocketBackend()),  # its shape, without importing it early
    )


@functools.cache
def _tls_context() -> ssl.SSLContext:
    """One for the process: it takes up to 150 ms and a megabyte. Honours SSL_CERT_FILE and SSL_CERT_DIR."""
    import httpx  # on first use: the import budget

    return httpx.create_ssl_context()
