"""Every quirk of quirks.md that touches these formats has a test named after it; here stand those of OpenAI's formats.

The bytes are our own. Anthropic's and Gemini's are in the tests of their folders.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from shared import oracle
from transport.raw_server import RawServer, Visit, raw_server, reply

from agentkit.agent import Agent
from agentkit.assemble import assemble
from agentkit.codec import Codec
from agentkit.errors import (
    AuthenticationError,
    BadRequestError,
    ContentFilteredError,
    ExchangeError,
    OverloadedError,
    ProtocolError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)
from agentkit.exchange import Request, Response, ToolDefinition
from agentkit.media import ProviderData
from agentkit.messages import AssistantMessage, Message, Returned, Text, Thinking, ToolCall, user_message
from agentkit.models import ModelIdentity
from agentkit.providers import PROVIDERS
from agentkit.providers.openai.chat import ChatCodec, ChatRules
from agentkit.providers.openai.responses import ResponsesCodec
from agentkit.remote import Endpoint, RemoteModel
from agentkit.retry import asked_wait, may_retry
from agentkit.settings import Settings
from agentkit.testing import ScriptedModel
from agentkit.testing import calls as scripted_calls
from agentkit.transport.default import default_transport
from agentkit.usage import Usage

TESTS = Path(__file__).parents[1]
TOUCHING = {*range(1, 15), *range(18, 28), 29, 30}
"""Of the list's numbers; the others are of formats that are not spoken here."""

DONE = "data: [DONE]\n\n"
WEATHER = ToolDefinition(
    "get_weather",
    "Current weather.",
    {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]},
)
OTHER = ToolDefinition("other", "", {"type": "object", "properties": {}})
HI = user_message("Hi")
RESPONSES = ResponsesCodec()


def test_every_quirk_that_touches_these_formats_has_a_test_named_after_it() -> None:
    named: set[int] = set()
    for file in TESTS.rglob("test_*.py"):
        for name in re.findall(r"^(?:async )?def test_((?:q\d+_)+)", file.read_text(encoding="utf-8"), re.M):
            named |= {int(number) for number in re.findall(r"\d+", name)}
    assert named == TOUCHING


# Bytes as servers send them, and what is read of them


def chat(provider: str = "openai") -> ChatCodec:
    return ChatCodec(PROVIDERS[provider].vendor, rules=PROVIDERS[provider].rules or ChatRules())


