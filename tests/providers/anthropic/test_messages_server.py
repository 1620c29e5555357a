from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from providers.anthropic import messages_strategies as strategies
from providers.anthropic.messages_strategies import PARAMETERS, own
from shared import oracle

from agentkit.assemble import assemble, take_apart
from agentkit.codec import WireRequest
from agentkit.errors import BadRequestError, QuotaExceededError, RateLimitError
from agentkit.exchange import (
    AttemptFailed,
    PartFinished,
    Request,
    Response,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
)
from agentkit.media import Document, Image, Inline, ProviderData, Remote
from agentkit.messages import AssistantMessage, Failed, Lost, Opaque, Returned, Text, ToolCall, UserMessage
from agentkit.providers.anthropic.messages import MessagesCodec
from agentkit.providers.anthropic.messages_server import MessagesServer, messages_from_anthropic
from agentkit.settings import Settings

CODEC = MessagesCodec()
SERVER = MessagesServer()


def facts(request: Request) -> tuple[Any, ...]:
    """A request as plain values: tools are compared by identity elsewhere."""
    tools = [(tool.name, tool.description, dict(tool.parameters), tool.strict) for tool in request.tools]
    return (
        request.model, request.messages, request.instructions, tools, request.output, request.settings,
        request.is_streamed,
    )  # fmt: skip


def read(**body: Any) -> Request:
    body = {"model": "claude-sonnet-5-5", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}], **body}
    return SERVER.read(WireRequest("/v1/messages", json.dumps(body).encode()))


def streamed(response: Response) -> bytes:
    return SERVER.stream_writer().write(take_apart(response))


def envelope(wire: WireRequest) -> dict[str, Any]:
    headers = {**dict(wire.headers), "x-api-key": "key"}
    return {"url": "https://api.anthropic.com/v1/messages", "headers": headers, "json": json.loads(wire.body)}


@given(strategies.requests())
@hypothesis_settings(max_examples=200, deadline=None)
def test_reads_every_request_that_the_client_half_writes(request: Request) -> None:
    assert facts(SERVER.read(CODEC.encode(request))) == facts(request)


@given(strategies.requests())
@hypothesis_settings(max_examples=80, deadline=None)
def test_writes_requests_that_the_oracle_accepts(request: Request) -> None:
    assert oracle("oracle_anthropic").check(envelope(CODEC.encode(request))) == []


@given(strategies.responses())
@hypothesis_settings(max_examples=200, deadline=None)
def test_whole_replies_decode_to_what_was_written(response: Response) -> None:
    assert CODEC.decode(SERVER.write(response).body) == response


@given(strategies.responses(), st.data())
@hypothesis_settings(max_examples=200, deadline=None)
def test_streamed_replies_decode_to_what_was_written_at_any_split(response: Response, data: st.DataObject) -> None:
    stream = streamed(response)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=8)))
    decoder = CODEC.decoder()
    chunks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    deltas = [delta for chunk in chunks for delta in decoder.feed(chunk)]
    assert assemble([*deltas, *decoder.finish()]) == response


@given(strategies.responses())
@hypothesis_settings(max_examples=60, deadline=None)
def test_writes_replies_and_events_that_the_oracle_accepts(response: Response) -> None:
    checks = oracle("oracle_anthropic")
    reply = json.loads(SERVER.write(response).body)
    assert checks.check_response(reply) == []
    for line in streamed(response).decode().split("\n"):
        if line.startswith("data: "):
            assert checks.check_event(json.loads(line[6:])) == [], line


def test_reads_calls_with_their_results_in_any_order() -> None:
    calls = [{"type": "tool_use", "id": id, "name": "f", "input": {"x": 1}} for id in ("a", "b")]
    results = [
        {"type": "tool_result", "tool_use_id": "b", "content": "no", "is_error": True},
        {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": '{"t":20}'}]},
        {"type": "text", "text": "go on"},
    ]
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": calls},
        {"role": "user", "content": results},
    ]
    first = ToolCall("a", "f", '{"x":1}', Returned({"t": 20}))
    second = ToolCall("b", "f", '{"x":1}', Failed("no"))
    assert messages_from_anthropic(messages) == [
        UserMessage((Text("hi"),)),
        AssistantMessage((first, second), finish="tool_calls"),
        UserMessage((Text("go on"),)),
    ]


def test_a_call_without_a_result_is_lost_in_a_history_and_refused_in_a_request() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
        {"role": "user", "content": "and?"},
    ]
    assert messages_from_anthropic(messages)[1] == AssistantMessage(
        (ToolCall("a", "f", "{}", Lost()),), finish="tool_calls"
    )
    with pytest.raises(BadRequestError, match="without `tool_result` blocks immediately after: a"):
        read(messages=messages)


