"""The seam every side effect of a run goes through, and the protocols of what keeps runs and conversations.

A driver asks `await runtime.step(key, fn)`: `fn` performs one effect (a model call, a tool call) and returns the
journal record of what happened. In memory that is a plain await. A durable runtime writes the record before it returns,
and hands back the written record instead of calling `fn` when the key was done before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from agentkit.messages import Message
from agentkit.records import Record

__all__ = ["InMemoryRuntime", "Runtime", "Session", "StepKey"]


@dataclass(frozen=True, slots=True)
class StepKey:
    """Names one effect of a run; provider ids repeat or are missing, so they are not used."""

    run_id: str
    """Of a sub-agent: the id of the run that called it, with the call's step and position."""
    step: int
    name: str
    """What it is: "model", or the position of a call as text, or the kind of another record."""


class Runtime(Protocol):
    """Performs effects and keeps what became of them."""

    async def step(self, key: StepKey, fn: Callable[[], Awaitable[Record]]) -> Record:
        """The record of this effect: of `fn()`, or of an earlier run of it."""
        ...


class InMemoryRuntime:
    """Performs each effect and keeps nothing beyond the run's own journal."""

    __slots__ = ()

    async def step(self, key: StepKey, fn: Callable[[], Awaitable[Record]]) -> Record:
        """The record of `fn()`."""
        return await fn()


class Session(Protocol):
    """Messages kept between runs."""

    id: str

    async def load(self) -> list[Message]:
        """The conversation so far. Raises StateError when it cannot be read."""
        ...

    async def append(self, messages: Sequence[Message]) -> None:
        """Add what a run said."""
        ...
