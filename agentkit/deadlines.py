"""The deadlines of an exchange on one timer, which always stands at the one that comes first."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

import anyio
from anyio import current_time

from agentkit.errors import DeadlineError
from agentkit.settings import Deadlines

__all__ = ["Timer", "advice"]

_PRECISION = 0.05
"""A timer costs more to move than a chunk to decode, so it is moved when this share of its limit has passed."""

_DEADLINE_PASSED = {
    "first_event_seconds": "no event of the reply came within {:g} s",
    "idle_seconds": "no event came for {:g} s; comments that only keep the connection do not count",
    "exchange_seconds": "the exchange took longer than {:g} s, retries and waits included",
}


class Timer:
    """Watches one exchange: `begin` a scope per attempt, tell it what was `heard`."""

    __slots__ = ("_exchange_until", "_move_at", "_name", "_now", "_scope", "deadlines")

    def __init__(self, deadlines: Deadlines) -> None:
        self.deadlines = deadlines
        self._now = _clock_of_loop()
        self._exchange_until = self._now() + _seconds(deadlines.exchange_seconds)
        self._scope: anyio.CancelScope
        self._name = ""
        self._move_at = -math.inf

    @property
    def is_over(self) -> bool:
        """Whether the exchange's own deadline has passed."""
        return self._now() >= self._exchange_until

    def leaves(self, seconds: float) -> bool:
        """Whether a wait of so many seconds ends before the exchange's deadline."""
        return self._now() + seconds < self._exchange_until

    def ends_before(self, moment: float, seconds: float) -> bool:
        """Whether a wait of so many seconds ends before this moment of the event loop's clock."""
        return self._now() + seconds < moment

    def begin(self) -> anyio.CancelScope:
        """The scope of a new attempt, which waits for its first event."""
        self._scope = anyio.move_on_after(None)  # anyio.CancelScope() is initialised twice
        self._stand("first_event_seconds", self._now() + _seconds(self.deadlines.first_event_seconds))
        self._move_at = -math.inf
        return self._scope

    def stands_in_line(self, is_waiting: bool) -> None:
        """The request waits for a connection that others have: no time of the provider's, but of the exchange."""
        first = math.inf if is_waiting else self._now() + _seconds(self.deadlines.first_event_seconds)
        self._stand("exchange_seconds" if is_waiting else "first_event_seconds", first)

    def heard(self) -> None:
        """An event came. The timer is moved only when that is worth it, and never stands too early."""
        now = self._now()
        if now >= self._move_at:
            idle = _seconds(self.deadlines.idle_seconds)
            self._move_at = now + idle * _PRECISION
            self._stand("idle_seconds", self._move_at + idle)

    async def paused(self, wait: Callable[[], Awaitable[None]]) -> None:
        """Wait for a slow reader: that is not the provider's time, so every deadline moves on by it."""
        begun = self._now()
        self._scope.deadline = math.inf
        await wait()
        self._exchange_until += self._now() - begun
        self._move_at = -math.inf
        self.heard()

    def stop(self) -> None:
        """The answer is complete: no deadline may take it away."""
        self._scope.deadline = self._move_at = math.inf

    def error(self) -> DeadlineError:
        """What to raise when the scope has ended by its deadline."""
        seconds: float = getattr(self.deadlines, self._name)
        error = DeadlineError(f"{_DEADLINE_PASSED[self._name].format(seconds)}; {advice(self._name)}")
        error.deadline, error.seconds = self._name, seconds
        return error

    def _stand(self, name: str, until: float) -> None:
        is_exchange = self._exchange_until < until
        self._name = "exchange_seconds" if is_exchange else name
        self._scope.deadline = self._exchange_until if is_exchange else until


def advice(name: str) -> str:
    """What to tell somebody whose deadline of this name was too short."""
    return f"allow more with Settings(deadlines=Deadlines({name}=...))"


def _seconds(limit: float | None) -> float:
    return math.inf if limit is None else limit


def _clock_of_loop() -> Callable[[], float]:
    """The clock of anyio's deadlines; `anyio.current_time` finds it anew on every call, at ten times the cost."""
    import asyncio  # not loaded at import, which would double its cost

    try:
        return asyncio.get_running_loop().time
    except RuntimeError:  # trio
        return current_time
