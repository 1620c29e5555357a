"""The binary framing of AWS's streams, application/vnd.amazon.eventstream.

A frame: total length and length of headers (4 bytes each, big endian), CRC-32 of these 8 bytes, headers, payload,
CRC-32 of all before it. Both checksums are verified: a corrupted byte is an error, not a wrong word.
Facts: AWS's description of the encoding; headers are at most 128 KiB, payloads 24 MiB.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from zlib import crc32

from agentkit.errors import ProtocolError

__all__ = ["EventStreamParser", "Frame", "encode_frame", "is_framed", "part", "split_frames"]

_PRELUDE_BYTES = 12
_LEAST_BYTES = 16
_MOST_HEADER_BYTES = 128 * 2**10
_MOST_BYTES = 24 * 2**20 + _MOST_HEADER_BYTES + _LEAST_BYTES
_USUAL_BYTES = 200
_PRELUDE = struct.Struct(">III")
_CHECKSUM = struct.Struct(">I")
_SHORT = struct.Struct(">H")
_TEXT = 7
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of a header's value by its type; types 6 (bytes) and 7 (text) say their length."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame."""

    headers: Mapping[str, str] = field(repr=False)
    """The headers that are texts, such as ":event-type"; nobody sends others to a client."""
    payload: bytes = field(repr=False)


class EventStreamParser:
    """Cuts the bytes of a stream, split anywhere, into frames."""

    __slots__ = ("_kept", "_wanted")

    def __init__(self) -> None:
        self._kept = bytearray()
        self._wanted = _PRELUDE_BYTES  # nothing can be done before so many bytes are here

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that are complete now. Raises ProtocolError for a wrong checksum or an impossible length."""
        if not self._kept and len(chunk) > _LEAST_BYTES and _length_of(chunk, 0) == len(chunk):
            return [_frame(chunk)]  # clients yield about one chunk for each frame
        self._kept += chunk
        if len(self._kept) < self._wanted:
            return []
        frames: list[Frame] = []
        start, data = 0, bytes(self._kept)
        while True:
            left = len(data) - start
            self._wanted = _PRELUDE_BYTES
            if left < _PRELUDE_BYTES:
                break
            self._wanted = _length_of(data, start)
            if left < self._wanted:
                break
            frames.append(_frame(data[start : start + self._wanted]))
            start += self._wanted
        self._kept = bytearray(data[start:])
        return frames

    @property
    def is_inside(self) -> bool:
        """Whether the bytes so far end inside a frame."""
        return bool(self._kept)


def encode_frame(headers: Iterable[tuple[str, str]], payload: bytes) -> bytes:
    """The bytes of a frame whose headers are texts."""
    written = bytearray()
    for name, value in headers:
        name_bytes, value_bytes = name.encode(), value.encode()
        written += (
            bytes((len(name_bytes),)) + name_bytes + bytes((_TEXT,)) + _SHORT.pack(len(value_bytes)) + value_bytes
        )
    length = _LEAST_BYTES + len(written) + len(payload)
    head = struct.pack(">II", length, len(written))
    frame = head + _CHECKSUM.pack(crc32(head)) + written + payload
    return frame + _CHECKSUM.pack(crc32(frame))


def part(data: bytes) -> bytes:
    """The frame in which SageMaker sends some bytes of a container's."""
    kind = (":content-type", "application/octet-stream")
    return encode_frame(((":event-type", "PayloadPart"), kind, (":message-type", "event")), data)


def is_framed(data: bytes) -> bool:
    """Whether the bytes begin with a frame: no text begins with the zero that begins its length."""
    return data[:1] == b"\0" and len(data) >= _LEAST_BYTES


def split_frames(data: bytes) -> tuple[bytes, ...]:
    """The frames as bytes, with what is left of a cut one at the end."""
    frames: list[bytes] = []
    start = 0
    while len(data) - start >= _PRELUDE_BYTES:
        end = min(start + _length_of(data, start), len(data))
        frames.append(data[start:end])
        start = end
    return (*frames, data[start:]) if start < len(data) else tuple(frames)


def _length_of(data: bytes, start: int) -> int:
    length, header_length, checksum = _PRELUDE.unpack_from(data, start)
    if crc32(data[start : start + 8]) != checksum:
        raise ProtocolError("a frame of the stream has a wrong checksum at its beginning; bytes were lost or changed")
    if header_length > _MOST_HEADER_BYTES or not _LEAST_BYTES + header_length <= length <= _MOST_BYTES:
        raise ProtocolError(f"a frame of the stream says it has {length} bytes, {header_length} of them headers")
    return length


def _frame(data: bytes) -> Frame:
    if crc32(data[:-4]) != _CHECKSUM.unpack_from(data, len(data) - 4)[0]:
        raise ProtocolError("a frame of the stream has a wrong checksum; bytes were lost or changed")
    end = _PRELUDE_BYTES + _PRELUDE.unpack_from(data)[1]
    headers = data[_PRELUDE_BYTES:end]
    return Frame(_usual_headers(headers) if len(headers) < _USUAL_BYTES else _headers(headers), data[end:-4])


@lru_cache(maxsize=64)
def _usual_headers(data: bytes) -> Mapping[str, str]:
    """Nearly all frames of a stream have the same few headers."""
    return MappingProxyType(_headers(data))


def _headers(data: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    at = 0
    try:
        while at < len(data):
            name_end = at + 1 + data[at]
            name = data[at + 1 : name_end].decode()
            kind = data[name_end]
            at = name_end + 1
            if kind in (6, _TEXT):
                size = _SHORT.unpack_from(data, at)[0]
                at += 2
            else:
                size = _SIZES[kind]
            if at + size > len(data):
                raise IndexError(size)
            if kind == _TEXT:
                headers[name] = data[at : at + size].decode()
            at += size
    except (IndexError, KeyError, UnicodeDecodeError, struct.error) as error:
        raise ProtocolError(f"the headers of a frame make no sense: {type(error).__name__}") from None
    return headers
