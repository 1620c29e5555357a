"""run_sync without surprises: one long-lived event loop in a thread of its own, for callers that have none to offer.

It works repeatedly, from any thread, and inside a running event loop (whose thread it blocks). After a fork the child
makes its own.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar, cast

import anyio
from anyio.from_thread import BlockingPortal

from agentkit.errors import ConfigurationError

__all__ = ["call_in_portal", "synchronous"]

P = ParamSpec("P")
T = TypeVar("T")

WAIT_SECONDS = 0.1
CLOSING_SECONDS = 5.0
"""How long the end of the program waits for runs that are being cancelled."""


class _Portal:
    """The one portal of this process, made on first use.

    anyio's start_blocking_portal is not used: it ends by waiting for what still runs, at exit and, through the garbage
    collector, in a forked child too, where its thread does not exist.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._portal: BlockingPortal | None = None
        self._thread: threading.Thread | None = None

    def call(self, fn: Callable[[], Awaitable[T]]) -> T:
        if threading.current_thread() is self._thread:
            raise ConfigurationError(
                "run_sync was called from inside a run (a tool or hook that is async); use `await agent.run(...)` there"
            )
        left: list[BaseException] = []

        async def run() -> T | None:
            try:
                return await fn()
            except (Exception, anyio.get_cancelled_exc_class()):
                raise
            except BaseException as error:  # SystemExit, pytest.fail(): the caller's, and would end the portal's loop
                left.append(error)
                return None

        future = self._open().start_task_soon(run)
        try:
            result = _wait_for(future)
        except BaseException:  # KeyboardInterrupt above all: the run must not go on alone
            future.cancel()
            raise
        if left:
            raise left[0]
        return cast("T", result)

    def _open(self) -> BlockingPortal:
        with self._lock:
            if self._portal is None:
                ready = Future[BlockingPortal]()
                self._thread = threading.Thread(target=_serve, args=(ready,), name="agentkit-run-sync", daemon=True)
                self._thread.start()
                self._portal = ready.result()
            return self._portal

    def close(self) -> None:
        """Stop whatever runs, and the thread."""
        with self._lock:
            portal, thread, self._portal, self._thread = self._portal, self._thread, None, None
        if portal is not None and thread is not None:
            portal.start_task_soon(portal.stop, True)
            thread.join(CLOSING_SECONDS)

    def forget(self) -> None:
        """In a forked child: the thread did not come along."""
        self.__init__()


def _wait_for(future: Future[T]) -> T:
    """The future's result; in the main thread it stays open to signals.

    Only the main thread handles them, and one that the system gave to another thread does not end a wait without limit
    (seen on Python 3.11: every fourth Ctrl-C was lost).
    """
    if threading.current_thread() is not threading.main_thread():
        return future.result()
    while True:
        try:
            return future.result(WAIT_SECONDS)
        except TimeoutError:
            if future.done():
                return future.result()  # it may be the run's own


def _serve(ready: Future[BlockingPortal]) -> None:
    async def serve() -> None:
        async with BlockingPortal() as portal:
            ready.set_result(portal)
            await portal.sleep_until_stopped()

    anyio.run(serve, backend="asyncio")


_portal = _Portal()
os.register_at_fork(after_in_child=_portal.forget)
atexit.register(_portal.close)


def call_in_portal(fn: Callable[[], Awaitable[Any]]) -> Any:
    """The result of `await fn()`, run in the portal's event loop. Raises what it raises."""
    return _portal.call(fn)


def synchronous(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """The function for callers without an event loop of their own; "_sync" is added to its name."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return call_in_portal(partial(function, *args, **kwargs))

    call.__name__ = call.__qualname__ = f"{function.__name__}_sync"
    call.__doc__ = f"What `{function.__name__}` gives, for callers without an event loop of their own."
    return call
