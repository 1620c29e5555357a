from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from providers.google import content_strategies as strategies
from providers.google.content_strategies import SIGNED, own
from shared import oracle

from agentkit.assemble import assemble, take_apart
from agentkit.codec import WireRequest
from agentkit.errors import (
    AuthenticationError,
    BadRequestError,
    ContentFilteredError,
    ContextLengthError,
    DeadlineError,
    ExchangeError,
    ModelNotFoundError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)
from agentkit.exchange import (
    Memo,
    Request,
    Response,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
)
from agentkit.media import Image, Inline
from agentkit.messages import AssistantMessage, Failed, Lost, Message, Returned, Text, Thinking, ToolCall, UserMessage
from agentkit.providers.google.generate_content import GenerateContentCodec
from agentkit.providers.google.generate_content_server import GenerateContentServer, messages_from_contents
from agentkit.settings import Settings
from agentkit.usage import Usage

CODEC = GenerateContentCodec()
SERVER = GenerateContentServer()
HI = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


def facts(request: Request) -> tuple[Any, ...]:
    """A request as plain values: tools are compared by identity elsewhere."""
    tools = [(tool.name, tool.description, dict(tool.parameters), tool.strict) for tool in request.tools]
    return (
        request.model, request.messages, request.instructions, tools, request.output, request.settings,
        request.is_streamed,
    )  # fmt: skip


def read(body: dict[str, Any], path: str = "/models/gemini-3.8-flash:generateContent") -> Request:
    return SERVER.read(WireRequest(path, json.dumps(body).encode()))


def streamed(response: Response) -> bytes:
    return SERVER.stream_writer().write(take_apart(response))


def events(stream: bytes) -> list[Any]:
    return [json.loads(line[6:]) for line in stream.split(b"\r\n") if line.startswith(b"data: ")]


@given(strategies.requests)
@hypothesis_settings(max_examples=150, deadline=None)
def test_reads_every_request_that_the_client_half_writes(request: Request) -> None:
    assert facts(SERVER.read(CODEC.encode(request))) == facts(request)


@given(strategies.requests)
@hypothesis_settings(max_examples=80, deadline=None)
def test_writes_requests_that_the_oracle_accepts(request: Request) -> None:
    body = json.loads(CODEC.encode(request).body)
    assert oracle("oracle_google").check(body, camel_only="yes", strict_signatures="yes") == []


@given(strategies.conversations())
@hypothesis_settings(max_examples=80, deadline=None)
def test_a_memo_changes_nothing_of_what_is_sent(messages: tuple[Message, ...]) -> None:
    memo = Memo()
    for count in range(1, len(messages) + 1):
        request = Request("gemini-3.8-flash", messages[:count])
        assert CODEC.encode(request, memo).body == CODEC.encode(request).body


@given(strategies.responses())
@hypothesis_settings(max_examples=150, deadline=None)
def test_whole_replies_decode_to_what_was_written(response: Response) -> None:
    assert CODEC.decode(SERVER.write(response).body) == response


@given(strategies.responses(), st.booleans(), st.data())
@hypothesis_settings(max_examples=150, deadline=None)
def test_streamed_replies_decode_to_what_was_written_at_any_split(
    response: Response, is_array: bool, data: st.DataObject
) -> None:
    stream = streamed(response)
    if is_array:  # what the service writes without alt=sse
        stream = b"[" + b",\r\n".join(json.dumps(event).encode() for event in events(stream)) + b"]"
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=8)))
    decoder = CODEC.decoder()
    deltas = [delta for start, end in pairwise([0, *cuts, len(stream)]) for delta in decoder.feed(stream[start:end])]
    assert assemble([*deltas, *decoder.finish()]) == response


@given(strategies.responses())
@hypothesis_settings(max_examples=60, deadline=None)
def test_streamed_and_plain_replies_of_the_same_content_are_equal(response: Response) -> None:
    chunks = events(streamed(response))
    parts = [part for chunk in chunks for part in chunk["candidates"][0]["content"].get("parts", ())]
    whole = {
        **chunks[-1],
        "candidates": [{**chunks[-1]["candidates"][0], "content": {"role": "model", "parts": parts}}],
    }
    assert CODEC.decode(json.dumps(whole).encode()) == response


