"""Error replies of OpenAI and of the servers that imitate it -> the typed errors of agentkit.

The shapes differ: nested and flat objects, texts, lists of complaints, HTML of a proxy, half a body. Codes differ too,
so the words of the message are read where code and status leave it open. Nothing in here raises, whatever a body holds;
`list_in` does so with what it found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from agentkit.error_bodies import (
    PAGE_CHARACTERS,
    class_of_hundred,
    excerpt,
    header_of,
    json_of,
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
    ModelLoadingError,
    ModelNotFoundError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProtocolError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)

__all__ = ["decode_error", "error_in_stream", "list_in"]


def decode_error(
    status: int, headers: Mapping[str, str], body: bytes, *, provider: str, model: str = ""
) -> ExchangeError:
    """The typed error of a reply whose status is not 200, whatever its body holds."""
    text = text_of_body(body)
    value = json_of(text)
    facts = _facts_of(text if value is None else value)
    return _error(facts, status, provider=provider, model=model, body=excerpt(value, text), headers=headers)


def error_in_stream(payload: Mapping[str, Any], *, provider: str, model: str = "") -> ExchangeError:
    """The typed error of an error object that came with status 200: in a stream event, a choice, or a whole reply."""
    text = text_of_payload(payload)
    value = json_of(text)
    facts = _facts_of(text if value is None else value)
    return _error(facts, facts.status or 200, provider=provider, model=model, body=excerpt(value, text), headers={})


def list_in(reply: Mapping[str, Any], name: str, *, provider: str) -> list[Any]:
    """The list of this name in a reply. Raises the error that the reply tells in its place, ProtocolError."""
    found = reply.get(name)
    if isinstance(found, list):
        return cast("list[Any]", found)
    if reply.get("error"):
        raise error_in_stream(reply, provider=provider)
    raise ProtocolError(f"the reply holds no list {name!r}", provider=provider)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What an error body says."""

    message: str = ""
    code: str = ""
    error_type: str = ""
    param: str | None = None
    status: int | None = None
    """The status inside the body, where a server hides an error in a 200."""
    hints: str = ""
    """More words that tell errors apart: inner codes, reasons."""
    wait_seconds: float | None = None


def _error(
    facts: _Facts, status: int, *, provider: str, model: str, body: Any, headers: Mapping[str, str]
) -> ExchangeError:
    return _class_of(facts, status)(
        one_line(facts.message) or nothing_said(status),
        provider=provider,
        model=model,
        status=status,
        code=facts.code or None,
        error_type=facts.error_type or None,
        param=facts.param,
        request_id=header_of(headers, _REQUEST_ID_HEADERS),
        retry_after_seconds=facts.wait_seconds,
        body=body,
    )


_REQUEST_ID_HEADERS = ("x-request-id", "request-id", "apim-request-id", "mistral-correlation-id", "x-generation-id")


def _facts_of(value: Any) -> _Facts:
    match value:
        case str():
            return _Facts(text_of_page(value))
        case dict():
            return _facts_of_object(cast("dict[str, Any]", value))
        case [first, *_]:
            return _facts_of(first)
        case _:
            return _Facts()


def _facts_of_object(body: dict[str, Any]) -> _Facts:
    error = body.get("error")
    inner: dict[str, Any] = cast("dict[str, Any]", error) if isinstance(error, dict) else body
    metadata = _object(inner.get("metadata"))
    message = _message_of(inner) or _message_of(body) or _words(error)
    raw = _raw_message(metadata.get("raw"))
    code, status = _code_and_status(inner)
    if code and " " in code:  # xAI: {"code": "The caller does not have permission", "error": "..."}
        message, code = message or code, ""
    hints = (
        code,
        _text(_object(inner.get("innererror")).get("code")),
        _text(inner.get("status")),
        _complaint(inner.get("detail")),
        "flagged for moderation" if metadata.get("reasons") or metadata.get("flagged_input") else "",
    )
    if filtered := _filtered(_object(inner.get("innererror"))):
        message = f"{message} (filtered for {filtered})"
    return _Facts(
        message=f"{message}: {raw}" if raw and raw not in message else message,
        code=code,
        error_type=_text(inner.get("type")) or _text(inner.get("error_type")),
        param=_text(inner.get("param")) or None,
        status=status,
        hints=" ".join(hint for hint in hints if hint),
        wait_seconds=_wait_of(body, inner, f"{message} {raw}"[:PAGE_CHARACTERS]),
    )


def _complaint(detail: Any) -> str:
    """The type of the first complaint in a list; so fal refuses prompts, with "content_policy_violation"."""
    return _text(_object(cast("list[Any]", detail)[0]).get("type")) if isinstance(detail, list) and detail else ""


