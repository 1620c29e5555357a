"""When a failed exchange is tried again, and how long to wait first. Pure: no clock, no sleeping, no dice of its own.

What the provider asks for comes first: `retry-after-ms`, `retry-after`, then what its codec found in the body. The
reset times of rate limits come last, since providers send them with every reply, and only for a rate limit that is
used up. Without any of these the wait doubles from half a second to eight, with full jitter.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from agentkit.errors import (
    ConnectionFailedError,
    ExchangeError,
    ModelLoadingError,
    OverloadedError,
    ProtocolError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)

__all__ = [
    "LONGEST_WAIT_SECONDS",
    "asked_wait",
    "backoff",
    "may_retry",
    "next_step",
    "seconds_until",
    "wait_before_next",
]

LONGEST_WAIT_SECONDS = 120.0
"""A provider that asks for a longer wait is not waited for: the caller should decide."""

_FIRST_BACKOFF_SECONDS = 0.5
_LONGEST_BACKOFF_SECONDS = 8.0
_PROMISES = 3
"""So often is believed how soon a model will have been loaded."""

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d))+")
_DURATION_PIECE = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)")

# Plain numbers this large are moments, not durations: seconds or milliseconds since 1970.
_EPOCH_SECONDS = 1e9
_EPOCH_MILLISECONDS = 1e11


def may_retry(error: ExchangeError, headers: Mapping[str, str], *, protocol_errors: int = 0) -> bool:
    """Whether the same request may help, `protocol_errors` being how many replies made no sense before this one."""
    if isinstance(error, QuotaExceededError):
        return False
    advice = headers.get("x-should-retry", "").lower()
    if advice in ("true", "false"):
        return advice == "true"
    if isinstance(error, ProtocolError) and protocol_errors:
        return False
    return error.is_retryable


def asked_wait(error: ExchangeError, headers: Mapping[str, str], *, now: float) -> float | None:
    """The seconds that the provider asks to wait; None when it does not say. `now` is seconds since 1970."""
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds:  # Azure sends 0 beside a retry-after of 1 (seen in a recording of 2026)
        return milliseconds / 1000
    text = headers.get("retry-after", "")
    wait = seconds_until(text, now=_moment(headers.get("date", "")) or now) if text else None
    if wait is not None:
        return wait
    wait = error.retry_after_seconds
    if wait is not None and wait >= 0 and math.isfinite(wait):
        return wait
    return _limit_reset(headers, now=now) if isinstance(error, RateLimitError) else None


def backoff(failures: int, *, chance: float) -> float:
    """The wait after this many failures when nobody asks for one; `chance` is a random number from 0 to 1."""
    return chance * min(_LONGEST_BACKOFF_SECONDS, _FIRST_BACKOFF_SECONDS * 2.0 ** min(max(failures - 1, 0), 10))


def wait_before_next(error: ExchangeError, *, loading: int, chance: float) -> float:
    """The wait after this error: as asked, else a backoff; `loading` is how often the model was being loaded.

    A model that loads is asked for without a bound on attempts. So a server that promises it for the next moment, again
    and again, is asked less and less often all the same.
    """
    asked = error.retry_after_seconds
    if asked is None:
        return backoff(error.attempts, chance=chance)
    if isinstance(error, ModelLoadingError) and loading > _PROMISES:
        return max(asked, backoff(loading - _PROMISES, chance=1.0))
    return asked


def next_step(error: ExchangeError) -> str:
    """What to advise when the last attempt has failed; empty where the error says it itself."""
    match error:
        case RateLimitError():
            return (
                "send fewer requests at once (limited(model, requests_per_minute=...)), "
                "or allow more attempts with Settings(attempts=...)"
            )
        case OverloadedError() | ServerError() | ConnectionFailedError():
            return (
                "try later, let another model step in (fallback(model, another)), "
                "or allow more attempts with Settings(attempts=...)"
            )
        case _:
            return ""


def seconds_until(text: str, *, now: float) -> float | None:
    """How far away `text` is: seconds, a duration (6m0s, 250ms), seconds or milliseconds since 1970, an HTTP or RFC
    3339 date. None for what is in the past or cannot be read."""
    text = text.strip()
    number = _number(text)
    if number is not None:
        if number >= _EPOCH_MILLISECONDS:
            number = number / 1000 - now
        elif number >= _EPOCH_SECONDS:
            number -= now
        return number if number >= 0 else None
    if _DURATION.fullmatch(text):
        return sum(float(amount) * _UNITS[unit] for amount, unit in _DURATION_PIECE.findall(text))
    moment = _moment(text)
    return moment - now if moment is not None and moment >= now else None


def _limit_reset(headers: Mapping[str, str], *, now: float) -> float | None:
    """The longest time until a used-up limit is reset. A limit of which something is left is not why we wait."""
    waits: list[float] = []
    for name, value in headers.items():
        if "ratelimit" not in name or "reset" not in name:
            continue
        remaining = _number(headers.get(name.replace("reset", "remaining"), ""))
        wait = seconds_until(value, now=now)
        if wait is not None and not remaining:
            waits.append(wait)
    return max(waits, default=None)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if number >= 0 and math.isfinite(number) else None


def _moment(text: str) -> float | None:
    """Seconds since 1970 of an HTTP or RFC 3339 date; None for anything else."""
    try:
        moment = datetime.fromisoformat(text) if text[:4].isdigit() else parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
