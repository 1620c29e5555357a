"""One HTTP/1.1 connection on asyncio, its replies read by llhttp (the package httptools): no task, no copy, no timer.

aiohttp and httpcore read into a buffer that a second object hands out; here the parser's pieces of a body are what the
reader gets, one join for all that came in one read. An event loop reads into one buffer for all of its connections.
"""

from __future__ import annotations

import asyncio
import ssl
import time
import weakref
from collections.abc import Callable
from typing import Any, cast

import anyio

from agentkit.errors import ConnectionFailedError, ProtocolError
from agentkit.transport.connections import KEEP_ALIVE_SECONDS, Source, tls_context
from agentkit.transport.protocol import HttpRequest, NotSentError, StaleConnectionError
from agentkit.transport.sockets import ONE_WRITE_BYTES, SOCKET_OPTIONS, connect_deadline, reason_of, watch
from agentkit.transport.target import Target

MAX_HEAD_BYTES = 128 * 1024
"""How long the head of a reply may be, and what stands between two pieces of a body."""

_READ_BYTES = 65_536
_FIRST_READ_BYTES = 16_384
"""So that the first of many events that came at once is shown before all of them are decoded."""
_MOST_UNREAD_BYTES = 262_144
_HAPPY_EYEBALLS_SECONDS = 0.25


_BUFFERS: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, memoryview] = weakref.WeakKeyDictionary()
"""What an event loop reads into for all of its connections: what was read is parsed before the next read begins."""


class RequestHead:
    """The head of a request but for the length of its body. No repr shows it: it holds keys, and tracebacks locals."""

    __slots__ = ("_head",)

    def __init__(self, head: bytes) -> None:
        self._head = head

    def before(self, body: bytes) -> bytes:
        """The whole head, for this body."""
        return b"%bcontent-length: %d\r\n\r\n" % (self._head, len(body))


class FastSource:
    """Makes the connections of one origin in one event loop."""

    def __init__(self, target: Target) -> None:
        self._target = target
        loop = asyncio.get_running_loop()
        self._buffer = _BUFFERS.get(loop) or _BUFFERS.setdefault(loop, memoryview(bytearray(_READ_BYTES)))

    def create_connection(self, origin: Any) -> FastConnection:
        """One that connects when it is used."""
        return FastConnection(self._target, self._buffer)


def fast_source(target: Target) -> Source[FastConnection]:
    """The connections to a target that is reached without a proxy."""
    return FastSource(target)


