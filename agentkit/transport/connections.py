"""The connections of one event loop: kept alive, used by one exchange at a time, closed when the loop ends.

httpcore's pool looks at every connection on every request, so 1,000 at once never end. Here an origin has a stack of
idle connections: taking and giving back cost the same however many there are, and the latest used is taken first.

An origin has so many connections at the most (`MOST_CONNECTIONS`, fewer where the process may open few files): without
a bound a thousand runs at once take every file that the process may open, the user's own among them. Who finds none
free waits in line for one.
"""

from __future__ import annotations

import functools
import ssl
import sys
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncGenerator, Callable
from typing import Any, Generic, Protocol, TypeVar, cast

import anyio
from anyio.lowlevel import RunVar

from agentkit.transport.sockets import SocketBackend
from agentkit.transport.target import Origin, Target, environment_proxy

KEEP_ALIVE_SECONDS = 120.0
"""How long an idle connection is kept; servers that close sooner are noticed before the connection is used."""

MOST_CONNECTIONS = 1_000
"""How many connections an origin has at the most where nothing else is said."""

_SWEEP_SECONDS = 30.0
_CLOSE_SECONDS = 5.0


class Connection(Protocol):
    """What is kept here: httpcore's, or one of our own."""

    async def aclose(self) -> None:
        """Close the socket."""
        ...

    def is_idle(self) -> bool:
        """Whether the last exchange came to its end and the connection can carry another."""
        ...

    def has_expired(self) -> bool:
        """Whether it was idle for too long, or the server has closed it."""
        ...


AConnection = TypeVar("AConnection", bound=Connection)
NewConnection = TypeVar("NewConnection", bound=Connection, covariant=True)


class Source(Protocol[NewConnection]):
    """Makes the connections of one origin. `httpcore.AsyncConnectionPool` is one."""

    def create_connection(self, origin: Any) -> NewConnection:
        """One that connects when it is used."""
        ...


class HttpcoreConnection(Connection, Protocol):
    """What we use of `httpcore.AsyncConnectionInterface`."""

    async def handle_async_request(self, request: Any) -> Any:
        """Send a request and wait for the head of its reply."""
        ...


