"""Errors of Bedrock and SageMaker: replies whose status is not 200, and exception frames inside a stream.

The name of an error stands in the header `x-amzn-errortype`, with an address behind a colon, or in the body's `__type`,
with a prefix before a hash; recorded replies often have neither, and then status and words tell.
"""

from __future__ import annotations

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
    ModelLoadingError,
    ModelNotFoundError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)

__all__ = ["EXCEPTIONS", "decode_error", "error_in_body", "error_in_stream", "sound"]

_REQUEST_ID_HEADERS = ("x-amzn-requestid", "x-amz-request-id")
_TYPE_HEADERS = ("x-amzn-errortype", "x-amzn-error-type")

EXCEPTIONS: dict[str, tuple[int, type[ExchangeError]]] = {
    "ThrottlingException": (429, RateLimitError),
    "TooManyRequestsException": (429, RateLimitError),
    "LimitExceededException": (429, RateLimitError),
    "ServiceQuotaExceededException": (400, QuotaExceededError),
    "ModelNotReadyException": (429, ModelLoadingError),  # imported models that were idle, serverless endpoints
    "ModelTimeoutException": (408, DeadlineError),
    "ModelErrorException": (424, ServerError),
    "ModelError": (424, ServerError),
    "ModelStreamErrorException": (424, ServerError),
    "ModelStreamError": (424, ServerError),
    "InternalStreamFailure": (500, ServerError),
    "ServiceUnavailableException": (503, OverloadedError),
    "ServiceUnavailable": (503, OverloadedError),
    "InternalServerException": (500, ServerError),
    "InternalFailure": (500, ServerError),
    "InternalDependencyException": (530, ServerError),
    "ValidationException": (400, BadRequestError),
    "ValidationError": (400, BadRequestError),
    "ConflictException": (409, BadRequestError),
    "ProvisionedThroughputExceededException": (429, RateLimitError),
    "InternalServerError": (500, ServerError),
    "InternalFailureException": (500, ServerError),
    "BadRequestException": (400, BadRequestError),
    "InvalidParameterException": (400, BadRequestError),
    "InvalidRequestException": (400, BadRequestError),
    "TextSizeLimitExceededException": (400, BadRequestError),
    "BatchSizeLimitExceededException": (400, BadRequestError),
    "UnsupportedLanguageException": (400, BadRequestError),
    "ImageTooLargeException": (400, BadRequestError),
    "InvalidImageFormatException": (400, BadRequestError),
    "InvalidS3ObjectException": (400, BadRequestError),
    "NotFoundException": (404, NotFoundError),
    "AccessDeniedException": (403, PermissionDeniedError),
    "ResourceNotFoundException": (404, NotFoundError),
    "UnknownOperationException": (404, NotFoundError),
    "UnrecognizedClientException": (403, AuthenticationError),
    "InvalidSignatureException": (403, AuthenticationError),
    "SignatureDoesNotMatch": (403, AuthenticationError),
    "IncompleteSignatureException": (400, AuthenticationError),
    "IncompleteSignature": (400, AuthenticationError),
    "InvalidClientTokenId": (403, AuthenticationError),
    "MissingAuthenticationTokenException": (403, AuthenticationError),
    "MissingAuthenticationToken": (403, AuthenticationError),
    "ExpiredTokenException": (403, AuthenticationError),
    "ExpiredToken": (403, AuthenticationError),
    "InvalidAccessKeyId": (403, AuthenticationError),  # these three of S3
    "InvalidToken": (400, AuthenticationError),
    "RequestTimeTooSkewed": (403, AuthenticationError),
    "ResourceLimitExceeded": (400, QuotaExceededError),  # of SageMaker's jobs
}
"""Name of an error -> its status, and what it is with us."""


def decode_error(status: int, headers: Mapping[str, str], body: bytes, *, provider: str) -> ExchangeError:
    """The typed error of a reply whose status is not 200, whatever its body holds."""
    text = text_of_body(body)
    name = header_of(headers, _TYPE_HEADERS) or ""
    return _error(text, status, name, provider=provider, request_id=header_of(headers, _REQUEST_ID_HEADERS))


