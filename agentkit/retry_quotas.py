"""How many requests may be sent again to one host, whoever sends them: so that no storm of retries can build.

A thousand runs that meet a failing host would send it three thousand requests, just when it can bear them least. So
every request that is sent again is booked with its host. Answers take bookings off again, and so does time. While the
host mostly works, nobody notices; when it fails for everybody, the room is used up after a hundred retries and a fifth
of what is under way, and errors are raised at once. The first request of an exchange is always sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final
from weakref import WeakValueDictionary

__all__ = ["QUOTAS", "RetryQuota", "RetryQuotas"]

ROOM = 100.0
"""Retries that may be booked at the same time, however little is under way."""
_ROOM_PER_EXCHANGE = 0.2
"""More room for each exchange under way: a few failures in a hundred are no outage, however many hundreds there are."""
_OFF_PER_ANSWER = 0.2
_OFF_PER_RETRIED_ANSWER = 1.0
_OFF_PER_SECOND = 1.0


class RetryQuota:
    """What is booked with one host. Used by several threads at once it may miscount by one; that does no harm."""

    __slots__ = ("__weakref__", "_at", "_clock", "_room", "booked", "under_way")

    def __init__(self, room: float, clock: Callable[[], float]) -> None:
        self.booked = 0.0
        """Retries lately, less what answers and time took off."""
        self.under_way = 0
        """Exchanges that have begun and not ended; whoever performs them counts them here."""
        self._room = room
        self._clock = clock
        self._at = 0.0  # when `booked` was so

    def take(self) -> bool:
        """Book one request that is sent again; False, and nothing booked, when there is no room for it."""
        now = self._clock()
        booked = max(0.0, self.booked - (now - self._at) * _OFF_PER_SECOND)
        if booked + 1 > self._room + self.under_way * _ROOM_PER_EXCHANGE:
            return False
        self.booked, self._at = booked + 1, now
        return True

    def answered(self, *, was_retried: bool) -> None:
        """The host has answered. Needed only while something is booked."""
        self.booked = max(0.0, self.booked - (_OFF_PER_RETRIED_ANSWER if was_retried else _OFF_PER_ANSWER))


class RetryQuotas:
    """The quota of every host that somebody has a model of."""

    __slots__ = ("_clock", "_hosts", "_room")

    def __init__(self, *, room: float = ROOM, clock: Callable[[], float] = time.monotonic) -> None:
        self._room = room
        self._clock = clock
        self._hosts: WeakValueDictionary[str, RetryQuota] = WeakValueDictionary()

    def of(self, host: str) -> RetryQuota:
        """The one quota of this host; whoever asks has to keep it."""
        return self._hosts.setdefault(host, RetryQuota(self._room, self._clock))


QUOTAS: Final = RetryQuotas()
"""Those of this process."""
