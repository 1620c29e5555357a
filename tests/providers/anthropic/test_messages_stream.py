from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from providers.anthropic.messages_strategies import json_objects, json_values, own, words

from agentkit.assemble import assemble
from agentkit.errors import (
    ExchangeError,
    OverloadedError,
    ProtocolError,
    QuotaExceededError,
    RateLimitError,
)
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
from agentkit.messages import AssistantMessage, Opaque, Text, Thinking, ToolCall
from agentkit.providers.anthropic.messages import MessagesCodec
from agentkit.usage import Usage

CODEC = MessagesCodec()
EMPTY: dict[str, Any] = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5", "content": [],
    "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 1},
}  # fmt: skip
STARTED = ResponseStarted("msg_1", "claude-sonnet-5-5")


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def start(**fields: Any) -> bytes:
    return event("message_start", message=EMPTY | fields)


def begin(index: int, kind: str, **fields: Any) -> bytes:
    return event("content_block_start", index=index, content_block={"type": kind, **fields})


def piece(index: int, kind: str, **fields: Any) -> bytes:
    return event("content_block_delta", index=index, delta={"type": kind, **fields})


def stop(index: int) -> bytes:
    return event("content_block_stop", index=index)


def end(reason: str = "end_turn", **usage: Any) -> bytes:
    delta = {"stop_reason": reason, "stop_sequence": None}
    return event("message_delta", delta=delta, usage={"output_tokens": 2, **usage}) + event("message_stop")


def said(text: str, index: int = 0) -> bytes:
    return begin(index, "text", text="") + piece(index, "text_delta", text=text) + stop(index)


def deltas(*chunks: bytes) -> list[Delta]:
    decoder = CODEC.decoder()
    return [delta for chunk in chunks for delta in decoder.feed(chunk)] + decoder.finish()


def answer(*chunks: bytes) -> Response:
    return assemble(deltas(*chunks))


def test_tells_a_whole_answer_piece_by_piece() -> None:
    stream = (
        start(),
        begin(0, "thinking", thinking="", signature=""),
        event("ping"),
        piece(0, "thinking_delta", thinking="hm"),
        piece(0, "signature_delta", signature="S"),
        stop(0),
        begin(1, "text", text=""),
        piece(1, "text_delta", text="Hel"),
        piece(1, "text_delta", text="lo"),
        stop(1),
        begin(2, "tool_use", id="toolu_1", name="f", input={}),
        piece(2, "input_json_delta", partial_json=""),
        piece(2, "input_json_delta", partial_json='{"x":'),
        piece(2, "input_json_delta", partial_json="1}"),
        stop(2),
        end("tool_use"),
    )
    assert deltas(*stream) == [
        STARTED,
        ThinkingDelta("hm", 0),
        PartFinished(Thinking("hm", own({"signature": "S"})), 0),
        TextDelta("Hel", 1),
        TextDelta("lo", 1),
        ToolCallDelta("", 2, "toolu_1", "f"),
        ToolCallDelta('{"x":', 2),
        ToolCallDelta("1}", 2),
        ResponseFinished("tool_calls", "tool_use", Usage(3, 0, 0, 2)),
    ]


def test_q2_the_last_usage_wins_and_running_totals_are_not_added() -> None:
    usage = {"input_tokens": 10, "cache_read_input_tokens": 100, "output_tokens": 1}
    stream = [start(usage=usage), said("x"), end(input_tokens=12, cache_creation_input_tokens=7, output_tokens=9)]
    assert answer(*stream).usage == Usage(12, 100, 7, 9)


def test_q4_redacted_and_omitted_thinking_are_kept_in_order() -> None:
    redacted: dict[str, Any] = {"type": "redacted_thinking", "data": "Emw"}
    parts = answer(
        start(),
        begin(0, "redacted_thinking", data="Emw") + stop(0),
        begin(1, "thinking", thinking="", signature="") + piece(1, "signature_delta", signature="S") + stop(1),
        said("x", 2),
        end(),
    ).message.parts
    assert parts == (Opaque(own(redacted)), Thinking("", own({"signature": "S"})), Text("x"))