def whole(message: Mapping[str, Any], finish: str | None = "stop", **more: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return json.dumps({"id": "c1", "model": "m", "choices": [choice], **more}).encode()


def piece(delta: Mapping[str, Any] | None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c1", "model": "m", "choices": [choice], **more}


def calling(*calls: dict[str, Any]) -> dict[str, Any]:
    return {"tool_calls": list(calls)}


def called(name: str = "f", arguments: Any = "{}", **more: Any) -> dict[str, Any]:
    return {"type": "function", **more, "function": {"name": name, "arguments": arguments}}


def sse(*events: Mapping[str, Any], end: str = DONE) -> bytes:
    return ("".join(f"data: {json.dumps(event)}\n\n" for event in events) + end).encode()


def streamed(codec: Codec, stream: bytes) -> Response:
    """The answer in a stream, which is the same when the bytes come one by one."""
    decoder, slow = codec.decoder(), codec.decoder()
    response = assemble([*decoder.feed(stream), *decoder.finish()])
    singly = [delta for at in range(len(stream)) for delta in slow.feed(stream[at : at + 1])]
    assert assemble([*singly, *slow.finish()]) == response
    return response


def raised(codec: Codec, stream: bytes) -> ExchangeError:
    decoder = codec.decoder()
    with pytest.raises(ExchangeError) as caught:
        [*decoder.feed(stream), *decoder.finish()]
    return caught.value


def facts(error: ExchangeError) -> tuple[type[ExchangeError], int | None, str]:
    return type(error), error.status, error.message


def calls(response: Response) -> list[tuple[str, str, str]]:
    return [(call.id, call.name, call.arguments) for call in response.calls]


def sent(codec: Codec, *messages: Message, model: str = "gpt-5.5", **more: Any) -> dict[str, Any]:
    return json.loads(codec.encode(Request(model, messages or (HI,), **more)).body)


def response_object(*output: dict[str, Any], status: str = "completed", **more: Any) -> dict[str, Any]:
    return {"id": "r1", "object": "response", "model": "m", "status": status, "output": list(output), **more}


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, **fields}


def answer(*parts: Any, finish: Any = "stop", raw: str = "stop", usage: Usage = Usage(), **details: Any) -> Response:
    return Response(AssistantMessage(parts, "m", "c1", finish, usage), raw, details)


# The quirks


@pytest.mark.parametrize(
    ("codec", "body", "expected"),
    [
        (
            RESPONSES,
            response_object(status="failed", error={"code": "server_error", "message": "Try again"}),
            (ServerError, 200, "Try again"),
        ),
        (
            RESPONSES,
            response_object(status="failed", error={"code": "rate_limit_exceeded", "message": "Slow down"}),
            (RateLimitError, 200, "Slow down"),
        ),
        (
            chat("openrouter"),
            {"choices": [{"index": 0, "finish_reason": "error", "error": {"code": 502, "message": "Provider down"}}]},
            (ServerError, 502, "Provider down"),
        ),
        (
            chat("azure-chat"),
            {"error": {"code": "content_filter", "status": 400, "message": "Filtered"}},
            (ContentFilteredError, 400, "Filtered"),
        ),
    ],
)
def test_q1_a_failure_of_status_200_is_its_error(codec: Codec, body: dict[str, Any], expected: Any) -> None:
    with pytest.raises(ExchangeError) as caught:
        codec.decode(json.dumps(body).encode())
    assert facts(caught.value) == expected
    assert facts(raised(codec, json.dumps(body).encode())) == expected


def test_q2_openai_counts_cached_tokens_inside_the_input() -> None:
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 6},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }
    assert chat().decode(whole({"content": "x"}, usage=usage)).usage == Usage(4, 6, 0, 3, 4)
    usage = {
        "input_tokens": 10,
        "output_tokens": 7,
        "input_tokens_details": {"cached_tokens": 6},
        "output_tokens_details": {"reasoning_tokens": 4},
    }
    assert RESPONSES.decode(json.dumps(response_object(usage=usage)).encode()).usage == Usage(4, 6, 0, 3, 4)


def test_q5_gemini_through_openai_s_format_gets_a_mark_for_a_call_made_elsewhere() -> None:
    made = AssistantMessage((ToolCall("a", "f", "{}", Returned(1)), ToolCall("b", "f", "{}", Returned(2))))
    mark = {"google": {"thought_signature": b64encode(b"skip_thought_signature_validator").decode()}}
    assert sent(chat("gemini-openai"), HI, made)["messages"][1]["tool_calls"] == [
        {**called(id="a"), "extra_content": mark},
        called(id="b"),
    ]


def test_q5_gemini_s_own_signature_goes_back_through_openai_s_format() -> None:
    signed = {"extra_content": {"google": {"thought_signature": "c2ln"}}}
    codec = chat("gemini-openai")
    call = codec.decode(whole(calling({**called(id="a"), **signed}))).calls[0]
    kept = AssistantMessage((ToolCall(call.id, call.name, call.arguments, Returned(1), call.provider_data),))
    assert sent(codec, HI, kept)["messages"][1]["tool_calls"] == [{**called(id="a"), **signed}]


