"""What a simulator sends back, piece by piece: bytes, pauses, silence, the end of a connection.

A Reply is laid out into the same kind of pieces, with its head and framing, which a connection then performs. So a
fault can act before the framing, on whole events, or after it, on bare bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TypeAlias

from agentkit.codec import HttpReply
from agentkit.providers.aws.event_stream import is_framed, split_frames

__all__ = ["Drop", "Hang", "Pause", "Piece", "Repeat", "Reply", "chunk", "frame", "split_stream"]


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait, then go on."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Repeat:
    """The same bytes again and again."""

    data: bytes = field(repr=False)
    times: int | None = None
    """None: until the client leaves."""
    wait_seconds: float = 0.0
    """Before each of them."""


@dataclass(frozen=True, slots=True)
class Hang:
    """Say nothing more until the client leaves."""


@dataclass(frozen=True, slots=True)
class Drop:
    """End the connection here."""

    is_reset: bool = True
    """With a TCP reset, or in the ordinary way."""


Piece: TypeAlias = bytes | Pause | Repeat | Hang | Drop


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply before it is laid out."""

    status: int
    headers: tuple[tuple[str, str], ...]
    pieces: tuple[Piece, ...] = field(repr=False)
    """A whole body is one of them; a streamed one is one for each event."""
    is_streamed: bool = False

    @classmethod
    def whole(cls, reply: HttpReply) -> Reply:
        """A reply as a server half writes it."""
        return cls(reply.status, reply.headers, (reply.body,))

    @property
    def events(self) -> tuple[bytes, ...]:
        """The pieces that are bytes."""
        return tuple(piece for piece in self.pieces if isinstance(piece, bytes))

    def header(self, name: str) -> str:
        """The value of a header, or nothing."""
        return next((value for found, value in self.headers if found == name), "")

    def with_headers(self, *headers: tuple[str, str]) -> Reply:
        """The same with more headers; those of the same name give way."""
        names = {name for name, _ in headers}
        return replace(self, headers=(*(pair for pair in self.headers if pair[0] not in names), *headers))

    def after_events(self, count: int, *pieces: Piece, is_end: bool = False) -> Reply:
        """The same with something after so many events; `is_end`: with nothing behind it."""
        kept: list[Piece] = []
        seen = 0
        rest = list(self.pieces)
        while rest and seen < count:
            kept.append(rest.pop(0))
            seen += isinstance(kept[-1], bytes)
        return replace(self, pieces=(*kept, *pieces, *(() if is_end else rest)))


def frame(reply: Reply) -> list[Piece]:
    """The pieces as they go over the wire: the head, then the body with its framing."""
    length = reply.header("content-length")
    is_chunked = not length and (reply.is_streamed or any(isinstance(piece, Repeat) for piece in reply.pieces))
    if is_chunked:
        head = _head(reply, ("transfer-encoding", "chunked"))
        body = [_chunked(piece) for piece in reply.pieces]
        return [head, *body] if _is_cut(reply.pieces) else [head, *body, b"0\r\n\r\n"]
    if not length:
        length = str(sum(len(piece) for piece in reply.events))
    return [_head(reply, ("content-length", length)), *reply.pieces]


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def split_stream(body: bytes) -> tuple[bytes, ...]:
    """The events of a stream, each with its blank line, or its frames; joined they are the stream again, every byte."""
    if is_framed(body):
        return split_frames(body)
    events: list[bytes] = []
    begun = 0
    for line_end in (b"\r\n\r\n", b"\n\n", b"\r\r"):
        if line_end in body:
            while (found := body.find(line_end, begun)) >= 0:
                events.append(body[begun : found + len(line_end)])
                begun = found + len(line_end)
            break
    return (*events, body[begun:]) if begun < len(body) else tuple(events)


def _head(reply: Reply, framing: tuple[str, str]) -> bytes:
    known = {status.value: status.phrase for status in HTTPStatus} | {529: "Site is overloaded"}
    lines = [f"HTTP/1.1 {reply.status} {known.get(reply.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in reply.with_headers(framing).headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _chunked(piece: Piece) -> Piece:
    match piece:
        case bytes():
            return chunk(piece) if piece else b""
        case Repeat(data):
            return replace(piece, data=chunk(data))
        case _:
            return piece


def _is_cut(pieces: Iterable[Piece]) -> bool:
    """Whether nothing can follow these pieces."""
    return any(
        isinstance(piece, Hang | Drop) or (isinstance(piece, Repeat) and piece.times is None) for piece in pieces
    )
