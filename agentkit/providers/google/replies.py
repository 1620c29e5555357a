"""Answers as generateContent replies, whole and streamed, and errors as Google reports them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import to_json

from agentkit.codec import HttpReply
from agentkit.errors import (
    AuthenticationError,
    BadRequestError,
    ContentFilteredError,
    ContextLengthError,
    DeadlineError,
    ExchangeError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)
from agentkit.exchange import (
    Delta,
    PartFinished,
    Response,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
)
from agentkit.media import Audio, Document, Image, Inline, ProviderData, Uploaded, Video
from agentkit.messages import Finish, Opaque, Part, Text, Thinking, ToolCall
from agentkit.providers.google.answers import CANDIDATE_DETAILS, CONTINUATION, REPLY_DETAILS, USAGE_DETAILS
from agentkit.providers.google.contents import call_part
from agentkit.providers.google.media import source_part
from agentkit.usage import Usage

__all__ = ["GenerateContentWriter", "reply_object", "write_error"]

_FINISHES: dict[Finish, str] = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "refusal": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "paused": "CONTINUATION",
}
_REASON = re.compile(r"[A-Z]+(?:_[A-Z]+)*")


def reply_object(response: Response, origin: str) -> dict[str, Any]:
    """A whole answer. Items of other providers are left out."""
    message = response.message
    parts = [part for own in message.parts if (part := _part(own, origin)) is not None]
    ended = ResponseFinished(message.finish, response.finish_raw, message.usage, response.details)
    started = ResponseStarted(message.response_id, message.model)
    return _last(parts, ended, started, token=_token(message.parts, origin))


def write_error(error: ExchangeError) -> HttpReply:
    """An error as Google would report it. A refused prompt is an answer without candidates, with status 200."""
    if isinstance(error, ContentFilteredError):
        feedback = {"blockReason": error.code or "SAFETY", "blockReasonMessage": error.message}
        return HttpReply(200, to_json({"promptFeedback": feedback, "usageMetadata": {}}))
    status, name = next((row[1:] for row in _ERRORS if isinstance(error, row[0])), (500, "INTERNAL"))
    if error.status is not None and error.status >= 400 and error.status != status:
        status, name = error.status, _NAMES.get(error.status, name)
    message = error.message
    if isinstance(error, ContextLengthError) and "maximum number of tokens" not in message:
        message = f"The input token count exceeds the maximum number of tokens allowed: {message}"
    details: list[dict[str, Any]] = []
    if isinstance(error, AuthenticationError) and status == 400:
        details.append({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"})
    if isinstance(error, RateLimitError | QuotaExceededError):
        quota = "PerDay" if isinstance(error, QuotaExceededError) else "PerMinute"
        violations = [{"quotaId": f"GenerateRequests{quota}PerProjectPerModel"}]
        details.append({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": violations})
    if error.retry_after_seconds is not None:
        delay = f"{error.retry_after_seconds:.9f}".rstrip("0").rstrip(".")
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{delay}s"})
    body: dict[str, Any] = {"code": status, "message": message, "status": name}
    return HttpReply(status, to_json({"error": {**body, "details": details} if details else body}))


_ERRORS: tuple[tuple[type[ExchangeError], int, str], ...] = (
    (AuthenticationError, 400, "INVALID_ARGUMENT"),
    (PermissionDeniedError, 403, "PERMISSION_DENIED"),
    (NotFoundError, 404, "NOT_FOUND"),
    (BadRequestError, 400, "INVALID_ARGUMENT"),
    (RateLimitError, 429, "RESOURCE_EXHAUSTED"),
    (QuotaExceededError, 429, "RESOURCE_EXHAUSTED"),
    (OverloadedError, 503, "UNAVAILABLE"),
    (DeadlineError, 504, "DEADLINE_EXCEEDED"),
    (ServerError, 500, "INTERNAL"),
)

_NAMES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED", 499: "CANCELLED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}  # fmt: skip


class GenerateContentWriter:
    """Writes one streamed reply as server-sent events.

    A signature stands beside the last piece of a text, so each piece waits for what follows it; calls are written
    whole.
    """

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._started = ResponseStarted()
        self._held: Text | Thinking | ToolCall | None = None
        self._index = -1
        self._token: str | None = None

    def write(self, deltas: Iterable[Delta]) -> bytes:
        """The bytes of these deltas; the end of the stream follows a ResponseFinished."""
        return b"".join([event for delta in deltas for event in self._events(delta)])

    def fail(self, error: ExchangeError) -> bytes:
        """The last bytes of a stream that cannot go on."""
        return b"data: " + write_error(error).body + b"\r\n\r\n"

    def _events(self, delta: Delta) -> list[bytes]:
        match delta:
            case ResponseStarted():
                self._started = delta
                return []
            case TextDelta(text, index):
                return self._hold(Text(text), index)
            case ThinkingDelta(text, index):
                return self._hold(Thinking(text), index)
            case ToolCallDelta(arguments, index, id, name):
                held = self._held
                if isinstance(held, ToolCall) and index == self._index:
                    self._held = ToolCall(held.id or id, held.name or name, held.arguments + arguments)
                    return []
                return self._hold(ToolCall(id, name, arguments), index)
            case PartFinished(part, index):
                return self._end(part, index)
            case ResponseFinished():
                held, self._held = self._held, None
                part = None if held is None else _part(held, self._origin)
                return [_event(_last([part] if part else [], delta, self._started, token=self._token))]
            case _:
                return []

    def _hold(self, part: Text | Thinking | ToolCall, index: int) -> list[bytes]:
        events = self._release()
        self._held, self._index = part, index
        return events

    def _release(self) -> list[bytes]:
        held, self._held = self._held, None
        return [] if held is None else self._piece(held)

    def _end(self, part: Part, index: int) -> list[bytes]:
        """A finished part: what was told of it is not told again, but for its last piece and what stands beside it."""
        held = self._held
        if held is None or index != self._index:
            events = self._release()
            return [*events, *self._piece(part)]
        self._held = None
        match part, held:
            case Text(_, is_refusal, data), Text(text):
                return self._piece(Text(text, is_refusal, data))
            case Thinking(_, data), Thinking(text):
                return self._piece(Thinking(text, data))
            case _:
                return self._piece(part)

    def _piece(self, part: Part) -> list[bytes]:
        self._token = self._token or _token((part,), self._origin)
        written = _part(part, self._origin)
        if written is None:
            return []
        candidate = {"content": {"parts": [written], "role": "model"}, "index": 0}
        return [_event({"candidates": [candidate], **_names(self._started)})]


def _part(part: Part, origin: str) -> dict[str, Any] | None:
    """The part on the wire; None for what cannot be said in this format."""
    own = _own(part.provider_data, origin)
    match part:
        case Text(text):
            return {"text": text, **own}
        case Thinking(text):
            return {"text": text, "thought": True, **own}
        case ToolCall():
            return {**call_part(part, part.name), **own}
        case Opaque():
            return own if own and own.keys() != {CONTINUATION} else None
        case Image(source) | Audio(source) | Document(source) | Video(source):
            provider = source.provider if isinstance(source, Uploaded) else ""
            is_sent = isinstance(source, Inline) or not provider or provider == origin.partition(":")[0]
            return {**source_part(source, provider=provider), **own} if is_sent else None


def _own(data: ProviderData | None, origin: str) -> dict[str, Any]:
    return dict(data.value) if data is not None and data.origin == origin else {}


def _token(parts: Iterable[Part], origin: str) -> str | None:
    own = (_own(part.provider_data, origin) for part in parts if isinstance(part, Opaque))
    return next((value[CONTINUATION] for value in own if value.keys() == {CONTINUATION}), None)


def _last(
    parts: list[dict[str, Any]], ended: ResponseFinished, started: ResponseStarted, *, token: str | None
) -> dict[str, Any]:
    """The answer object that says how it ended: the only one of a whole answer."""
    raw = ended.finish_raw
    if not _REASON.fullmatch(raw):
        raw = _FINISHES.get(ended.finish, "OTHER")
    content: dict[str, Any] = {"parts": parts, "role": "model"} if parts else {"role": "model"}
    candidate: dict[str, Any] = {"content": content, "finishReason": raw, "index": 0}
    candidate |= _kept(ended.details, CANDIDATE_DETAILS)
    if token is not None:
        candidate[CONTINUATION] = token
    usage = _usage(ended.usage)
    usage |= {name: ended.details[own] for name, own in USAGE_DETAILS.items() if own in ended.details}
    return {
        "candidates": [candidate],
        **_kept(ended.details, REPLY_DETAILS),
        "usageMetadata": usage,
        **_names(started),
    }


def _kept(details: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: details[name] for name in names if name in details}


def _names(started: ResponseStarted) -> dict[str, str]:
    return {"modelVersion": started.model, "responseId": started.response_id}


def _usage(usage: Usage) -> dict[str, Any]:
    counts = {
        "promptTokenCount": usage.total_input,
        "cachedContentTokenCount": usage.cache_read,
        "candidatesTokenCount": usage.output,
        "thoughtsTokenCount": usage.reasoning,
        "totalTokenCount": usage.total,
    }
    return {name: count for name, count in counts.items() if count}


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + to_json(value) + b"\r\n\r\n"