def test_q7_gemini_s_wait_and_wrong_key_are_read_through_openai_s_format() -> None:
    codec = chat("gemini-openai")
    slow = {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": "7s"}]}
    limited = codec.decode_error(429, {}, json.dumps([{"error": slow}]).encode())
    assert (type(limited), limited.retry_after_seconds) == (RateLimitError, 7.0)
    wrong = {"code": 400, "message": "API key not valid. Please pass a valid API key.", "status": "INVALID_ARGUMENT"}
    refused = codec.decode_error(400, {}, json.dumps([{"error": wrong}]).encode())
    assert (type(refused), refused.message) == (AuthenticationError, wrong["message"])


def test_q8_responses_tools_are_flat_and_chat_tools_are_nested() -> None:
    asked = {"tools": (OTHER,), "settings": Settings(tool_choice="other")}
    schema = {"type": "object", "properties": {}, "additionalProperties": False, "required": []}
    function = {"name": "other", "parameters": schema, "strict": True}
    body = sent(chat(), **asked)
    assert body["tools"] == [{"type": "function", "function": function}]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "other"}}
    body = sent(RESPONSES, **asked)
    assert body["tools"] == [{"type": "function", **function}]
    assert body["tool_choice"] == {"type": "function", "name": "other"}


def test_q9_reasoning_is_taken_when_it_is_done_and_goes_back_encrypted() -> None:
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": []}
    done = {**reasoning, "encrypted_content": "whole"}
    call = {"type": "function_call", "id": "fc_1", "call_id": "a", "name": "f", "arguments": "{}"}
    stream = sse(
        event("response.created", response=response_object(status="in_progress")),
        event("response.output_item.added", output_index=0, item={**reasoning, "encrypted_content": "begun"}),
        event("response.output_item.done", output_index=0, item=done),
        event("response.output_item.done", output_index=1, item=call),
        event("response.completed", response=response_object(done, call)),
        end="",
    )
    kept = streamed(RESPONSES, stream).message
    assert kept.parts == (
        Thinking("", ProviderData("openai:responses", done)),
        ToolCall("a", "f", "{}", provider_data=ProviderData("openai:responses", {"id": "fc_1"})),
    )
    body = sent(RESPONSES, HI, kept.with_outcomes({0: Returned(1)}))
    assert (body["store"], body["include"], body["input"][1]) == (False, ["reasoning.encrypted_content"], done)


def test_q10_a_responses_stream_ends_with_its_last_event_and_its_final_text_counts() -> None:
    parts = [
        {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed", "phase": phase,
         "content": [{"type": "output_text", "text": text, "annotations": []}]}
        for number, (phase, text) in enumerate([("commentary", "Let me see."), ("final_answer", "It is 4.")])
    ]  # fmt: skip
    stream = sse(
        event("response.output_text.delta", output_index=0, content_index=0, delta="Let me", obfuscation="xK2"),
        event("response.output_text.delta", output_index=1, content_index=0, delta="It is", obfuscation="p"),
        event("response.completed", response=response_object(*parts)),
        end="",
    )
    response = streamed(RESPONSES, stream)
    data = [{"id": f"msg_{n}", "status": "completed", "phase": part["phase"]} for n, part in enumerate(parts)]
    assert response.message.parts == (
        Text("Let me see.", provider_data=ProviderData("openai:responses", data[0])),
        Text("It is 4.", provider_data=ProviderData("openai:responses", data[1])),
    )
    assert [item["phase"] for item in sent(RESPONSES, HI, response.message, HI)["input"][1:3]] == [
        "commentary",
        "final_answer",
    ]


def test_q10_a_chat_stream_ends_with_done_or_with_a_reason() -> None:
    assert streamed(chat(), sse(piece({"content": "x", "obfuscation": "aB"}))).text == "x"
    assert streamed(chat(), sse(piece({"content": "x"}, "stop"), end="")) == answer(Text("x"))
    cut = raised(chat(), sse(piece({"content": "x"}), end=""))
    assert facts(cut)[:2] == (ProtocolError, 200)


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_q11_an_answer_in_the_background_has_neither_words_nor_usage_yet(status: str) -> None:
    body = response_object(status=status, usage=None, error=None)
    assert RESPONSES.decode(json.dumps(body).encode()) == Response(AssistantMessage((), "m", "r1", "other"), status)


@pytest.mark.parametrize("codec", [chat(), RESPONSES], ids=["chat", "responses"])
def test_q12_strict_requires_every_property_and_lets_optional_ones_be_null(codec: Codec) -> None:
    tool = sent(codec, tools=(WEATHER,))["tools"][0]
    tool = tool.get("function", tool)
    assert tool["strict"] is True
    assert tool["parameters"] == {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": ["integer", "null"]}},
        "required": ["city", "days"],
        "additionalProperties": False,
    }


