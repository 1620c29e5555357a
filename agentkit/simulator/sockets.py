"""One TCP connection of the simulator: a bare socket, so that what is written, and how it ends, is exactly as said."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel

from agentkit.errors import ConfigurationError
from agentkit.simulator.reply import Drop, Hang, Pause, Piece, Repeat

__all__ = ["BACKLOG", "ClientLeft", "Connection", "accept", "bound"]

_READ_BYTES = 65_536
BACKLOG = 4_096
_NO_LINGERING = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class ClientLeft(Exception):
    """The client closed the connection."""


def bound(host: str, port: int) -> socket.socket:
    """A socket bound to an address, not listening yet: connections to it are refused."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    if os.name != "nt":  # there it would let two servers share a port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.setblocking(False)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f"port {port} of {host} is in use; take another one, or 0 for any free one"
            ) from error
        raise ConfigurationError(f"nothing can listen at {host}:{port}: {error.strerror or error}") from error
    return listener


async def accept(listener: socket.socket) -> socket.socket:
    """The next connection of a listening socket."""
    while True:
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            await anyio.wait_readable(listener)
        except ConnectionError:  # it left before it was accepted
            continue
        else:
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return client


class Connection:
    """One connection; whoever serves it closes it."""

    def __init__(self, client: socket.socket, number: int, *, sleep: Callable[[float], Awaitable[None]]) -> None:
        self.number = number
        """Which connection of the server, from 1."""
        self.is_reused = False
        """Whether a request was answered on it."""
        self._socket = client
        self._sleep = sleep
        self._unread: list[bytes] = []

    async def receive(self) -> bytes:
        """Some more bytes. Raises ClientLeft."""
        if self._unread:
            return self._unread.pop(0)
        await anyio.lowlevel.checkpoint()
        return await self._receive()

    def unread(self, data: bytes) -> None:
        """Put bytes back, which belong to the next request."""
        if data:
            self._unread.append(data)

    async def send(self, data: bytes) -> None:
        """Send all of it, in one write where the system takes it. Raises ClientLeft."""
        view = memoryview(data)
        try:
            while view:
                try:
                    view = view[self._socket.send(view) :]
                except BlockingIOError:
                    await anyio.wait_writable(self._socket)
        except ConnectionError as error:
            raise ClientLeft from error
        await anyio.lowlevel.checkpoint()

    async def perform(self, piece: Piece) -> None:
        """Do what a piece says. Raises ClientLeft, also for a Drop: there is no client any more."""
        match piece:
            case bytes():
                await self.send(piece)
            case Pause(seconds):
                await self._wait(seconds)
            case Repeat(data, times, wait_seconds):
                while times is None or times > 0:
                    times = None if times is None else times - 1
                    if wait_seconds:
                        await self._wait(wait_seconds)
                    await self.send(data)
            case Hang():
                while True:
                    self._unread.append(await self._receive())
            case Drop(is_reset):
                self.close(is_reset=is_reset)
                raise ClientLeft

    def close(self, *, is_reset: bool = False) -> None:
        """Close the connection; may be called twice."""
        if self._socket.fileno() < 0:
            return
        if is_reset:
            # Lingering for no time at all is how a program asks for a reset instead of an ordinary end.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
        self._socket.close()

    async def _receive(self) -> bytes:
        while True:
            try:
                data = self._socket.recv(_READ_BYTES)
            except BlockingIOError:
                await anyio.wait_readable(self._socket)
            except ConnectionError as error:
                raise ClientLeft from error
            else:
                if not data:
                    raise ClientLeft
                return data

    async def _wait(self, seconds: float) -> None:
        """Wait, and notice at once when the client leaves meanwhile."""
        is_gone = False

        async def watch() -> None:
            nonlocal is_gone
            try:
                while True:
                    self._unread.append(await self._receive())
            except ClientLeft:
                is_gone = True
                tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            await self._sleep(seconds)
            tasks.cancel_scope.cancel()
        if is_gone:
            raise ClientLeft
