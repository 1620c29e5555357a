"""Streams of frames: corrupted, cut, hostile, and with errors inside."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import pytest

from agentkit.assemble import assemble
from agentkit.errors import (
    AgentkitError,
    BadRequestError,
    ContextLengthError,
    ExchangeError,
    OverloadedError,
    ProtocolError,
    RateLimitError,
    ServerError,
)
from agentkit.exchange import Delta, Response, ResponseFinished, TextDelta
from agentkit.messages import Text, ToolCall
from agentkit.providers.aws.converse import ConverseCodec
from agentkit.providers.aws.event_stream import encode_frame
from agentkit.usage import Usage

USAGE = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5, "cacheReadInputTokens": 7}


def frame(name: str, body: Any) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return encode_frame(((":event-type", name), (":message-type", "event")), data)


def delta(value: dict[str, Any], index: object = 0) -> bytes:
    return frame("contentBlockDelta", {"contentBlockIndex": index, "delta": value, "p": "abcdef"})


def exception(name: str, body: dict[str, Any]) -> bytes:
    return encode_frame(((":exception-type", name), (":message-type", "exception")), json.dumps(body).encode())


START = frame("messageStart", {"role": "assistant"})
HELLO = delta({"text": "Hello"})
STOP = frame("messageStop", {"stopReason": "end_turn"})
END = frame("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}})
WHOLE = START + HELLO + frame("contentBlockStop", {"contentBlockIndex": 0}) + STOP + END


def deltas_of(*chunks: bytes) -> list[Delta]:
    decoder = ConverseCodec(model="m").decoder()
    told = [delta for chunk in chunks for delta in decoder.feed(chunk)]
    return [*told, *decoder.finish()]


def read(*chunks: bytes) -> Response:
    return assemble(deltas_of(*chunks))


def test_usage_follows_the_end() -> None:
    response = read(WHOLE)
    assert (response.text, response.finish, response.usage) == ("Hello", "stop", Usage(3, 7, 0, 2))
    assert response.message.model == "m"


def test_no_byte_of_a_stream_can_be_changed_unseen() -> None:
    for at in range(len(WHOLE)):
        changed = bytearray(WHOLE)
        changed[at] ^= 0x20
        with pytest.raises(ProtocolError):
            read(bytes(changed))


def test_a_stream_cut_anywhere_before_its_end_is_an_error() -> None:
    is_complete = {len(WHOLE) - len(END), len(WHOLE)}  # without the counts the answer is whole all the same
    for at in range(len(WHOLE) + 1):
        if at in is_complete:
            assert read(WHOLE[:at]).text == "Hello"
            continue
        with pytest.raises(ProtocolError, match="the stream was cut: it ended after"):
            read(WHOLE[:at])


@pytest.mark.parametrize(
    ("name", "body", "kind"),
    [
        ("throttlingException", {"message": "slow"}, RateLimitError),
        ("serviceUnavailableException", {"message": "busy"}, OverloadedError),
        ("internalServerException", {"message": "oh"}, ServerError),
        ("modelStreamErrorException", {"originalMessage": "model", "originalStatusCode": 500}, ServerError),
        ("validationException", {"message": "Input is too long for requested model."}, ContextLengthError),
        ("validationException", {"message": "no"}, BadRequestError),
        ("newerException", {"message": "?"}, ServerError),
    ],
)
def test_an_exception_frame_is_raised_after_what_was_said(
    name: str, body: dict[str, Any], kind: type[ExchangeError]
) -> None:
    decoder = ConverseCodec().decoder()
    told = decoder.feed(START + HELLO + exception(name, body))
    assert told[-1] == TextDelta("Hello", 0)
    for again in (lambda: decoder.feed(STOP), decoder.finish):
        with pytest.raises(kind) as caught:
            again()
        assert type(caught.value) is kind
        assert caught.value.error_type == name[0].upper() + name[1:]


def test_an_exception_may_come_first_and_an_error_frame_says_its_code() -> None:
    with pytest.raises(RateLimitError, match="slow"):
        read(exception("throttlingException", {"message": "slow"}))
    headers = ((":error-code", "InternalFailure"), (":error-message", "broken"), (":message-type", "error"))
    with pytest.raises(ServerError, match="broken"):
        read(START + encode_frame(headers, b""))


def test_calls_with_nothing_for_arguments_have_none() -> None:
    begin = frame("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "a", "name": "f"}}})
    for pieces in ((), ("",), ("{}",), ('{"a"', ":1}")):
        told = [delta({"toolUse": {"input": piece}}) for piece in pieces]
        response = read(START + begin + b"".join(told) + frame("messageStop", {"stopReason": "tool_use"}) + END)
        assert response.calls == (ToolCall("a", "f", "".join(pieces) or "{}"),)


def test_newer_events_deltas_and_blocks_are_passed_over() -> None:
    newer = frame("aNewEvent", b"\xff") + delta({"aNewDelta": 1}, 5) + delta({}, 6) + delta({"image": {"error": {}}}, 7)
    response = read(START + newer + HELLO + STOP + END)
    assert response.text == "Hello"


def test_a_block_that_begins_anew_under_its_index_is_another() -> None:
    begin = {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "a", "name": "f"}}}
    response = read(
        START + HELLO + frame("contentBlockStart", begin) + delta({"toolUse": {"input": "{}"}}) + STOP + END
    )
    assert response.message.parts == (Text("Hello"), ToolCall("a", "f", "{}"))


@pytest.mark.parametrize(
    "events",
    [
        frame("contentBlockDelta", b"{"),
        frame("contentBlockDelta", b"[]"),
        frame("contentBlockDelta", {"contentBlockIndex": 0}),
        delta({"text": 5}),
        delta({"reasoningContent": {"text": []}}),
        delta({"toolUse": {"input": {}}}),
        frame("messageStop", b"5"),
        frame("metadata", b"[]"),
        HELLO + delta({"text": {}}),
        b"data: {}\n\n" * 10,
        b"\0" * 64,
        STOP + frame("metadata", {"usage": []}),
    ],
)
def test_nonsense_is_read_or_an_error_with_a_type(events: bytes) -> None:
    try:
        response = read(START + events + STOP)
    except ProtocolError:
        return
    assert response.finish == "stop"


def test_a_malformed_answer_is_an_error_that_may_be_asked_for_again() -> None:
    with pytest.raises(ProtocolError, match="the model wrote a call that cannot be read"):
        read(START + HELLO + frame("messageStop", {"stopReason": "malformed_tool_use"}) + END)


def test_nothing_follows_the_end() -> None:
    told = deltas_of(WHOLE + HELLO + STOP + END)
    assert [type(entry) for entry in told].count(ResponseFinished) == 1
    assert type(told[-1]) is ResponseFinished


def _call(number: int) -> bytes:
    start = {"toolUse": {"toolUseId": f"c{number}", "name": "f"}}
    return frame("contentBlockStart", {"contentBlockIndex": number % 2, "start": start})


HOSTILE = {
    "tiny texts": lambda n: delta({"text": "x"}),
    "calls of two indexes": _call,
    "blocks": lambda n: delta({"text": "x"}, n),
    "arguments": lambda n: delta({"toolUse": {"input": '[{"a":'}}),
    "signatures": lambda n: delta({"reasoningContent": {"signature": "xxxx"}}),
    "citations": lambda n: delta({"citation": {"a": 1}}),
    "texts and thoughts of one index": lambda n: delta({"text": "x"} if n % 2 else {"reasoningContent": {"text": "y"}}),
    "stops": lambda n: frame("contentBlockStop", {"contentBlockIndex": 0}),
    "starts": lambda n: START,
    "unknown events": lambda n: frame("ping", b"{}"),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("is_packed", [True, False])
def test_decoding_takes_time_in_proportion_to_the_length(name: str, is_packed: bool) -> None:
    def seconds(count: int) -> float:
        events = [HOSTILE[name](number) for number in range(count)]
        chunks = [b"".join(events)] if is_packed else events
        begun = time.process_time()
        with suppress(AgentkitError):
            read(START, *chunks, STOP + END)
        return time.process_time() - begun

    for _ in range(4):  # a machine with other work to do is no proof
        times = [seconds(count) for count in (2_000, 4_000)]
        if times[-1] < 0.05 or times[-1] <= times[0] * 3.2:
            return
    pytest.fail(f"{name}: {times}")


def test_a_frame_that_comes_byte_by_byte_costs_no_more_than_its_bytes() -> None:
    def seconds(size: int) -> float:
        stream = START + delta({"text": "x" * size}) + STOP + END
        begun = time.process_time()
        assert len(read(*(stream[at : at + 1] for at in range(len(stream)))).text) == size
        return time.process_time() - begun

    for _ in range(4):
        times = [seconds(size) for size in (100_000, 200_000)]
        if times[-1] <= times[0] * 3.2:
            return
    pytest.fail(f"{times}")