ARGUMENTS = [{"name": "f", "arguments": ""}, {"name": "f", "arguments": None}, {"name": "f"}]


@pytest.mark.parametrize("function", ARGUMENTS, ids=["empty", "null", "absent"])
def test_q13_arguments_that_are_empty_null_or_absent_are_an_empty_object(function: dict[str, Any]) -> None:
    call = {"index": 0, "id": "a", "type": "function", "function": function}
    item = {"type": "function_call", "id": "fc_1", "call_id": "a", **function}
    read = [
        chat().decode(whole(calling(call))),
        streamed(chat(), sse(piece(calling(call)), piece({}, "tool_calls"))),
        RESPONSES.decode(json.dumps(response_object(item)).encode()),
        streamed(RESPONSES, sse(event("response.completed", response=response_object(item)), end="")),
    ]
    assert [calls(response) for response in read] == [[("a", "f", "")]] * 4
    done = AssistantMessage((ToolCall("a", "f", "", Returned(1)),))
    assert sent(chat(), HI, done)["messages"][1]["tool_calls"] == [called(id="a")]
    assert sent(RESPONSES, HI, done)["input"][1]["arguments"] == "{}"


@pytest.mark.parametrize("arguments", ["", "null", "{}"])
def test_q13_a_tool_is_run_without_arguments(arguments: str) -> None:
    ran: list[str] = []

    def now() -> str:
        """What time it is."""
        ran.append("now")
        return "noon"

    model = ScriptedModel(scripted_calls(("now", arguments)), "Noon.")
    assert (Agent(model, tools=[now]).run_sync("Time?").output, ran) == ("Noon.", ["now"])


def test_q14_an_answer_with_calls_ended_for_them_although_the_server_says_stop() -> None:
    call = called(index=0, id="a")
    expected = answer(ToolCall("a", "f", "{}"), finish="tool_calls")
    assert chat().decode(whole(calling(call), "stop")) == expected
    assert streamed(chat(), sse(piece(calling(call)), piece({}, "stop"))) == expected


@pytest.mark.parametrize("codec", [chat(), RESPONSES], ids=["chat", "responses"])
def test_q18_ids_that_repeat_are_told_apart_when_they_go_back(codec: Codec) -> None:
    once = AssistantMessage((ToolCall("call_0", "f", "{}", Returned(1)), ToolCall("call_0", "f", "{}", Returned(2))))
    again = AssistantMessage((ToolCall("call_0", "f", "{}", Returned(3)),))
    body = sent(codec, HI, once, HI, again)
    endpoint = "responses" if codec is RESPONSES else "chat/completions"
    assert oracle("oracle_openai").check(body, endpoint) == []
    if codec is RESPONSES:
        made = [item["call_id"] for item in body["input"] if item.get("type") == "function_call"]
        told = {item["call_id"]: item["output"] for item in body["input"] if item.get("type") == "function_call_output"}
    else:
        made = [call["id"] for message in body["messages"] for call in message.get("tool_calls", ())]
        told = {
            message["tool_call_id"]: message["content"] for message in body["messages"] if message["role"] == "tool"
        }
    assert (made[0], [told[id] for id in made]) == ("call_0", ["1", "2", "3"])


def test_q19_azure_begins_without_a_choice_an_id_and_a_model() -> None:
    first = {"id": "", "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
    read = streamed(chat("azure-chat"), sse(first, piece({"content": "x"}), piece({}, "stop")))
    assert read == replace(answer(Text("x")), details={"prompt_filter_results": [{"prompt_index": 0}]})


def test_q19_azure_s_filtered_prompt_and_its_two_waits() -> None:
    codec = chat("azure-chat")
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"hate": {"filtered": True}}}
    filtered = {"error": {"message": "The prompt was filtered", "code": "content_filter", "innererror": inner}}
    error = codec.decode_error(400, {}, json.dumps(filtered).encode())
    assert facts(error) == (ContentFilteredError, 400, "The prompt was filtered (filtered for hate)")
    headers = {"retry-after": "1", "retry-after-ms": "0"}
    limited = codec.decode_error(429, headers, b'{"error": {"code": "RateLimitReached", "message": "slow"}}')
    assert (facts(limited), asked_wait(limited, headers, now=0.0)) == ((RateLimitError, 429, "slow"), 1.0)


