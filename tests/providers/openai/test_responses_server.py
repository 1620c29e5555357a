from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from providers.openai import responses_strategies as strategies
from providers.openai.responses_strategies import own
from shared import oracle

from agentkit.assemble import assemble, take_apart
from agentkit.codec import WireRequest
from agentkit.errors import BadRequestError, RateLimitError
from agentkit.exchange import (
    PartFinished,
    Request,
    Response,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
)
from agentkit.media import Document, Image, Inline, ProviderData, Remote, Uploaded
from agentkit.messages import AssistantMessage, Failed, Lost, Opaque, Returned, Text, Thinking, ToolCall, UserMessage
from agentkit.providers.openai.responses import ResponsesCodec
from agentkit.providers.openai.responses_server import ResponsesServer, messages_from_responses
from agentkit.settings import Settings

PDF, TEXT = Inline(b"%PDF-1", "application/pdf"), Inline(b"hello", "text/plain")
CODEC = ResponsesCodec()
SERVER = ResponsesServer()


def facts(request: Request) -> tuple[Any, ...]:
    """A request as plain values: tools are compared by identity elsewhere."""
    tools = [(tool.name, tool.description, dict(tool.parameters), tool.strict) for tool in request.tools]
    return (
        request.model, request.messages, request.instructions, tools, request.output, request.settings,
        request.is_streamed,
    )  # fmt: skip


def read(**body: Any) -> Request:
    return SERVER.read(WireRequest("/responses", json.dumps({"model": "gpt-6-sol", "store": False, **body}).encode()))


def streamed(response: Response) -> bytes:
    return SERVER.stream_writer().write(take_apart(response))


@given(strategies.requests)
@hypothesis_settings(max_examples=150, deadline=None)
def test_reads_every_request_that_the_client_half_writes(request: Request) -> None:
    assert facts(SERVER.read(CODEC.encode(request))) == facts(request)


@given(strategies.requests)
@hypothesis_settings(max_examples=60, deadline=None)
def test_writes_requests_that_the_oracle_accepts(request: Request) -> None:
    assert oracle("oracle_openai").check(json.loads(CODEC.encode(request).body), "responses") == []


@given(strategies.responses())
@hypothesis_settings(max_examples=150, deadline=None)
def test_whole_replies_decode_to_what_was_written(response: Response) -> None:
    assert CODEC.decode(SERVER.write(response).body) == response


@given(strategies.responses(), st.data())
@hypothesis_settings(max_examples=150, deadline=None)
def test_streamed_replies_decode_to_what_was_written_at_any_split(response: Response, data: st.DataObject) -> None:
    stream = streamed(response)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=8)))
    decoder = CODEC.decoder()
    chunks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    deltas = [delta for chunk in chunks for delta in decoder.feed(chunk)]
    assert assemble([*deltas, *decoder.finish()]) == response


@given(strategies.responses())
@hypothesis_settings(max_examples=60, deadline=None)
def test_streams_pass_the_oracle(response: Response) -> None:
    assert oracle("oracle_stream").check(streamed(response).decode(), "responses") == []


def test_whole_replies_pass_the_oracle() -> None:
    message = AssistantMessage(
        (Thinking("hm"), Text("hi"), ToolCall("call_1", "f", "{}")), "gpt-6-sol", "resp_1", "tool_calls"
    )
    body = json.loads(SERVER.write(Response(message)).body)
    assert oracle("oracle_openai").check_response(body, "responses") == []


def test_streams_deltas_as_they_come_and_ends_open_parts() -> None:
    writer = SERVER.stream_writer()
    first = writer.write([ResponseStarted("resp_1", "gpt-6-sol"), ThinkingDelta("hm", 0)])
    second = writer.write([TextDelta("Hel", 1), TextDelta("lo", 1), ToolCallDelta("", 2, "call_1", "f")])
    third = writer.write(
        [ToolCallDelta('{"a":', 2), ToolCallDelta("1}", 2), ResponseFinished("tool_calls", "completed")]
    )
    stream = (first + second + third).decode()
    assert oracle("oracle_stream").check(stream, "responses") == []
    kinds = [line.removeprefix("event: response.") for line in stream.splitlines() if line.startswith("event:")]
    assert kinds == [
        "created", "in_progress",
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta",
        "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.delta",
        "reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done",
        "output_text.done", "content_part.done", "output_item.done",
        "function_call_arguments.done", "output_item.done",
        "completed",
    ]  # fmt: skip


