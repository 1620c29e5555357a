"""Splitting server-sent events, at any split of the bytes."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.errors import ProtocolError
from agentkit.transport.sse import SseEvent, SseSplitter


def split(*chunks: bytes) -> list[bytes]:
    splitter = SseSplitter()
    return [data for chunk in chunks for data in splitter.feed(chunk)] + splitter.finish()


def events(*chunks: bytes) -> list[SseEvent]:
    splitter = SseSplitter()
    return [event for chunk in chunks for event in splitter.feed_events(chunk)] + splitter.finish_events()


def reference(stream: bytes) -> list[SseEvent]:
    """The same rules, over the whole stream at once and line by line."""
    found: list[SseEvent] = []
    name, identity, data = "", "", []
    for line in [*re.split(b"\r\n|\r|\n", stream.removeprefix(b"\xef\xbb\xbf")), b""]:
        if not line:
            if b"\n".join(data):
                found.append(SseEvent(name, b"\n".join(data), identity))
            name, identity, data = "", "", []
            continue
        field, _, value = line.partition(b":")
        value = value[1:] if value[:1] == b" " else value
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
        elif field == b"id":
            identity = value.decode("utf-8", "replace")
    return found


def test_gives_the_data_of_each_event() -> None:
    assert split(b'data: {"a":1}\n\ndata: {"b":2}\n\ndata: [DONE]\n\n') == [b'{"a":1}', b'{"b":2}', b"[DONE]"]


def test_takes_a_chunk_that_is_exactly_one_event() -> None:
    assert split(b"data: 1\n\n", b"data: 2\n\n", b"data:3\n\n", b"event: x\ndata: 4\n\n", b"event: x\ndata:5\n\n") == [
        b"1",
        b"2",
        b"3",
        b"4",
        b"5",
    ]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_knows_every_line_end(end: bytes) -> None:
    assert split(b"event: x" + end + b"data: 1" + end + end + b"data: 2" + end + end) == [b"1", b"2"]


def test_drops_comments_and_events_without_data() -> None:
    assert split(b": keep-alive\n\n", b"event: ping\n\n", b"data:\n\n", b"data\n\n", b"data: \n\n", b"data: 1\n\n") == [
        b"1"
    ]


def test_joins_the_lines_of_one_event() -> None:
    assert split(b"data: a\n: comment\ndata\ndata:  b\nretry: 5\n\n") == [b"a\n\n b"]


def test_drops_a_byte_order_mark_in_pieces() -> None:
    assert split(b"\xef", b"\xbb", b"\xbfdata: 1\n\n") == [b"1"]


def test_keeps_bytes_that_only_begin_like_a_byte_order_mark() -> None:
    assert split(b"\xef", b"\xbbdata: 1\n\ndata: 2\n\n") == [b"2"]


def test_finish_gives_a_last_event_without_its_blank_line() -> None:
    assert split(b"data: 1\n\ndata: 2") == [b"1", b"2"]


def test_gives_names_and_ids_when_asked() -> None:
    assert events(b"event: start\nid: 7\ndata: 1\n\ndata: 2\n\nid: 8\ndata: 3") == [
        SseEvent("start", b"1", "7"),
        SseEvent("", b"2", ""),
        SseEvent("", b"3", "8"),
    ]


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_refuses_an_event_above_the_limit_in_any_split(size: int) -> None:
    stream = b"data: " + b"x" * 100 + b"\n\n"
    splitter = SseSplitter(max_event_bytes=105)
    with pytest.raises(ProtocolError, match="longer than 105 bytes"):
        for start in range(0, len(stream), size):
            splitter.feed(stream[start : start + size])


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_takes_an_event_at_the_limit_in_any_split(size: int) -> None:
    stream = (b"data: " + b"x" * 100 + b"\n\n") * 3
    splitter = SseSplitter(max_event_bytes=106)
    found = [data for start in range(0, len(stream), size) for data in splitter.feed(stream[start : start + size])]
    assert found == [b"x" * 100] * 3


_PIECES = st.sampled_from(
    [
        b"data",
        b"data:",
        b"data: ",
        b"event: ",
        b"id: ",
        b":",
        b" ",
        b"x",
        b"\xc3\xa9",
        b"\xef\xbb\xbf",
        b"\n",
        b"\r",
        b"\r\n",
    ]
)


@settings(deadline=None)
@given(st.lists(_PIECES, max_size=40), st.lists(st.integers(0, 120), max_size=20))
def test_any_split_gives_what_the_whole_gives(pieces: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(pieces)
    bounds = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    chunks = [stream[start:end] for start, end in itertools.pairwise(bounds)]
    expected = reference(stream)
    assert events(*chunks) == expected
    assert split(*chunks) == [event.data for event in expected]
    single = [stream[position : position + 1] for position in range(len(stream))]
    assert split(*single) == [event.data for event in expected]