@pytest.mark.parametrize(
    ("provider", "status", "body"),
    [
        ("openai-chat", 429, {"error": {"code": "insufficient_quota", "message": "You exceeded your current quota"}}),
        ("huggingface", 402, {"error": "You have exceeded your monthly included credits"}),
        ("deepseek", 402, {"error": {"message": "Insufficient Balance", "code": "invalid_request_error"}}),
    ],
)
def test_q20_a_spent_quota_is_never_tried_again(provider: str, status: int, body: dict[str, Any]) -> None:
    error = chat(provider).decode_error(status, {}, json.dumps(body).encode())
    assert (type(error), may_retry(error, {}), may_retry(error, {"x-should-retry": "true"})) == (
        QuotaExceededError,
        False,
        False,
    )


def test_q21_calls_without_id_or_index_are_told_apart() -> None:
    pieces = [called("f", '{"a":1}'), called("g", '{"b":'), {"function": {"arguments": "2}"}}]
    stream = sse(*[piece(calling(entry)) for entry in pieces], piece({}, "tool_calls"))
    expected = [("", "f", '{"a":1}'), ("", "g", '{"b":2}')]
    assert calls(streamed(chat("ollama"), stream)) == expected
    assert calls(chat("ollama").decode(whole(calling(called("f", '{"a":1}'), called("g", '{"b":2}'))))) == expected


def test_q21_calls_of_one_id_or_of_index_0_are_told_apart() -> None:
    alike = [called("f", '{"a":1}', id="call", index=0), called("f", '{"a":2}', id="call", index=1)]
    expected = [("call", "f", '{"a":1}'), ("call", "f", '{"a":2}')]
    assert calls(streamed(chat("mistral"), sse(*[piece(calling(entry)) for entry in alike]))) == expected
    assert calls(chat("mistral").decode(whole(calling(*alike)))) == expected
    zeros = [called("f", '{"a":1}', id="x", index=0), called("f", '{"a":2}', id="y", index=0)]
    assert calls(streamed(chat("mistral"), sse(piece(calling(*zeros))))) == [
        ("x", "f", '{"a":1}'),
        ("y", "f", '{"a":2}'),
    ]


def test_q21_arguments_may_be_objects() -> None:
    expected = [("a", "f", '{"city":"Oslo"}')]
    call = called("f", {"city": "Oslo"}, id="a", index=0)
    assert calls(chat("ollama").decode(whole(calling(call)))) == expected
    assert calls(streamed(chat("ollama"), sse(piece(calling(call))))) == expected


def test_q21_mistral_gets_ids_of_nine_letters_and_digits() -> None:
    made = AssistantMessage((ToolCall("call_of_another", "f", "{}", Returned(1)), ToolCall("", "f", "{}", Returned(2))))
    messages = sent(chat("mistral"), HI, made)["messages"]
    ids = [call["id"] for call in messages[1]["tool_calls"]]
    assert [message.get("tool_call_id") for message in messages[2:]] == ids
    assert [bool(re.fullmatch(r"[A-Za-z0-9]{9}", id)) for id in ids] == [True, True]
    assert len(set(ids)) == 2


def test_q21_usage_may_stand_in_every_chunk_or_in_none() -> None:
    counts = [{"prompt_tokens": 3, "completion_tokens": count} for count in (1, 2)]
    each = sse(piece({"content": "a"}, usage=counts[0]), piece({"content": "b"}, "stop", usage=counts[1]))
    assert streamed(chat("mistral"), each) == answer(Text("ab"), usage=Usage(3, output=2))
    none = sse(piece({"content": "a"}), piece({"content": "b"}, "stop"))
    assert streamed(chat("mistral"), none) == answer(Text("ab"))