def test_a_stream_that_fails_ends_with_an_error_event_of_the_same_kind() -> None:
    writer = SERVER.stream_writer()
    stream = writer.write([ResponseStarted("resp_1", "m")]) + writer.fail(
        RateLimitError("slow down", code="rate_limit_exceeded")
    )
    assert oracle("oracle_stream").check(stream.decode(), "responses") == []
    decoder = CODEC.decoder()
    assert decoder.feed(stream) == [ResponseStarted("resp_1", "m")]
    with pytest.raises(RateLimitError, match="slow down"):
        decoder.finish()


def test_joins_calls_with_their_outputs_wherever_these_stand() -> None:
    messages = messages_from_responses([
        {"role": "user", "content": "hi"},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "b", "name": "f", "arguments": ""},
        {"role": "user", "content": "well?"},
        {"type": "function_call_output", "call_id": "b", "output": '{"x":1}'},
        {"type": "function_call_output", "call_id": "a", "output": "Error: no"},
        {"role": "assistant", "content": "done"},
    ])  # fmt: skip
    assert messages == [
        UserMessage((Text("hi"),)),
        AssistantMessage(
            (ToolCall("a", "f", "{}", Failed("no")), ToolCall("b", "f", "", Returned({"x": 1}))), finish="tool_calls"
        ),
        UserMessage((Text("well?"),)),
        AssistantMessage((Text("done"),)),
    ]


def test_calls_that_share_an_id_get_their_outputs_in_order() -> None:
    messages = messages_from_responses([
        {"type": "function_call", "call_id": "x", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "x", "output": "one"},
        {"type": "function_call", "call_id": "x", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "x", "output": "two"},
    ])  # fmt: skip
    assert [call.outcome for message in messages for call in message.calls] == [Returned("one"), Returned("two")]


def test_a_call_without_an_output_is_lost() -> None:
    messages = messages_from_responses([{"type": "function_call", "call_id": "x", "name": "f", "arguments": "{}"}])
    assert messages == [AssistantMessage((ToolCall("x", "f", "{}", Lost()),), finish="tool_calls")]


def test_refuses_an_output_without_its_call() -> None:
    with pytest.raises(BadRequestError, match="No tool call found for function call output with call_id x"):
        read(input=[{"type": "function_call_output", "call_id": "x", "output": "1"}])


def test_keeps_an_output_whose_call_lies_at_the_provider() -> None:
    item = {"type": "function_call_output", "call_id": "x", "output": "1"}
    request = read(input=[item], previous_response_id="resp_1")
    assert request.messages == (UserMessage((Opaque(own(item)),)),)
    assert json.loads(CODEC.encode(request).body) == {
        "model": "gpt-6-sol", "store": False, "include": ["reasoning.encrypted_content"], "input": [item],
        "previous_response_id": "resp_1",
    }  # fmt: skip


def test_keeps_references_to_stored_items_in_their_place() -> None:
    items = [{"role": "user", "content": "a"}, {"type": "item_reference", "id": "msg_1"}]
    assert json.loads(CODEC.encode(read(input=items, store=True)).body)["input"] == items


def test_leading_system_messages_are_instructions_and_later_ones_stay() -> None:
    request = read(
        instructions="one",
        input=[
            {"role": "developer", "content": "two"},
            {"role": "system", "content": [{"type": "input_text", "text": "three"}]},
            {"role": "user", "content": "hi"},
            {"role": "system", "content": "four"},
        ],
    )
    assert request.instructions == "one\n\ntwo\n\nthree"
    assert request.messages == (
        UserMessage((Text("hi"),)),
        UserMessage((Text("four", provider_data=own({"role": "system"})),)),
    )


def test_a_string_is_what_the_user_says() -> None:
    assert read(input="hi").messages == (UserMessage((Text("hi"),)),)


def test_media_in_outputs_stand_beside_the_content() -> None:
    pieces = [{"type": "input_text", "text": "see"}, {"type": "input_image", "image_url": "https://a.example/b.png"}]
    messages = messages_from_responses([
        {"type": "function_call", "call_id": "x", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "x", "output": pieces},
    ])  # fmt: skip
    assert messages[0].calls[0].outcome == Returned("see", (Image(Remote("https://a.example/b.png")),))


@pytest.mark.parametrize(
    ("output", "outcome"),
    [
        ("5", Returned(5)),
        ("5.0 ", Returned("5.0 ")),
        ('{"a": 1}', Returned('{"a": 1}')),  # not as we write it: the spaces are kept
        ({"a": 1}, Returned({"a": 1})),
        ([{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}], Returned("a\nb")),
        ([{"type": "input_text", "text": "Error: no"}], Failed("no")),
    ],
)
def test_reads_outputs_of_every_form(output: Any, outcome: Returned | Failed) -> None:
    call = {"type": "function_call", "call_id": "x", "name": "f", "arguments": "{}"}
    messages = messages_from_responses([call, {"type": "function_call_output", "call_id": "x", "output": output}])
    assert messages[0].calls[0].outcome == outcome