def test_keeps_result_blocks_that_have_no_part_and_writes_them_back() -> None:
    result = [{"type": "tool_reference", "tool_name": "refund"}]
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": result}]},
    ]
    written = json.loads(CODEC.encode(read(messages=messages)).body)["messages"]
    assert written[2]["content"][0]["content"] == result


def test_reads_media_of_users_and_of_results() -> None:
    image: dict[str, Any] = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    page = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hello"}, "title": "a"}
    linked = {"type": "image", "source": {"type": "url", "url": "https://a.example/x.png"}}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": [image, page, linked]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": [image]}]},
    ]
    picture = Image(Inline(b"\0\0\0", "image/png"))
    assert messages_from_anthropic(messages) == [
        UserMessage((picture, Document(Inline(b"hello", "text/plain"), "a"), Image(Remote("https://a.example/x.png")))),
        AssistantMessage((ToolCall("a", "f", "{}", Returned(None, (picture,))),), finish="tool_calls"),
    ]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"model": ""}, "model: Field required"),
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"messages": []}, "at least one message"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "Input should be 'user'"),
        ({"messages": [{"role": "user", "content": None}]}, "content: Field required"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]}, "must be non-empty"),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x"}]}]},
            "unexpected `tool_use_id`",
        ),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "type: Field required"),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url"}}]}]}, "source"),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "\u00e9"}}
                        ],
                    }
                ]
            },
            "source.base64.data",
        ),
        ({"tools": [{"name": "x"}]}, "input_schema: Field required"),
        ({"tools": [{"input_schema": {"type": "object"}}]}, "name: Field required"),
    ],
)
def test_refuses_what_the_service_refuses(body: dict[str, Any], problem: str) -> None:
    with pytest.raises(BadRequestError, match=problem):
        read(**body)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"'])
def test_refuses_a_body_that_is_no_json_object(body: bytes) -> None:
    with pytest.raises(BadRequestError, match="request body"):
        SERVER.read(WireRequest("/v1/messages", body))


def test_an_unmarked_request_stays_unmarked() -> None:
    request = read(system="Be brief.")
    assert request.settings.extra == {"anthropic": {"cache": False}}
    assert b"cache_control" not in CODEC.encode(request).body


def test_reads_the_output_schema_of_the_api_and_of_its_beta() -> None:
    form = {"type": "json_schema", "schema": PARAMETERS}
    now, once = read(output_config={"format": form}), read(output_format=form)
    assert now.output == once.output
    assert now.output is not None and now.output.schema == PARAMETERS


def test_what_has_no_setting_goes_to_the_extra_fields_and_back() -> None:
    sent = {
        "top_k": 5, "thinking": {"type": "between_tools"}, "output_config": {"effort": "low"},
        "tool_choice": {"type": "auto"}, "metadata": {"user_id": "u"},
        "tools": [{"name": "f", "input_schema": PARAMETERS, "defer_loading": True}],
    }  # fmt: skip
    request = read(**sent)
    assert request.settings == Settings(
        max_output_tokens=100,
        tool_choice="auto",
        extra={
            "anthropic": {
                "top_k": 5, "metadata": {"user_id": "u"}, "tools": sent["tools"], "thinking": sent["thinking"],
                "output_config": sent["output_config"], "cache": False,
            }
        },
    )  # fmt: skip
    written = json.loads(CODEC.encode(request).body)
    assert {key: written[key] for key in sent} == sent


def test_reads_versions_and_betas_from_the_headers() -> None:
    body = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}
    headers = (("Anthropic-Version", "2023-06-01"), ("anthropic-beta", "a, b"))
    request = SERVER.read(WireRequest("/v1/messages", json.dumps(body).encode(), headers=headers))
    assert request.settings.extra == {"anthropic": {"version": "2023-06-01", "betas": ["a", "b"]}}
    assert dict(CODEC.encode(request).headers)["anthropic-beta"] == "a,b"