def test_q21_thinking_may_be_a_typed_part_of_the_content_and_goes_back_as_one() -> None:
    content = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "Hi"}]
    codec = chat("mistral")
    response = codec.decode(whole({"content": content}))
    assert response == answer(Thinking("hm"), Text("Hi"))
    assert streamed(codec, sse(*[piece({"content": [part]}) for part in content], piece({}, "stop"))) == response
    back = sent(codec, HI, response.message, HI)["messages"][1]
    assert back == {"role": "assistant", "content": content}


def test_q21_an_error_may_be_a_detail() -> None:
    codec = chat("vllm")
    error = codec.decode_error(422, {}, b'{"detail": [{"loc": ["body", "model"], "msg": "missing", "type": "x"}]}')
    assert facts(error) == (BadRequestError, 422, "body.model: missing")
    assert facts(codec.decode_error(400, {}, b'{"detail": "No"}')) == (BadRequestError, 400, "No")


def test_q21_an_empty_function_call_beside_a_real_call_is_none() -> None:
    empty = {"function_call": {"name": "", "arguments": ""}}
    message = {"content": "", **calling(called("f", id="a", index=0)), **empty}
    expected = answer(ToolCall("a", "f", "{}"), finish="tool_calls", raw="tool_calls")
    assert chat().decode(whole(message, "tool_calls")) == expected
    assert streamed(chat(), sse(piece(message), piece(empty, "tool_calls"))) == expected


def test_q22_groq_s_error_inside_a_stream_shows_what_the_model_wrote() -> None:
    failed = {"message": "Failed to call a function", "code": "tool_use_failed", "failed_generation": "<f>{"}
    codec = chat("groq")
    error = raised(codec, sse(piece({"role": "assistant", "content": None}), {"error": failed}, end=""))
    assert facts(error) == (ProtocolError, 200, "Failed to call a function")
    assert (error.code, error.body) == ("tool_use_failed", {"error": failed})


def test_q23_openrouter_s_comments_are_no_events_and_its_model_is_its_own() -> None:
    codec = chat("openrouter")
    comment = b": OPENROUTER PROCESSING\n\n"
    stream = comment * 2 + sse(piece({"content": "x"}, provider="Acme"), piece({}, "stop", provider="Acme"))
    assert streamed(codec, stream.replace(b'"m"', b'"acme/m-1"')).message.model == "acme/m-1"
    decoder = codec.decoder()
    assert (decoder.feed(comment), decoder.events) == ([], 0)


def test_q23_openrouter_s_cause_is_in_the_raw_words() -> None:
    raw = json.dumps({"error": {"message": "m-1 is limited upstream"}})
    body = {"error": {"message": "Provider returned error", "code": 429, "metadata": {"raw": raw}}}
    error = chat("openrouter").decode_error(429, {}, json.dumps(body).encode())
    assert facts(error) == (RateLimitError, 429, "Provider returned error: m-1 is limited upstream")


STREAMS = {
    "chat": (chat(), sse(piece({"content": "x"}), piece({}, "stop"))),
    "responses": (
        RESPONSES,
        sse(
            event("response.created", response=response_object(status="in_progress")),
            event("response.output_text.delta", output_index=0, content_index=0, delta="x"),
            event("response.completed", response=response_object(
                {"type": "message", "content": [{"type": "output_text", "text": "x"}]})),
            end="",
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"\n", b"\r\n"), (b"\n", b"\r"), (b"data: ", b"data:"), (b"data: ", b": still here\nid: 7\ndata: ")],
    ids=["crlf", "cr", "no space", "comments"],
)
@pytest.mark.parametrize("format", STREAMS)
def test_q24_other_forms_of_an_event_stream_are_read(format: str, before: bytes, after: bytes) -> None:
    codec, stream = STREAMS[format]
    response = streamed(codec, stream)
    assert response.text == "x"
    assert streamed(codec, stream.replace(before, after)) == response


