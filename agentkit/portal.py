"""run_sync without surprises: one long-lived event loop in a thread of its own, for callers that have none to offer.

It works repeatedly, from any thread, and inside a running event loop (whose thread it blocks). After a fork the child
makes its own.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import anyio.from_thread

from agentkit.errors import ConfigurationError

__all__ = ["call_in_portal"]

T = TypeVar("T")


class _Portal:
    """The one portal of this process, made on first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entered: AbstractContextManager[anyio.from_thread.BlockingPortal] | None = None
        self._portal: anyio.from_thread.BlockingPortal | None = None
        self._thread_id = 0

    def call(self, fn: Callable[[], Awaitable[T]]) -> T:
        if threading.get_ident() == self._thread_id:
            raise ConfigurationError(
                "run_sync was called from inside a run (a tool or hook that is async); use `await agent.run(...)` there"
            )
        future = self._open().start_task_soon(fn)
        try:
            return future.result()
        except BaseException:  # KeyboardInterrupt above all: the run must not go on alone
            future.cancel()
            raise

    def _open(self) -> anyio.from_thread.BlockingPortal:
        with self._lock:
            if self._portal is None:
                self._entered = anyio.from_thread.start_blocking_portal("asyncio", name="agentkit-run-sync")
                self._portal = self._entered.__enter__()
                self._thread_id = self._portal.call(threading.get_ident)
            return self._portal

    def close(self) -> None:
        with self._lock:
            entered, self._entered, self._portal, self._thread_id = self._entered, None, None, 0
        if entered is not None:
            entered.__exit__(None, None, None)

    def forget(self) -> None:
        """In a forked child: the thread did not come along."""
        self.__init__()


_portal = _Portal()
os.register_at_fork(after_in_child=_portal.forget)
atexit.register(_portal.close)


def call_in_portal(fn: Callable[[], Awaitable[Any]]) -> Any:
    """The result of `await fn()`, run in the portal's event loop. Raises what it raises."""
    return _portal.call(fn)