def test_streams_pieces_of_two_calls_that_come_by_turns() -> None:
    deltas = [
        ResponseStarted("msg_1", "m"),
        TextDelta("a", 0),
        ToolCallDelta('{"x":', 1, "a", "f"),
        ToolCallDelta('{"y":', 2, "b", "g"),
        ToolCallDelta("1}", 1),
        ToolCallDelta("2}", 2),
        ResponseFinished("tool_calls", "tool_use"),
    ]
    writer, decoder = SERVER.stream_writer(), CODEC.decoder()
    stream = b"".join(writer.write([delta]) for delta in deltas)
    response = assemble([*decoder.feed(stream), *decoder.finish()])
    assert response.message.parts == (Text("a"), ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", '{"y":2}'))


def test_leaves_out_what_another_provider_attached() -> None:
    foreign = Opaque(ProviderData("openai:responses", {"type": "web_search_call"}))
    response = Response(AssistantMessage((foreign, Text("hi"))), "completed")
    assert CODEC.decode(SERVER.write(response).body).message.parts == (Text("hi"),)
    decoder = CODEC.decoder()
    assert assemble(decoder.feed(streamed(response))).message.parts == (Text("hi"),)


def test_errors_go_round() -> None:
    error = RateLimitError("slow down", retry_after_seconds=2.5, request_id="req_1")
    reply = SERVER.write_error(error)
    assert (reply.status, dict(reply.headers)) == (
        429,
        {"content-type": "application/json", "retry-after": "2.5", "request-id": "req_1"},
    )
    again = CODEC.decode_error(reply.status, dict(reply.headers), reply.body)
    assert (type(again), again.message, again.request_id) == (RateLimitError, "slow down", "req_1")


def test_an_error_ends_a_stream() -> None:
    writer, decoder = SERVER.stream_writer(), CODEC.decoder()
    decoder.feed(writer.write([ResponseStarted("m"), TextDelta("a")]))
    with pytest.raises(QuotaExceededError, match="no money"):
        decoder.feed(writer.fail(QuotaExceededError("no money"), "billing_error"))


def test_neighbours_of_one_role_are_one_message() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "a"},
        {"role": "user", "content": [{"type": "text", "text": "b"}]},
        {"role": "assistant", "content": "c"},
        {"role": "assistant", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "d"}]},
        {"role": "system", "content": "e"},
        {"role": "system", "content": "f"},
    ]
    system = own({"role": "system"})
    assert messages_from_anthropic(messages) == [
        UserMessage((Text("a"), Text("b"))),
        AssistantMessage((Text("c"), Text("d"))),
        UserMessage((Text("e", provider_data=system), Text("f", provider_data=system))),
    ]


def test_an_image_in_an_answer_is_read_from_a_history() -> None:
    image: dict[str, Any] = {"type": "image", "source": {"type": "url", "url": "https://a.example/x.png"}}
    assert messages_from_anthropic([{"role": "assistant", "content": [image]}]) == [
        AssistantMessage((Image(Remote("https://a.example/x.png")),))
    ]


def test_a_mark_of_the_whole_request_is_kept_where_we_would_set_none() -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    request = read(cache_control=mark)
    assert request.settings.extra == {"anthropic": {"cache": "1h", "cache_control": mark}}
    assert json.loads(CODEC.encode(request).body)["cache_control"] == mark


def test_arguments_that_were_sent_inside_an_object_are_read_as_they_were() -> None:
    call: dict[str, Any] = {"type": "tool_use", "id": "a", "name": "f", "input": {"malformed_arguments": '{"x": '}}
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": [call]}]
    assert messages_from_anthropic(messages)[1].parts == (ToolCall("a", "f", '{"x": ', Lost()),)


def test_pictures_of_a_model_have_no_place_in_an_answer() -> None:
    response = Response(AssistantMessage((Image(Remote("https://a.example/x.png")), Text("hi"))), "stop")
    assert CODEC.decode(SERVER.write(response).body).message.parts == (Text("hi"),)


def test_what_comes_after_a_part_has_ended_is_not_written() -> None:
    writer, decoder = SERVER.stream_writer(), CODEC.decoder()
    deltas = [
        PartFinished(Text("a"), 0),
        TextDelta("late", 0),
        AttemptFailed(1, "ServerError", 0.5),
        ResponseStarted("late"),
        ResponseFinished("other"),
    ]
    assert assemble(decoder.feed(writer.write(deltas))).message.parts == (Text("a"),)


def test_writes_errors_without_a_wait() -> None:
    assert dict(SERVER.write_error(QuotaExceededError("no money")).headers) == {"content-type": "application/json"}


@pytest.mark.parametrize("text", ["{sunny", '{"t": 20}', "1.0e1", "", "NaN"])
def test_a_result_that_is_not_our_spelling_of_a_value_stays_a_text(text: str) -> None:
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": text}]},
    ]
    assert messages_from_anthropic(messages)[1].parts == (ToolCall("a", "f", "{}", Returned(text)),)
