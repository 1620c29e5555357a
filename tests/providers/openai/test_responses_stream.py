from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from providers.openai.responses_strategies import json_values, own

from agentkit.assemble import assemble
from agentkit.errors import ExchangeError, OverloadedError, ProtocolError, QuotaExceededError, RateLimitError
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
from agentkit.messages import AssistantMessage, Text, Thinking, ToolCall
from agentkit.providers.openai.responses import ResponsesCodec
from agentkit.usage import Usage

EMPTY = {"id": "resp_1", "object": "response", "status": "in_progress", "model": "gpt-6-sol", "output": []}
NO_MONEY = {"code": "insufficient_quota", "message": "slow down"}
MESSAGE = {
    "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
    "content": [{"type": "output_text", "text": "Hello", "annotations": []}],
}  # fmt: skip
HELLO = Text("Hello", provider_data=own({"id": "msg_1", "status": "completed"}))


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def created(**fields: Any) -> bytes:
    return event("response.created", response=EMPTY | fields)


def completed(*output: dict[str, Any], **fields: Any) -> bytes:
    return event("response.completed", response={**EMPTY, "status": "completed", "output": output, **fields})


def text(delta: str, **fields: Any) -> bytes:
    return event("response.output_text.delta", **{"delta": delta, "output_index": 0, "content_index": 0, **fields})


def deltas(*chunks: bytes) -> list[Delta]:
    decoder = ResponsesCodec().decoder()
    return [delta for chunk in chunks for delta in decoder.feed(chunk)] + decoder.finish()


def test_tells_a_whole_answer_piece_by_piece() -> None:
    reasoning = {
        "type": "reasoning", "id": "rs_1", "encrypted_content": "gAAA",
        "summary": [{"type": "summary_text", "text": "hm"}],
    }  # fmt: skip
    message = {**MESSAGE}
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": '{"a":1}'}
    usage = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    told = deltas(
        created(),
        event("response.in_progress", response=EMPTY),
        event("response.output_item.added", output_index=0, item={"type": "reasoning", "id": "rs_1", "summary": []}),
        event("response.reasoning_summary_text.delta", output_index=0, summary_index=0, delta="hm"),
        event("response.output_item.done", output_index=0, item=reasoning),
        event("response.output_item.added", output_index=1, item={**MESSAGE, "content": []}),
        text("Hel", output_index=1, obfuscation="abc"),
        text("lo", output_index=1),
        event("response.output_item.done", output_index=1, item=message),
        event("response.output_item.added", output_index=2, item={**call, "arguments": ""}),
        event("response.function_call_arguments.delta", output_index=2, delta='{"a":1}'),
        event("response.function_call_arguments.done", output_index=2, arguments='{"a":1}'),
        event("response.output_item.done", output_index=2, item=call),
        completed(reasoning, message, call, usage=usage),
    )
    assert told == [
        ResponseStarted("resp_1", "gpt-6-sol"),
        ThinkingDelta("hm", 0),
        PartFinished(Thinking("hm", own(reasoning)), 0),
        TextDelta("Hel", 1000),
        TextDelta("lo", 1000),
        PartFinished(HELLO, 1000),
        ToolCallDelta("", 2000, "call_1", "f"),
        ToolCallDelta('{"a":1}', 2000),
        PartFinished(ToolCall("call_1", "f", '{"a":1}', provider_data=own({"id": "fc_1"})), 2000),
        ResponseFinished("tool_calls", "completed", Usage(3, 0, 0, 2, 0)),
    ]


def test_refusals_are_told_as_such() -> None:
    refusal = {**MESSAGE, "content": [{"type": "refusal", "refusal": "No."}]}
    told = deltas(
        created(),
        event("response.refusal.delta", output_index=0, content_index=0, delta="No."),
        completed(refusal),
    )
    assert told[1] == TextDelta("No.", 0, True)
    assert assemble(told).message.refusal == "No."


def test_what_the_last_event_says_replaces_what_was_streamed() -> None:
    early = event("response.output_item.done", output_index=0, item={**MESSAGE, "content": []})
    told = deltas(created(), text("Hi"), early, completed(MESSAGE, model="gpt-6-sol-2026"))
    assert assemble(told) == Response(AssistantMessage((HELLO,), "gpt-6-sol-2026", "resp_1"), "completed")


def test_items_are_found_again_over_gaps_in_their_numbers() -> None:
    second = {**MESSAGE, "id": "msg_2"}
    told = deltas(
        created(),
        event("response.output_item.done", output_index=0, item=MESSAGE),
        event("response.output_item.done", output_index=3, item=second),
        completed(MESSAGE, second),
    )
    assert assemble(told).text == "HelloHello"