class FastConnection(asyncio.BufferedProtocol):
    """Carries one exchange at a time: `ask`, then `more` until it is empty."""

    __slots__ = (
        "_buffer",
        "_cause",
        "_field_bytes",
        "_gone",
        "_has_head",
        "_has_news",
        "_idle_until",
        "_is_answered",
        "_is_complete",
        "_is_ended_by_close",
        "_is_kept",
        "_is_lost",
        "_is_paused",
        "_is_read",
        "_is_reused",
        "_news",
        "_nonsense",
        "_parser",
        "_parts",
        "_target",
        "_transport",
        "_unread",
        "headers",
        "on_body",
        "status",
    )

    def __init__(self, target: Target, buffer: memoryview) -> None:
        self.status = 0
        """Of the reply, once `ask` is done."""
        self.headers: dict[str, str] = {}
        """Of the reply; names in lower case, repeated ones joined."""
        self._target = target
        self._buffer = buffer
        self._parts: list[bytes] = []
        self.on_body = self._parts.append
        self._parser: Any = None
        self._nonsense: tuple[type[Exception], ...] = ()  # what the parser raises, once it is there
        self._transport: asyncio.Transport | None = None
        self._news: asyncio.Future[None] | None = None  # what the reader waits for
        self._gone: asyncio.Future[None] | None = None  # what the closer waits for
        self._cause: Exception | None = None  # why the connection was lost or the reply given up
        self._has_news: Callable[[], object]  # whether something came that nobody waits for; known once connected
        self._idle_until = 0.0
        self._field_bytes = 0  # since the last piece of a body
        self._unread = 0
        self._has_head = self._is_answered = self._is_read = self._is_reused = self._is_lost = False
        self._is_ended_by_close = self._is_paused = False
        self._is_kept = False  # whether the server keeps the connection after this reply
        self._is_complete = True  # whether nothing more is to come

    async def ask(self, head: RequestHead, request: HttpRequest, *, connect_seconds: float) -> None:
        """Send a request and wait for the head of its reply."""
        if self._transport is None:
            await self._connect(connect_seconds)
        else:
            self._is_reused = True
        assert self._transport is not None
        self.headers = {}
        self._field_bytes = 0
        self._has_head = self._is_answered = self._is_read = self._is_complete = self._is_kept = False
        if len(request.body) <= ONE_WRITE_BYTES:
            self._transport.write(head.before(request.body) + request.body)
        else:  # copying a long body to spare the second write would cost more
            self._transport.write(head.before(request.body))
            self._transport.write(request.body)
        while not self._has_head:
            if self._is_lost or self._cause is not None:
                raise self._failure()
            await self._wait()

    async def more(self) -> bytes:
        """What has come of the body, as soon as something has; empty at its end."""
        parts = self._parts
        while not parts:
            if self._is_complete:
                return b""
            if self._is_lost or self._cause is not None:
                raise self._failure()
            await self._wait()
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self._unread = 0
        self._is_read = True
        if self._is_paused and self._transport is not None and not self._is_lost:
            self._is_paused = False
            self._transport.resume_reading()
        return data

    async def aclose(self) -> None:
        """Close the socket at once: no TLS farewell, which could wait for the other side."""
        transport = self._transport
        if transport is None or self._is_lost:
            return
        self._gone = self._gone or asyncio.get_running_loop().create_future()
        transport.abort()
        await asyncio.shield(self._gone)

    def is_idle(self) -> bool:
        """Whether the last exchange came to its end and the connection can carry another."""
        if not self._is_complete or not self._is_kept or self._is_lost or self._parts or self._transport is None:
            return False
        return not self._transport.get_write_buffer_size()  # the server answered before it had read all

    def has_expired(self) -> bool:
        """Whether it was idle for too long, or the server has closed it."""
        if self._is_lost or self._transport is None or time.monotonic() > self._idle_until:
            return True
        return bool(self._has_news())

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open, TLS included."""
        self._transport = cast(asyncio.Transport, transport)  # of a stream: asyncio declares the base of all kinds
        raw_socket = transport.get_extra_info("socket")
        self._has_news = watch(raw_socket)
        for option in SOCKET_OPTIONS:
            raw_socket.setsockopt(*option)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to read to."""
        return self._buffer if self._is_read else self._buffer[:_FIRST_READ_BYTES]

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes were read."""
        if self._is_complete or self._cause is not None:  # nobody asked, or what comes makes no sense
            self._is_kept = False
            self._close_soon()
            return
        self._is_answered = True
        before = len(self._parts)
        try:
            self._parser.feed_data(self._buffer[:nbytes])
        except self._nonsense as error:
            self._give_up(error)
        if len(self._parts) > before:
            self._field_bytes = 0
            self._unread += nbytes
            if self._unread > _MOST_UNREAD_BYTES and not self._is_paused and self._transport is not None:
                self._is_paused = True
                self._transport.pause_reading()
        else:
            self._field_bytes += nbytes
            if self._field_bytes > MAX_HEAD_BYTES and not self._is_complete:
                self._give_up(OverflowError(f"more than {MAX_HEAD_BYTES // 1024} KiB of headers"))
        self._wake()

    def eof_received(self) -> None:
        """The server has closed its side; what follows is `connection_lost`."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._is_lost = True
        self._parser = None  # it holds this object's methods
        if self._has_head and not self._is_complete and self._is_ended_by_close and exc is None:
            self._is_complete = self._cause is None
        self._cause = self._cause or exc
        self._wake()
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)

    # What the parser calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a line of a trailer, which says nothing to us."""
        if self._has_head:
            return
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip()
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        """The head is in."""
        self.status = self._parser.get_status_code()
        if self.status < 200:  # an interim reply: the real one is to come
            self.headers = {}
            return
        self._has_head = True
        self._is_ended_by_close = not self.headers.keys() & {"content-length", "transfer-encoding"}

    def on_message_complete(self) -> None:
        """The reply is in."""
        if self._has_head:
            self._is_kept = self._parser.should_keep_alive()
            self._is_complete = True
            self._idle_until = time.monotonic() + KEEP_ALIVE_SECONDS

    def on_message_begin(self) -> None:
        """A reply begins; a second one was not asked for, and its connection is not used again."""
        if self._is_complete:
            raise ProtocolError("a reply that was not asked for")

    async def _connect(self, seconds: float) -> None:
        import httptools  # the extra `fast`; on first use: the import budget

        scheme, host, port = self._target.origin
        is_address = ":" in host or host.replace(".", "").isdigit()
        self._parser = httptools.HttpResponseParser(self)
        self._nonsense = (httptools.HttpParserError, httptools.HttpParserUpgrade)
        try:
            with anyio.fail_after(seconds):
                await asyncio.get_running_loop().create_connection(
                    lambda: self,
                    host,
                    port,
                    ssl=tls_context() if scheme == "https" else None,
                    server_hostname=host if scheme == "https" else None,
                    happy_eyeballs_delay=None if is_address else _HAPPY_EYEBALLS_SECONDS,
                )
        except TimeoutError as error:
            raise connect_deadline(self._target.peer) from error
        except (ssl.SSLError, ConnectionError) as error:
            if scheme == "https" and not isinstance(error, ConnectionRefusedError):
                raise NotSentError(f"no TLS connection to {self._target.peer}: {reason_of(error)}") from error
            raise self._unreached(error) from error
        except OSError as error:
            raise self._unreached(error) from error

    def _unreached(self, error: OSError) -> NotSentError:
        peer = self._target.peer
        return NotSentError(
            f"no connection to {peer}: {reason_of(error)}; is the server running, and is the address right?"
        )

    async def _wait(self) -> None:
        news = self._news = asyncio.get_running_loop().create_future()
        try:
            await news
        finally:
            self._news = None

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def _give_up(self, error: Exception) -> None:
        self._is_kept = False
        if not self._is_complete:  # bytes behind a whole reply do it no harm
            self._cause = error
        self._close_soon()

    def _close_soon(self) -> None:
        if self._transport is not None and not self._is_lost:
            self._transport.abort()

    def _failure(self) -> ConnectionFailedError | ProtocolError:
        peer, cause = self._target.peer, self._cause
        if cause is not None and not isinstance(cause, OSError):
            return ProtocolError(f"{peer} sent what is not HTTP: {cause}")
        reason = reason_of(cause) if cause is not None else "closed"
        if self._is_answered:
            return ConnectionFailedError(f"the connection to {peer} was lost within the reply: {reason}")
        if self._is_reused:
            return StaleConnectionError(f"{peer} had closed the connection that was kept alive")
        return ConnectionFailedError(f"{peer} closed the connection without a reply: {reason}")
