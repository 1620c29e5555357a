"""Frames of AWS's streams: read however they are cut, refused when a byte of them changed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.errors import ProtocolError
from agentkit.providers.aws.event_stream import EventStreamParser, Frame, encode_frame

_NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30)
_FRAMES = st.tuples(st.dictionaries(_NAMES, st.text(max_size=40), max_size=4), st.binary(max_size=200))


def _parsed(data: bytes, cuts: list[int]) -> list[Frame]:
    parser, frames, last = EventStreamParser(), [], 0
    for cut in sorted(cut % (len(data) + 1) for cut in cuts):
        frames += parser.feed(data[last:cut])
        last = cut
    frames += parser.feed(data[last:])
    assert not parser.is_inside
    return frames


@given(st.lists(_FRAMES, max_size=5), st.lists(st.integers(min_value=0), max_size=8))
def test_what_is_written_is_read_however_it_is_cut(frames, cuts):
    data = b"".join(encode_frame(headers.items(), payload) for headers, payload in frames)

    assert _parsed(data, cuts) == [Frame(headers, payload) for headers, payload in frames]


@settings(max_examples=30)
@given(_FRAMES, st.integers(min_value=1, max_value=255))
def test_any_changed_byte_is_detected(frame, change):
    data = encode_frame(frame[0].items(), frame[1])
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= change
        parser = EventStreamParser()
        try:
            frames = parser.feed(bytes(changed))
        except ProtocolError:
            continue
        assert frames == [], position  # a length that grew, and so fails when the bytes end
        assert parser.is_inside


@given(_FRAMES)
def test_frames_of_botocores_reader_and_ours_are_the_same(frame):
    eventstream = pytest.importorskip("botocore.eventstream", reason="botocore is not installed")
    headers, payload = frame
    data = encode_frame(headers.items(), payload)
    buffer = eventstream.EventStreamBuffer()
    buffer.add_data(data)
    theirs = buffer.next()

    assert EventStreamParser().feed(data) == [Frame(dict(theirs.headers), theirs.payload)]


def test_headers_of_every_type_are_passed_over():
    value = b"".join(
        bytes((1,)) + name + bytes((kind,)) + data
        for name, kind, data in (
            (b"a", 0, b""), (b"b", 1, b""), (b"c", 2, b"1"), (b"d", 3, b"12"), (b"e", 4, b"1234"),
            (b"f", 5, b"12345678"),
            (b"g", 6, b"\0\3abc"), (b"h", 7, b"\0\2hi"), (b"i", 8, b"12345678"), (b"j", 9, b"1" * 16),
        )
    )  # fmt: skip
    import struct
    from zlib import crc32

    head = struct.pack(">II", 16 + len(value), len(value))
    frame = head + struct.pack(">I", crc32(head)) + value
    frame += struct.pack(">I", crc32(frame))

    assert EventStreamParser().feed(frame) == [Frame({"h": "hi"}, b"")]


@pytest.mark.parametrize("length, headers", [(15, 0), (30 * 2**20, 0), (20, 40), (2**18, 200 * 2**10)])
def test_impossible_lengths_are_refused_at_once(length, headers):
    import struct
    from zlib import crc32

    head = struct.pack(">II", length, headers)
    with pytest.raises(ProtocolError, match="says it has"):
        EventStreamParser().feed(head + struct.pack(">I", crc32(head)))


def test_many_small_pieces_take_time_in_proportion():
    import time

    def seconds(size: int) -> float:
        data, parser = encode_frame((), b"x" * size), EventStreamParser()
        begun = time.perf_counter()
        for at in range(0, len(data), 100):
            parser.feed(data[at : at + 100])
        return time.perf_counter() - begun

    seconds(10_000)
    assert seconds(4_000_000) < 40 * seconds(400_000) + 0.1