@pytest.mark.parametrize("format", STREAMS)
def test_q24_an_error_labelled_as_a_stream_is_raised(format: str) -> None:
    body = {"error": {"message": "Overloaded", "type": "overloaded_error", "code": None}}
    assert facts(raised(STREAMS[format][0], json.dumps(body, indent=1).encode())) == (
        OverloadedError,
        200,
        "Overloaded",
    )


async def ask(server: RawServer, *, stream: bool = False) -> Response:
    model = RemoteModel(
        chat("llamacpp-server"),
        Endpoint(f"http://127.0.0.1:{server.port}/v1"),
        ModelIdentity("llamacpp-server", "m"),
        transport=default_transport(),
    )
    return await model.respond(Request("m", (HI,), is_streamed=stream))


@pytest.mark.anyio
@pytest.mark.parametrize("stream", [False, True])
async def test_q25_json_and_json_lines_of_no_said_type_are_read(stream: bool) -> None:
    lines = b"\n".join(json.dumps(event).encode() for event in [piece({"content": "x"}), piece({}, "stop")])
    bodies = [whole({"content": "x"}), lines]

    async def unlabelled(visit: Visit) -> None:
        body = bodies.pop(0)
        await visit.stream.send(reply(body, headers={"content-type": "application/octet-stream"}))

    async with raw_server(unlabelled) as server:
        assert [await ask(server, stream=stream) for _ in range(2)] == [answer(Text("x"))] * 2


@pytest.mark.parametrize("provider", ["llamacpp-server", "ollama"])
def test_q29_a_named_tool_is_offered_alone_and_required(provider: str) -> None:
    settings = Settings(tool_choice="other", parallel_tool_calls=True)
    body = sent(chat(provider), tools=(WEATHER, OTHER), settings=settings)
    assert [tool["function"]["name"] for tool in body["tools"]] == ["other"]
    assert (body["tool_choice"], "parallel_tool_calls" in body) == ("required", False)


def test_q29_words_and_a_call_come_together() -> None:
    expected = answer(Text("I call."), ToolCall("a", "f", "{}"), finish="tool_calls", raw="tool_calls")
    message = {"content": "I call.", **calling(called("f", id="a", index=0))}
    assert chat("llamacpp-server").decode(whole(message, "tool_calls")) == expected
    assert streamed(chat("llamacpp-server"), sse(piece(message), piece({}, "tool_calls"))) == expected


@pytest.mark.anyio
async def test_q29_a_request_on_a_kept_connection_that_is_dropped_is_sent_again_on_a_new_one() -> None:
    async def dropping(visit: Visit) -> None:
        if visit.number == 0:
            await visit.stream.send(reply(whole({"content": "x"})))
        else:
            await visit.stream.aclose()

    async with raw_server(dropping) as server:
        responses = [await ask(server) for _ in range(3)]
        assert responses == [replace(answer(Text("x")), attempts=attempts) for attempts in (1, 2, 2)]
        assert (server.opened, len(server.visits)) == (3, 5)


BODIES = {
    "page": b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
    "nothing": b"",
    "cut": b'{"error": {"message": "upstream was los',
    "list": b'[{"error": {"message": "upstream was lost"}}]',
    "text": b"upstream was lost",
}
SAID = {
    "page": "a web page came instead of JSON: 502 Bad Gateway",
    "nothing": "the provider gave no reason",
    "cut": "upstream was los",
    "list": "upstream was lost",
    "text": "upstream was lost",
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("format", STREAMS)
def test_q30_bodies_of_proxies_become_typed_errors(format: str, body: str) -> None:
    codec = STREAMS[format][0]
    assert facts(codec.decode_error(502, {}, BODIES[body])) == (ServerError, 502, SAID[body])
    assert type(codec.decode_error(401, {}, BODIES[body])) is AuthenticationError


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("format", STREAMS)
def test_q30_bodies_of_proxies_in_place_of_an_answer_are_typed_errors_too(format: str, body: str) -> None:
    codec = STREAMS[format][0]
    with pytest.raises(ExchangeError):
        codec.decode(BODIES[body])
    raised(codec, BODIES[body])
