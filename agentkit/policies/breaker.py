"""Breaker: after failures a model is passed over for a while, so that not every call pays for finding it dead."""

from __future__ import annotations

from collections.abc import Callable

from agentkit.errors import ExchangeError

__all__ = ["Breaker"]

_LONGEST_DOUBLED = 16
"""The cool-down doubles with every failure in a row up to so many times its length."""
_LONGEST_ASKED_SECONDS = 3600.0
"""A provider that asks for a longer wait is tried once an hour all the same: it may have been mistaken."""


class Breaker:
    """Whether one model is asked at all.

    Several threads and event loops may share one. It takes no lock: the worst that a race can do is one more trial.
    """

    __slots__ = ("_clock", "_cool_down_seconds", "_failures", "_until", "error_name")

    def __init__(self, cool_down_seconds: float, *, clock: Callable[[], float]) -> None:
        self._cool_down_seconds = cool_down_seconds
        self._clock = clock
        self._failures = 0  # in a row
        self._until = 0.0
        self.error_name = ""
        """The class of the last failure."""

    @property
    def seconds_left(self) -> float:
        """For how long the model is passed over; 0 when it may be asked."""
        return max(0.0, self._until - self._clock()) if self._until else 0.0

    @property
    def is_on_trial(self) -> bool:
        """Whether the next call decides if the model is asked again by everybody."""
        return self._until > 0.0

    def begin_trial(self) -> None:
        """Let others pass the model over while one call tries it; a trial that is cancelled leaves the next one due."""
        self._until = self._clock() + self._cool_down_seconds

    def failed(self, error: Exception, *, was_trial: bool, had_begun: bool) -> None:
        """The model failed. An answer that broke off may be one lost connection among many: it takes two in a row."""
        now = self._clock()
        asked = error.retry_after_seconds if isinstance(error, ExchangeError) else None
        self.error_name = type(error).__name__
        if self._until > now and not was_trial:  # one of many calls that were under way: the first one has told it
            if asked is not None:
                self._until = max(self._until, now + min(asked, _LONGEST_ASKED_SECONDS))
            return
        self._failures += 1
        if had_begun and self._failures < 2:
            return
        if asked is not None:
            wait = min(asked, _LONGEST_ASKED_SECONDS)
        else:
            wait = self._cool_down_seconds * min(2 ** (self._failures - 1), _LONGEST_DOUBLED)
        self._until = now + wait

    def answered(self, *, was_trial: bool) -> None:
        """The model answered. While it is passed over only a trial decides: other calls began before it failed."""
        if was_trial or not self._until:
            self._failures = 0
            self._until = 0.0
