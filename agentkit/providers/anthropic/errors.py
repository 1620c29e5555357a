"""Errors of the Messages API: bodies of replies whose status is not 200, and `error` events inside a stream.

Gateways in front of the service answer with HTML, nothing, lists or half a body: whatever comes becomes a typed error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic_core import to_json

from agentkit.error_bodies import (
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

__all__ = ["decode_error", "error_in_stream"]

_REQUEST_ID_HEADERS = ("request-id", "x-request-id", "x-amzn-requestid", "apim-request-id")


def decode_error(status: int, headers: Mapping[str, str], body: bytes, *, provider: str) -> ExchangeError:
    """The typed error of a reply whose status is not 200, whatever its body holds."""
    text = text_of_body(body)
    return _error(text, status, provider=provider, request_id=header_of(headers, _REQUEST_ID_HEADERS))


def error_in_stream(payload: Mapping[str, Any], *, provider: str, model: str = "") -> ExchangeError:
    """The typed error of an error object that came with status 200: in a stream event, or as a whole reply."""
    return _error(text_of_payload(payload), 200, provider=provider, model=model)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What an error body says."""

    message: str = ""
    error_type: str = ""
    code: str = ""
    request_id: str = ""


def _error(text: str, status: int, *, provider: str, model: str = "", request_id: str | None = None) -> ExchangeError:
    value = json_of(text)
    facts = _facts_of(text if value is None else value)
    return _class_of(facts, status)(
        one_line(facts.message) or nothing_said(status),
        provider=provider,
        model=model,
        status=status,
        code=facts.code or None,
        error_type=facts.error_type or None,
        request_id=request_id or facts.request_id or None,
        body=excerpt(value, text),
    )


def _facts_of(value: Any) -> _Facts:
    match value:
        case str():
            return _Facts(text_of_page(value))
        case [first, *_]:
            return _facts_of(first)
        case dict():
            body = cast("dict[str, Any]", value)
            error = body.get("error")
            inner = cast("dict[str, Any]", error) if isinstance(error, dict) else body
            return _facts_of_object(inner, body)
        case _:
            return _Facts()


def _facts_of_object(error: dict[str, Any], outer: dict[str, Any]) -> _Facts:
    details = error.get("details")
    code = cast("dict[str, Any]", details).get("error_code") if isinstance(details, dict) else None
    named = next((error[name] for name in ("message", "Message", "detail", "error", "msg") if error.get(name)), "")
    kind = error.get("type") or error.get("status")  # the cloud in front of the model has errors of its own
    request_id = outer.get("request_id") or error.get("request_id")
    return _Facts(
        message=named if isinstance(named, str) else to_json(named).decode(),
        error_type=kind if isinstance(kind, str) and kind != "error" else "",
        code=next((word for word in (code, error.get("code")) if isinstance(word, str)), ""),
        request_id=request_id if isinstance(request_id, str) else "",
    )


_SPENT = frozenset({"enforced_spend_limit_reached", "contract_spend_limit_reached"})

_BY_TYPE: dict[str, type[ExchangeError]] = {
    "invalid_request_error": BadRequestError,
    "authentication_error": AuthenticationError,
    "billing_error": QuotaExceededError,
    "permission_error": PermissionDeniedError,
    "not_found_error": NotFoundError,
    "conflict_error": BadRequestError,
    "request_too_large": BadRequestError,
    "rate_limit_error": RateLimitError,
    "api_error": ServerError,
    "timeout_error": DeadlineError,
    "overloaded_error": OverloadedError,
}

_BY_WORDS = narrowings(
    (BadRequestError, r"prompt is too long|exceeds? (the )?context (limit|window)|context (length|window)",
     ContextLengthError),
    (BadRequestError, r"(spend|spending|usage) limits?\b|credit balance|billing", QuotaExceededError),
    (BadRequestError, r"blocked by content filter|content filtering policy|output blocked", ContentFilteredError),
    (BadRequestError, r"api[ -]?key (is )?(invalid|missing|expired)|invalid (x-)?api[ -]?key", AuthenticationError),
    (PermissionDeniedError, r"\bbilling\b", QuotaExceededError),
    (NotFoundError, r"^model\b|\bmodels?\b.*(not found|not exist|not available|deprecated)", ModelNotFoundError),
)  # fmt: skip


def _class_of(facts: _Facts, status: int) -> type[ExchangeError]:
    if facts.code in _SPENT:
        return QuotaExceededError
    found = _BY_TYPE.get(facts.error_type) or class_of_status(status)
    return narrowed(found, facts.message, _BY_WORDS)