def test_content_that_is_counted_from_one_is_one_part() -> None:
    told = deltas(
        created(),
        event("response.content_part.added", output_index=0, content_index=1, part={}),
        text("Hello", content_index=1),
        event("response.output_item.done", output_index=0, item=MESSAGE),
        completed(MESSAGE),
    )
    assert assemble(told).message.parts == (HELLO,)


def test_an_empty_last_output_keeps_what_was_streamed() -> None:
    told = deltas(created(), event("response.output_item.done", output_index=0, item=MESSAGE), completed())
    assert assemble(told).message.parts == (HELLO,)


def test_calls_of_which_only_the_streamed_items_tell_are_calls() -> None:
    call = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}
    told = deltas(created(), event("response.output_item.done", output_index=0, item=call), completed())
    assert assemble(told).finish == "tool_calls"


def test_an_incomplete_answer_ends_for_its_reason() -> None:
    last = {**EMPTY, "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}, "output": [MESSAGE]}
    told = deltas(created(), event("response.incomplete", response=last))
    assert told[-1] == ResponseFinished("length", "max_output_tokens")


def test_skips_events_that_it_does_not_know_and_counts_them() -> None:
    decoder = ResponsesCodec().decoder()
    decoder.feed(created() + event("response.sparkle", delta="x") + b": keep-alive\n\n" + b"data: [DONE]\n\n")
    assert decoder.events == 2


@pytest.mark.parametrize(
    ("last", "error"),
    [
        (event("error", code="rate_limit_exceeded", message="slow down", param=None), RateLimitError),
        (event("error", error={"code": "rate_limit_exceeded", "message": "slow down"}), RateLimitError),
        (event("response.failed", response={**EMPTY, "status": "failed", "error": NO_MONEY}), QuotaExceededError),
        (b'data: {"error": {"message": "slow down", "type": "overloaded_error", "code": 503}}\n\n', OverloadedError),
    ],
)  # fmt: skip
def test_raises_the_error_of_an_error_event(last: bytes, error: type[ExchangeError]) -> None:
    with pytest.raises(error, match="slow down"):
        deltas(created(), text("Hel"), last)


def test_a_cut_stream_is_an_error() -> None:
    with pytest.raises(ProtocolError, match="the stream was cut: it ended after 2 events"):
        deltas(created(), text("Hel"))


@pytest.mark.parametrize("data", [b"{", b"5", b"[]", b'"x"', b"null"])
def test_data_that_is_no_object_is_an_error(data: bytes) -> None:
    with pytest.raises(ProtocolError, match="makes no sense"):
        deltas(b"data: " + data + b"\n\n")


def test_a_plain_error_labelled_as_a_stream_is_raised() -> None:
    with pytest.raises(RateLimitError, match="slow down"):
        deltas(b'{"error": {"message": "slow', b' down", "code": "rate_limit_exceeded"}}')


def test_a_whole_reply_labelled_as_a_stream_is_read() -> None:
    body = json.dumps({**EMPTY, "status": "completed", "output": [MESSAGE]}).encode()
    assert assemble(deltas(body)) == ResponsesCodec().decode(body)


@pytest.mark.parametrize("body", [b"", b"<html>busy</html>", b"[]"])
def test_a_stream_without_events_is_an_error(body: bytes) -> None:
    with pytest.raises(ProtocolError, match="ended after 0 events"):
        deltas(body)


KINDS = [
    "response.created", "response.output_item.added", "response.output_item.done", "response.content_part.added",
    "response.output_text.delta", "response.function_call_arguments.delta", "response.refusal.delta",
    "response.reasoning_summary_text.delta", "response.completed", "response.failed", "error",
]  # fmt: skip
FIELDS = ["response", "item", "delta", "output_index", "content_index", "error"]


@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(FIELDS), json_values))
@example("response.function_call_arguments.delta", {"delta": "", "output_index": []})
@example("response.function_call_arguments.delta", {"delta": "", "output_index": ""})
@hypothesis_settings(max_examples=300, deadline=None)
def test_odd_events_raise_nothing_but_our_errors(kind: str, fields: dict[str, Any]) -> None:
    with contextlib.suppress(ExchangeError):
        assemble(deltas(created(), event(kind, **fields), completed(MESSAGE)))


@given(st.binary(max_size=60), st.booleans())
@hypothesis_settings(max_examples=200, deadline=None)
def test_noise_raises_nothing_but_our_errors(noise: bytes, is_first: bool) -> None:
    with contextlib.suppress(ExchangeError):
        deltas(*([noise, created()] if is_first else [created(), noise]))
