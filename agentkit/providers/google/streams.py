"""A streamed answer of generateContent: bytes in any split as deltas.

With `alt=sse` each event holds an answer object; without it the whole stream is one JSON array of them. There is no
last event: a stream is complete when a finishReason came, and cut when none did.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from agentkit.errors import ProtocolError
from agentkit.exchange import Delta
from agentkit.json_value import json_value
from agentkit.providers.google.answers import AnswerReader
from agentkit.transport.sse import MAX_EVENT_BYTES, SseSplitter

__all__ = ["GenerateContentDecoder", "ObjectSplitter"]

_MARKS = re.compile(rb'[{}"\\]')
_BLANKS = b" \t\r\n"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class ObjectSplitter:
    """Splits a JSON array, or a mere row of objects, into the texts of its objects, however it is cut."""

    __slots__ = ("_depth", "_is_escaped", "_is_inside_text", "_pieces", "_size")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []  # of the object that has begun
        self._size = 0
        self._depth = 0
        self._is_inside_text = False
        self._is_escaped = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The objects that this chunk completes. Raises ProtocolError for one that is too long."""
        objects: list[bytes] = []
        if not chunk:
            return objects
        begin = 0
        skipped = 0 if self._is_escaped else -1  # where the byte is that a backslash took its meaning from
        self._is_escaped = False
        for found in _MARKS.finditer(chunk):
            at, mark = found.start(), found[0]
            if at == skipped:
                continue
            if self._is_inside_text:
                if mark == b"\\":
                    skipped = at + 1
                elif mark == b'"':
                    self._is_inside_text = False
            elif mark == b'"':
                self._is_inside_text = self._depth > 0
            elif mark == b"{":
                if not self._depth:
                    begin = at
                self._depth += 1
            elif mark == b"}" and self._depth:
                self._depth -= 1
                if not self._depth:
                    objects.append(b"".join([*self._pieces, chunk[begin : at + 1]]))
                    self._pieces, self._size = [], 0
        self._is_escaped = skipped == len(chunk)
        if self._depth:
            self._hold(chunk[begin:])
        return objects

    def finish(self) -> bytes:
        """An object that has begun and did not end."""
        return b"".join(self._pieces)

    def _hold(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > MAX_EVENT_BYTES:
            raise ProtocolError(f"one object of the stream is longer than {MAX_EVENT_BYTES} bytes; it was not read")


class GenerateContentDecoder:
    """Decodes one streamed reply; see StreamDecoder."""

    __slots__ = ("_head", "_is_whole", "_plain", "_reader", "_splitter", "events")

    def __init__(self, origin: str, provider: str) -> None:
        self.events = 0
        self._reader = AnswerReader(origin, provider)
        self._splitter = SseSplitter()
        self._plain: ObjectSplitter | None = None  # when the stream is JSON and no events
        self._head: bytes | None = b""  # the first bytes, until they tell which of the two
        self._is_whole = True  # every chunk so far was exactly one event

    def feed(self, chunk: bytes) -> list[Delta]:
        """The deltas of some more bytes. Raises the error of an error object, ProtocolError for what is no JSON."""
        deltas: list[Delta] = []
        if self._is_whole:
            # HTTP clients give about one chunk per event: a chunk that is exactly one event is not split at all.
            if data := _only_event(chunk):
                self._head = None
                self._decode(data, deltas)
                return deltas
            self._is_whole = False
        if self._head is not None:
            self._head = (self._head + chunk).removeprefix(_BYTE_ORDER_MARK).lstrip(_BLANKS)
            if _BYTE_ORDER_MARK.startswith(self._head):
                return []
            if self._head[:1] in (b"{", b"["):
                self._plain = ObjectSplitter()
            chunk, self._head = self._head, None
        splitter = self._plain or self._splitter
        for data in splitter.feed(chunk):
            self._decode(data, deltas)
        return deltas

    def finish(self) -> list[Delta]:
        """The last deltas. Raises ProtocolError when the stream was cut."""
        deltas: list[Delta] = []
        if self._plain is None:
            for data in self._splitter.finish():
                self._decode(data, deltas)
        if not self._reader.is_complete:
            raise ProtocolError(
                f"the stream was cut: it ended after {self.events} events without a finishReason",
                provider=self._reader.provider,
                model=self._reader.model,
            )
        return [*deltas, *self._reader.finish()]

    def _decode(self, data: bytes, deltas: list[Delta]) -> None:
        if data == b"[DONE]":  # gateways add it
            return
        try:
            value = json_value(data)
            self.events += 1
            for reply in _replies(value):
                self._reader.read(reply, deltas)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            shown = data[:200].decode("utf-8", "replace")
            raise ProtocolError(
                "an event of the stream makes no sense: it is no JSON of the expected shape",
                provider=self._reader.provider,
                body=shown,
            ) from error


def _only_event(chunk: bytes) -> bytes:
    """The data of a chunk that is one event in one line; empty for any other."""
    if not chunk.startswith(b"data: "):
        return b""
    end = chunk.find(b"\n")
    if chunk[end - 1 :] == b"\r\n\r\n":
        return chunk[6 : end - 1] if chunk.find(b"\r") == end - 1 else b""
    return chunk[6:end] if chunk[end:] == b"\n\n" and b"\r" not in chunk else b""


def _replies(value: object) -> Iterable[Mapping[str, Any]]:
    return cast("list[Mapping[str, Any]]", value) if isinstance(value, list) else (cast("Mapping[str, Any]", value),)
