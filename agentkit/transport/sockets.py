"""Sockets for httpcore, on anyio: one write per request, no timer per read, and errors that say what was sent.

httpcore's own backend sets a timer around every read and write (10 us each, and a stream reads once per event) and
writes head and body apart. Here deadlines belong to the caller, except the one for connecting.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, cast

import anyio
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSAttribute, TLSStream

from agentkit.errors import ConnectionFailedError
from agentkit.transport.protocol import ConnectDeadlineError, NotSentError, StaleConnectionError

_READ_BYTES = 65_536

# A model may think for minutes before its first byte; routers forget a silent connection in four to six.
SOCKET_OPTIONS = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), seconds)
        for name, seconds in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 30))
        if hasattr(socket, name)
    ),
]

ONE_WRITE_BYTES = 65_536


class SocketBackend:
    """Opens connections; what httpcore uses of its `AsyncNetworkBackend` (no unix sockets, no second attempts)."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[tuple[int, int, int]] | None = None,
    ) -> NetworkStream:
        """Connect within `timeout` seconds, of which the TLS handshake gets what is left."""
        peer = f"{host}:{port}"
        connect_by = None if timeout is None else time.monotonic() + timeout
        try:
            with anyio.fail_after(timeout):
                stream = await anyio.connect_tcp(host, port, local_host=local_address)
        except TimeoutError as error:
            raise connect_deadline(peer) from error
        except OSError as error:
            raise NotSentError(
                f"no connection to {peer}: {reason_of(error)}; is the server running, and is the address right?"
            ) from error
        raw_socket = stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - no Django here
        for option in [*SOCKET_OPTIONS, *(socket_options or ())]:
            raw_socket.setsockopt(*option)
        return NetworkStream(stream, peer=peer, connect_by=connect_by)


class NetworkStream:
    """One connection; has the shape of `httpcore.AsyncNetworkStream`."""

    __slots__ = ("_connect_by", "_is_answered", "_is_reused", "_peer", "_stream", "_unsent")

    def __init__(self, stream: ByteStream, *, peer: str, connect_by: float | None) -> None:
        self._stream = stream
        self._peer = peer
        self._connect_by = connect_by
        self._unsent: list[bytes] = []
        self._is_answered = False
        self._is_reused = False

    @property
    def has_unsent(self) -> bool:
        """Whether a request was written that has not gone out: what is taken for its reply then is none."""
        return bool(self._unsent)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """The next bytes, empty at the end of a reply that has begun; sends first what was written."""
        try:
            if self._unsent:
                await self._send()
            data = await self._stream.receive(max_bytes)
        except anyio.EndOfStream as error:
            if self._is_answered:
                return b""
            raise self._unanswered(error) from error
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, ssl.SSLError) as error:
            if self._is_answered:
                raise ConnectionFailedError(f"the connection to {self._peer} was lost within the reply") from error
            raise self._unanswered(error) from error
        self._is_answered = True
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Keep the bytes until the reply is asked for, so that a request is one write."""
        if self._is_answered:
            self._is_answered = False
            self._is_reused = True
        if buffer:
            self._unsent.append(buffer)

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> NetworkStream:
        """The same connection, encrypted; closed if that fails."""
        seconds = timeout if self._connect_by is None else max(0.0, self._connect_by - time.monotonic())
        try:
            with anyio.fail_after(seconds):
                stream = await TLSStream.wrap(
                    self._stream, hostname=server_hostname, ssl_context=ssl_context, standard_compatible=False
                )
        except BaseException as error:
            with anyio.CancelScope(shield=True):
                await self._stream.aclose()
            if isinstance(error, TimeoutError):
                raise connect_deadline(self._peer) from error
            if isinstance(error, (OSError, anyio.BrokenResourceError, anyio.EndOfStream)):  # SSLError is an OSError
                raise NotSentError(f"no TLS connection to {self._peer}: {reason_of(error)}") from error
            raise
        return NetworkStream(stream, peer=self._peer, connect_by=None)

    async def aclose(self) -> None:
        """Close the socket at once: no TLS farewell, which could wait for the other side."""
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks of a connection: its TLS object, and whether it became readable while idle."""
        if info == "ssl_object":
            return self._stream.extra(TLSAttribute.ssl_object, None)  # noqa: S610 - no Django here
        if info == "is_readable":
            return is_readable(self._stream.extra(SocketAttribute.raw_socket))  # noqa: S610 - no Django here
        return None

    async def _send(self) -> None:
        pieces, self._unsent = self._unsent, []
        # A short request goes out as one write; copying a long body to spare the second write would cost more.
        if len(pieces) > 1 and sum(map(len, pieces)) <= ONE_WRITE_BYTES:
            pieces = [b"".join(pieces)]
        try:
            for piece in pieces:
                await self._stream.send(piece)
        except anyio.BrokenResourceError:
            # The server may have refused a long request before its end, and its reply says why: read on.
            return

    def _unanswered(self, cause: Exception) -> ConnectionFailedError:
        if self._is_reused:
            return StaleConnectionError(f"{self._peer} had closed the connection that was kept alive")
        return ConnectionFailedError(f"{self._peer} closed the connection without a reply: {reason_of(cause)}")


def watch(raw_socket: Any) -> Callable[[], object]:
    """What tells again and again, at half of the price, whether a socket is readable; not to be asked of a closed one.

    Truthy or not: it may be a list.
    """
    if not hasattr(select, "poll"):  # Windows
        return partial(is_readable, raw_socket)
    poll = select.poll()
    poll.register(raw_socket.fileno(), select.POLLIN)
    return partial(poll.poll, 0)


def is_readable(raw_socket: Any) -> bool:
    """Whether an idle connection has something to read, which can only be its end. Never blocks."""
    descriptor = raw_socket.fileno()
    if descriptor < 0:
        return True
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def connect_deadline(peer: str) -> ConnectDeadlineError:
    """No connection within the time allowed for it."""
    return ConnectDeadlineError(f"no connection to {peer} within the time allowed; is the address right?")


def reason_of(error: BaseException) -> str:
    """The most telling text of an error: what caused it, and of several the first."""
    cause = error.__cause__
    if isinstance(cause, BaseExceptionGroup):
        cause = cast("BaseExceptionGroup[BaseException]", cause).exceptions[0]  # isinstance cannot see the argument
    if cause is not None:
        return reason_of(cause)
    return str(error) or type(error).__name__
