"""The client half of Chat Completions: what goes out, and what comes back from servers of many habits."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from shared import oracle

from agentkit.assemble import assemble
from agentkit.errors import (
    ConfigurationError,
    ExchangeError,
    OverloadedError,
    ProtocolError,
    ServerError,
    UnsupportedError,
)
from agentkit.exchange import (
    Memo,
    OutputFormat,
    PartFinished,
    Request,
    Response,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolDefinition,
)
from agentkit.media import Audio, Document, Image, Inline, ProviderData, Remote, Uploaded, Video
from agentkit.messages import (
    AssistantMessage,
    Cancelled,
    Denied,
    Failed,
    Lost,
    Message,
    Opaque,
    Outcome,
    Returned,
    Text,
    Thinking,
    ToolCall,
    UserMessage,
    user_message,
)
from agentkit.providers.openai.chat import ChatCodec, ChatRules
from agentkit.settings import Settings
from agentkit.usage import Usage

PNG = Image(Inline(b"\x89PNG\r\n\x1a\n", "image/png"))
WEATHER = ToolDefinition(
    "get_weather",
    "Current weather.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False},
)
CITY = OutputFormat(
    "city",
    {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"], "additionalProperties": False},
)


def asked(*messages: Message, **more: Any) -> Request:
    return Request("gpt-5.5", messages or (user_message("Hi"),), **more)


def encoded(request: Request, *, rules: ChatRules | None = None, provider: str = "openai") -> dict[str, Any]:
    """The body; one of plain OpenAI has to please the oracle too."""
    codec = ChatCodec(provider, rules=rules or ChatRules())
    body = json.loads(codec.encode(request).body)
    if rules is None and provider == "openai":
        assert oracle("oracle_openai").check(body, "chat/completions") == []
    return body


def called(*calls: ToolCall, text: str = "") -> AssistantMessage:
    return AssistantMessage((*([Text(text)] if text else []), *calls), finish="tool_calls")


def wire_messages(*messages: Message, rules: ChatRules | None = None, provider: str = "openai") -> list[Any]:
    return encoded(asked(*messages), rules=rules, provider=provider)["messages"]


# What goes out


def test_a_plain_request_holds_nothing_but_what_was_said() -> None:
    assert encoded(asked(instructions="Be brief.")) == {
        "model": "gpt-5.5",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
    }


def test_tools_are_nested_and_strict_where_their_schema_allows() -> None:
    loose = ToolDefinition("free", "", {"type": "object", "additionalProperties": {"type": "string"}}, strict=False)
    body = encoded(asked(tools=(WEATHER, loose)))
    assert body["tools"][0] == {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Current weather.",
            "parameters": WEATHER.parameters,
            "strict": True,
        },
    }
    assert set(body["tools"][1]["function"]) == {"name", "parameters"}


def test_a_refused_tool_name_is_replaced_everywhere_and_told_to_the_caller() -> None:
    tool = replace(WEATHER, name="get weather!")
    message = called(ToolCall("a", "get weather!", "{}", Returned("sun")), ToolCall("b", "gone tool", "{}", Lost()))
    request = asked(user_message("Hi"), message, tools=(tool,), settings=Settings(tool_choice="get weather!"))
    wire = ChatCodec().encode(request)
    body = encoded(request)
    assert wire.names == {"get_weather_": "get weather!"}
    assert body["tools"][0]["function"]["name"] == "get_weather_"
    assert body["tool_choice"] == {"type": "function", "function": {"name": "get_weather_"}}
    assert [call["function"]["name"] for call in body["messages"][1]["tool_calls"]] == ["get_weather_", "gone_tool"]


@pytest.mark.parametrize("choice", ["auto", "none", "required"])
def test_tool_choices_keep_their_words(choice: str) -> None:
    assert encoded(asked(tools=(WEATHER,), settings=Settings(tool_choice=choice)))["tool_choice"] == choice


def test_a_choice_is_left_out_without_tools() -> None:
    body = encoded(asked(settings=Settings(tool_choice="required", parallel_tool_calls=True)))
    assert set(body) == {"model", "messages"}


def test_an_unknown_choice_names_the_tools_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"'get_wether'.*offers get_weather"):
        encoded(asked(tools=(WEATHER,), settings=Settings(tool_choice="get_wether")))


def test_settings_have_their_fields() -> None:
    settings = Settings(
        max_output_tokens=9,
        temperature=0.5,
        top_p=0.9,
        stop=("END",),
        seed=7,
        reasoning="low",
        verbosity="low",
        parallel_tool_calls=False,
        service_tier="flex",
        extra={"openai": {"store": True, "seed": 8}, "groq": {"x": 1}},
    )
    body = encoded(asked(tools=(WEATHER,), settings=settings, is_streamed=True))
    assert {key: value for key, value in body.items() if key not in ("messages", "tools", "model")} == {
        "max_completion_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["END"],
        "seed": 8,
        "reasoning_effort": "low",
        "verbosity": "low",
        "parallel_tool_calls": False,
        "service_tier": "flex",
        "stream": True,
        "stream_options": {"include_usage": True},
        "store": True,
    }


def test_extra_fields_may_replace_whole_lists() -> None:
    extra = {"openai": {"messages": [{"role": "user", "content": "other"}], "tools": []}}
    body = encoded(asked(tools=(WEATHER,), settings=Settings(extra=extra)))
    assert (body["messages"], body["tools"]) == ([{"role": "user", "content": "other"}], [])


def test_declared_output_is_a_response_format() -> None:
    assert encoded(asked(output=replace(CITY, description="A city.")))["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "city", "schema": CITY.schema, "strict": True, "description": "A city."},
    }


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (Returned("sunny"), "sunny"),
        (Returned({"degrees": 20}), '{"degrees":20}'),
        (Returned(None), "null"),
        (Returned([1, "é"]), '[1,"é"]'),
        (Failed("city: missing"), "Error: city: missing"),
        (Denied("too dear"), "The call was not made, permission was denied. too dear"),
        (Denied(), "The call was not made, permission was denied."),
        (Cancelled(started=False), "The call was not made: the run was cancelled before it began."),
        (Cancelled(started=True), "The call was cancelled before it ended."),
        (Lost(), "The run was interrupted during this call. Whether the call took effect is not known."),
    ],
)
def test_the_model_reads_what_became_of_a_call(outcome: Outcome, told: str) -> None:
    assert wire_messages(user_message("Hi"), called(ToolCall("c1", "f", '{"a":1}', outcome)))[1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": told},
    ]


def test_media_of_results_follow_in_a_user_message_merged_with_the_next() -> None:
    call = ToolCall("c1", "shoot", "{}", Returned(None, (PNG,)))
    assert wire_messages(called(call, text="Look:"), user_message("And?"))[1:] == [
        {"role": "tool", "tool_call_id": "c1", "content": "The result is in the next message."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Returned by shoot (c1):"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
                {"type": "text", "text": "And?"},
            ],
        },
    ]


def test_missing_and_repeated_call_ids_become_unique_the_same_way_each_time() -> None:
    once = called(ToolCall("", "f", "{}", Lost()), ToolCall("x", "f", "{}", Lost()))
    messages = wire_messages(once, once, called(ToolCall("call_0", "f", "{}", Lost())))
    made = [call["id"] for message in messages for call in message.get("tool_calls", [])]
    answered = [message["tool_call_id"] for message in messages if message["role"] == "tool"]
    assert made == answered == ["call_0", "x", "call_2", "x_4", "call_0_5"]


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("", "{}"),
        ("null", "{}"),
        ('{"a": 1}', '{"a": 1}'),
        ('{"a":', '{"malformed_arguments":"{\\"a\\":"}'),
        ("[1]", '{"malformed_arguments":"[1]"}'),
    ],
)
def test_arguments_in_a_history_are_always_json(written: str, sent: str) -> None:
    message = wire_messages(called(ToolCall("a", "f", written, Failed("no"))))[0]
    assert message["tool_calls"][0]["function"]["arguments"] == sent


def test_neighbouring_user_messages_become_one() -> None:
    assert wire_messages(user_message("a"), user_message("b"), user_message(["c", PNG])) == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "a\n\nb"},
                {"type": "text", "text": "c"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
            ],
        }
    ]


def test_refusals_and_foreign_thinking_are_sent_as_openai_wants_them() -> None:
    refused = AssistantMessage((Thinking("hm", ProviderData("x:y", {})), Text("I will not.", True)), finish="refusal")
    assert wire_messages(refused) == [{"role": "assistant", "content": None, "refusal": "I will not."}]


def test_an_answer_of_thinking_alone_is_not_sent() -> None:
    assert wire_messages(user_message("a"), AssistantMessage((Thinking("hm"),)), user_message("b")) == [
        {"role": "user", "content": "a\n\nb"}
    ]


def test_system_messages_in_the_midst_keep_their_place() -> None:
    later = UserMessage((Text("Now in French.", provider_data=ProviderData("openai:chat", {"role": "system"})),))
    assert wire_messages(user_message("a"), later, user_message("b"))[1] == {
        "role": "system",
        "content": "Now in French.",
    }
    assert wire_messages(later, provider="groq") == [{"role": "system", "content": "Now in French."}]
    assert wire_messages(user_message("a"), later, rules=ChatRules(system_in_place=False)) == [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "Now in French."}]}
    ]


def test_a_developer_message_stays_one_where_the_server_knows_the_role() -> None:
    later = UserMessage((Text("Hm.", provider_data=ProviderData("openai:chat", {"role": "developer"})),))
    assert wire_messages(later) == [{"role": "system", "content": "Hm."}]
    rules = ChatRules(instructions_role="developer")
    assert wire_messages(later, rules=rules) == [{"role": "developer", "content": "Hm."}]


def test_parts_of_assistants_are_not_sent_as_the_user_s() -> None:
    strays = (Text("a"), Thinking("hm"), ToolCall("x", "f", "{}", Lost()))
    assert wire_messages(UserMessage(strays)) == [{"role": "user", "content": [{"type": "text", "text": "a"}]}]


def test_media_have_their_parts() -> None:
    pdf = Document(Inline(b"%PDF-1", "application/pdf"), "a.pdf")
    parts = wire_messages(
        user_message(
            [
                Image(Remote("https://x/y.png"), "low"),
                Audio(Inline(b"RIFF", "audio/wav")),
                pdf,
                Document(Uploaded("file-1", "openai")),
                Document(Inline(b"a,b", "text/csv"), "t.csv"),
                Opaque(ProviderData("openai:chat", {"type": "text", "text": "as it came"})),
                Opaque(ProviderData("google:x", {"type": "thing"})),
            ]
        )
    )[0]["content"]
    assert parts == [
        {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0x"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "text", "text": "t.csv:\n\na,b"},
        {"type": "text", "text": "as it came"},
    ]


@pytest.mark.parametrize(
    "part",
    [
        Image(Uploaded("file-1", "openai")),
        Audio(Remote("https://x/y.wav")),
        Audio(Inline(b"x", "audio/flac")),
        Video(Remote("https://x/y.mp4")),
        Document(Remote("https://x/y.pdf")),
    ],
)
def test_media_that_the_format_cannot_carry_are_refused_before_anything_is_sent(part: Any) -> None:
    with pytest.raises(UnsupportedError, match="openai:chat"):
        encoded(asked(user_message([part])))


# Servers that differ


def test_rules_change_fields_and_roles() -> None:
    rules = ChatRules(
        max_tokens_field="max_tokens",
        instructions_role="developer",
        reasoning_setting="reasoning",
        seed_field="random_seed",
        strict_tools=False,
        omitted=frozenset({"stream_options", "parallel_tool_calls"}),
    )
    settings = Settings(max_output_tokens=5, seed=1, reasoning="high", parallel_tool_calls=True)
    body = encoded(
        asked(instructions="x", tools=(WEATHER,), settings=settings, is_streamed=True), rules=rules, provider="other"
    )
    assert body.pop("messages")[0] == {"role": "developer", "content": "x"}
    assert "strict" not in body.pop("tools")[0]["function"]
    assert body == {
        "model": "gpt-5.5",
        "max_tokens": 5,
        "random_seed": 1,
        "reasoning": {"effort": "high"},
        "stream": True,
    }


@pytest.mark.parametrize(
    ("obeyed", "choice", "sent", "offered"),
    [
        ("required", "get_weather", "required", 1),
        ("required", "required", "required", 2),
        ("auto", "get_weather", "auto", 1),
        ("auto", "required", "auto", 2),
        ("auto", "none", "none", 2),
    ],
)
def test_a_forced_tool_is_asked_for_as_far_as_the_server_obeys(
    obeyed: Any, choice: str, sent: str, offered: int
) -> None:
    tools = (WEATHER, replace(WEATHER, name="other"))
    body = encoded(asked(tools=tools, settings=Settings(tool_choice=choice)), rules=ChatRules(tool_choice=obeyed))
    assert (body["tool_choice"], len(body["tools"])) == (sent, offered)


@pytest.mark.parametrize(
    ("rules", "tools", "format"),
    [
        (ChatRules(structured_output="json_object"), (), {"type": "json_object"}),
        (ChatRules(structured_output="none"), (), None),
        (ChatRules(output_with_tools=False), (WEATHER,), None),
    ],
)
def test_where_a_schema_is_not_enforced_it_stands_in_the_instructions(
    rules: ChatRules, tools: Any, format: Any
) -> None:
    body = encoded(asked(instructions="Be brief.", output=CITY, tools=tools), rules=rules)
    assert body.get("response_format") == format
    assert body["messages"][0]["content"].startswith("Be brief.\n\nAnswer with one JSON object")
    assert json.dumps(CITY.schema, separators=(",", ":")) in body["messages"][0]["content"]


def test_short_call_ids_are_nine_letters_and_digits_and_stay_paired() -> None:
    calls = [ToolCall(id, "f", "{}", Lost()) for id in ("abcdefgh1", "toolu_1", "", "toolu_1")]
    messages = wire_messages(called(*calls), rules=ChatRules(short_call_ids=True))
    ids = [call["id"] for call in messages[0]["tool_calls"]]
    assert ids == [message["tool_call_id"] for message in messages[1:]]
    assert ids[0] == "abcdefgh1"
    assert len(set(ids)) == 4
    assert all(len(id) == 9 and id.isalnum() for id in ids)


def test_content_and_refusals_without_null() -> None:
    rules = ChatRules(null_content=False, refusal_field=False)
    assert wire_messages(called(ToolCall("a", "f", "{}", Lost())), rules=rules)[0]["content"] == ""
    assert wire_messages(AssistantMessage((Text("No.", True),)), rules=rules) == [
        {"role": "assistant", "content": "No."}
    ]


@pytest.mark.parametrize(
    ("field", "data", "sent"),
    [
        ("none", None, {"content": "yes"}),
        ("reasoning_content", None, {"content": "yes", "reasoning_content": "hm"}),
        ("reasoning", None, {"content": "yes", "reasoning": "hm"}),
        ("reasoning_details", None, {"content": "yes", "reasoning": "hm"}),
        (
            "reasoning_details",
            {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]},
            {"content": "yes", "reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]},
        ),
        (
            "chunks",
            {"signature": "s"},
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "signature": "s"},
                    {"type": "text", "text": "yes"},
                ]
            },
        ),
    ],
)
def test_thinking_goes_back_where_the_server_wants_it(field: Any, data: Any, sent: dict[str, Any]) -> None:
    thinking = Thinking("hm", ProviderData("p:chat", data) if data else None)
    message = AssistantMessage((thinking, Text("yes")))
    rules = ChatRules(reasoning_field=field)
    assert wire_messages(message, rules=rules, provider="p") == [{"role": "assistant", **sent}]


def test_media_rules() -> None:
    video = Video(Remote("https://x/y.mp4"))
    document = Document(Remote("https://x/y.pdf"))
    rules = ChatRules(video_url=True, document_part="document_url")
    assert wire_messages(user_message([video, document]), rules=rules)[0]["content"] == [
        {"type": "video_url", "video_url": {"url": "https://x/y.mp4"}},
        {"type": "document_url", "document_url": "https://x/y.pdf"},
    ]
    with pytest.raises(UnsupportedError, match="does not fetch"):
        wire_messages(user_message([Image(Remote("https://x/y.png"))]), rules=ChatRules(media_urls=False))


# The memo


def growing() -> list[tuple[Message, ...]]:
    """The messages of one run, step by step, media and repeated ids included."""
    messages: list[Message] = [user_message("Hi")]
    steps: list[tuple[Message, ...]] = [tuple(messages)]
    for step in range(4):
        media = (PNG,) if step == 1 else ()
        messages.append(called(ToolCall("same", "f", "{}", Returned(step, media)), ToolCall("", "f", "{}", Lost())))
        steps.append(tuple(messages))
        if step != 2:
            messages += [user_message(f"More {step}"), user_message("!")]
            steps.append(tuple(messages))
    return steps


def test_the_kept_head_never_changes_the_bytes() -> None:
    codec, memo = ChatCodec(), Memo()
    for messages in [*growing(), *reversed(growing()), growing()[3]]:
        request = asked(*messages, instructions="x", tools=(WEATHER,))
        assert codec.encode(request, memo).body == codec.encode(request).body


def test_one_codec_writes_unlike_requests_as_codecs_of_their_own_would() -> None:
    codec = ChatCodec()
    plain, format = asked(), OutputFormat("Answer", {"type": "object", "properties": {}})
    unlike = [
        plain,
        replace(plain, model="another"),
        replace(plain, instructions="Be brief."),
        replace(plain, tools=(ToolDefinition("t", "", {"type": "object"}),)),
        replace(plain, output=format),
        replace(plain, settings=Settings(temperature=0.5)),
        replace(plain, is_streamed=True),
    ]
    for request in [*unlike, *reversed(unlike)]:
        assert codec.encode(request) == ChatCodec().encode(request)


def test_extra_fields_that_change_between_two_requests_are_sent_as_they_are() -> None:
    codec, extra = ChatCodec(), {"seed": 1}
    request = replace(asked(), settings=Settings(extra={"openai": extra}))
    codec.encode(request)
    extra["seed"] = 2
    assert json.loads(codec.encode(request).body)["seed"] == 2


def test_a_changed_history_is_written_anew() -> None:
    codec, memo = ChatCodec(), Memo()
    first = user_message("a"), AssistantMessage((Text("b"),)), user_message("c")
    codec.encode(asked(*first), memo)
    changed = user_message("A"), *first[1:]
    assert json.loads(codec.encode(asked(*changed), memo).body)["messages"][0]["content"] == "A"


# What comes back


def reply(message: dict[str, Any], finish: Any = "stop", **more: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return json.dumps({"id": "r1", "model": "m", "choices": [choice], **more}).encode()


def decoded(body: bytes, rules: ChatRules | None = None) -> Response:
    return ChatCodec(rules=rules or ChatRules()).decode(body)


def event(delta: Any, finish: Any = None, **more: Any) -> dict[str, Any]:
    return {"id": "r1", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def streamed(*events: dict[str, Any], end: bytes = b"data: [DONE]\n\n", rules: ChatRules | None = None) -> Response:
    decoder = ChatCodec(rules=rules or ChatRules()).decoder()
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + end
    return assemble([*decoder.feed(body), *decoder.finish()])


COUNTED = {"prompt_tokens": 3, "completion_tokens": 2}


def tool_piece(**entry: Any) -> dict[str, Any]:
    function = {key: entry.pop(key) for key in ("name", "arguments") if key in entry}
    return {"tool_calls": [{**entry, "function": function}]}


def test_a_whole_reply_becomes_a_response() -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 30,
        "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
        "completion_tokens_details": {"reasoning_tokens": 20},
    }
    body = reply({"content": "Hi", "tool_calls": None}, usage=usage, service_tier="default")
    message = AssistantMessage((Text("Hi"),), "m", "r1", "stop", Usage(30, 60, 10, 10, 20))
    assert decoded(body) == Response(message, "stop", {"service_tier": "default"})


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 2, "prompt_cache_hit_tokens": 4}, Usage(5, 4, 0, 2)),
        ({"prompt_tokens": 9, "completion_tokens": 2, "num_cached_tokens": 4}, Usage(5, 4, 0, 2)),
        # xAI counts thinking outside the completion
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 2,
                "total_tokens": 16,
                "completion_tokens_details": {"reasoning_tokens": 5},
            },
            Usage(9, 0, 0, 2, 5),
        ),
        # Grok at Azure counts cached tokens outside the prompt
        (
            {"prompt_tokens": 7, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 161}},
            Usage(7, 161, 0, 1),
        ),
        ({"prompt_tokens": None, "completion_tokens": None}, Usage()),
        (None, Usage()),
    ],
)
def test_usage_is_in_disjoint_buckets(usage: Any, read: Usage) -> None:
    assert decoded(reply({"content": "x"}, usage=usage)).usage == read


@pytest.mark.parametrize(
    ("raw", "message", "finish"),
    [
        ("stop", {"content": "x"}, "stop"),
        ("eos", {"content": "x"}, "stop"),
        (None, {"content": "x"}, "stop"),
        ("length", {"content": "x"}, "length"),
        ("model_length", {"content": "x"}, "length"),
        ("content_filter", {"content": ""}, "content_filter"),
        ("insufficient_system_resource", {"content": "x"}, "error"),
        ("something_new", {"content": "x"}, "other"),
        ("stop", {"content": None, "refusal": "No."}, "refusal"),
        ("stop", tool_piece(id="a", name="f", arguments="{}"), "tool_calls"),
        ("tool_calls", tool_piece(id="a", name="f", arguments="{}"), "tool_calls"),
        ("length", tool_piece(id="a", name="f", arguments="{"), "length"),
        ("function_call", {"function_call": {"name": "f", "arguments": "{}"}}, "tool_calls"),
    ],
)
def test_the_end_has_one_of_our_words_and_keeps_theirs(raw: Any, message: Any, finish: str) -> None:
    response = decoded(reply(message, raw))
    assert (response.finish, response.finish_raw) == (finish, raw or "")


@pytest.mark.parametrize(
    "message",
    [
        {"reasoning_content": "hm", "content": "yes"},
        {"reasoning": "hm", "content": "yes"},
        {"reasoning_content": "hm", "content": [{"type": "text", "text": "yes"}]},
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                {"type": "text", "text": "yes"},
            ]
        },
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "closed": True}, "yes"]},
    ],
)
def test_thinking_is_found_wherever_it_stands(message: dict[str, Any]) -> None:
    assert decoded(reply(message)).message.parts == (Thinking("hm"), Text("yes"))
    assert streamed(event(message), event({}, "stop")).message.parts == (Thinking("hm"), Text("yes"))


def test_signed_thinking_is_kept_to_be_sent_back_unchanged() -> None:
    detail = {"type": "reasoning.text", "text": "hm", "signature": "s", "format": "f", "index": 0}
    parts = (Thinking("hm", ProviderData("openai:chat", {"reasoning_details": [detail]})), Text("yes"))
    assert decoded(reply({"reasoning": "hm", "reasoning_details": [detail], "content": "yes"})).message.parts == parts
    assert decoded(reply({"reasoning_details": [detail], "content": "yes"})).message.parts == parts
    pieces = [
        event({"reasoning": "h", "reasoning_details": [{**detail, "text": "h", "signature": None}]}),
        event({"reasoning": "m", "reasoning_details": [{**detail, "text": "m", "signature": None}]}),
        event({"reasoning_details": [{"type": "reasoning.text", "signature": "s", "index": 0}], "content": ""}),
        event({"content": "yes"}, "stop"),
    ]
    assert streamed(*pieces).message.parts == parts


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("mode", "text", "parts"),
    [
        ("tagged", "<think>\nhm < 3</think>\n\nyes", (Thinking("\nhm < 3"), Text("yes"))),
        ("tagged", " <think>a</think>b </think>", (Thinking("a"), Text("b </think>"))),
        ("tagged", "<thin air", (Text("<thin air"),)),
        ("tagged", "<think>cut </th", (Thinking("cut </th"),)),
        ("opened", "hm</think>yes", (Thinking("hm"), Text("yes"))),
        ("none", "<think>hm</think>yes", (Text("<think>hm</think>yes"),)),
    ],
)
def test_think_tags_are_read_where_the_rules_say_so(mode: Any, text: str, parts: Any, size: int) -> None:
    rules = ChatRules(thinking_tags=mode)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert decoded(reply({"content": text}), rules).message.parts == parts
    response = streamed(*[event({"content": piece}) for piece in pieces], event({}, "stop"), rules=rules)
    assert response.message.parts == parts


@pytest.mark.parametrize(
    ("events", "calls"),
    [
        pytest.param(
            [
                tool_piece(index=0, id="a", type="function", name="f", arguments=""),
                tool_piece(index=0, arguments='{"x"'),
                tool_piece(index=1, id="b", type="function", name="g", arguments="{}"),
                tool_piece(index=0, arguments=":1}"),
            ],
            [("a", "f", '{"x":1}'), ("b", "g", "{}")],
            id="by index, interleaved",
        ),
        pytest.param(
            [tool_piece(id="a", name="f", arguments="{}"), tool_piece(id="b", name="f", arguments="{}")],
            [("a", "f", "{}"), ("b", "f", "{}")],
            id="no index",
        ),
        pytest.param(
            [
                tool_piece(index=0, id="a", name="f", arguments="{}"),
                tool_piece(index=0, id="b", name="g", arguments="{}"),
            ],
            [("a", "f", "{}"), ("b", "g", "{}")],
            id="always index 0",
        ),
        pytest.param(
            [
                tool_piece(index=0, id="null", name="f", arguments="{}"),
                tool_piece(index=0, id="null", name="f", arguments='{"a":1}'),
            ],
            [("", "f", "{}"), ("", "f", '{"a":1}')],
            id="always index 0 and no id",
        ),
        pytest.param(
            [
                tool_piece(index=0, id="a", name="f", arguments="{}"),
                tool_piece(index=1, id="a", name="f", arguments="{}"),
            ],
            [("a", "f", "{}"), ("a", "f", "{}")],
            id="equal ids",
        ),
        pytest.param(
            [tool_piece(name="f", arguments='{"a"'), tool_piece(arguments=":1}"), tool_piece(name="g", arguments="{}")],
            [("", "f", '{"a":1}'), ("", "g", "{}")],
            id="neither id nor index",
        ),
        pytest.param(
            [tool_piece(index=0, id="a", name="f", arguments={"a": 1})], [("a", "f", '{"a":1}')], id="an object"
        ),
        pytest.param([tool_piece(index=0, id="a", name="f")], [("a", "f", "")], id="no arguments"),
        pytest.param(
            [
                tool_piece(index=0, id="a", name="f", arguments='{"a":'),
                tool_piece(index=0, id="a", name="f", arguments="1}"),
            ],
            [("a", "f", '{"a":1}')],
            id="id and name in every chunk",
        ),
        pytest.param(
            [
                tool_piece(index=0, id="a", name="f", arguments='{"a":'),
                tool_piece(index=0, arguments="1}"),
                tool_piece(index=0, id="a", name="f", arguments='{"a":1}'),
            ],
            [("a", "f", '{"a":1}')],
            id="all repeated in the last chunk",
        ),
        pytest.param(
            [tool_piece(index=0, id="", name="", arguments=""), {"function_call": {"name": "", "arguments": ""}}],
            [],
            id="phantoms",
        ),
    ],
)
def test_calls_are_told_apart(events: list[dict[str, Any]], calls: list[tuple[str, str, str]]) -> None:
    response = streamed(*[event(piece) for piece in events], event({}, "stop"))
    assert [(call.id, call.name, call.arguments) for call in response.calls] == calls


def test_what_a_provider_hangs_on_a_call_goes_back_with_it() -> None:
    extra = {"extra_content": {"google": {"thought_signature": "s"}}}
    message = tool_piece(id="a", type="function", name="f", arguments="{}", **extra)
    call = ToolCall("a", "f", "{}", provider_data=ProviderData("openai:chat", extra))
    assert decoded(reply(message)).calls == (call,)
    assert streamed(event(message), event({}, "stop")).calls == (call,)
    sent = wire_messages(called(replace(call, outcome=Lost())), rules=ChatRules())[0]["tool_calls"][0]
    assert sent["extra_content"] == extra["extra_content"]


def test_a_spoken_answer_is_its_transcript_and_its_id_goes_back() -> None:
    response = decoded(reply({"content": None, "audio": {"id": "audio_1", "transcript": "Hi", "data": ""}}))
    assert response.text == "Hi"
    sent = wire_messages(AssistantMessage(response.message.parts))
    assert sent == [{"role": "assistant", "content": "Hi", "audio": {"id": "audio_1"}}]


def test_deltas_come_as_they_are_sent() -> None:
    decoder = ChatCodec().decoder()
    pieces = [
        event({"role": "assistant", "content": ""}),
        event({"reasoning_content": "hm"}),
        event({"content": "He"}),
        event({"content": "y"}),
        event(tool_piece(index=0, id="a", name="f", arguments="{}")),
        event({}, "stop", usage=COUNTED),
    ]
    told = [decoder.feed(b"data: " + json.dumps(piece).encode() + b"\n\n") for piece in pieces]
    assert told == [
        [ResponseStarted("r1", "m")],
        [ThinkingDelta("hm", 0)],
        [TextDelta("He", 1)],
        [TextDelta("y", 1)],
        [ToolCallDelta("{}", 2, "a", "f")],
        [],
    ]
    assert decoder.feed(b": keep-alive\n\n") == []
    assert decoder.events == 6
    assert decoder.finish() == [ResponseFinished("tool_calls", "stop", Usage(3, output=2))]


@pytest.mark.parametrize(
    "last",
    [
        [event({}, "stop", usage=COUNTED)],
        [event({}, "stop"), {"choices": [], "usage": COUNTED}],
        [event({}, "stop"), {"usage": COUNTED}],
        [event({}, "stop", x_groq={"usage": COUNTED})],
        [
            {
                "choices": [
                    {
                        "index": 0,
                        "delta": {},
                        "finish_reason": "stop",
                        "usage": COUNTED,
                    }
                ]
            }
        ],
        [
            event({}, usage={"prompt_tokens": 3, "completion_tokens": 1}),
            event({}, "stop", usage=COUNTED),
        ],
    ],
)
def test_usage_is_found_in_a_stream_wherever_it_stands(last: list[dict[str, Any]]) -> None:
    assert streamed(event({"content": "x"}), *last).usage == Usage(3, output=2)


def test_thinking_behind_text_is_a_part_of_its_own() -> None:
    def thinking(text: str) -> dict[str, Any]:
        return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}

    content = [thinking("a"), {"type": "text", "text": "b"}, thinking("c"), {"type": "text", "text": "d"}]
    parts = (Thinking("a"), Text("b"), Thinking("c"), Text("d"))
    assert decoded(reply({"content": content})).message.parts == parts
    assert streamed(*[event({"content": [chunk]}) for chunk in content], event({}, "stop")).message.parts == parts


def test_an_error_is_raised_again_when_more_is_fed() -> None:
    decoder = ChatCodec().decoder()
    bad = b'data: {"choices": [{"index": 0, "delta": {"content": "x"}}]}\n\ndata: nonsense\n\n'
    assert decoder.feed(bad) == [TextDelta("x", 0)]
    with pytest.raises(ProtocolError, match="not JSON"):
        decoder.feed(b"")


def test_a_reply_that_is_neither_stream_nor_json_is_an_error() -> None:
    with pytest.raises(ProtocolError, match="neither a stream of events nor JSON"):
        streamed(end=b"upstream connect error")


def test_many_sets_of_tools_are_not_kept_for_ever() -> None:
    codec = ChatCodec()
    bodies = {codec.encode(asked(tools=(replace(WEATHER, name=f"t{n}"),))).body for n in range(70)}
    assert len(bodies) == 70
    assert len(codec._toolsets) <= 32


def test_odd_events_are_survived() -> None:
    response = streamed(
        {"id": "", "model": "", "choices": [], "prompt_filter_results": []},
        event(None),
        {"id": "r1", "model": "m"},
        event({"role": "assistant", "content": None}),
        event({"content": "x"}, usage=None),
        {"choices": [{"index": 1, "delta": {"content": "another candidate"}, "finish_reason": "stop"}]},
        event({}, "stop", provider="Azure"),
        end=b"data:[DONE]\r\n\r\n",
    )
    assert response == Response(AssistantMessage((Text("x"),), "m", "r1"), "stop", {"provider": "Azure"})


def test_an_end_without_done_is_an_end() -> None:
    assert streamed(event({"content": "x"}, "stop"), end=b"").text == "x"
    assert streamed(event({"content": "x"})).finish_raw == ""


@pytest.mark.parametrize("end", [b"", b": keep-alive\n\n", b'data: {"choi'])
def test_a_cut_stream_is_an_error(end: bytes) -> None:
    with pytest.raises(ProtocolError):
        streamed(event({"content": "x"}), end=end)


def test_an_empty_stream_is_an_error() -> None:
    with pytest.raises(ProtocolError, match="empty"):
        streamed(end=b": keep-alive\n\n" * 0)


def test_an_error_in_the_stream_is_raised_after_what_came_before_it() -> None:
    decoder = ChatCodec("openrouter").decoder()
    failed = {"error": {"message": "Provider down", "code": 502}}
    events = [event({"content": "x"}), failed]
    body = b"".join(b"data: " + json.dumps(piece).encode() + b"\n\n" for piece in events)
    assert decoder.feed(body) == [ResponseStarted("r1", "m"), TextDelta("x", 0)]
    with pytest.raises(ServerError, match="Provider down") as caught:
        decoder.finish()
    assert (caught.value.status, caught.value.provider) == (502, "openrouter")


def test_an_error_inside_a_choice_is_raised() -> None:
    choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error", "error": {"message": "No", "code": 503}}
    with pytest.raises(OverloadedError, match="No"):
        streamed({"choices": [choice]})


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b'{"error": {"message": "Overloaded", "type": "overloaded_error"}}', OverloadedError, "Overloaded"),
        (b'{"detail": "Not now"}', ProtocolError, "Not now"),
        (b'{"id": "x"}', ProtocolError, "no choices"),
        (b"<html>", ProtocolError, "not JSON"),
        (b"[]", ProtocolError, "no JSON object"),
        (b'{"choices": [7]}', ProtocolError, "unexpected shape"),
        (b'{"choices": 7}', ProtocolError, "unexpected shape"),
    ],
)
def test_a_reply_of_200_may_be_a_failure(body: bytes, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        decoded(body)


def test_a_reply_of_the_other_kind_is_read_all_the_same() -> None:
    plain = reply({"content": "x"})
    decoder = ChatCodec().decoder()
    assert assemble([*decoder.feed(plain), *decoder.finish()]) == decoded(plain)
    lines = b"\n".join(json.dumps(piece).encode() for piece in [event({"content": "x"}), event({}, "stop")])
    decoder = ChatCodec().decoder()
    assert assemble([*decoder.feed(lines), *decoder.finish()]) == decoded(plain)
    body = b"data: " + json.dumps(event({"content": "x"}, "stop")).encode() + b"\n\n"
    assert decoded(body) == decoded(plain)


def test_finished_parts_replace_their_deltas() -> None:
    decoder = ChatCodec().decoder()
    detail = {"type": "reasoning.encrypted", "data": "x", "index": 0}
    decoder.feed(b"data: " + json.dumps(event({"reasoning_details": [detail]}, "stop")).encode() + b"\n\n")
    finished = decoder.finish()[0]
    assert finished == PartFinished(Thinking("", ProviderData("openai:chat", {"reasoning_details": [detail]})), 0)


KEYS = [
    "choices",
    "delta",
    "message",
    "content",
    "tool_calls",
    "function",
    "index",
    "id",
    "name",
    "arguments",
    "usage",
    "error",
    "finish_reason",
    "reasoning_content",
    "reasoning_details",
    "audio",
    "refusal",
    "prompt_tokens",
    "type",
    "text",
    "thinking",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=12,
)


@given(JSON, st.lists(JSON, max_size=3))
@hypothesis_settings(deadline=None)
def test_no_answer_raises_anything_but_an_exchange_error(message: Any, deltas: list[Any]) -> None:
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    for body in (message, {"choices": [choice]}):
        with contextlib.suppress(ExchangeError):
            decoded(json.dumps(body).encode())
    with contextlib.suppress(ExchangeError):
        streamed(*[event(delta) for delta in deltas], event({}, "stop"))