def error_in_stream(name: str, payload: bytes, *, provider: str, model: str = "") -> ExchangeError:
    """The typed error of an exception frame, whose names begin with a small letter."""
    name = name[:1].upper() + name[1:]
    status = EXCEPTIONS.get(name, (500, ServerError))[0]
    return _error(text_of_body(payload), status, name, provider=provider, model=model)


def error_in_body(payload: Mapping[str, Any], *, provider: str, model: str = "") -> ExchangeError:
    """The typed error of an error object that came with status 200."""
    name = payload.get("__type")
    return error_in_stream(
        _plain_name(name) if isinstance(name, str) else "",
        text_of_payload(payload).encode(),
        provider=provider,
        model=model,
    )


def sound(reply: object, *, provider: str) -> dict[str, Any]:
    """The fields of a reply of status 200; none where it is no JSON object. Raises the error that it reports."""
    fields = cast("dict[str, Any]", reply) if isinstance(reply, dict) else {}
    if "__type" in fields:
        raise error_in_body(fields, provider=provider)
    return fields


@dataclass(frozen=True, slots=True)
class _Facts:
    """What an error body says."""

    message: str = ""
    name: str = ""


def _error(
    text: str, status: int, name: str, *, provider: str, model: str = "", request_id: str | None = None
) -> ExchangeError:
    value = json_of(text)
    facts = _facts_of(text if value is None else value)
    name = _plain_name(name) or _plain_name(facts.name)
    return _class_of(name, facts.message[:PAGE_CHARACTERS], status)(
        one_line(facts.message) or nothing_said(status),
        provider=provider,
        model=model,
        status=status,
        error_type=name or None,
        request_id=request_id,
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
            said = (body.get(name) for name in ("message", "Message", "originalMessage", "OriginalMessage", "error"))
            # SageMaker's containers put an object of their own there.
            message = next((_text(found) for found in said if _text(found)), "")
            kind = body.get("__type") or body.get("code") or body.get("ErrorCode")
            return _Facts(message, kind if isinstance(kind, str) else "")
        case _:
            return _Facts()


def _text(value: Any) -> str:
    match value:
        case str():
            return value
        case {"message": str() as message}:
            return message
        case _:
            return ""


def _plain_name(name: str) -> str:
    """The name without the address behind it and the prefix before it."""
    return name.partition(":")[0].rpartition("#")[2].strip()


_BY_STATUS: Mapping[int, type[ExchangeError]] = {424: ServerError}

_BY_WORDS = narrowings(
    (BadRequestError, r"input is too long|too many (input )?tokens|input tokens exceed|exceeds? (the )?maximum "
     r"(context|length|number of tokens)|prompt is too long|context (length|window)|maximum input length",
     ContextLengthError),
    (BadRequestError, r"model identifier is invalid|on-demand throughput|model (id|identifier) .*not",
     ModelNotFoundError),
    (BadRequestError, r"blocked by (the )?(content filter|guardrail)|content filter", ContentFilteredError),
    (BadRequestError, r"security token|signature", AuthenticationError),
    (NotFoundError, r"\bmodels?\b|end of (its )?life|inference profile", ModelNotFoundError),
    (PermissionDeniedError, r"security token|signature|api key|authentication|bearer token|expired",
     AuthenticationError),
    (PermissionDeniedError, r"marketplace|payment instrument|subscription", QuotaExceededError),
    (RateLimitError, r"tokens per day|daily", QuotaExceededError),
)  # fmt: skip


def _class_of(name: str, said: str, status: int) -> type[ExchangeError]:
    known = EXCEPTIONS.get(name)
    found = known[1] if known is not None else _BY_STATUS.get(status) or class_of_status(status)
    if name == "AccessDeniedException" and "api key" not in said.lower():
        return QuotaExceededError if "marketplace" in said.lower() else found
    return narrowed(found, said, _BY_WORDS)
