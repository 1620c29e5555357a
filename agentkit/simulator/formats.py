"""What the simulator knows of a wire format beyond its server half: paths, model lists, headers, the places of things.

A format is one file beside this one and one line in FORMATS (table.py).
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from pydantic_core import from_json, to_json

from agentkit.codec import ServerCodec
from agentkit.errors import (
    AuthenticationError,
    BadRequestError,
    DeadlineError,
    ExchangeError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)
from agentkit.messages import Thinking
from agentkit.providers.aws.event_stream import EventStreamParser, encode_frame, is_framed
from agentkit.simulator.reply import Reply

__all__ = [
    "CallPlaces",
    "Format",
    "Moment",
    "Place",
    "error_of",
    "event_data",
    "joined_payload",
    "json_object",
    "with_event_data",
]

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Moment:
    """What may differ between two requests of the same words."""

    number: int
    """Which request of the simulator, from 1."""
    now: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Place:
    """A field of a JSON document that was read: it can be changed there."""

    holder: Json
    name: str

    @property
    def value(self) -> Any:
        """What stands there."""
        return self.holder.get(self.name)

    def put(self, value: Any) -> None:
        """Write it."""
        self.holder[self.name] = value

    def remove(self) -> None:
        """Leave the field out."""
        self.holder.pop(self.name, None)


@dataclass(frozen=True, slots=True)
class CallPlaces:
    """Where a document, whole or one event of a stream, speaks of a tool call."""

    index: Place | None = None
    id: Place | None = None
    arguments: Place | None = None
    """The arguments, or a piece of them."""


class Format(Protocol):
    """One wire format as the simulator serves it."""

    name: str
    """As the server half is named, such as "openai:chat"."""
    server: ServerCodec
    path: re.Pattern[str]
    """Matches the end of a path that this format answers; its group "path" goes to the server half."""
    client_header: str
    """A header that only clients of this provider send; empty where there is none."""
    keep_alive: bytes
    """What the provider sends into a silent stream."""

    def response_id(self, number: int) -> str:
        """An id of an answer, as the provider writes them."""
        ...

    def call_id(self, number: int, place: int) -> str:
        """An id of a tool call: the one at this place in the answer to this request."""
        ...

    def thinking(self, text: str, number: int) -> Thinking | None:
        """Thinking with what the provider attaches to it; None where the provider does not show it."""
        ...

    def model_list(self, models: Sequence[str]) -> Json:
        """The reply to a question for all models."""
        ...

    def model_entry(self, model: str) -> Json:
        """The reply to a question for one model."""
        ...

    def headers(self, moment: Moment) -> tuple[tuple[str, str], ...]:
        """Headers of every reply: the id of the request, and limits of which something is left."""
        ...

    def limit_headers(self, seconds: float, moment: Moment) -> tuple[tuple[str, str], ...]:
        """Headers of a used-up limit that is reset after so many seconds."""
        ...

    def error_events(self, error: ExchangeError, *, place: int) -> tuple[bytes, ...]:
        """An error inside a stream, after so many events."""
        ...

    def waiting_in_body(self, reply: Reply, seconds: float) -> Reply:
        """An error reply whose body says how long to wait."""
        ...

    def polished(self, reply: Reply, sent: Mapping[str, Any]) -> Reply:
        """The reply of the server half as the provider gives it to somebody who sent this body."""
        ...

    def is_start(self, event: bytes) -> bool:
        """Whether this event says that the answer begins."""
        ...

    def is_end(self, event: bytes) -> bool:
        """Whether this event belongs to the end of a stream: without these it looks cut."""
        ...

    def calls_in(self, document: Json) -> list[CallPlaces]:
        """The places of tool calls in a whole reply or in one event."""
        ...

    def together(self, events: Sequence[bytes]) -> bytes:
        """Events that each hold a piece of a call as one event, or as one write where the format has no such event."""
        ...


def event_data(event: bytes) -> Json | None:
    """The JSON object of an event, or of a frame; None for one that has none."""
    if is_framed(event):
        payload = joined_payload(event)
        return json_object(payload) if payload.startswith(b"{") else event_data(payload)
    for line in event.splitlines():
        if line.startswith(b"data:"):
            return json_object(line[5:].strip())
    return None


def joined_payload(event: bytes) -> bytes:
    """What the frames of one event hold between them; what a model's own event is packed in is taken off."""
    payload = b"".join(frame.payload for frame in EventStreamParser().feed(event))
    opened = _opened(payload)
    return payload if opened is None else opened


def _opened(payload: bytes) -> bytes | None:
    """The event of a model's own in a frame of InvokeModel; None for any other payload."""
    if not payload.startswith(b'{"bytes":'):
        return None
    return b64decode((json_object(payload) or {}).get("bytes", ""))


def json_object(text: bytes) -> Json | None:
    """The JSON object that this text is; None when it is none."""
    try:
        value = from_json(text)
    except ValueError:
        return None
    return cast("Json", value) if isinstance(value, dict) else None


def with_event_data(event: bytes, data: Json) -> bytes:
    """The event with other data."""
    if is_framed(event):
        frame = EventStreamParser().feed(event)[0]
        payload = joined_payload(event)
        written = to_json(data) if payload.startswith(b"{") else with_event_data(payload, data)
        if _opened(frame.payload) is not None:
            written = to_json({"bytes": b64encode(written).decode()})
        return encode_frame(frame.headers.items(), written)
    lines = event.splitlines(keepends=True)
    return b"".join(
        b"data: " + to_json(data) + line[len(line.rstrip(b"\r\n")) :] if line.startswith(b"data:") else line
        for line in lines
    )


_ERRORS: Mapping[int, tuple[type[ExchangeError], str]] = {
    400: (BadRequestError, "The request is invalid."),
    401: (AuthenticationError, "Incorrect API key provided."),
    402: (QuotaExceededError, "You exceeded your current quota, please check your plan and billing details."),
    403: (PermissionDeniedError, "You are not allowed to do this."),
    404: (NotFoundError, "There is no such thing here."),
    408: (DeadlineError, "The request timed out."),
    429: (RateLimitError, "Rate limit reached for requests."),
    500: (ServerError, "The server had an error while processing your request."),
    503: (OverloadedError, "The server is overloaded, please try again later."),
    504: (DeadlineError, "The request timed out."),
    529: (OverloadedError, "Overloaded"),
}


def error_of(status: int) -> ExchangeError:
    """The error that a provider reports with this status."""
    kind, words = _ERRORS.get(status) or _ERRORS[500 if status >= 500 else 400]
    return kind(words, status=status)
