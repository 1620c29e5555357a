"""What a recording holds: requests and their replies without secrets, and the JSON file that keeps them.

    {"agentkit_recording": 1,
     "exchanges": [{"request": {"method", "url", "headers", BODY}, "response": {"status", "headers", BODY, "end"}}]}

BODY is one of "json" (a JSON document), "text", "chunks" (the texts of a stream, as they came) and "base64". It is left
out where there is none, and so is "end" where the reply was read to its end.
"""

from __future__ import annotations

import base64
import codecs
import json
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from agentkit.errors import NewerVersionError, StateError
from agentkit.transport.protocol import HttpRequest
from agentkit.transport.redact import Redactor, is_secret_header, redacted_headers, redacted_url
from agentkit.transport.redacted_texts import redacted_document, redacted_stream

__all__ = ["Body", "Ending", "Exchange", "RecordedReply", "RecordedRequest", "read_exchanges", "write_exchanges"]

VERSION = 1

Ending: TypeAlias = Literal["complete", "left", "lost"]
"""How a reply ended: read to its end; its reader left; the connection was lost."""

_VOLATILE = frozenset(
    {
        "accept-encoding", "baggage", "connection", "content-length", "date", "host", "idempotency-key", "traceparent",
        "tracestate", "user-agent", "x-amz-date", "x-client-request-id", "x-idempotency-key", "x-request-id",
    }
)  # fmt: skip
"""Headers that differ from one sending of a request to the next; they are neither kept nor compared."""

_FRAMING = frozenset(
    {"connection", "content-encoding", "content-length", "keep-alive", "set-cookie", "trailer", "transfer-encoding"}
)
"""Headers of a reply that say nothing of its decoded body."""

_BOUNDARY = re.compile(r"""(?<=boundary=)"?([^";,\s]+)"?""")


