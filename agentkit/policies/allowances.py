"""What may go out under each kind of limit: so much in any minute, what a provider says is left, so many at once.

Pure: every question is given the time, in seconds on any clock.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

from agentkit.retry import seconds_until

__all__ = ["AtOnce", "Booking", "Spare", "Window", "spare_of"]

MINUTE = 60.0
_GRAIN = 1e-6
"""Moments closer than this are one: clocks are floats, and a wait must end."""
_LEAST_GROWTH = 0.1
"""So that a refusal of the only request under way does not hold back the hundreds after it for long."""


class Booking:
    """What one request takes of a window; the amount may be corrected while it counts."""

    __slots__ = ("amount", "at", "is_past")

    def __init__(self, at: float, amount: float) -> None:
        self.at = at
        self.amount = amount
        self.is_past = False


class Window:
    """At most so much in any sixty seconds."""

    __slots__ = ("_bookings", "allowed", "used")

    def __init__(self, allowed: float) -> None:
        self.allowed = allowed
        self.used = 0.0
        """In the last sixty seconds."""
        self._bookings: deque[Booking] = deque()

    def wait(self, amount: float, now: float) -> float:
        """Seconds until so much may be booked. What is larger than the whole window fits into an empty one."""
        self._forget(now)
        over = self.used + min(amount, self.allowed) - self.allowed
        if over <= _GRAIN:
            return 0.0
        for booking in self._bookings:
            over -= booking.amount
            if over <= _GRAIN:
                return booking.at + MINUTE - now
        return MINUTE

    def book(self, amount: float, now: float) -> Booking:
        """Count so much from now on."""
        booking = Booking(now, amount)
        self._bookings.append(booking)
        self.used += amount
        return booking

    def correct(self, booking: Booking, amount: float) -> None:
        """Count another amount from the same moment on."""
        if not booking.is_past:
            self.used += amount - booking.amount
            booking.amount = amount

    def _forget(self, now: float) -> None:
        bookings = self._bookings
        while bookings and bookings[0].at + MINUTE <= now + _GRAIN:
            past = bookings.popleft()
            past.is_past = True
            self.used -= past.amount
        if not bookings:
            self.used = 0.0  # no rounding is carried along


class Spare:
    """What a provider says is left of one of its limits, and how fast it comes back."""

    __slots__ = ("_full_at", "_left", "_limit", "_rate", "_seen_at")

    def __init__(self, left: float, now: float, *, limit: float | None, reset_seconds: float) -> None:
        self._left = left
        self._seen_at = now
        self._limit = limit
        self._full_at = now + reset_seconds
        # The reset is when all is there again, and it comes back evenly: OpenAI and Anthropic both say so.
        missing = 0.0 if limit is None else limit - left
        self._rate = missing / reset_seconds if missing > 0 and reset_seconds > 0 else 0.0

    def wait(self, amount: float, now: float) -> float:
        """Seconds until so much is left, as far as is known."""
        if self._full_at <= now + _GRAIN:
            return 0.0
        if self._limit is not None:
            amount = min(amount, self._limit)
        short = amount - self._left - self._rate * (now - self._seen_at)
        if short <= _GRAIN:
            return 0.0
        until_full = self._full_at - now
        return min(until_full, short / self._rate) if self._rate else until_full

    def take(self, amount: float) -> None:
        """So much goes out."""
        self._left -= amount


class AtOnce:
    """How many requests may be under way: half as many when the provider pushes back, one more after a good round."""

    __slots__ = ("_cut_at", "allowed", "ceiling")

    def __init__(self, ceiling: int | None) -> None:
        self.ceiling = math.inf if ceiling is None else float(ceiling)
        self.allowed = self.ceiling
        self._cut_at = 0

    def pushed_back(self, number: int, *, under_way: int, last: int) -> None:
        """The `number`-th request was refused for the load, with `under_way` of them out and `last` the newest.

        Requests that went out before the last cut tell nothing new: a burst of refusals is one cut.
        """
        if number > self._cut_at:
            self.allowed = max(1.0, min(self.allowed, under_way) // 2)
            self._cut_at = last

    def went_well(self) -> None:
        """A request was answered."""
        self.allowed = min(self.ceiling, self.allowed + max(1 / self.allowed, _LEAST_GROWTH))


def spare_of(kind: str, headers: Mapping[str, str], *, now: float, wall_clock: float, taken: float) -> Spare | None:
    """What the headers of a reply say of a limit, "requests" or "tokens"; None where they say too little.

    `taken` went out since the request of this reply, which the provider could not know.
    """
    for limit, left, reset in _NAMES[kind]:
        remaining, resets = headers.get(left), headers.get(reset)
        if remaining is None or resets is None:
            continue
        seconds, count = seconds_until(resets, now=wall_clock), _number(remaining)
        if count is None or seconds is None:
            return None
        spare = Spare(count, now, limit=_number(headers.get(limit, "")), reset_seconds=min(seconds, MINUTE))
        spare.take(taken)
        return spare
    return None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if number >= 0 and math.isfinite(number) else None


_NAMES = {  # kind -> names of the headers that say limit, remaining, reset
    kind: tuple(
        (form.format(kind, "limit"), form.format(kind, "remaining"), form.format(kind, "reset"))
        for form in ("x-ratelimit-{1}-{0}", "anthropic-ratelimit-{0}-{1}")
    )
    for kind in ("requests", "tokens")
}
