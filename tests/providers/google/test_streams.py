from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from providers.google.content_strategies import json_values, own

from agentkit.assemble import assemble
from agentkit.errors import OverloadedError, ProtocolError, RateLimitError
from agentkit.exchange import (
    Delta,
    PartFinished,
    Response,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
)
from agentkit.messages import Text, ToolCall
from agentkit.providers.google.generate_content import GenerateContentCodec
from agentkit.providers.google.streams import ObjectSplitter
from agentkit.usage import Usage

CODEC = GenerateContentCodec()


def chunk(*parts: dict[str, Any], **candidate: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, **candidate}]}


def piece(path: str | None = None, *, more: bool = True, **value: Any) -> dict[str, Any]:
    """A part of a call that comes in pieces."""
    call: dict[str, Any] = {"willContinue": True} if more else {}
    if path is not None:
        call["partialArgs"] = [{"jsonPath": path, **value}]
    return {"functionCall": call}


def sse(*chunks: Any, end: str = "\r\n\r\n", start: str = "data: ") -> bytes:
    return "".join(f"{start}{json.dumps(value)}{end}" for value in chunks).encode()


def deltas_of(stream: bytes) -> list[Delta]:
    decoder = CODEC.decoder()
    return [*decoder.feed(stream), *decoder.finish()]


def decoded(stream: bytes) -> Response:
    return assemble(deltas_of(stream))


END = chunk({"text": ""}, finishReason="STOP")