@dataclass(frozen=True, slots=True)
class Body:
    """A body: text in the pieces in which it came, or bytes that are no text."""

    chunks: tuple[str, ...] = ()
    data: bytes = b""
    is_stream: bool = False
    """Whether the pieces are kept apart."""

    @classmethod
    def of(cls, pieces: Sequence[bytes], redactor: Redactor, *, is_stream: bool = False) -> Body:
        """What came, without secrets."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            texts = [*(decoder.decode(piece) for piece in pieces), decoder.decode(b"", final=True)]
        except UnicodeDecodeError:
            return cls(data=redactor.data(b"".join(pieces)))
        whole = "".join(texts)
        if is_stream:
            redacted = redacted_stream(whole, redactor)
            kept = texts if redacted == whole else re.findall(r".+?(?:\r?\n\r?\n|\Z)", redacted, re.DOTALL)
            return cls(tuple(text for text in kept if text), is_stream=True)
        document = _document(whole)
        if document is None:
            return cls((redactor.text(whole),))
        return cls((_compact(document) if redacted_document(document, redactor) else whole,))

    @property
    def pieces(self) -> list[bytes]:
        """The bytes as they are played."""
        return [chunk.encode() for chunk in self.chunks] or [self.data]

    def to_json(self) -> dict[str, Any]:
        """The field that keeps it; none for an empty body."""
        if self.data:
            return {"base64": base64.b64encode(self.data).decode()}
        if self.is_stream:
            return {"chunks": list(self.chunks)}
        text = "".join(self.chunks)
        document = _document(text)
        if document is not None:
            return {"json": document}
        return {"text": text} if text else {}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Body:
        """What `to_json` gave."""
        match fields:
            case {"base64": str(encoded)}:
                return cls(data=base64.b64decode(encoded))
            case {"chunks": [*chunks]}:
                return cls(tuple(str(chunk) for chunk in cast("list[object]", chunks)), is_stream=True)
            case {"json": document}:
                return cls((_compact(document),))
            case {"text": str(text)}:
                return cls((text,))
            case _:
                return cls()


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request without secrets, and without what differs each time."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: Body = field(repr=False)

    @classmethod
    def of(cls, request: HttpRequest, redactor: Redactor) -> RecordedRequest:
        """What is kept of a request."""
        redactor.learn(request.url, request.headers)
        headers = {
            name.lower(): redactor.text(value)
            for name, value in redacted_headers(request.headers)
            if name.lower() not in _VOLATILE
        }
        body = request.body
        boundary = _BOUNDARY.search(headers.get("content-type", ""))
        if boundary is not None:  # made anew for each multipart body
            headers["content-type"] = _BOUNDARY.sub("BOUNDARY", headers["content-type"])
            body = body.replace(boundary[1].encode(), b"BOUNDARY")
        return cls(request.method, redactor.text(redacted_url(request.url)), headers, Body.of([body], redactor))

    def lines(self) -> list[str]:
        """The request as it is compared and shown: one line for the address, each header, and each line of the body.

        Keys are left out: whoever replays may have another one, or none.
        """
        headers = [f"{name}: {value}" for name, value in sorted(self.headers.items()) if not is_secret_header(name)]
        kept = self.body.to_json()
        if "json" in kept:
            shown = json.dumps(kept["json"], indent=2, sort_keys=True, ensure_ascii=False).splitlines()
        else:
            shown = [line for text in kept.values() for line in str(text).splitlines()]
        return [f"{self.method} {self.url}", *headers, *shown]

    def to_json(self) -> dict[str, Any]:
        """Its fields in the file."""
        return {"method": self.method, "url": self.url, "headers": dict(self.headers), **self.body.to_json()}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> RecordedRequest:
        """What `to_json` gave."""
        return cls(str(fields["method"]), str(fields["url"]), dict(fields["headers"]), Body.from_json(fields))


@dataclass(frozen=True, slots=True)
class RecordedReply:
    """A reply without secrets."""

    status: int
    headers: Mapping[str, str]
    body: Body = field(repr=False)
    end: Ending = "complete"

    @classmethod
    def of(
        cls, status: int, headers: Mapping[str, str], pieces: Sequence[bytes], *, redactor: Redactor, end: Ending
    ) -> RecordedReply:
        """What is kept of a reply."""
        kept = {name: redactor.text(value) for name, value in redacted_headers(headers.items()) if name not in _FRAMING}
        kind = headers.get("content-type", "")
        is_stream = 200 <= status < 300 and ("event-stream" in kind or "ndjson" in kind)
        return cls(status, kept, Body.of(pieces, redactor, is_stream=is_stream), end)

    def to_json(self) -> dict[str, Any]:
        """Its fields in the file."""
        fields = {"status": self.status, "headers": dict(self.headers), **self.body.to_json()}
        return fields if self.end == "complete" else {**fields, "end": self.end}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> RecordedReply:
        """What `to_json` gave."""
        end = fields.get("end", "complete")
        if end not in ("complete", "left", "lost"):
            raise ValueError(f"a reply ends with {end!r}")
        return cls(int(fields["status"]), dict(fields["headers"]), Body.from_json(fields), end)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and what came of it."""

    request: RecordedRequest
    reply: RecordedReply


def read_exchanges(path: Path) -> list[Exchange]:
    """The exchanges of a file, in order. Raises StateError for one that is no recording."""
    try:
        document = json.loads(path.read_bytes())
        version = document["agentkit_recording"]
        if isinstance(version, int) and version > VERSION:
            raise NewerVersionError("recording", found=version, known=VERSION)
        return [
            Exchange(RecordedRequest.from_json(entry["request"]), RecordedReply.from_json(entry["response"]))
            for entry in document["exchanges"]
        ]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise StateError(
            f"{path} is no recording ({type(error).__name__}: {error}); delete it and record it again, "
            'or mend it: {"agentkit_recording": 1, "exchanges": [{"request", "response"}]}'
        ) from error


def write_exchanges(path: Path, exchanges: Iterable[Exchange]) -> None:
    """Write the file in one go: it is whole at any moment."""
    document = {
        "agentkit_recording": VERSION,
        "exchanges": [
            {"request": exchange.request.to_json(), "response": exchange.reply.to_json()} for exchange in exchanges
        ],
    }
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        file.write(text.encode())
    Path(file.name).replace(path)


def _document(text: str) -> Any:
    """The JSON object or list that a text is; None where writing it again would not say the same."""
    if text[:1] not in ("{", "["):
        return None
    try:
        document = json.loads(text, object_pairs_hook=_without_repeats)
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):  # no JSON; a number or half a character that has no other spelling
        return None
    return document


def _compact(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return found
