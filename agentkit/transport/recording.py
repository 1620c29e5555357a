"""Exchanges written to a file and played back: a layer that stands above the transports of a process.

A request gets the first reply to the same request that was not played yet. Same means: method, address, headers and
body say the same once secrets, and what differs each time, are taken out. So neither the order of parallel requests
matters nor who sends them, and a request that is sent twice gets its two replies in order.
"""

from __future__ import annotations

import difflib
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import anyio
import anyio.lowlevel

from agentkit.errors import ConnectionFailedError, ExchangeError, NotRecordedError
from agentkit.transport.protocol import HttpRequest, IteratedReply, Reply, Transport
from agentkit.transport.recorded import (
    Ending,
    Exchange,
    RecordedReply,
    RecordedRequest,
    read_exchanges,
    write_exchanges,
)
from agentkit.transport.redact import Redactor

__all__ = ["Mode", "Recorder"]

Mode: TypeAlias = Literal["replay", "missing", "all"]
"""replay: nothing is sent; missing: what is not in the file is sent and added; all: everything is sent anew."""

_LEAVING_SECONDS = 1.0
"""Who left a reply when it was recorded is given this long to leave it again."""
_COMPARED = 20  # a run's requests grow alike: the likest of these few is near enough
_SHOWN_LINES = 200
_SHOWN_CHARACTERS = 500


class Recorder:
    """A layer that plays a file's exchanges, or writes them; see `agentkit.testing.recording`."""

    def __init__(
        self,
        path: Path,
        *,
        mode: Mode = "replay",
        hide: Iterable[str | re.Pattern[str]] = (),
        how_to_record: str = "",
    ) -> None:
        """Raises StateError for a file that is no recording."""
        self.path = path
        self.mode: Mode = mode
        self.misses: list[NotRecordedError] = []
        """The requests that a replay had no reply to; raised where they were sent, and perhaps caught there."""
        self._how_to_record = how_to_record
        self._redactor = Redactor(hide)
        self._lock = threading.Lock()  # requests come from the loops of several threads
        self._found = read_exchanges(path) if mode != "all" and path.exists() else []
        self._lines = [exchange.request.lines() for exchange in self._found]
        self._left = list(range(len(self._found)))
        self._made: list[Exchange | None] = []  # in the order of their requests; None until the reply has ended

    def __repr__(self) -> str:
        return f"Recorder({str(self.path)!r}, {self.mode}, {len(self._found)} found, {len(self.recorded)} recorded)"

    @property
    def is_offline(self) -> bool:
        """Whether nothing is sent."""
        return self.mode == "replay"

    @property
    def remaining(self) -> int:
        """How many exchanges of the file were not played."""
        return len(self._left)

    @property
    def recorded(self) -> list[Exchange]:
        """The exchanges that were recorded and have ended."""
        return [exchange for exchange in self._made if exchange is not None]

    def over(self, transport: Transport) -> Transport:
        """The transport of a model with this recorder in front of it."""
        return _Recording(self, transport)

    def write(self) -> None:
        """Write the file, if anything was recorded."""
        recorded = self.recorded
        if recorded:
            write_exchanges(self.path, [*self._found, *recorded])

    def read(self, request: HttpRequest) -> RecordedRequest:
        """What is compared and kept of a request."""
        with self._lock:
            return RecordedRequest.of(request, self._redactor)

    def play(self, request: RecordedRequest) -> RecordedReply | None:
        """The reply to a request; None for one that is to be sent. Raises NotRecordedError in a replay."""
        lines = request.lines()
        with self._lock:
            for index in self._left:
                if self._lines[index] == lines:
                    self._left.remove(index)
                    return self._found[index].reply
            if self.mode != "replay":
                return None
            error = self._miss(lines)
            self.misses.append(error)
        raise error

    def begin(self) -> int:
        """A place in the file for an exchange that begins now."""
        with self._lock:
            self._made.append(None)
            return len(self._made) - 1

    def end(
        self,
        place: int,
        request: RecordedRequest,
        *,
        status: int,
        headers: Mapping[str, str],
        pieces: Sequence[bytes],
        end: Ending,
    ) -> None:
        """Keep the exchange that had this place."""
        with self._lock:
            reply = RecordedReply.of(status, headers, pieces, redactor=self._redactor, end=end)
            self._made[place] = Exchange(request, reply)

    def _miss(self, lines: Sequence[str]) -> NotRecordedError:
        """What to say of a request that has no reply."""
        again = self._how_to_record or "run it again with the environment variable AGENTKIT_RECORD=all"
        if not self._found:
            there = "has no exchanges" if self.path.exists() else "does not exist"
            return NotRecordedError(f"the recording {self.path} {there}; to record it: {again}", path=str(self.path))
        played = [index for index in range(len(self._found)) if self._lines[index] == lines]
        if played:
            return NotRecordedError(
                f"{lines[0]} was sent once more than it is in {self.path}, where it is {len(played)} times "
                f"(exchange {', '.join(str(index + 1) for index in played)}); to record anew: {again}",
                path=str(self.path),
            )
        near = self._nearest(lines)
        difference = _difference(self._lines[near], lines, where=f"exchange {near + 1}")
        return NotRecordedError(
            f"this request is not in the recording {self.path}; the nearest one there is exchange {near + 1} of "
            f"{len(self._found)}:\n\n{difference}\n\nif the change is meant, record anew: {again}",
            path=str(self.path),
            difference=difference,
        )

    def _nearest(self, lines: Sequence[str]) -> int:
        """The recorded request most like this one; of those that were not played, if any is left."""
        indexes = self._left or range(len(self._found))
        same_address = [index for index in indexes if self._lines[index][0] == lines[0]]

        def likeness(index: int) -> float:
            return difflib.SequenceMatcher(None, self._lines[index], lines, autojunk=False).ratio()

        return max((same_address or list(indexes))[:_COMPARED], key=likeness)


