"""Async work beside the terminal's thread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import Future, wait
from typing import TypeVar, TypeVarTuple

from anyio.from_thread import start_blocking_portal

__all__ = ["result_of", "run_in_background"]

LOOK_UP_SECONDS = 0.1

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")


def run_in_background(fn: Callable[[*Arguments], Awaitable[T]], *arguments: *Arguments) -> T:
    """The result of `await fn(*arguments)`, run in an event loop of a thread of its own.

    Ctrl-C cancels it and waits until it has ended. It does not run in the terminal's thread because the threads in
    which sync tools run would then keep the program from ending until the last abandoned tool returns.
    """
    with start_blocking_portal("asyncio") as portal:
        return result_of(portal.start_task_soon(fn, *arguments))


def result_of(future: Future[T]) -> T:
    """The future's result, waited for so that Ctrl-C is noticed.

    A signal may come to another thread than this one, and a wait without end then sleeps on (Python 3.11: one in four);
    so this one looks up now and then.
    """
    while not future.done():
        wait((future,), timeout=LOOK_UP_SECONDS)
    return future.result()