class Connections(Generic[AConnection]):
    """All connections of one event loop. Only that loop's tasks may use it."""

    def __init__(
        self, *, source: Callable[[Target], Source[AConnection]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._clock = clock
        self._sources: dict[Origin, Source[AConnection]] = {}
        self._idle: dict[Origin, list[AConnection]] = {}
        self._taken: dict[AConnection, Origin] = {}
        self._in_use: Counter[Origin] = Counter()  # taken ones and those about to be
        self._waiting: dict[Origin, OrderedDict[anyio.Event, None]] = {}  # for a place, in line
        self._most = _most_connections()
        self._sweep_at = clock() + _SWEEP_SECONDS
        self._is_closed = False
        self.closer: AsyncGenerator[None] | None = None
        """Suspended until the loop ends."""

    async def take(
        self, target: Target, *, most: int | None = None, stands_in_line: Callable[[bool], None] | None = None
    ) -> AConnection:
        """A connection for one exchange: a living idle one, else one that connects when it is used.

        Waits while `most` are in use by this origin (None: as many as is usual), and tells `stands_in_line` of it.
        """
        origin = target.origin
        idle = self._idle.get(origin)
        if idle is None:
            self._sources[origin] = self._source(target)  # first: it raises for a proxy that cannot be used
            idle = self._idle[origin] = []
        if self._in_use[origin] >= (most or self._most):
            await self._wait(origin, stands_in_line or _nobody_asks)
        else:
            self._in_use[origin] += 1
        try:
            connection = await self._living(idle) if idle else None
            if connection is None:
                connection = self._sources[origin].create_connection(target.url.origin)
        except BaseException:
            self._leave(origin)
            raise
        self._taken[connection] = origin
        return connection

    async def give_back(self, connection: AConnection, target: Target) -> None:
        """The exchange is over: keep the connection if it can carry another, else close it."""
        if self._is_closed or not connection.is_idle():
            await self.drop(connection)
        else:
            self._idle[target.origin].append(connection)
            self._free(connection)
        if self._clock() >= self._sweep_at:
            await self._sweep()

    async def drop(self, connection: AConnection) -> None:
        """Close a connection that can carry no other exchange."""
        self._free(connection)
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

    async def _living(self, idle: list[AConnection]) -> AConnection | None:
        while idle:
            connection = idle.pop()
            if not connection.has_expired():
                return connection
            await self.drop(connection)
        return None

    async def _wait(self, origin: Origin, stands_in_line: Callable[[bool], None]) -> None:
        """Wait in line until another leaves its place to us."""
        line = self._waiting.setdefault(origin, OrderedDict())
        turn = anyio.Event()
        line[turn] = None
        stands_in_line(True)
        try:
            await turn.wait()
        except BaseException:
            if turn.is_set():  # the place is ours already, and nobody will use it
                self._leave(origin)
            else:
                del line[turn]
            raise
        stands_in_line(False)

    def _free(self, connection: AConnection) -> None:
        origin = self._taken.pop(connection, None)
        if origin is not None:
            self._leave(origin)

    def _leave(self, origin: Origin) -> None:
        """Leave a place to whoever waits longest."""
        line = self._waiting.get(origin)
        if line:
            turn, _ = line.popitem(last=False)
            turn.set()
        else:
            self._in_use[origin] -= 1

    async def _sweep(self) -> None:
        """Close what has expired, of every origin: nobody may ever ask for its origin again."""
        self._sweep_at = self._clock() + _SWEEP_SECONDS
        expired: list[AConnection] = []
        for idle in self._idle.values():
            living = [connection for connection in idle if not connection.has_expired()]
            expired.extend(set(idle).difference(living))
            idle[:] = living
        for connection in expired:
            await self.drop(connection)


class LoopConnections(Generic[AConnection]):
    """Connections by event loop, each made on first use."""

    def __init__(self, name: str, source: Callable[[Target], Source[AConnection]]) -> None:
        self._source = source
        self._of_loop: RunVar[Connections[AConnection] | None] = RunVar(name)

    async def get(self) -> Connections[AConnection]:
        """Those of the running event loop."""
        connections = self._of_loop.get(None)
        if connections is None:
            connections = Connections(source=self._source)
            connections.closer = _close_when_loop_ends(connections)
            await anext(connections.closer)
            self._of_loop.set(connections)
        return connections


async def _close_when_loop_ends(connections: Connections[Any]) -> AsyncGenerator[None]:
    """Suspended until asyncio.run, anyio.run or trio ends the loop and finalises its generators."""
    try:
        yield
    finally:
        await connections.aclose()
        # A generator holds its loop, and the loop's variables hold this one: the loop would never be collected.
        connections.closer = None


def _nobody_asks(is_waiting: bool) -> None:
    return


def _most_connections() -> int:
    """Half of the files that the process may open: the rest are the user's, and other origins'."""
    if sys.platform == "win32":
        return MOST_CONNECTIONS
    import resource  # not on Windows

    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST_CONNECTIONS if allowed == resource.RLIM_INFINITY else max(1, min(MOST_CONNECTIONS, allowed // 2))


def httpcore_source(target: Target) -> Source[HttpcoreConnection]:
    """Through the proxy of the environment; raises ConfigurationError for one that cannot be used."""
    import httpcore  # on first use: the import budget

    pool = httpcore.AsyncConnectionPool(
        ssl_context=tls_context() if target.origin[0] == "https" else None,
        proxy=environment_proxy(target),
        keepalive_expiry=KEEP_ALIVE_SECONDS,
        network_backend=cast(httpcore.AsyncNetworkBackend, SocketBackend()),  # its shape, without importing it early
    )
    return cast("Source[HttpcoreConnection]", pool)  # its connections have a narrower method


@functools.cache
def tls_context() -> ssl.SSLContext:
    """One for the process: it takes up to 150 ms and a megabyte. Honours SSL_CERT_FILE and SSL_CERT_DIR."""
    import httpx  # on first use: the import budget

    return httpx.create_ssl_context()
