"""The gate that limited requests pass: the waiting line, on a clock, for the tasks of any event loop."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from threading import Lock, get_ident
from typing import Any

import anyio
from anyio.lowlevel import current_token

from agentkit.deadlines import advice
from agentkit.errors import DeadlineError
from agentkit.exchange import ReplySeen, Waiting
from agentkit.models import Sink
from agentkit.policies.waiting_line import Turn, WaitingLine
from agentkit.telemetry.attempts import tell_limit_wait

__all__ = ["Gate"]


class Gate:
    """Lets requests through by turns. May be used by several event loops in several threads."""

    __slots__ = ("_clock", "_line", "_lock", "_wall_clock")

    def __init__(self, line: WaitingLine, *, clock: Callable[[], float], wall_clock: Callable[[], float]) -> None:
        self._line = line
        self._clock = clock
        self._wall_clock = wall_clock
        self._lock = Lock()

    async def enter(self, run: object, tokens: float, *, sink: Sink | None, limit_seconds: float | None) -> Turn:
        """Wait for a turn; the caller has to end it, by `answered` or `failed`.

        run: whose request it is; None for one that belongs to no run.
        tokens: what it may take.
        sink: is told of a wait.
        limit_seconds: how long to wait at the most. Raises DeadlineError, and before that if it is sure to pass.
        """
        waker = _Waker()
        turn = Turn(run or waker, tokens, waker)
        with self._lock:
            begun = self._clock()
            self._line.ask(turn, begun)
            if turn.is_granted:
                return turn
            obstacle = self._line.obstacle
            assert obstacle is not None  # what waits has a reason
            event = Waiting(obstacle.limit, obstacle.seconds, self._line.ahead_of(turn)) if sink is not None else None
        try:
            if sink is not None and event is not None and sink.emit((event,)):
                await sink.drain()
            await self._granted(turn, waker, until=math.inf if limit_seconds is None else begun + limit_seconds)
        except BaseException as error:
            with self._lock:
                waiting = self._line.waiting
                self._line.give_up(turn, self._clock())
            if isinstance(error, DeadlineError):
                error.seconds, error.waiting = limit_seconds, waiting
                error.waited_seconds = self._clock() - begun
            raise
        finally:
            tell_limit_wait(obstacle.limit, seconds=self._clock() - begun)
        return turn

    def saw(self, turn: Turn, seen: ReplySeen) -> None:
        """A request of this turn is on the wire, and has fared so."""
        with self._lock:
            self._line.saw(turn, seen.headers, seen.error, now=self._clock(), wall_clock=self._wall_clock())

    def answered(self, turn: Turn, *, tokens: float, was_sent: bool) -> None:
        """The turn is over, and took so many tokens; `was_sent` is False where a cache gave the answer."""
        with self._lock:
            self._line.answered(turn, tokens=tokens, was_sent=was_sent, now=self._clock())

    def failed(self, turn: Turn, error: BaseException) -> None:
        """The turn is over without an answer."""
        with self._lock:
            self._line.failed(turn, error, now=self._clock())

    async def _granted(self, turn: Turn, waker: _Waker, *, until: float) -> None:
        """Wait for the grant. Only who stands at the head of the line looks at the clock; others are woken."""
        line = self._line
        while True:
            with self._lock:
                now = self._clock()
                line.admit(now)
                if turn.is_granted:
                    return
                woken = waker.rearm()
                known = line.obstacle.seconds if line.obstacle is not None else None
                if now >= until or (known is not None and now + known > until):
                    raise DeadlineError(self._too_late())
                seconds = until - now
                if known is not None and line.is_next(turn):
                    seconds = min(seconds, known)
            with anyio.move_on_after(seconds):
                await woken.wait()

    def _too_late(self) -> str:
        obstacle, others = self._line.obstacle, self._line.waiting - 1
        assert obstacle is not None
        needs = "" if obstacle.seconds is None else f", for {obstacle.seconds:.3g} s at the least"
        crowd = f", as do {others} other{'s' * (others != 1)}" if others else ""
        return (
            f"no turn comes in time: the request waits for {obstacle.limit}{needs}{crowd}, and was not "
            f"sent; start fewer runs at once, raise the limit, or {advice('exchange_seconds')}"
        )


class _Waker:
    """Wakes the task that waits, from any thread; nothing where it does not wait."""

    __slots__ = ("_event", "_loop", "_thread")

    def __init__(self) -> None:
        self._event: anyio.Event | None = None
        self._thread = 0
        self._loop: Any = None

    def __call__(self) -> None:
        if self._event is None:
            return
        if get_ident() == self._thread:
            self._event.set()
            return
        # Events of an event loop may be set by its own thread alone: asyncio's loop and trio's token pass it on.
        soon = getattr(self._loop, "call_soon_threadsafe", None) or self._loop.run_sync_soon
        with suppress(RuntimeError):  # that loop has ended, and with it who waited
            soon(self._event.set)

    def rearm(self) -> anyio.Event:
        """What to wait for, from the task that is to be woken."""
        self._event = anyio.Event()
        self._thread = get_ident()
        self._loop = current_token().native_token
        return self._event
