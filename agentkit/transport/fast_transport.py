"""The transport of the extra `fast`: HTTP/1.1 on asyncio itself, parsed in C by httptools.

Under trio, through a proxy and for HEAD it is the transport on httpx, so that whoever has it need not choose.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import weakref
from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

from agentkit.errors import ConfigurationError
from agentkit.transport.connections import Connections, LoopConnections
from agentkit.transport.fast_connection import FastConnection, RequestHead, fast_source
from agentkit.transport.heads import REDIRECTS, redirect_host, refuse_unfit_headers, wire_headers
from agentkit.transport.httpx_transport import HttpxTransport, decoded_reply, is_compressed
from agentkit.transport.protocol import HttpRequest, IteratedReply, RedirectError, Reply
from agentkit.transport.target import Origin, Target, environment_proxy, target_of

_PIECE_BYTES = 16_384
"""Compressed bytes are decoded in pieces of this size: a thousandfold of it still fits into memory."""

_LoopReference: TypeAlias = Callable[[], asyncio.AbstractEventLoop | None]

_CONNECTIONS = LoopConnections("agentkit_fast_connections", fast_source)


class FastTransport:
    """Sends requests over connections of its own on asyncio; what it cannot do, httpx does.

    The same errors, deadlines, certificates (SSL_CERT_FILE) and bounds as `HttpxTransport`, at about half of its cost.
    """

    def __init__(self, *, max_connections: int | None = None) -> None:
        """Raises ConfigurationError without the package httptools. `max_connections`: see `HttpxTransport`."""
        if not is_installed():
            raise ConfigurationError(
                "the fast transport needs the package 'httptools'; install it with: pip install 'pyagentkit[fast]'"
            )
        self._max_connections = max_connections
        self._other = HttpxTransport(max_connections=max_connections)
        self._is_direct: dict[Origin, bool] = {}
        self._known: tuple[_LoopReference, Connections[FastConnection] | None] = (_no_loop, None)
        """The connections of the loop that was used last: looking them up would cost as much as parsing a reply."""
        self._last: tuple[HttpRequest, RequestHead] | None = None  # a request without its body, and its head

    async def send(self, request: HttpRequest, *, connect_seconds: float) -> Reply:
        """Send the request and wait for the head of the reply; see `Transport.send`."""
        target = target_of(request.url)
        loop = _asyncio_loop()
        if loop is None or request.method == "HEAD" or not self._reaches(target):
            return await self._other.send(request, connect_seconds=connect_seconds)
        head = self._head(request, target)
        known, connections = self._known
        if connections is None or known() is not loop:
            connections = await self._connections_of(loop)
        connection = await connections.take(target, most=self._max_connections, stands_in_line=request.stands_in_line)
        try:
            await connection.ask(head, request, connect_seconds=connect_seconds)
        except BaseException:
            await connections.drop(connection)
            raise
        reply = FastReply(connection, connections, target)
        if reply.status in REDIRECTS:
            await reply.aclose()
            raise RedirectError(reply.status, redirect_host(reply.headers, target))
        if is_compressed(reply.headers):
            return decoded_reply(
                reply.status,
                reply.headers,
                parts=_Pieces(reply),
                close=reply.discard,
                failures=(),
                peer=target.peer,
            )
        return reply

    def _reaches(self, target: Target) -> bool:
        is_direct = self._is_direct.get(target.origin)
        if is_direct is None:
            is_direct = self._is_direct[target.origin] = environment_proxy(target) is None
        return is_direct

    async def _connections_of(self, loop: asyncio.AbstractEventLoop) -> Connections[FastConnection]:
        connections = await _CONNECTIONS.get()
        self._known = (weakref.ref(loop), connections)
        return connections

    def _head(self, request: HttpRequest, target: Target) -> RequestHead:
        """The head; an agent's requests have mostly the same one."""
        last = self._last
        if last is not None:
            known = last[0]
            if known.headers == request.headers and known.url == request.url and known.method == request.method:
                return last[1]
        refuse_unfit_headers(request)
        bare = HttpRequest(request.method, request.url, request.headers, b"")
        head = _head_of(bare, target)
        self._last = (bare, head)  # not read again: another thread's request may be there by then
        return head


def _head_of(request: HttpRequest, target: Target) -> RequestHead:
    lines = [b"%b %b HTTP/1.1" % (request.method.encode("ascii"), target.url.target)]
    lines += [
        b"%b: %b" % (name, value)
        for name, value in wire_headers(request, target)
        if name not in (b"content-length", b"transfer-encoding")  # said by us, of the body as it is
    ]
    return RequestHead(b"\r\n".join([*lines, b""]))


class FastReply(IteratedReply):
    """A reply over a connection of the extra `fast`; also the iterator of its own chunks."""

    __slots__ = ("_connection", "_connections", "_is_closed", "_target", "headers", "status")

    def __init__(self, connection: FastConnection, connections: Connections[FastConnection], target: Target) -> None:
        self.status = connection.status
        self.headers = connection.headers
        self._connection = connection
        self._connections = connections
        self._target = target
        self._is_closed = False

    async def __anext__(self) -> bytes:
        if self._is_closed:
            raise StopAsyncIteration
        try:
            data = await self._connection.more()
        except BaseException:  # lost, nonsense or a cancel: all close the reply
            await self.aclose()
            raise
        if data:
            return data
        await self.aclose()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Leave the reply, read or not."""
        if self._is_closed:
            return
        if not self._connection.is_idle():
            await self.discard()
            return
        self._is_closed = True
        await self._connections.give_back(self._connection, self._target)

    async def discard(self) -> None:
        """Leave the reply and close its connection, unless the end was read."""
        if not self._is_closed:
            self._is_closed = True
            await self._connections.drop(self._connection)


def _no_loop() -> None:
    return None


def _asyncio_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop whose task is running; None under trio, also where trio is a guest of asyncio's loop."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return loop if asyncio.current_task(loop) is not None else None


class _Pieces:
    """The chunks of a reply, cut so that none is long."""

    def __init__(self, reply: FastReply) -> None:
        self._reply = reply
        self._rest = b""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        rest = self._rest or await self._reply.__anext__()
        self._rest = rest[_PIECE_BYTES:]
        return rest[:_PIECE_BYTES]


@functools.cache
def is_installed() -> bool:
    """Whether the package of the extra `fast` is there."""
    return importlib.util.find_spec("httptools") is not None
