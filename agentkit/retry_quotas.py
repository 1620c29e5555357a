"""How many requests may be sent again to one host, whoever sends them: so that no storm of retries can build.

A thousand runs that meet a failing host would send it three thousand requests, just when it can bear them least. So
every request that is sent again takes one of the host's tokens. Answers give some back, and so does time. While the
host mostly works, nobody notices; when it fails for everybody, the tokens are gone after a hundred retries, and errors
are raised at once. The first request of an exchange is always sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

__all__ = ["QUOTAS", "RetryQuotas"]

CAPACITY = 100.0
"""Retries that may be sent in a row."""
_BACK_PER_ANSWER = 0.2
_BACK_PER_RETRIED_ANSWER = 1.0
_BACK_PER_SECOND = 1.0


class RetryQuotas:
    """The tokens of every host. Used from several threads at once, a token may be miscounted; that does no harm."""

    __slots__ = ("_capacity", "_clock", "spent")

    def __init__(self, *, capacity: float = CAPACITY, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity = capacity
        self._clock = clock
        self.spent: dict[str, tuple[float, float]] = {}
        """Host -> tokens left, and when that was so; without those that have all of them: mostly it is empty."""

    def take(self, host: str) -> bool:
        """Take a token for one request that is sent again; False when none is left."""
        left = self._left(host)
        if left < 1:
            return False
        self.spent[host] = (left - 1, self._clock())
        return True

    def answered(self, host: str, *, was_retried: bool) -> None:
        """The host has answered: give something back. Needed only for hosts in `spent`."""
        left = self._left(host) + (_BACK_PER_RETRIED_ANSWER if was_retried else _BACK_PER_ANSWER)
        if left < self._capacity:
            self.spent[host] = (left, self._clock())
        else:
            self.spent.pop(host, None)

    def _left(self, host: str) -> float:
        left, at = self.spent.get(host, (self._capacity, 0.0))
        return min(self._capacity, left + (self._clock() - at) * _BACK_PER_SECOND)


QUOTAS: Final = RetryQuotas()
"""Those of this process."""
