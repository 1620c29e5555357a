"""The servers that this process has started: one for each file and options, shared by all models and event loops."""

from __future__ import annotations

import atexit
import os
import threading
from dataclasses import dataclass
from pathlib import Path

import anyio

from agentkit.errors import DeadlineError
from agentkit.providers.llamacpp.options import ServerOptions
from agentkit.providers.llamacpp.server import Server

__all__ = ["running_server", "serve", "stop_servers"]

_POLL_SECONDS = 0.01
"""A start takes longer than many of these; waiting so needs no thread per waiter and works in any event loop."""


@dataclass(frozen=True, slots=True)
class _Key:
    path: Path
    options: ServerOptions


class _Servers:
    """The servers of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._servers: dict[_Key, Server] = {}
        self._of_parent: list[Server] = []  # not ours to reap, and not to be collected, which would try

    def find(self, path: Path, options: ServerOptions) -> Server | None:
        return self._servers.get(_Key(path, options))

    def enter(self, path: Path, options: ServerOptions) -> Server:
        """A server that is ready or starts, and one waiter more for it."""
        key = _Key(path, options)
        with self._lock:
            server = self._servers.get(key)
            if server is None or server.has_ended:
                server = self._servers[key] = Server(path, options)
                server.start()
            server.waiters += 1
            return server

    def leave(self, server: Server) -> None:
        """One waiter less; a start that nobody waits for any more is given up."""
        key = _Key(server.path, server.options)
        with self._lock:
            server.waiters -= 1
            if server.waiters or server.is_ready:
                return
            if self._servers.get(key) is server:
                del self._servers[key]
        server.stop()

    def stop(self) -> None:
        with self._lock:
            servers = list(self._servers.values())
            self._servers.clear()
        for server in servers:
            server.stop()
        for server in servers:
            server.join()

    def forget(self) -> None:
        """In a forked child: the servers and their threads did not come along, but the ends of their pipes did."""
        inherited = [*self._of_parent, *self._servers.values()]
        for server in inherited:
            server.let_go()
        self.__init__()
        self._of_parent = inherited


_servers = _Servers()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_servers.forget)
atexit.register(_servers.stop)


async def serve(path: Path, options: ServerOptions, *, seconds: float | None) -> Server:
    """The server of this file, ready; started if there is none.

    Raises ModelFileError and ServerStartError for what cannot be served, DeadlineError when it is not ready in time.
    Given up by all who wait for it, the start leaves nothing behind.
    """
    found = _servers.find(path, options)
    if found is not None and found.is_ready:
        return found
    server = _servers.enter(path, options)
    try:
        with anyio.move_on_after(seconds) as scope:
            while not server.is_ready and not server.is_over:  # noqa: ASYNC110 - told by a thread, to any loop
                await anyio.sleep(_POLL_SECONDS)
    finally:
        _servers.leave(server)
    if server.is_ready:
        return server
    if seconds is None or not scope.cancelled_caught:
        raise server.problem()
    raise DeadlineError(
        f"llama.cpp's server was not ready with {path} within {seconds:g} s{server.last_words()}; "
        "allow more with Settings(deadlines=Deadlines(exchange_seconds=...))"
    )


def running_server(path: Path, options: ServerOptions) -> Server | None:
    """The server of this file if it is ready now."""
    found = _servers.find(path, options)
    return found if found is not None and found.is_ready else None


def stop_servers() -> None:
    """Stop all servers of this process and free their memory; the next request starts what it needs.

    They end with the process anyway.
    """
    _servers.stop()
