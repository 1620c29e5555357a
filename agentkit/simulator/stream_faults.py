"""Faults of what a reply says: its beginning, its end, errors inside it, bodies that are too large or no archives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from agentkit.simulator.fault import Fault
from agentkit.simulator.formats import Format, error_of
from agentkit.simulator.reply import Piece, Repeat, Reply

__all__ = ["BadCompression", "ErrorInside", "Flood", "MissingEnd", "RepeatedStart"]

_FLOOD_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class ErrorInside(Fault):
    """A reply of status 200 that reports an error: after some events of a stream, or as a whole body."""

    status: int = 503
    """Which error: what the provider reports with this status otherwise."""
    after_events: int = 1

    def change_reply(self, reply: Reply, format: Format) -> Reply:
        error = error_of(self.status)
        if not reply.is_streamed:
            return replace(reply, pieces=(format.server.write_error(error).body,))
        return reply.after_events(self.after_events, *format.error_events(error, place=self.after_events), is_end=True)


@dataclass(frozen=True, slots=True)
class RepeatedStart(Fault):
    """The events that begin a streamed answer come twice."""

    def change_reply(self, reply: Reply, format: Format) -> Reply:
        pieces: list[Piece] = []
        for piece in reply.pieces:
            is_start = reply.is_streamed and isinstance(piece, bytes) and format.is_start(piece)
            pieces += [piece, piece] if is_start else [piece]
        return replace(reply, pieces=tuple(pieces))


@dataclass(frozen=True, slots=True)
class MissingEnd(Fault):
    """A stream ends in the ordinary way, but without the events that say so; a whole body without its last half."""

    def change_reply(self, reply: Reply, format: Format) -> Reply:
        if not reply.is_streamed:
            return replace(reply, pieces=tuple(piece[: len(piece) // 2] for piece in reply.events))
        kept = tuple(piece for piece in reply.pieces if not isinstance(piece, bytes) or not format.is_end(piece))
        return replace(reply, pieces=kept)


@dataclass(frozen=True, slots=True)
class Flood(Fault):
    """A body of gigabytes."""

    gigabytes: float = 4.0
    of: Literal["event", "events", "spaces"] = "event"
    """One event or document that never ends, small events without meaning, or white space."""

    def change_reply(self, reply: Reply, format: Format) -> Reply:
        times = max(1, int(self.gigabytes * 2**30 / _FLOOD_BYTES))
        match self.of:
            case "event":
                start, data = b'{"x":"', b"x" * _FLOOD_BYTES
            case "events":
                start, data = b"{", b"data: {}\n\n" * (_FLOOD_BYTES // 10)
            case "spaces":
                start, data = b"", b" " * _FLOOD_BYTES
        if reply.is_streamed:
            start = b"data: " + start if self.of == "event" else b""
        return replace(reply, pieces=(start, Repeat(data, times)))


@dataclass(frozen=True, slots=True)
class BadCompression(Fault):
    """A body that is said to be compressed and is not."""

    encoding: str = "gzip"

    def change_reply(self, reply: Reply, format: Format) -> Reply:
        return reply.with_headers(("content-encoding", self.encoding))