@given(strategies.responses())
@hypothesis_settings(max_examples=60, deadline=None)
def test_streams_pass_the_oracle(response: Response) -> None:
    problems = oracle("oracle_stream").check(streamed(response).decode(), "gemini")
    assert [problem for problem in problems if "serviceTier" not in problem] == []  # the service sends it


def test_holds_back_one_piece_of_text_so_that_a_signature_finds_its_place() -> None:
    writer = SERVER.stream_writer()
    first = writer.write([ResponseStarted("id_1", "m"), ThinkingDelta("hm", 0), TextDelta("Hel", 1)])
    second = writer.write([TextDelta("lo", 1), ToolCallDelta("", 2, "", "f"), ToolCallDelta('{"a":', 2)])
    third = writer.write([ToolCallDelta("1}", 2), ResponseFinished("tool_calls", "STOP", Usage(1, 0, 0, 2))])
    said = [event["candidates"][0]["content"].get("parts") for event in events(first + second + third)]
    assert said == [
        [{"text": "hm", "thought": True}],
        [{"text": "Hel"}],
        [{"text": "lo"}],
        [{"functionCall": {"name": "f", "args": {"a": 1}}}],
    ]
    assert len(events(first)) == 1


def test_a_stream_that_fails_ends_with_an_error_object() -> None:
    writer = SERVER.stream_writer()
    stream = writer.write([ResponseStarted("id_1", "m"), TextDelta("a"), TextDelta("b")]) + writer.fail(
        OverloadedError("The model is overloaded.")
    )
    with pytest.raises(OverloadedError, match="The model is overloaded"):
        CODEC.decoder().feed(stream)


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("API key not valid. Please pass a valid API key."),
        AuthenticationError("no", status=401),
        PermissionDeniedError("no"),
        ModelNotFoundError("models/x is not found"),
        BadRequestError("no"),
        ContextLengthError("too long"),
        RateLimitError("slow down", retry_after_seconds=1.5),
        QuotaExceededError("used up"),
        OverloadedError("busy"),
        DeadlineError("late"),
        ServerError("broken"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_are_read_as_what_was_written(error: ExchangeError) -> None:
    reply = SERVER.write_error(error)
    again = CODEC.decode_error(reply.status, dict(reply.headers), reply.body)
    assert type(again) is type(error)
    assert error.message in again.message
    assert again.retry_after_seconds == error.retry_after_seconds


def test_a_refused_prompt_is_an_answer_without_candidates() -> None:
    reply = SERVER.write_error(ContentFilteredError("no", code="PROHIBITED_CONTENT"))
    assert reply.status == 200
    with pytest.raises(ContentFilteredError) as caught:
        CODEC.decode(reply.body)
    assert caught.value.code == "PROHIBITED_CONTENT"


def test_reads_both_spellings_of_keys_and_enums() -> None:
    request = read({
        "contents": [{"parts": [{"inline_data": {"mime_type": "image/png", "data": "-_-_"}}]}],
        "system_instruction": {"parts": [{"text": "Be"}, {"text": "brief"}]},
        "tools": [{"function_declarations": [{"name": "f", "parameters": {
            "type": "OBJECT", "properties": {"my_key": {"type": "STRING", "nullable": True, "min_length": "2"}},
        }}]}, {"google_search": {}}],
        "tool_config": {"function_calling_config": {"mode": "any", "allowed_function_names": ["f"]}},
        "generation_config": {"max_output_tokens": 5, "thinking_config": {"thinking_level": "low"}},
    })  # fmt: skip
    assert request.messages == (UserMessage((Image(Inline(b"\xfb\xff\xbf", "image/png")),)),)
    assert request.instructions == "Be\n\nbrief"
    assert [dict(tool.parameters) for tool in request.tools] == [
        {"type": "object", "properties": {"my_key": {"type": ["string", "null"], "minLength": 2}}}
    ]
    assert request.settings == Settings(
        max_output_tokens=5, reasoning="low", tool_choice="f", extra={"google": {"tools": [{"googleSearch": {}}]}}
    )


@pytest.mark.parametrize(
    ("config", "choice", "kept"),
    [
        ({"mode": "VALIDATED"}, None, {"mode": "VALIDATED"}),
        ({"mode": "ANY", "allowedFunctionNames": ["f", "g"]}, "required", {"allowedFunctionNames": ["f", "g"]}),
        ({"mode": "ANY", "allowedFunctionNames": []}, "required", None),
        ({"mode": "AUTO"}, "auto", None),
    ],
)
def test_reads_how_functions_are_called_and_writes_it_again(config: Any, choice: str | None, kept: Any) -> None:
    tools = [{"functionDeclarations": [{"name": name} for name in ("f", "g")]}]
    request = read({**HI, "tools": tools, "toolConfig": {"functionCallingConfig": config}})
    extra = {"google": {"toolConfig": {"functionCallingConfig": kept}}} if kept else None
    assert request.settings == Settings(tool_choice=choice, extra=extra)
    sent = json.loads(CODEC.encode(request).body)["toolConfig"]["functionCallingConfig"]
    assert sent == {key: value for key, value in config.items() if value}


def test_reads_paths_of_both_services() -> None:
    vertex = "/v1beta1/projects/p/locations/l/publishers/google/models/gemini-3.8-flash:streamGenerateContent?alt=sse"
    assert (read(HI, vertex).model, read(HI, vertex).is_streamed) == ("gemini-3.8-flash", True)
    assert read(HI, "/v1beta/tunedModels/mine:generateContent").model == "tunedModels/mine"
    with pytest.raises(BadRequestError, match="names no model"):
        read(HI, "/v1beta/models")


def test_q6_joins_parallel_calls_with_their_answers_by_order_when_there_are_no_ids() -> None:
    messages = messages_from_contents([
        {"role": "model", "parts": [
            {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": SIGNED.value["thoughtSignature"]},
            {"functionCall": {"name": "f", "args": {"a": 2}}},
            {"functionCall": {"name": "g"}},
        ]},
        {"role": "user", "parts": [
            {"functionResponse": {"name": "f", "response": {"output": 1}}},
            {"functionResponse": {"name": "f", "response": {"error": "broken"}}},
            {"text": "go on"},
        ]},
    ])  # fmt: skip
    calls = (
        ToolCall("", "f", '{"a":1}', Returned(1), SIGNED),
        ToolCall("", "f", '{"a":2}', Failed("broken")),
        ToolCall("", "g", "{}", Lost()),
    )
    assert messages == [AssistantMessage(calls, finish="tool_calls"), UserMessage((Text("go on"),))]


def test_q18_joins_by_id_where_ids_were_given() -> None:
    messages = messages_from_contents([
        {"role": "model", "parts": [{"functionCall": {"id": id, "name": "f"}} for id in ("a", "b")]},
        {"role": "user", "parts": [
            {"functionResponse": {"id": id, "name": "f", "response": {"output": id}}} for id in ("b", "a")
        ]},
    ])  # fmt: skip
    calls = (ToolCall("a", "f", "{}", Returned("a")), ToolCall("b", "f", "{}", Returned("b")))
    assert messages == [AssistantMessage(calls, finish="tool_calls")]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"{", "Invalid JSON"),
        (b"[]", "Expected an object"),
        (b"{}", "contents is not specified"),
        (b'{"contents":[{"role":"tool","parts":[{"text":"x"}]}]}', "valid role"),
        (b'{"contents":[{"parts":[{"functionResponse":{"name":"f","response":{}}}]}]}', "answers no call"),
        (b'{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"*"}}]}]}', "Invalid value"),
        (b'{"contents":[{"parts":[{"functionCall":{"name":"f"}}]}]}', "from the model"),
    ],
)
def test_refuses_what_the_service_refuses(body: bytes, problem: str) -> None:
    with pytest.raises(BadRequestError, match=problem):
        SERVER.read(WireRequest("/models/gemini-3.8-flash:generateContent", body))


def test_leaves_items_of_other_providers_out_of_answers() -> None:
    other = own({"thoughtSignature": "x"}).__class__("openai:responses", {"id": "rs_1"})
    response = Response(AssistantMessage((Thinking("hm", other), Text("hi", provider_data=other))), "STOP")
    parts = json.loads(SERVER.write(response).body)["candidates"][0]["content"]["parts"]
    assert parts == [{"text": "hm", "thought": True}, {"text": "hi"}]