def test_citations_belong_to_their_text() -> None:
    cited = [{"type": "char_location", "cited_text": "a"}, {"type": "char_location", "cited_text": "b"}]
    stream = [begin(0, "text", text="", citations=[]), piece(0, "text_delta", text="x")]
    stream += [piece(0, "citations_delta", citation=citation) for citation in cited]
    assert answer(start(), *stream, stop(0), end()).message.parts == (
        Text("x", provider_data=own({"citations": cited})),
    )


def test_items_that_the_provider_ran_are_kept_whole() -> None:
    stream = [
        begin(0, "server_tool_use", id="s", name="web_search", input={}),
        piece(0, "input_json_delta", partial_json='{"query": "x"}'),
        stop(0),
        begin(1, "web_search_tool_result", tool_use_id="s", content=[{"type": "web_search_result"}]),
        stop(1),
    ]
    search: dict[str, Any] = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}}
    found: dict[str, Any] = {
        "type": "web_search_tool_result",
        "tool_use_id": "s",
        "content": [{"type": "web_search_result"}],
    }
    assert answer(start(), *stream, end()).message.parts == (Opaque(own(search)), Opaque(own(found)))


@pytest.mark.parametrize("pieces", [[], [""], ["{}"], ["{", "}"]])
def test_q13_an_empty_join_of_arguments_means_an_empty_object(pieces: list[str]) -> None:
    stream = [piece(0, "input_json_delta", partial_json=text) for text in pieces]
    response = answer(start(), begin(0, "tool_use", id="a", name="f", input={}), *stream, stop(0), end("tool_use"))
    assert response.calls == (ToolCall("a", "f", "{}"),)


def test_arguments_in_the_first_event_are_taken() -> None:
    response = answer(start(), begin(0, "tool_use", id="a", name="f", input={"x": 1}), stop(0), end("tool_use"))
    assert response.calls == (ToolCall("a", "f", '{"x":1}'),)


def test_arguments_that_were_cut_stay_as_they_came() -> None:
    stream = [begin(0, "tool_use", id="a", name="f", input={}), piece(0, "input_json_delta", partial_json='{"x": "')]
    response = answer(start(), *stream, stop(0), end("max_tokens"))
    assert (response.calls, response.finish) == ((ToolCall("a", "f", '{"x": "'),), "length")


def test_q14_an_answer_with_calls_ended_for_them() -> None:
    response = answer(start(), begin(0, "tool_use", id="a", name="f", input={}), stop(0), end("end_turn"))
    assert (response.finish, response.finish_raw) == ("tool_calls", "end_turn")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, OverloadedError),
        ({"type": "rate_limit_error", "message": "slow down"}, RateLimitError),
        ({"type": "billing_error", "message": "no money"}, QuotaExceededError),
    ],
)
def test_q1_an_error_inside_a_stream_is_raised(error: dict[str, str], kind: type[ExchangeError]) -> None:
    decoder = CODEC.decoder()
    decoder.feed(start() + said("x"))
    with pytest.raises(kind, match=error["message"]) as caught:
        decoder.feed(event("error", error=error))
    assert (caught.value.model, caught.value.status) == ("claude-sonnet-5-5", 200)


def test_q1_a_refusal_in_a_stream_keeps_what_was_said() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "no"}
    delta = {"stop_reason": "refusal", "stop_details": details}
    last = event("message_delta", delta=delta, usage={"output_tokens": 2}) + event("message_stop")
    response = answer(start(), said("I"), last)
    assert (response.finish, response.text, response.details) == ("refusal", "I", {"stop_details": details})


def crlf(stream: bytes) -> bytes:
    return stream.replace(b"\n", b"\r\n")


def without_spaces(stream: bytes) -> bytes:
    return stream.replace(b"data: ", b"data:").replace(b"event: ", b"event:")


def with_comments(stream: bytes) -> bytes:
    return b": hello\n\n" + stream.replace(b"event: ", b": keep-alive\nevent: ")


def without_names(stream: bytes) -> bytes:
    return b"".join(line + b"\n" for line in stream.split(b"\n") if not line.startswith(b"event:"))


@pytest.mark.parametrize("change", [crlf, without_spaces, with_comments, without_names])
def test_q24_other_forms_of_an_event_stream_are_read(change: Any) -> None:
    stream = start() + said("Hello") + end()
    assert answer(change(stream)) == answer(stream)


