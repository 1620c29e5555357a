"""What an exchange tells the span that it is part of: failed attempts and waits. Nothing that was said."""

from __future__ import annotations

from opentelemetry import trace

from agentkit.errors import ExchangeError
from agentkit.telemetry import names
from agentkit.telemetry.failures import error_type_of

__all__ = ["tell_attempts", "tell_failed_attempt", "tell_limit_wait"]


def tell_failed_attempt(error: ExchangeError, *, wait_seconds: float) -> None:
    """A request failed, and is sent again after a wait."""
    span = trace.get_current_span()
    if span.is_recording():
        span.add_event(
            names.ATTEMPT_FAILED_EVENT,
            {
                names.ATTEMPT: error.attempts,
                names.ERROR_TYPE: error_type_of(error),
                names.WAIT_SECONDS: wait_seconds,
            },
        )


def tell_attempts(attempts: int, *, waited_seconds: float) -> None:
    """How many requests an exchange took that needed more than one, well ended or not."""
    span = trace.get_current_span()
    if span.is_recording():
        span.set_attributes({names.ATTEMPTS: attempts, names.RETRY_WAIT_SECONDS: waited_seconds})


def tell_limit_wait(limit: str, *, seconds: float) -> None:
    """A request waited for its turn under a limit of ours."""
    span = trace.get_current_span()
    if span.is_recording():
        span.add_event(names.LIMIT_WAIT_EVENT, {names.LIMIT: limit, names.WAIT_SECONDS: seconds})
        span.set_attribute(names.LIMIT_WAIT_SECONDS, seconds)
