"""Errors of Google's services: bodies of replies whose status is not 200, and error objects inside a 200.

The body may stand in a list of one, and proxies answer with HTML, nothing or half a body: whatever comes becomes a
typed error. There are no headers with waits or limits: both stand in `details`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from agentkit.error_bodies import (
    PAGE_CHARACTERS,
    class_of_status,
    excerpt,
    header_of,
    json_of,
    narrowed,
    narrowings,
    nothing_said,
    one_line,
    text_of_body,
    text_of_page,
    text_of_payload,
)
from agentkit.errors import (
    AuthenticationError,
    BadRequestError,
    ContentFilteredError,
    ContextLengthError,
    DeadlineError,
    ExchangeError,
    ModelNotFoundError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)

__all__ = ["decode_error", "error_in_reply"]

_REQUEST_ID_HEADERS = ("x-request-id", "x-goog-request-id", "x-cloud-trace-context")


def decode_error(status: int, headers: Mapping[str, str], body: bytes, *, provider: str) -> ExchangeError:
    """The typed error of a reply whose status is not 200, whatever its body holds."""
    text = text_of_body(body)
    return _error(text, status, provider=provider, request_id=header_of(headers, _REQUEST_ID_HEADERS))


def error_in_reply(payload: Mapping[str, Any], *, provider: str, model: str = "") -> ExchangeError:
    """The typed error of an error object that came with status 200: in a stream, or as a whole reply."""
    text = text_of_payload(payload)
    return _error(text, 200, provider=provider, model=model)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What an error body says."""

    message: str = ""
    status_name: str = ""
    code: int | None = None
    """The HTTP status as the body tells it, which counts for errors inside a 200."""
    reason: str = ""
    """Such as API_KEY_INVALID."""
    quotas: str = ""
    """The ids of the quotas that are used up."""
    wait_seconds: float | None = None


def _error(text: str, status: int, *, provider: str, model: str = "", request_id: str | None = None) -> ExchangeError:
    value = json_of(text)
    facts = _facts_of(text if value is None else value)
    if status == 200 and facts.code:
        status = facts.code
    return _class_of(facts, status)(
        one_line(facts.message) or nothing_said(status),
        provider=provider,
        model=model,
        status=status,
        code=facts.reason or facts.status_name or None,
        error_type=facts.status_name or None,
        request_id=request_id,
        retry_after_seconds=facts.wait_seconds,
        body=excerpt(value, text),
    )


def _facts_of(value: Any) -> _Facts:
    match value:
        case str():
            return _Facts(text_of_page(value))
        case [first, *_]:
            return _facts_of(first)
        case {"error": str() as message}:
            return _Facts(message)
        case dict():
            body = cast("dict[str, Any]", value)
            error = body.get("error")
            return _facts_of_object(cast("dict[str, Any]", error) if isinstance(error, dict) else body)
        case _:
            return _Facts()


def _facts_of_object(error: dict[str, Any]) -> _Facts:
    details = error.get("details")
    entries = cast("list[Any]", details) if isinstance(details, list) else []
    found = [cast("dict[str, Any]", entry) for entry in entries if isinstance(entry, dict)]
    code = error.get("code")
    return _Facts(
        message=next((text for name in ("message", "detail", "msg") if (text := _text(error.get(name)))), ""),
        status_name=_text(error.get("status")),
        code=code if isinstance(code, int) and 100 <= code < 600 else None,
        reason=next((reason for entry in found if (reason := _text(entry.get("reason")))), ""),
        quotas=" ".join(quota for entry in found for quota in _quotas(entry)),
        wait_seconds=next((wait for entry in found if (wait := _wait(entry)) is not None), None),
    )


def _quotas(detail: dict[str, Any]) -> list[str]:
    violations = detail.get("violations")
    entries = cast("list[Any]", violations) if isinstance(violations, list) else []
    return [_text(cast("dict[str, Any]", entry).get("quotaId")) for entry in entries if isinstance(entry, dict)]


def _wait(detail: dict[str, Any]) -> float | None:
    """The wait of a google.rpc.RetryInfo, such as "34s"."""
    delay = _text(detail.get("retryDelay"))
    return float(delay[:-1]) if re.fullmatch(r"\d+(?:\.\d+)?s", delay) else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


_BY_REASON: dict[str, type[ExchangeError]] = {
    "API_KEY_INVALID": AuthenticationError,  # with status 400
    "API_KEY_EXPIRED": AuthenticationError,
    "ACCESS_TOKEN_EXPIRED": AuthenticationError,
    "BILLING_DISABLED": QuotaExceededError,
}

_BY_STATUS_NAME: dict[str, type[ExchangeError]] = {
    "INVALID_ARGUMENT": BadRequestError,
    "FAILED_PRECONDITION": BadRequestError,
    "OUT_OF_RANGE": BadRequestError,
    "UNAUTHENTICATED": AuthenticationError,
    "PERMISSION_DENIED": PermissionDeniedError,
    "NOT_FOUND": NotFoundError,
    "RESOURCE_EXHAUSTED": RateLimitError,
    "CANCELLED": DeadlineError,
    "DEADLINE_EXCEEDED": DeadlineError,
    "INTERNAL": ServerError,
    "UNAVAILABLE": OverloadedError,
}

_BY_STATUS: Mapping[int, type[ExchangeError]] = {499: DeadlineError}

_BY_WORDS = narrowings(
    (BadRequestError, r"exceeds? the maximum number of tokens|payload size exceeds|context (length|window)",
     ContextLengthError),
    (BadRequestError, r"api[ _]key (not valid|expired|not found)|pass a valid api key", AuthenticationError),
    (BadRequestError, r"location is not supported|not available in your (country|region)", PermissionDeniedError),
    (BadRequestError, r"\bbilling\b", QuotaExceededError),
    (BadRequestError, r"blocked (by|due to) .*(safety|content|polic)", ContentFilteredError),
    (PermissionDeniedError, r"\bbilling\b", QuotaExceededError),
    (NotFoundError, r"\bmodels?\b", ModelNotFoundError),
)  # fmt: skip


def _class_of(facts: _Facts, status: int) -> type[ExchangeError]:
    if (known := _BY_REASON.get(facts.reason)) is not None:
        return known
    found = _BY_STATUS_NAME.get(facts.status_name) or _BY_STATUS.get(status) or class_of_status(status)
    said = facts.message[:PAGE_CHARACTERS]
    if found is RateLimitError:
        return _exhausted(facts, said)
    return narrowed(found, facts.message, _BY_WORDS)


def _exhausted(facts: _Facts, said: str) -> type[ExchangeError]:
    """What RESOURCE_EXHAUSTED means: a day's quota, a minute's limit, or capacity that all customers share."""
    if "PerDay" in facts.quotas:
        return QuotaExceededError
    if facts.wait_seconds is not None or facts.quotas:
        return RateLimitError
    if re.search(r"\bbilling\b|per day|daily", said, re.IGNORECASE):
        return QuotaExceededError
    return RateLimitError if re.search(r"quota|rate|limit", said, re.IGNORECASE) else OverloadedError