def test_q24_plain_json_labelled_as_an_event_stream_is_read() -> None:
    whole: dict[str, Any] = {**EMPTY, "content": [{"type": "text", "text": "Hello"}], "stop_reason": "end_turn"}
    assert answer(json.dumps(whole, indent=1).encode()) == CODEC.decode(json.dumps(whole).encode())
    with pytest.raises(OverloadedError):
        answer(b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}')


def test_q26_a_spliced_message_start_takes_back_what_came_before() -> None:
    first = [
        start(id="msg_0", usage={"input_tokens": 99}),
        begin(0, "thinking", thinking="", signature=""),
        piece(0, "thinking_delta", thinking="no"),
        piece(0, "signature_delta", signature="N"),
        stop(0),
        said("away", 1),
        begin(2, "tool_use", id="n", name="f", input={}),
        piece(2, "input_json_delta", partial_json='{"y"'),
    ]
    response = answer(*first, start(), said("stays", 0), end())
    assert response.message.parts == (Text("stays"), Text(""), Text(""))
    assert (response.message.response_id, response.usage) == ("msg_1", Usage(3, 0, 0, 2))
    assert response.calls == ()


def test_q26_a_repeated_message_start_changes_nothing() -> None:
    stream = [start(), start(), begin(0, "text", text=""), piece(0, "text_delta", text="a"), start()]
    response = answer(*stream, piece(0, "text_delta", text="b"), stop(0), end())
    assert response.message.parts == (Text("ab"),)


def test_q26_content_and_stop_reason_may_be_in_the_first_event() -> None:
    content = [{"type": "text", "text": "Hello"}, {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}}]
    response = answer(start(content=content, stop_reason="tool_use"), event("message_stop"))
    assert response == Response(
        AssistantMessage(
            (Text("Hello"), ToolCall("a", "f", '{"x":1}')), EMPTY["model"], "msg_1", "tool_calls", Usage(3, 0, 0, 1)
        ),
        "tool_use",
    )


def test_q26_a_paused_turn_is_told_as_paused() -> None:
    assert answer(start(), said("x"), end("pause_turn")).finish == "paused"


def test_q26_a_compaction_is_kept_whole() -> None:
    stream = [begin(0, "compaction", content=None), piece(0, "compaction_delta", content="in short"), stop(0)]
    parts = answer(start(), *stream, said("x", 1), end()).message.parts
    assert parts == (Opaque(own({"type": "compaction", "content": "in short"})), Text("x"))


def test_events_of_kinds_to_come_are_passed_over() -> None:
    stream = [
        begin(0, "text", text=""),
        piece(0, "sparkle_delta", sparkle=1),
        piece(0, "text_delta", text="x"),
        stop(0),
    ]
    assert answer(start(), event("sparkle"), *stream, end()).message.parts == (Text("x"),)


def test_a_repeated_index_and_a_missing_one_begin_blocks_of_their_own() -> None:
    def nameless(kind: str, **fields: Any) -> bytes:
        return event(kind, **fields)

    assert answer(start(), said("a", 0), said("b", 0), end()).message.parts == (Text("a"), Text("b"))
    stream = [
        nameless("content_block_start", content_block={"type": "text", "text": ""}),
        nameless("content_block_delta", delta={"type": "text_delta", "text": "a"}),
        nameless("content_block_start", content_block={"type": "text", "text": "b"}),
    ]
    assert answer(start(), *stream, end()).message.parts == (Text("a"), Text("b"))


def test_blocks_without_a_start_or_an_end_are_told() -> None:
    stream = [piece(0, "text_delta", text="a"), piece(1, "thinking_delta", thinking="b")]
    stream += [begin(2, "tool_use", id="a", name="f", input={}), piece(2, "input_json_delta", partial_json="{}")]
    assert answer(start(), *stream, end()).message.parts == (Text("a"), Thinking("b"), ToolCall("a", "f", "{}"))


@pytest.mark.parametrize("kept", [b"", start(), start() + said("x"), start() + said("x") + end()[:-40]])
def test_a_cut_stream_is_a_protocol_error(kept: bytes) -> None:
    with pytest.raises(ProtocolError, match="cut"):
        answer(kept)


