"""The seam every side effect of a run goes through, and the protocols of what keeps runs and conversations.

A driver asks `await runtime.step(key, fn)`: `fn` performs one effect (a model call, a tool call) and returns the
journal record of what happened. In memory that is a plain await. A durable runtime writes the record before it returns;
it may also hand back a record written earlier instead of calling `fn`. What must not be done twice is announced by a
record of its own, `CallBegan`, before it is done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from agentkit.frozen import frozen
from agentkit.messages import Message
from agentkit.records import Record

__all__ = ["InMemoryRuntime", "RunStore", "Runtime", "Session", "StepKey"]


@frozen
class StepKey:
    """Names one effect of a run; provider ids repeat or are missing, so they are not used."""

    run_id: str
    """Of a sub-agent: the id of the run that called it, with the call's step and position."""
    step: int
    name: str
    """What it is: "model", or the position of a call as text (with its turn, once it was paused), or the kind of
    another record with what tells it from others of its kind. No two effects of a run have one key."""


class Runtime(Protocol):
    """Performs effects and keeps what became of them."""

    def step(self, key: StepKey, fn: Callable[[], Awaitable[Record]]) -> Awaitable[Record]:
        """The record of this effect: of `fn()`, or of an earlier run of it. Mostly an `async def`."""
        ...

    async def take_up(self, run_id: str, journal: Sequence[Record]) -> Sequence[Record]:
        """The journal of a run, or of a sub-agent's run, that is about to go on; empty when it has not begun.

        `journal` is what the caller knows of it. What is kept may be more, after a crash: then that is the answer.
        """
        ...


class InMemoryRuntime:
    """Performs each effect and keeps nothing beyond the run's own journal."""

    __slots__ = ()

    def step(self, key: StepKey, fn: Callable[[], Awaitable[Record]]) -> Awaitable[Record]:
        """The record of `fn()`."""
        return fn()

    async def take_up(self, run_id: str, journal: Sequence[Record]) -> Sequence[Record]:
        """What the caller knows."""
        return journal


class RunStore(Protocol):
    """Keeps the journals of runs as they happen. `agentkit.runs.SqliteRunStore` is one."""

    def drive(self, run_id: str) -> AbstractAsyncContextManager[Runtime]:
        """Hold a run for this process, new or known, while it is driven through the Runtime given.

        Leaving the block tells how the driving ended: without an error it came to its end, or waits for a person.
        Raises RunBusyError when a living process holds the run, StateError when the store cannot be used. A process
        that dies holds nothing any more.
        """
        ...


class Session(Protocol):
    """Messages kept between runs."""

    id: str

    async def load(self) -> list[Message]:
        """The conversation so far. Raises StateError when it cannot be read."""
        ...

    async def append(self, messages: Sequence[Message]) -> None:
        """Add what a run said."""
        ...