def test_tells_text_thinking_and_calls_as_they_come() -> None:
    stream = sse(
        {**chunk({"text": "hm", "thought": True}), "modelVersion": "m", "responseId": "1",
         "usageMetadata": {"promptTokenCount": 5, "thoughtsTokenCount": 1}},
        {**chunk({"text": "Hel"}), "modelVersion": "m", "responseId": "1"},
        {**chunk({"text": "lo"}), "modelVersion": "m", "responseId": "1"},
        {**chunk({"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "YQ=="}), "modelVersion": "m"},
        {**chunk({"text": "", "thoughtSignature": "Yg=="}, finishReason="STOP"),
         "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 4, "thoughtsTokenCount": 2}},
    )  # fmt: skip
    call = ToolCall("", "f", '{"a":1}', provider_data=own({"thoughtSignature": "YQ=="}))
    assert deltas_of(stream) == [
        ResponseStarted("1", "m"),
        ThinkingDelta("hm", 0),
        TextDelta("Hel", 1),
        TextDelta("lo", 1),
        ToolCallDelta('{"a":1}', 2, "", "f"),
        PartFinished(call, 2),
        PartFinished(Text("", provider_data=own({"thoughtSignature": "Yg=="})), 3),
        ResponseFinished("tool_calls", "STOP", Usage(5, 0, 0, 4, 2)),
    ]


def test_q5_a_signed_piece_is_never_joined_with_another() -> None:
    signed = {"text": "b", "thoughtSignature": "YQ=="}
    stream = sse(chunk({"text": "a"}), chunk(signed), chunk({"text": "c"}), chunk({"text": "d"}), END)
    assert decoded(stream).message.parts == (
        Text("a"), Text("b", provider_data=own({"thoughtSignature": "YQ=="})), Text("cd")
    )  # fmt: skip


@pytest.mark.parametrize("stream", [sse(chunk({"text": "So far"})), b"", b": comment\n\n", b"[", b"[]", b"<html>"])
def test_q6_a_stream_without_a_reason_is_cut(stream: bytes) -> None:
    decoder = CODEC.decoder()
    decoder.feed(stream)
    with pytest.raises(ProtocolError, match=r"the stream was cut: it ended after \d events without a finishReason"):
        decoder.finish()


def test_q6_the_answer_is_complete_only_at_the_end_since_no_event_says_done() -> None:
    decoder = CODEC.decoder()
    late = {
        "candidates": [{"groundingMetadata": {"webSearchQueries": ["x"]}}],
        "usageMetadata": {"promptTokenCount": 3},
    }
    deltas = decoder.feed(sse(chunk({"text": "hi"}, finishReason="STOP"), late))
    assert deltas == [TextDelta("hi", 0)]
    details = {"groundingMetadata": {"webSearchQueries": ["x"]}}
    assert decoder.finish() == [ResponseFinished("stop", "STOP", Usage(3), details)]


@pytest.mark.parametrize(("end", "start"), [("\r\n\r\n", "data: "), ("\n\n", "data:"), ("\r\r", ": hello\rdata: ")])
def test_q24_reads_any_line_ends_comments_and_data_without_a_space(end: str, start: str) -> None:
    stream = sse(chunk({"text": "hi"}), END, end=end, start=start)
    assert decoded(stream).text == "hi"
    decoder = CODEC.decoder()
    deltas = [delta for at in range(len(stream)) for delta in decoder.feed(stream[at : at + 1])]
    assert [*deltas, *decoder.finish()] == deltas_of(stream)
    assert decoder.events == 2


@pytest.mark.parametrize(
    "stream",
    [
        b'{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}',
        b'[{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}]',
        b'\r\n[\r\n{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}\r\n]\r\n',
        b'data: {"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}\r\n\r\n',
        b'data: [{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}]\n\n',
        sse(chunk({"text": "a"})) + b'data: {"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}\n\n',
    ],
)
def test_q24_q30_raises_an_error_in_whatever_form_it_comes(stream: bytes) -> None:
    with pytest.raises(OverloadedError, match="busy") as caught:
        CODEC.decoder().feed(stream)
    assert caught.value.status == 503


def test_q7_an_error_in_a_stream_tells_how_long_to_wait() -> None:
    error = {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": "2.5s"}]}
    with pytest.raises(RateLimitError) as caught:
        CODEC.decoder().feed(sse({"error": error}))
    assert caught.value.retry_after_seconds == 2.5


@pytest.mark.parametrize(
    "data", [b"{", b"3", b'{"candidates":3}', b'{"candidates":[{"content":{"parts":[{"text":3}]}}]}', b'"x"']
)
def test_an_event_that_makes_no_sense_is_a_protocol_error(data: bytes) -> None:
    with pytest.raises(ProtocolError, match="makes no sense"):
        CODEC.decoder().feed(b"data: " + data + b"\n\n")


def test_q27_arguments_come_in_pieces_for_their_places() -> None:
    stream = sse(
        chunk({"functionCall": {"name": "cook", "willContinue": True}, "thoughtSignature": "YQ=="}),
        chunk(piece("$.steps[0].name", stringValue="Bo", willContinue=True)),
        chunk(piece("$.steps[0].name", stringValue="il", willContinue=True)),
        chunk(piece("$.steps[0].name", stringValue="")),
        chunk(piece("$.steps[0].minutes", numberValue=5.0)),
        chunk(piece("$.steps[1]['odd name']", boolValue=True)),
        chunk(piece()),
        chunk(piece("$.note", nullValue="NULL_VALUE")),
        chunk(piece("$.price", more=False, numberValue=0.5)),
        END,
    )
    arguments = {"steps": [{"name": "Boil", "minutes": 5}, {"odd name": True}], "note": None, "price": 0.5}
    call = ToolCall(
        "", "cook", json.dumps(arguments, separators=(",", ":")), provider_data=own({"thoughtSignature": "YQ=="})
    )
    assert deltas_of(stream) == [
        ToolCallDelta("", 0, "", "cook"),
        PartFinished(call, 0),
        ResponseFinished("tool_calls", "STOP"),
    ]


def test_q27_a_call_in_pieces_ends_where_the_next_part_begins_or_the_stream_ends() -> None:
    begin = {"functionCall": {"name": "f", "willContinue": True}}
    stream = sse(
        chunk({"functionCall": {"name": "none"}}),
        chunk(begin), chunk(piece("$.a", stringValue="x")),
        chunk(begin), chunk(piece("$.a", stringValue="y")), chunk({"functionCall": {}}),
        chunk(begin), chunk({"text": "so"}), chunk(begin), END,
    )  # fmt: skip
    message = decoded(stream).message
    assert [(call.name, call.arguments) for call in message.calls] == [
        ("none", "{}"), ("f", '{"a":"x"}'), ("f", '{"a":"y"}'), ("f", "{}"), ("f", "{}")
    ]  # fmt: skip
    assert message.text == "so"


@pytest.mark.parametrize("path", ["", "$", "a", "$.", "$.a[", "$.a[x]", "$.a[999999999]", "$[0]", "$.a.b", "$..a"])
def test_q27_a_piece_without_a_place_is_a_protocol_error(path: str) -> None:
    begin = {"functionCall": {"name": "f", "args": {"a": [1]}, "willContinue": True}}
    with pytest.raises(ProtocolError, match="makes no sense"):
        CODEC.decoder().feed(sse(chunk(begin), chunk(piece(path, stringValue="x"))))


@given(st.lists(st.dictionaries(st.text(max_size=5), json_values, max_size=3), max_size=4), st.data())
@hypothesis_settings(max_examples=150, deadline=None)
def test_splits_an_array_into_its_objects_at_any_cut(values: list[dict[str, Any]], data: st.DataObject) -> None:
    text = json.dumps(values, ensure_ascii=data.draw(st.booleans()), indent=data.draw(st.sampled_from([None, 1])))
    stream = text.encode("utf-8", "replace")
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=8)))
    splitter = ObjectSplitter()
    found = [part for start, end in pairwise([0, *cuts, len(stream)]) for part in splitter.feed(stream[start:end])]
    assert [json.loads(part) for part in found] == values