def _filtered(inner: dict[str, Any]) -> str:
    """The categories for which Azure's filter refused a prompt: they stand deep inside the error."""
    results = _object(inner.get("content_filter_result") or inner.get("content_filter_results"))
    found: list[str] = []
    for category, verdict in results.items():
        said = _object(verdict)
        if said.get("filtered") is True:
            severity = _text(said.get("severity"))
            found.append(f"{category}, {severity}" if severity else category)
    return "; ".join(found)


def _message_of(body: dict[str, Any]) -> str:
    for name in ("message", "Message", "detail", "error_message", "errors", "msg"):
        if words := _words(body.get(name)):
            return words
    return ""


def _words(value: Any) -> str:
    """The words of a message, which may be a text, a list of complaints, or an object around either."""
    match value:
        case str():
            return value
        case {"msg": str() as message, **rest}:  # a validation complaint: {"loc": ["body", "messages"], "msg", "type"}
            where = ".".join(str(step) for step in cast("list[Any]", rest["loc"])) if _is_list(rest.get("loc")) else ""
            return f"{where}: {message}" if where else message
        case dict():
            return _message_of(cast("dict[str, Any]", value))
        case list():
            return "; ".join(words for item in cast("list[Any]", value)[:5] if (words := _words(item)))
        case _:
            return ""


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _raw_message(raw: Any) -> str:
    """OpenRouter puts the words of the provider behind it, often JSON, into `metadata.raw`."""
    if not isinstance(raw, str) or not raw.strip():
        return ""
    value = json_of(raw.strip())
    if isinstance(value, dict):
        return _facts_of_object(cast("dict[str, Any]", value)).message
    return raw.strip()


def _code_and_status(inner: dict[str, Any]) -> tuple[str, int | None]:
    code = inner.get("code")
    text = _text(code)
    for candidate in (
        text,
        _text(inner.get("status")),
        _text(inner.get("statusCode")),
        _text(inner.get("status_code")),
    ):
        if len(candidate) == 3 and candidate.isdecimal() and candidate >= "400":
            return text, int(candidate)
    return text, None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _object(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


_DURATION = (
    r"(?:(?P<h>\d+(?:\.\d+)?)h)?(?:(?P<m>\d+(?:\.\d+)?)m(?!s))?(?:(?P<s>\d+(?:\.\d+)?)s)?(?:(?P<ms>\d+(?:\.\d+)?)ms)?"
)
_WAIT_PATTERNS = (
    re.compile(r"(?:try again|retry) (?:in|after) (?P<seconds>\d+(?:\.\d+)?) ?sec", re.IGNORECASE),
    re.compile(rf"(?:try again|retry) (?:in|after) {_DURATION}(?![\w.]*\w)", re.IGNORECASE),
)
_UNIT_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "seconds": 1.0, "ms": 0.001}


def _wait_of(body: dict[str, Any], inner: dict[str, Any], message: str) -> float | None:
    """How long the body asks to wait. Headers are read by whoever waits."""
    estimated = body.get("estimated_time")  # Hugging Face, while a model loads
    if isinstance(estimated, int | float) and estimated > 0:
        return float(estimated)
    details = inner.get("details")
    for detail in cast("list[Any]", details) if isinstance(details, list) else []:
        delay = _text(_object(detail).get("retryDelay"))  # Google's Chat endpoint
        if re.fullmatch(r"\d+(?:\.\d+)?s", delay):
            return float(delay[:-1])
    for pattern in _WAIT_PATTERNS:
        found = pattern.search(message)
        amounts = {unit: amount for unit, amount in found.groupdict().items() if amount} if found else {}
        if amounts:
            return round(sum(float(amount) * _UNIT_SECONDS[unit] for unit, amount in amounts.items()), 3)
    return None


_BY_CODE: dict[str, type[ExchangeError]] = {
    "insufficient_quota": QuotaExceededError,
    "insufficient_balance": QuotaExceededError,
    "billing_hard_limit_reached": QuotaExceededError,
    "billing_not_active": QuotaExceededError,
    "exceeded_current_quota_error": QuotaExceededError,  # Moonshot
    "context_length_exceeded": ContextLengthError,
    "exceed_context_size_error": ContextLengthError,  # llama.cpp
    "content_policy_violation": ContentFilteredError,
    "moderation_blocked": ContentFilteredError,
    "invalid_prompt": ContentFilteredError,
    "content_filter": ContentFilteredError,
    "responsibleaipolicyviolation": ContentFilteredError,
    "bio_policy": ContentFilteredError,
    "misalignment_policy_violation": ContentFilteredError,
    "invalid_api_key": AuthenticationError,
    "wrong_api_key": AuthenticationError,  # Cerebras
    "invalid_authentication": AuthenticationError,
    "unsupported_country_region_territory": PermissionDeniedError,
    "insufficient_permissions": PermissionDeniedError,
    "model_not_found": ModelNotFoundError,
    "deploymentnotfound": ModelNotFoundError,  # Azure
    "tool_use_failed": ProtocolError,  # Groq: the model wrote a call that its parser refused
    "ratelimitreached": RateLimitError,  # Azure
    "rate_limit_exceeded": RateLimitError,
    "engine_overloaded_error": OverloadedError,  # Moonshot
}
"""Codes and types that mean one thing whatever the status."""

