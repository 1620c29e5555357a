"""Faults of the connection and of time: refused, reset, stale, silent, slow, split."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from agentkit.simulator.fault import Fault
from agentkit.simulator.formats import Format, Moment
from agentkit.simulator.reply import Drop, Hang, Pause, Piece, Repeat, Reply

__all__ = ["KeepAlives", "Refused", "Reset", "Silence", "SlowEvents", "SlowHeaders", "Split", "Stale"]

After = Literal["request", "headers", "bytes", "events"]


@dataclass(frozen=True, slots=True)
class Refused(Fault):
    """Nobody listens at the port. Such attempts cannot be counted: they never arrive.

    It comes into force before the request that it is planned for, and idle connections are closed.
    """

    seconds: float | None = None
    """For how long; None: until the simulator ends or its plan is changed."""


@dataclass(frozen=True, slots=True)
class Stale(Fault):
    """A kept-alive connection is closed just before it is used again.

    Acts on requests that come over a connection which has answered one before; others are answered.
    """


@dataclass(frozen=True, slots=True)
class Reset(Fault):
    """The connection ends in mid-reply."""

    after: After = "request"
    """Before the head of the reply, after it, or after `count` bytes of the body or events of the stream."""
    count: int = 0
    is_reset: bool = True
    """With a TCP reset; False: in the ordinary way, as when a process is stopped."""

    def change_reply(self, reply: Reply, format: Format) -> Reply:
        return _stopped(reply, self.after, self.count, Drop(self.is_reset))

    def change_pieces(self, pieces: Sequence[Piece], moment: Moment) -> Sequence[Piece]:
        return _stopped_pieces(pieces, self.after, self.count, Drop(self.is_reset))


@dataclass(frozen=True, slots=True)
class Silence(Fault):
    """Nothing more comes, and the connection stays open."""

    after: After = "request"
    count: int = 0

    def change_reply(self, reply: Reply, format: Format) -> Reply:
        return _stopped(reply, self.after, self.count, Hang())

    def change_pieces(self, pieces: Sequence[Piece], moment: Moment) -> Sequence[Piece]:
        return _stopped_pieces(pieces, self.after, self.count, Hang())


@dataclass(frozen=True, slots=True)
class KeepAlives(Fault):
    """Only what keeps a connection comes: comments in a stream, white space before a document."""

    wait_seconds: float = 1.0
    """Between two of them."""
    times: int | None = None
    """After so many the answer goes on; None: it never does."""
    after_events: int = 0

    def change_reply(self, reply: Reply, format: Format) -> Reply:
        data = format.keep_alive if reply.is_streamed else b" \n"
        repeat = Repeat(data, self.times, self.wait_seconds)
        return reply.after_events(self.after_events, repeat, is_end=self.times is None)


@dataclass(frozen=True, slots=True)
class SlowEvents(Fault):
    """A pause before each event of a stream, or before a whole body."""

    wait_seconds: float = 0.1

    def change_reply(self, reply: Reply, format: Format) -> Reply:
        pieces = [each for piece in reply.pieces for each in (Pause(self.wait_seconds), piece)]
        return replace(reply, pieces=tuple(pieces))


@dataclass(frozen=True, slots=True)
class SlowHeaders(Fault):
    """The head of the reply comes line by line, with a pause before each."""

    wait_seconds: float = 0.1

    def change_pieces(self, pieces: Sequence[Piece], moment: Moment) -> Sequence[Piece]:
        head, *rest = pieces
        if not isinstance(head, bytes):
            return pieces
        slow: list[Piece] = []
        for line in head.splitlines(keepends=True):
            slow += [Pause(self.wait_seconds), line]
        return [*slow, *rest]


@dataclass(frozen=True, slots=True)
class Split(Fault):
    """The same bytes in other writes: the reply is cut anywhere, inside characters, JSON and HTTP framing."""

    bytes_at_once: int | None = 1
    """So many in each write; None: from 1 to 64 at random, differently for each request and seed."""
    seed: int = 0

    def change_pieces(self, pieces: Sequence[Piece], moment: Moment) -> Sequence[Piece]:
        dice = random.Random(f"split {self.seed} {moment.number}")  # noqa: S311 -- has to be repeatable, not secret
        split: list[Piece] = []
        for piece in pieces:
            if not isinstance(piece, bytes):
                split.append(piece)
                continue
            begun = 0
            while begun < len(piece):
                size = self.bytes_at_once or dice.randint(1, 64)
                split.append(piece[begun : begun + size])
                begun += size
        return split


def _stopped(reply: Reply, after: After, count: int, end: Piece) -> Reply:
    """The reply with an end after so many events. What is announced stays announced."""
    if after != "events":
        return reply
    if not reply.is_streamed and not reply.header("content-length"):
        reply = reply.with_headers(("content-length", str(sum(map(len, reply.events)))))
    return reply.after_events(count, end, is_end=True)


def _stopped_pieces(pieces: Sequence[Piece], after: After, count: int, end: Piece) -> Sequence[Piece]:
    match after:
        case "request":
            return [end]
        case "headers":
            return [*pieces[:1], end]
        case "events":
            return pieces
        case "bytes":
            kept: list[Piece] = [*pieces[:1]]
            for piece in pieces[1:]:
                match piece:
                    case bytes():
                        kept.append(piece[:count])
                        count -= len(piece)
                    case Repeat(data, times) if times is None or times * len(data) > count:
                        kept += [replace(piece, times=count // len(data)), data[: count % len(data)]]
                        count = 0
                    case Repeat(data, int() as times):
                        kept.append(piece)
                        count -= times * len(data)
                    case _:
                        kept.append(piece)
                if count <= 0:
                    break
            return [*kept, end]