class _Recording:
    """What a model sends to while a recorder is in use."""

    def __init__(self, recorder: Recorder, below: Transport) -> None:
        self._recorder = recorder
        self._below = below

    async def send(self, request: HttpRequest, *, connect_seconds: float) -> Reply:
        """Give the recorded reply; else send the request and record what comes. See `Transport.send`."""
        asked = self._recorder.read(request)
        played = self._recorder.play(asked)
        if played is not None:
            await anyio.lowlevel.checkpoint()
            return _PlayedReply(played, self._recorder.path)
        place = self._recorder.begin()
        reply = await self._below.send(request, connect_seconds=connect_seconds)
        return _TappedReply(reply, self._recorder, asked, place=place)


class _PlayedReply(IteratedReply):
    """A reply out of a recording; also the iterator of its own chunks."""

    def __init__(self, recorded: RecordedReply, path: Path) -> None:
        self.status = recorded.status
        self.headers = recorded.headers
        self._pieces = iter(recorded.body.pieces)
        self._end: Ending = recorded.end
        self._path = path

    async def __anext__(self) -> bytes:
        await anyio.lowlevel.checkpoint()
        for piece in self._pieces:
            return piece
        match self._end:
            case "complete":
                raise StopAsyncIteration
            case "lost":
                raise ConnectionFailedError(f"the connection was lost here when {self._path} was recorded")
            case "left":
                await anyio.sleep(_LEAVING_SECONDS)
                raise ConnectionFailedError(
                    f"{self._path} has this reply up to here: its reader left when it was recorded; record it anew"
                )

    async def aclose(self) -> None:
        """Leave the reply."""
        self._pieces = iter(())


class _TappedReply(IteratedReply):
    """A reply that is recorded while it is read; also the iterator of its own chunks."""

    def __init__(self, reply: Reply, recorder: Recorder, request: RecordedRequest, *, place: int) -> None:
        self.status = reply.status
        self.headers = reply.headers
        self._reply = reply
        self._below = reply.chunks()
        self._recorder = recorder
        self._request = request
        self._place = place
        self._pieces: list[bytes] = []
        self._is_ended = False

    async def __anext__(self) -> bytes:
        try:
            piece = await anext(self._below)
        except StopAsyncIteration:
            self._end("complete")
            raise
        except ExchangeError:
            self._end("lost")
            raise
        self._pieces.append(piece)
        return piece

    async def aclose(self) -> None:
        """Leave the reply; what was read of it is kept."""
        self._end("left")
        aclose = getattr(self._below, "aclose", None)  # a generator left in the middle is not ours to forget
        if aclose is not None:
            await aclose()
        await self._reply.aclose()

    def _end(self, end: Ending) -> None:
        if self._is_ended:
            return
        self._is_ended = True
        self._recorder.end(
            self._place, self._request, status=self.status, headers=self.headers, pieces=self._pieces, end=end
        )


def _difference(recorded: Sequence[str], sent: Sequence[str], *, where: str) -> str:
    """A unified diff, bounded in its length and in that of its lines: a line may be a picture."""
    lines = list(difflib.unified_diff(recorded, sent, f"recorded ({where})", "sent now", lineterm=""))
    more = len(lines) - _SHOWN_LINES
    shown = [
        line if len(line) <= _SHOWN_CHARACTERS else f"{line[:_SHOWN_CHARACTERS]}... ({len(line)} characters)"
        for line in lines[:_SHOWN_LINES]
    ]
    return "\n".join([*shown, f"... and {more} more lines"] if more > 0 else shown)