def test_what_follows_the_end_is_passed_over() -> None:
    assert answer(start(), said("x"), end(), start(), b"data: [DONE]\n\n") == answer(start(), said("x"), end())


@pytest.mark.parametrize(
    "data", ["nonsense", "[]", '{"type":"content_block_delta"}', '{"type":"message_delta","delta":3}',
             '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":3}}'],
)  # fmt: skip
def test_an_event_that_makes_no_sense_is_a_protocol_error(data: str) -> None:
    with pytest.raises(ProtocolError, match="makes no sense"):
        answer(start(), begin(0, "text", text=""), f"data: {data}\n\n".encode(), stop(0), end())


def test_an_error_without_a_type_is_raised() -> None:
    with pytest.raises(RateLimitError):
        answer(start(), b'data: {"error":{"type":"rate_limit_error","message":"slow down"}}\n\n')


def test_a_last_event_without_its_blank_line_is_read() -> None:
    stream = start() + said("x") + end()
    assert answer(stream[:-2]) == answer(stream)


def test_text_and_thinking_may_stand_in_the_first_event_of_a_block() -> None:
    cited = [{"type": "char_location", "cited_text": "a"}, {"type": "char_location", "cited_text": "b"}]
    stream = [
        begin(0, "thinking", thinking="hm", signature="S"),
        begin(1, "text", text="Hel", citations=cited[:1]),
        piece(1, "text_delta", text="lo"),
        piece(1, "citations_delta", citation=cited[1]),
        piece(7, "signature_delta", signature="nobody's"),
    ]
    assert answer(start(), *stream, end()).message.parts == (
        Thinking("hm", own({"signature": "S"})),
        Text("Hello", provider_data=own({"citations": cited})),
    )


def test_q26_a_block_that_comes_again_empty_is_taken_back() -> None:
    again = [start(id="msg_2"), begin(0, "text", text=""), stop(0), said("b", 1)]
    assert answer(start(), said("a", 0), *again, end()).message.parts == (Text(""), Text("b"))


def test_counts_events_and_neither_comments_nor_pings() -> None:
    decoder = CODEC.decoder()
    decoder.feed(b": keep-alive\n\n" + event("ping") + start() + b": keep-alive\n\n" + said("x") + event("ping"))
    assert decoder.events == 4


@given(st.lists(words | json_objects, max_size=4), st.data())
@hypothesis_settings(max_examples=100, deadline=None)
def test_streamed_and_whole_replies_are_equal_for_the_same_content(content: list[Any], data: st.DataObject) -> None:
    """However the server spaces the JSON of arguments, and however it cuts them."""
    blocks: list[dict[str, Any]] = []
    stream = start()
    for index, value in enumerate(content):
        if isinstance(value, str):
            blocks.append({"type": "text", "text": value})
            stream += said(value, index)
            continue
        blocks.append({"type": "tool_use", "id": f"t{index}", "name": "f", "input": value})
        text = json.dumps(value, indent=data.draw(st.sampled_from([None, 1])))
        cut = data.draw(st.integers(0, len(text)))
        stream += begin(index, "tool_use", id=f"t{index}", name="f", input={})
        stream += piece(index, "input_json_delta", partial_json=text[:cut])
        stream += piece(index, "input_json_delta", partial_json=text[cut:]) + stop(index)
    whole: dict[str, Any] = {
        **EMPTY,
        "content": blocks,
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }
    assert answer(stream + end()) == CODEC.decode(json.dumps(whole).encode())


@given(st.lists(json_values, max_size=4), st.sampled_from(["message_start", "content_block_start", "message_delta"]))
@hypothesis_settings(max_examples=100, deadline=None)
def test_odd_events_raise_nothing_but_exchange_errors(values: list[Any], kind: str) -> None:
    decoder = CODEC.decoder()
    names = ("message", "content_block", "delta", "usage", "index", "content")
    for value in values:
        with contextlib.suppress(ExchangeError):
            decoder.feed(event(kind, **dict.fromkeys(names, value)))
        with contextlib.suppress(ExchangeError):
            decoder.feed(piece(0, "text_delta", text=value) + piece(0, "input_json_delta", partial_json=value))
    with contextlib.suppress(ExchangeError):
        decoder.feed(event("message_stop"))