_BY_WEAK_CODE: dict[str, type[ExchangeError]] = {
    "authentication_error": AuthenticationError,
    "permission_error": PermissionDeniedError,
    "not_found_error": NotFoundError,
    "invalid_request_error": BadRequestError,
    "badrequesterror": BadRequestError,
    "rate_limit_error": RateLimitError,
    "too_many_requests": RateLimitError,
    "overloaded_error": OverloadedError,
    "service_unavailable": OverloadedError,
    "server_error": ServerError,
    "internal_server_error": ServerError,
    "internal_error": ServerError,
    "api_error": ServerError,
    "generation": ServerError,  # this and the next three are TGI's
    "incomplete_generation": ServerError,
    "validation": BadRequestError,
    "overloaded": OverloadedError,
    "timeout": DeadlineError,
}
"""Codes and types that count only where no status says better: errors inside a 200."""

_BY_STATUS: dict[int, type[ExchangeError]] = {
    401: AuthenticationError,
    402: QuotaExceededError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: DeadlineError,
    412: PermissionDeniedError,  # Fireworks: the account is suspended
    424: ServerError,  # TGI: the generation failed
    429: RateLimitError,
    498: RateLimitError,  # Groq: no flex capacity now
    499: DeadlineError,
    503: OverloadedError,
    504: DeadlineError,
    529: OverloadedError,
}


@dataclass(frozen=True, slots=True)
class _Words:
    """Words of a message that name the error, under some statuses; status 200 stands for errors inside a 200."""

    pattern: re.Pattern[str]
    statuses: frozenset[int]
    error: type[ExchangeError]


def _when(pattern: str, error: type[ExchangeError], *statuses: int) -> _Words:
    return _Words(re.compile(pattern, re.IGNORECASE), frozenset(statuses), error)


_BY_WORDS = (
    _when(
        r"maximum context length|context (length|window|size)|prompt (is )?too long|input is too long|too many tokens"
        r"|current length is .* while limit is|tokens \+ .max_new_tokens. must be|exceed\w* the (available )?context"
        r"|must have less than \d+ tokens",
        ContextLengthError, 200, 400, 413, 422, 500,
    ),
    _when(r"(incorrect|invalid|no|missing) api[ -]?key|api[ -]?key (is )?(invalid|not valid|expired)",
          AuthenticationError, 200, 400, 403),
    _when(r"insufficient permissions|missing scopes", PermissionDeniedError, 200, 400, 401),
    _when(r"exceeded your current quota|insufficient (\w+ )?(balance|funds|credits?|quota)|out of credits|billing"
          r"|credit balance|spend(ing)? limit", QuotaExceededError, 200, 400, 403, 429),
    _when(r"currently loading|loading model|model is loading", ModelLoadingError, 503),  # Hugging Face; llama.cpp
    _when(r"overloaded|no capacity|at capacity|capacity exceeded|over capacity|loading model",
          OverloadedError, 200, 429, 500),
    _when(r"rate limit|too many requests", RateLimitError, 200),
    _when(r"flagged|moderation|content (management )?policy|content filter|safety system",
          ContentFilteredError, 200, 400, 403),
    _when(r"\bmodel\b.*(not exist|not found|not a valid|not supported by provider|unknown|deprecated)"
          r"|(no such|unknown|invalid|not a valid) model\b|try pulling", ModelNotFoundError, 200, 400, 404),
    _when(r"timed? ?out", DeadlineError, 200),
)  # fmt: skip
"""Read in this order where code and type are silent."""


def _class_of(facts: _Facts, status: int) -> type[ExchangeError]:
    if status == 413 and "rate_limit" in facts.code:
        return BadRequestError  # Groq: this request alone is above the limit of tokens a minute; waiting cannot help
    names = [name.lower() for name in (facts.code, facts.error_type, *facts.hints.split(" ")) if name]
    for name in names:
        if name in _BY_CODE:
            return _BY_CODE[name]
    said = f"{facts.hints} {facts.message}"[:PAGE_CHARACTERS]
    for words in _BY_WORDS:
        if status in words.statuses and words.pattern.search(said):
            return words.error
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 300:
        return class_of_hundred(status)
    return next((_BY_WEAK_CODE[name] for name in names if name in _BY_WEAK_CODE), ProtocolError)
