"""Server-sent events, split as bytes: any split of the stream gives the same events."""

from __future__ import annotations

from dataclasses import dataclass

from agentkit.errors import ProtocolError

MAX_EVENT_BYTES = 64 * 1024 * 1024

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One event with its name and id, both empty where the stream gave none."""

    event: str
    data: bytes
    id: str


class SseSplitter:
    """Splits one stream. Events without data (comments, keep-alives) are dropped.

    Feed it bytes as they come, then call `finish` once at the end of the stream. Raises `ProtocolError` for an event
    longer than `max_event_bytes`, before it is held in memory.
    """

    __slots__ = (
        "_follows_cr",
        "_head",
        "_is_between_events",
        "_max_event_bytes",
        "_pending",
        "_pending_ends_line",
    )

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_event_bytes = max_event_bytes
        self._head: bytes | None = b""  # the first bytes, until they are known to be a byte order mark or not
        self._follows_cr = False
        self._is_between_events = False  # nothing is held back, and the next byte begins an event
        self._pending = bytearray()  # the beginning of an event whose blank line has not come
        self._pending_ends_line = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of each event that this chunk completes."""
        # HTTP clients give about one chunk per event: a chunk that is exactly one event is not split at all.
        if self._is_between_events and chunk.endswith(b"\n\n") and b"\r" not in chunk:
            start = chunk.find(b"\n") + 1 if chunk.startswith(b"event:") else 0
            is_one_line = chunk.find(b"\n", start) == len(chunk) - 2 > start + 6
            if is_one_line and chunk.startswith(b"data: ", start) and len(chunk) <= self._max_event_bytes:
                return [chunk[start + 6 : -2]]
        return [data for block in self._blocks(chunk) if (data := _data_of(block))]

    def feed_events(self, chunk: bytes) -> list[SseEvent]:
        """Each event that this chunk completes, with its name and id."""
        events = [_event_of(block) for block in self._blocks(chunk)]
        return [event for event in events if event.data]

    def finish(self) -> list[bytes]:
        """The data of a last event whose blank line never came; the splitter is empty after it."""
        block = self._take_rest()
        data = _data_of(block)
        return [data] if data else []

    def finish_events(self) -> list[SseEvent]:
        """As `finish`, with the event's name and id."""
        event = _event_of(self._take_rest())
        return [event] if event.data else []

    def _blocks(self, chunk: bytes) -> list[bytes]:
        chunk = self._with_plain_line_ends(self._without_mark(chunk))
        if not chunk:
            return []
        is_completed = b"\n\n" in chunk or (self._pending_ends_line and chunk.startswith(b"\n"))
        if not is_completed:
            self._hold(chunk)
            return []
        blocks = (bytes(self._pending) + chunk).split(b"\n\n") if self._pending else chunk.split(b"\n\n")
        self._drop_pending()
        rest = blocks.pop()
        if any(len(block) > self._max_event_bytes for block in blocks):
            raise self._too_long()
        self._hold(rest)
        return blocks

    def _hold(self, piece: bytes) -> None:
        if not piece:
            return
        self._is_between_events = False
        self._pending += piece  # which copies a long event in many small chunks only now and then
        self._pending_ends_line = piece.endswith(b"\n")
        # One byte is left for the end of its last line, which is no part of the event.
        if len(self._pending) > self._max_event_bytes + 1:
            raise self._too_long()

    def _drop_pending(self) -> None:
        self._is_between_events = self._head is None and not self._follows_cr
        if self._pending:
            self._pending = bytearray()
        self._pending_ends_line = False

    def _take_rest(self) -> bytes:
        rest = bytes(self._pending) + (self._head or b"")
        self._head = b""
        self._follows_cr = False
        self._drop_pending()
        return rest

    def _without_mark(self, chunk: bytes) -> bytes:
        if self._head is None:
            return chunk
        head = self._head + chunk
        if len(head) < len(_BYTE_ORDER_MARK) and _BYTE_ORDER_MARK.startswith(head):
            self._head = head
            return b""
        self._head = None
        return head.removeprefix(_BYTE_ORDER_MARK)

    def _with_plain_line_ends(self, chunk: bytes) -> bytes:
        if self._follows_cr and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._follows_cr = False
        if b"\r" not in chunk:
            return chunk
        self._follows_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _too_long(self) -> ProtocolError:
        return ProtocolError(f"one event of the stream is longer than {self._max_event_bytes} bytes; it was not read")


def _data_of(block: bytes) -> bytes:
    if block.startswith(b"data: ") and b"\n" not in block:
        return block[6:]
    lines = [value for name, value in _fields(block) if name == b"data"]
    return b"\n".join(lines)


def _event_of(block: bytes) -> SseEvent:
    fields = _fields(block)
    named = dict(fields)
    return SseEvent(
        event=named.get(b"event", b"").decode("utf-8", "replace"),
        data=b"\n".join([value for name, value in fields if name == b"data"]),
        id=named.get(b"id", b"").decode("utf-8", "replace"),
    )


def _fields(block: bytes) -> list[tuple[bytes, bytes]]:
    fields: list[tuple[bytes, bytes]] = []
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        if name:
            fields.append((name, value.removeprefix(b" ")))
    return fields
