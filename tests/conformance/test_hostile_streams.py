"""Streams made to cost much: whatever they hold, time grows no faster than their length.

A sixteenth of a megabyte and an eighth are compared of each kind; more where AGENTKIT_HOSTILE_MB says so, as
`AGENTKIT_HOSTILE_MB=8,16,32,64 pytest tests/conformance/test_hostile_streams.py -s`, which prints the times.
"""

from __future__ import annotations

import gc
import os
import time

import pytest
from conformance.formats import FORMATS
from conformance.hostile import STREAMS, HostileStream

from agentkit.assemble import assemble
from agentkit.errors import AgentkitError
from agentkit.transport.sse import MAX_EVENT_BYTES, SseSplitter

CODECS = {format.name: format.make_codec for format in FORMATS}
MEGABYTES = [float(size) for size in os.environ.get("AGENTKIT_HOSTILE_MB", "0.0625,0.125").split(",")]
GROWTH = 3.2
"""The most that twice the length may cost: 2 is linear and 4 is quadratic; a busy machine lies between."""


def seconds_to_decode(stream: HostileStream, megabytes: float) -> float:
    chunks = list(stream.chunks(int(megabytes * 2**20)))
    gc.collect()
    begun = time.process_time()
    decoder = CODECS[stream.format]().decoder()
    try:
        deltas = [delta for chunk in chunks for delta in decoder.feed(chunk)]
        assemble([*deltas, *decoder.finish()])
    except AgentkitError:
        pass
    return time.process_time() - begun


@pytest.mark.timeout(600)
@pytest.mark.parametrize("stream", STREAMS, ids=str)
def test_decoding_takes_time_in_proportion_to_the_length(stream: HostileStream) -> None:
    for _ in range(4):  # a machine with other work to do is no proof
        times = [seconds_to_decode(stream, size) for size in MEGABYTES]
        if times[-1] < 0.05 or times[-1] <= times[-2] * GROWTH:
            break
    else:
        pytest.fail(f"{MEGABYTES} MB took {times} s")
    if "AGENTKIT_HOSTILE_MB" in os.environ:
        print(f"{stream!s:60}" + "".join(f"{taken:8.2f}" for taken in times))


def test_a_kind_of_stream_is_there_for_all_that_can_be_long() -> None:
    assert {stream.format for stream in STREAMS} == set(CODECS)
    assert len({str(stream) for stream in STREAMS}) == len(STREAMS)


def test_an_event_without_end_is_held_no_longer_than_its_bound() -> None:
    splitter = SseSplitter()
    word = b"x" * 2**20
    splitter.feed(b"data: ")
    with pytest.raises(AgentkitError, match=f"longer than {MAX_EVENT_BYTES} bytes"):
        for _ in range(MAX_EVENT_BYTES // len(word) + 1):
            splitter.feed(word)