@pytest.mark.parametrize(
    ("piece", "part"),
    [
        ({"type": "input_file", "file_data": "JVBERi0x", "filename": "a.pdf"}, Document(PDF, "a.pdf")),
        ({"type": "input_file", "file_data": "aGVsbG8", "filename": "a.txt"}, Document(TEXT, "a.txt")),
        ({"type": "input_file", "file_id": "file-1"}, Document(Uploaded("file-1", "openai"))),
        ({"type": "input_image", "image_url": "data:image/svg,x"}, Image(Remote("data:image/svg,x"))),
        ({"type": "input_text", "text": None}, Text("")),
    ],
)
def test_reads_media_of_every_form(piece: dict[str, Any], part: Document | Image | Text) -> None:
    assert read(input=[{"role": "user", "content": [piece]}]).messages == (UserMessage((part,)),)


def test_a_better_version_of_a_part_is_told_by_the_last_event() -> None:
    better = Text("Hello", provider_data=own({"id": "msg_1", "status": "completed"}))
    writer = SERVER.stream_writer()
    stream = writer.write([TextDelta("Hel", 0), PartFinished(Text("Hel"), 0)])
    stream += writer.write([ResponseStarted("resp_1", "m"), PartFinished(better, 0), ResponseFinished("stop")])
    decoder = CODEC.decoder()
    assert assemble([*decoder.feed(stream), *decoder.finish()]).message.parts == (better,)


def test_leaves_out_what_the_format_has_no_place_for() -> None:
    foreign = Opaque(ProviderData("anthropic:messages", {"type": "redacted"}))
    response = Response(AssistantMessage((foreign, Image(Remote("https://a.example/b.png"))), "m", "resp_1"))
    assert json.loads(SERVER.write(response).body)["output"] == []
    decoder = CODEC.decoder()
    assert assemble([*decoder.feed(streamed(response)), *decoder.finish()]).message.parts == ()


def test_custom_calls_are_streamed_as_a_whole() -> None:
    data = own({"type": "custom_tool_call", "id": "ctc_1"})
    message = AssistantMessage((ToolCall("call_1", "sql", '{"input":"x"}', provider_data=data),), "m", "resp_1")
    stream = streamed(Response(message)).decode()
    assert "function_call_arguments" not in stream
    assert '"type":"custom_tool_call"' in stream


def test_fields_without_a_place_are_kept_as_extras() -> None:
    request = read(
        input="hi", store=True, truncation="auto", text={"format": {"type": "json_object"}, "verbosity": "low"},
        reasoning={"effort": "high", "context": "all_turns"}, tool_choice={"type": "web_search"},
        tools=[{"type": "web_search"}], include=["message.output_text.logprobs"], temperature=None,
    )  # fmt: skip
    assert request.settings == Settings(
        reasoning="high",
        verbosity="low",
        extra={
            "openai": {
                "truncation": "auto", "store": True, "include": ["message.output_text.logprobs"],
                "tools": [{"type": "web_search"}], "text": {"format": {"type": "json_object"}},
                "reasoning": {"context": "all_turns"}, "tool_choice": {"type": "web_search"},
            }
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"model": ""}, "Missing required parameter: 'model'"),
        ({"input": 5}, "Invalid type for 'input'"),
        ({"input": ["hi"]}, r"Invalid type for 'input\[0\]'"),
        ({"input": [{"role": "robot", "content": "x"}]}, "Invalid value: 'robot'"),
        ({"input": [{"role": "user"}]}, r"Missing required parameter: 'input\[0\].content'"),
        ({"input": [{"role": "user", "content": [{"type": "smell"}]}]}, "Invalid value: 'smell'"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "image_url"),
        ({"input": "x", "max_output_tokens": 3}, "expected a value >= 16, but got 3"),
        ({"input": "x", "tools": [{"type": "function"}]}, "tools"),
    ],
)
def test_refuses_what_the_service_would_refuse(body: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadRequestError, match=complaint):
        read(**body)


@pytest.mark.parametrize("body", [b"", b"{", b"[]"])
def test_refuses_bodies_that_are_no_object(body: bytes) -> None:
    with pytest.raises(BadRequestError):
        SERVER.read(WireRequest("/responses", body))


def test_errors_read_back_as_the_same_error() -> None:
    reply = SERVER.write_error(RateLimitError("slow down", code="rate_limit_exceeded", retry_after_seconds=2))
    error = CODEC.decode_error(reply.status, dict(reply.headers), reply.body)
    assert (type(error), error.message, error.status) == (RateLimitError, "slow down", 429)
    assert dict(reply.headers)["retry-after"] == "2"
