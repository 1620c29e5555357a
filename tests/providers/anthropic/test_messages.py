from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from providers.anthropic import messages_strategies as strategies
from providers.anthropic.messages_strategies import PARAMETERS, own
from shared import oracle

from agentkit.codec import WireRequest
from agentkit.errors import ProtocolError, SchemaError, ServerError, UnsupportedError
from agentkit.exchange import Memo, OutputFormat, Request, Response, ToolDefinition
from agentkit.media import Audio, Document, Image, Inline, ProviderData, Uploaded, Video
from agentkit.messages import (
    AssistantMessage,
    Cancelled,
    Denied,
    Failed,
    Lost,
    Message,
    Opaque,
    Outcome,
    Part,
    Returned,
    Text,
    Thinking,
    ToolCall,
    UserMessage,
    user_message,
)
from agentkit.providers.anthropic.messages import MessagesCodec
from agentkit.settings import Settings
from agentkit.switching import left_out
from agentkit.usage import Usage

CODEC = MessagesCodec()
MODEL = "claude-sonnet-5-5"
OLDER = "claude-haiku-4-5-20251001"
MARK = {"type": "ephemeral"}
WEATHER = ToolDefinition("get_weather", "Weather.", PARAMETERS, False)
HI = user_message("hi")
PICTURE = Inline(b"\0\0\0", "image/png")
SIGNED = Thinking("Let me see.", own({"signature": "EqQBCgIYAhIM1gbcDa9GJwZA2b3h"}))
REDACTED = {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix/LafPsn4a"}


def request(*messages: Message, model: str = MODEL, settings: Settings | None = None, **fields: Any) -> Request:
    return Request(model, messages or (HI,), settings=settings or Settings(), **fields)


def body(*messages: Message, settings: Settings | None = None, **fields: Any) -> dict[str, Any]:
    return json.loads(CODEC.encode(request(*messages, settings=settings, **fields)).body)


def written(*messages: Message, **fields: Any) -> list[Any]:
    return body(*messages, **fields)["messages"]


def notes(*messages: Message, **fields: Any) -> tuple[str, ...]:
    return CODEC.encode(request(*messages, **fields)).notes


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def called(*parts: Part, model: str = "") -> AssistantMessage:
    return AssistantMessage(parts, model, finish="tool_calls")


def call(id: str = "toolu_1", outcome: Outcome | None = None, arguments: str = '{"city":"Paris"}') -> ToolCall:
    return ToolCall(id, "get_weather", arguments, outcome or Returned("sunny"))


def reply(*content: dict[str, Any], **fields: Any) -> bytes:
    message: dict[str, Any] = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": content,
        "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 2},
    }  # fmt: skip
    return json.dumps(message | fields).encode()


def test_sends_a_question_with_instructions() -> None:
    wire = CODEC.encode(request(instructions="Be brief."))
    assert (wire.path, wire.headers) == (
        "/v1/messages",
        (("content-type", "application/json"), ("anthropic-version", "2026-10-21")),
    )
    assert json.loads(wire.body) == {
        "model": MODEL,
        "max_tokens": 16_384,
        "system": [{**text("Be brief."), "cache_control": MARK}],
        "messages": [{"role": "user", "content": "hi"}],
    }


def test_reads_an_answer() -> None:
    citation = {"type": "char_location", "cited_text": "a", "document_index": 0}
    content = (
        {"type": "thinking", "thinking": "hm", "signature": "S"},
        REDACTED,
        {"type": "text", "text": "Hello", "citations": [citation]},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": 1}},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
    )
    usage = {
        "input_tokens": 3, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 7, "output_tokens": 11,
        "output_tokens_details": {"thinking_tokens": 4}, "service_tier": "standard",
    }  # fmt: skip
    assert CODEC.decode(reply(*content, stop_reason="tool_use", usage=usage)) == Response(
        AssistantMessage(
            (
                Thinking("hm", own({"signature": "S"})),
                Opaque(own(REDACTED)),
                Text("Hello", provider_data=own({"citations": [citation]})),
                ToolCall("toolu_1", "f", '{"x":1}'),
                Opaque(own(content[4])),
            ),
            MODEL,
            "msg_1",
            "tool_calls",
            Usage(3, 5, 7, 7, 4),
        ),
        "tool_use",
        {"service_tier": "standard"},
    )


@pytest.mark.parametrize(
    ("raw", "finish"),
    [
        ("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length"), ("refusal", "refusal"),
        ("model_context_window_exceeded", "length"), ("pause_turn", "paused"), ("something_new", "other"),
    ],
)  # fmt: skip
def test_knows_why_an_answer_ended(raw: str, finish: str) -> None:
    response = CODEC.decode(reply(text("x"), stop_reason=raw))
    assert (response.finish, response.finish_raw) == (finish, raw)


def test_q1_a_refusal_and_an_error_come_with_status_200() -> None:
    details = {"type": "refusal", "category": "bio", "explanation": "no"}
    refused = CODEC.decode(reply(stop_reason="refusal", stop_details=details))
    assert (refused.finish, refused.message.parts, refused.details) == ("refusal", (), {"stop_details": details})
    with pytest.raises(ServerError, match="broken"):
        CODEC.decode(b'{"type":"error","error":{"type":"api_error","message":"broken"}}')


def test_q2_cached_tokens_stand_outside_the_input() -> None:
    usage = {"input_tokens": 10, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20, "output_tokens": 5}
    read = CODEC.decode(reply(text("x"), usage=usage)).usage
    assert (read, read.total_input) == (Usage(10, 100, 20, 5), 130)


def test_q3_results_stand_first_in_the_very_next_user_message_in_call_order() -> None:
    answer = called(call("a", Returned({"t": 20})), Text("and"), call("b", Failed("no such city")))
    assert written(HI, answer, user_message("go on"), user_message("please")) == [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "a", "name": "get_weather", "input": {"city": "Paris"}},
                text("and"),
                {"type": "tool_use", "id": "b", "name": "get_weather", "input": {"city": "Paris"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": '{"t":20}'},
                {"type": "tool_result", "tool_use_id": "b", "content": "no such city", "is_error": True},
                text("go on"),
                text("please"),
            ],
        },
    ]


def test_q4_thinking_goes_back_byte_for_byte_in_its_place() -> None:
    answer = called(SIGNED, Opaque(own(REDACTED)), Text("Let me look."), SIGNED, call())
    sent = CODEC.encode(request(HI, answer)).body
    blocks = json.loads(sent)["messages"][1]["content"]
    kinds = ["thinking", "redacted_thinking", "text", "thinking", "tool_use"]
    assert [block["type"] for block in blocks] == kinds
    assert blocks[:2] == [
        {"type": "thinking", "thinking": "Let me see.", "signature": "EqQBCgIYAhIM1gbcDa9GJwZA2b3h"},
        REDACTED,
    ]


@pytest.mark.parametrize("choice", ["required", "get_weather"])
def test_q4_a_forced_tool_is_asked_for_in_words_while_thinking_is_on(choice: str) -> None:
    settings = Settings(reasoning="high", tool_choice=choice)
    sent = body(tools=(WEATHER,), settings=settings, instructions="Be brief.")
    words = "one of the tools" if choice == "required" else "the tool get_weather"
    assert sent["tool_choice"] == {"type": "auto"}
    assert sent["system"] == [
        {**text("Be brief."), "cache_control": MARK},
        text(f"Call {words} in this answer."),
    ]
    assert notes(tools=(WEATHER,), settings=settings) == (
        f"tool_choice {choice!r} is only asked for in words: forcing a tool is refused while thinking is on",
    )


def test_a_tool_asked_for_in_words_is_named_as_the_model_knows_it() -> None:
    settings = Settings(reasoning="high", tool_choice="get.weather")
    sent = body(tools=(ToolDefinition("get.weather", "", PARAMETERS),), settings=settings)
    assert sent["system"] == [text("Call the tool get_weather in this answer.")]


def test_some_models_are_never_forced() -> None:
    sent = body(tools=(WEATHER,), settings=Settings(tool_choice="required"), model="claude-fable-5-1")
    assert sent["tool_choice"] == {"type": "auto"}


def test_q12_strict_keeps_optional_properties_and_tells_limits_in_words() -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "minLength": 2}, "days": {"type": "integer", "maximum": 5}},
        "required": ["city"],
    }
    tool = body(tools=(ToolDefinition("f", "", schema),))["tools"][0]
    assert tool == {
        "name": "f",
        "input_schema": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "(at least 2 characters)"},
                "days": {"type": "integer", "description": "(at most 5)"},
            },
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
        "cache_control": MARK,
    }


@pytest.mark.parametrize("arguments", ["", " ", "null", "{}"])
def test_q13_empty_and_null_arguments_mean_an_empty_object(arguments: str) -> None:
    assert written(HI, called(call(arguments=arguments)))[1]["content"][0]["input"] == {}


@pytest.mark.parametrize("input", ["", None, {}])
def test_q13_an_answer_without_input_has_empty_arguments(input: object) -> None:
    block: dict[str, Any] = {"type": "tool_use", "id": "a", "name": "f", "input": input}
    assert CODEC.decode(reply(block)).calls == (ToolCall("a", "f", "{}"),)


@pytest.mark.parametrize("arguments", ['{"city": "Par', "[1]", '"x"', "NaN"])
def test_arguments_that_are_no_object_go_back_inside_one(arguments: str) -> None:
    block = written(HI, called(call(arguments=arguments)))[1]["content"][0]
    assert block["input"] == {"malformed_arguments": arguments}


def test_q14_an_answer_with_calls_ended_for_them_whatever_the_server_says() -> None:
    block: dict[str, Any] = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    response = CODEC.decode(reply(block, stop_reason="end_turn"))
    assert (response.finish, response.finish_raw) == ("tool_calls", "end_turn")


def test_q18_ids_that_repeat_are_missing_or_illegal_become_unique_and_legal() -> None:
    first = called(call("call_0"), call("call_0"), call(""), call("a.b:c"), call("x" * 200))
    sent = written(HI, first, called(call("call_0")))
    ids = [block["id"] for message in sent[1::2] for block in message["content"]]
    answered = [block["tool_use_id"] for message in sent[2::2] for block in message["content"]]
    assert ids == answered
    assert ids[:4] + ids[5:] == ["call_0", "call_0_2", "toolu_2", "a_b_c", "call_0_3"]
    assert len(set(ids)) == 6
    assert len(ids[4]) <= 64


def test_tool_names_are_made_legal_and_mapped_back() -> None:
    wire = CODEC.encode(
        request(HI, called(ToolCall("a", "get.weather", "{}", Lost()), ToolCall("b", "gone.tool", "{}", Lost())),
                tools=(ToolDefinition("get.weather", "", PARAMETERS),))
    )  # fmt: skip
    sent = json.loads(wire.body)
    assert wire.names == {"get_weather": "get.weather"}
    assert [block["name"] for block in sent["messages"][1]["content"]] == ["get_weather", "gone_tool"]


@pytest.mark.parametrize(
    ("outcome", "content", "is_error"),
    [
        (Returned("sunny"), "sunny", None),
        (Returned(""), "", None),
        (Returned("{sunny"), "{sunny", None),
        (Returned({"t": 20}), '{"t":20}', None),
        (Returned(None), "null", None),
        (Failed("no such city"), "no such city", True),
        (Failed(""), "The tool failed without a message.", True),
        (Denied("not today"), "The call was not made, permission was denied. not today", True),
        (Cancelled(started=False), "The call was not made: the run was cancelled before it began.", True),
        (Cancelled(started=True), "The call was cancelled before it ended.", True),
        (Lost(), "The run was interrupted during this call. Whether the call took effect is not known.", True),
    ],
)
def test_tells_what_became_of_a_call(outcome: Outcome, content: str, is_error: bool | None) -> None:
    result = written(HI, called(call(outcome=outcome)))[2]["content"][0]
    assert (result["content"], result.get("is_error")) == (content, is_error)


def test_a_tool_may_return_pictures_and_documents_and_is_told_of_sounds() -> None:
    media = (Image(PICTURE), Document(Inline(b"%PDF", "application/pdf")), Audio(Inline(b"x", "audio/wav")))
    result = written(HI, called(call(outcome=Returned("look", media))))[2]["content"][0]
    assert result["content"] == [
        text("look"),
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}},
        text("(The tool also returned audio, which cannot be shown to this model.)"),
    ]


def test_sends_text_documents_as_text_and_names_files_that_lie_there() -> None:
    parts = (Document(Inline(b"a,b", "text/csv"), "t.csv"), Image(Uploaded("file_1", "anthropic")))
    wire = CODEC.encode(request(UserMessage(parts)))
    assert json.loads(wire.body)["messages"][0]["content"] == [
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a,b"}, "title": "t.csv"},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
    ]
    assert dict(wire.headers)["anthropic-beta"] == "files-api-2025-04-14"


@pytest.mark.parametrize(
    ("part", "problem"),
    [
        (Audio(Inline(b"x", "audio/wav")), "no audio; send a transcript"),
        (Video(Inline(b"x", "video/mp4")), "no video; send single frames"),
        (Image(Inline(b"x", "image/tiff")), "not image/tiff"),
        (Document(Inline(b"\xff", "application/msword")), "convert it to PDF"),
        (Image(Uploaded("file_1", "openai")), "lies at 'openai'"),
    ],
)
def test_says_which_media_cannot_be_sent(part: Part, problem: str) -> None:
    with pytest.raises(UnsupportedError, match=problem):
        CODEC.encode(request(UserMessage((part,))))


def test_leaves_out_what_other_providers_attached_and_says_so() -> None:
    foreign = ProviderData("openai:responses", {"type": "reasoning", "signature": "x"})
    dropped = (Thinking("hm", foreign), Opaque(foreign), Thinking("bare"))
    answer = AssistantMessage((*dropped, Text("yes", False, foreign)))
    assert written(HI, answer, HI)[1] == {"role": "assistant", "content": "yes"}
    assert notes(HI, answer, HI) == tuple(sorted(left_out(part) for part in dropped))


@pytest.mark.parametrize(
    ("made_by", "is_kept"),
    [
        ("", True), (MODEL, True), (f"{MODEL}-20261101", True), ("my-deployment", True),
        ("claude-opus-5-5", False), ("claude-sonnet-5", False),
    ],
)  # fmt: skip
def test_thinking_goes_back_to_the_model_that_made_it(made_by: str, is_kept: bool) -> None:
    kinds = [block["type"] for block in written(HI, called(SIGNED, call(), model=made_by))[1]["content"]]
    assert kinds == (["thinking", "tool_use"] if is_kept else ["tool_use"])


def test_items_that_the_provider_ran_go_back_as_they_came() -> None:
    search: dict[str, Any] = {
        "type": "server_tool_use",
        "id": "srvtoolu_1",
        "name": "web_search",
        "input": {"query": "x"},
    }
    found: dict[str, Any] = {
        "type": "web_search_tool_result",
        "tool_use_id": "srvtoolu_1",
        "content": [],
        "caller": {"type": "direct"},
    }
    paused = AssistantMessage((Opaque(own(search)), Opaque(own(found))), MODEL, finish="paused")
    assert written(HI, paused)[1] == {"role": "assistant", "content": [search, found]}


def test_later_system_messages_stay_in_place() -> None:
    system = UserMessage((Text("Be brief.", provider_data=own({"role": "system"})),))
    foreign = UserMessage((Text("Be kind.", provider_data=ProviderData("openai:chat", {"role": "developer"})),))
    assert written(HI, system, foreign, HI) == [
        {"role": "user", "content": "hi"},
        {"role": "system", "content": [text("Be brief."), text("Be kind.")]},
        {"role": "user", "content": "hi"},
    ]


def test_older_models_read_other_formats_system_messages_as_the_users_words() -> None:
    foreign = UserMessage((Text("Be kind.", provider_data=ProviderData("openai:chat", {"role": "developer"})),))
    assert written(HI, foreign, model="claude-sonnet-4-0") == [
        {"role": "user", "content": [text("hi"), text("Be kind.")]}
    ]


def test_the_first_message_is_a_users() -> None:
    system = UserMessage((Text("Be brief.", provider_data=own({"role": "system"})),))
    assert written(AssistantMessage((Text("Hello"),)), HI)[0] == {"role": "user", "content": "(no text)"}
    assert written(system)[0] == {"role": "user", "content": "Be brief."}


def test_leaves_out_empty_texts_and_says_something_where_nothing_was_said() -> None:
    assert written(user_message(" \n")) == [{"role": "user", "content": "(no text)"}]
    assert written(HI, AssistantMessage((Text(""), Text(" "))), user_message("again")) == [
        {"role": "user", "content": [text("hi"), text("again")]}
    ]


def test_words_put_into_the_models_mouth_do_not_end_with_white_space() -> None:
    memo = Memo()
    begun = AssistantMessage((Text("It is "),))
    assert written(HI, begun)[1]["content"] == "It is"
    CODEC.encode(request(HI, begun), memo)
    later = CODEC.encode(request(HI, begun, HI), memo)
    assert json.loads(later.body)["messages"][1]["content"] == "It is "


def test_media_that_a_model_made_are_shown_by_the_user() -> None:
    sent = written(HI, called(Image(PICTURE), call()), user_message("nice"))
    assert [block["type"] for block in sent[2]["content"]] == ["tool_result", "image", "text"]


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        (Settings(tool_choice="auto"), {"type": "auto"}),
        (Settings(tool_choice="none"), {"type": "none"}),
        (Settings(tool_choice="required"), {"type": "any"}),
        (Settings(tool_choice="get_weather"), {"type": "tool", "name": "get_weather"}),
        (Settings(parallel_tool_calls=False), {"type": "auto", "disable_parallel_tool_use": True}),
        (Settings(parallel_tool_calls=True), None),
        (
            Settings(tool_choice="required", parallel_tool_calls=False),
            {"type": "any", "disable_parallel_tool_use": True},
        ),
        (Settings(), None),
    ],
)
def test_chooses_tools(settings: Settings, sent: dict[str, Any] | None) -> None:
    assert body(tools=(WEATHER,), settings=settings).get("tool_choice") == sent


def test_sends_no_choice_without_tools() -> None:
    assert "tool_choice" not in body(settings=Settings(tool_choice="required", parallel_tool_calls=False))


@pytest.mark.parametrize(
    ("model", "settings", "thinking", "effort", "max_tokens"),
    [
        (MODEL, Settings(), None, None, 16_384),
        (MODEL, Settings(reasoning="none"), {"type": "disabled"}, None, 16_384),
        (MODEL, Settings(reasoning="minimal"), {"type": "adaptive"}, "low", 16_384),
        (MODEL, Settings(reasoning="max"), {"type": "adaptive"}, "max", 16_384),
        (MODEL, Settings(reasoning_summary="auto"), {"type": "adaptive", "display": "summarized"}, None, 16_384),
        (OLDER, Settings(reasoning="medium"), {"type": "enabled", "budget_tokens": 8192}, None, 16_384),
        (OLDER, Settings(reasoning="high"), {"type": "enabled", "budget_tokens": 16_384}, None, 20_480),
        (OLDER, Settings(reasoning="high", max_output_tokens=4096),
         {"type": "enabled", "budget_tokens": 2048}, None, 4096),
        (OLDER, Settings(reasoning="high", max_output_tokens=1500),
         {"type": "enabled", "budget_tokens": 1024}, None, 1500),
        (OLDER, Settings(reasoning="high", max_output_tokens=1000), None, None, 1000),
        ("claude-sonnet-4-0", Settings(reasoning="low"), {"type": "enabled", "budget_tokens": 2048}, None, 16_384),
        ("claude-opus-4-6", Settings(reasoning="low"), {"type": "adaptive"}, "low", 16_384),
        ("claude-3-haiku-20240307", Settings(reasoning="low"), None, None, 4096),
    ],
)  # fmt: skip
def test_asks_to_think_as_the_model_takes_it(
    model: str, settings: Settings, thinking: object, effort: str | None, max_tokens: int
) -> None:
    sent = body(model=model, settings=settings)
    found = (sent.get("thinking"), sent.get("output_config", {}).get("effort"), sent["max_tokens"])
    assert found == (thinking, effort, max_tokens)


def test_a_budget_of_thinking_is_given_up_on_a_turn_begun_without() -> None:
    settings = Settings(reasoning="high")
    assert body(HI, called(call()), model=OLDER, settings=settings)["thinking"] == {"type": "disabled"}
    assert body(HI, called(SIGNED, call()), model=OLDER, settings=settings)["thinking"]["type"] == "enabled"
    assert body(HI, AssistantMessage((Text("x"),)), HI, model=OLDER, settings=settings)["thinking"]["type"] == "enabled"
    assert notes(HI, called(call()), model=OLDER, settings=settings) == (
        "thinking is off for this step: it goes on a turn that was begun without",
    )


def test_sampling_is_sent_with_the_version_that_knows_it() -> None:
    wire = CODEC.encode(request(settings=Settings(temperature=0.5, top_p=0.9, stop=("END",), service_tier="auto")))
    sent = json.loads(wire.body)
    assert (sent["temperature"], sent["top_p"], sent["stop_sequences"], sent["service_tier"]) == (
        0.5, 0.9, ["END"], "auto",
    )  # fmt: skip
    assert dict(wire.headers)["anthropic-version"] == "2023-06-01"


def test_says_which_settings_the_format_has_no_place_for() -> None:
    settings = Settings(seed=1, verbosity="low", temperature=1.5, service_tier="flex")
    assert notes(settings=settings) == (
        "temperature is 1 instead of 1.5: there is no higher one",
        "service_tier 'flex' is left out: the Messages API has auto and standard_only",
        "seed is left out: the Messages API has none",
        "verbosity is left out: the Messages API has none",
    )
    sent = body(settings=settings)
    assert (sent["temperature"], "service_tier" in sent) == (1.0, False)


def test_versions_and_betas_are_settings() -> None:
    extra = {"anthropic": {"version": "2027-01-01", "betas": ["b", "a"]}}
    codec = MessagesCodec(betas=("a",), default_max_tokens=50)
    wire = codec.encode(request(settings=Settings(extra=extra)))
    assert wire.headers[1:] == (("anthropic-version", "2027-01-01"), ("anthropic-beta", "a,b"))
    assert json.loads(wire.body)["max_tokens"] == 50


def test_extra_fields_win_and_extra_tools_are_added() -> None:
    search: dict[str, Any] = {"type": "web_search_20260318", "name": "web_search"}
    mine = {"name": "get_weather", "input_schema": PARAMETERS, "defer_loading": True}
    extra = {"anthropic": {"max_tokens": 7, "tools": [search, mine], "output_config": {"effort": "low"}}}
    sent = body(tools=(WEATHER,), settings=Settings(max_output_tokens=5, extra=extra),
                output=OutputFormat("answer", PARAMETERS))  # fmt: skip
    assert (sent["max_tokens"], sent["tools"]) == (7, [mine, search])
    assert sent["output_config"] == {"format": {"type": "json_schema", "schema": PARAMETERS}, "effort": "low"}


def test_holds_the_answer_to_a_schema() -> None:
    sent = body(output=OutputFormat("answer", PARAMETERS))
    assert sent["output_config"] == {"format": {"type": "json_schema", "schema": PARAMETERS}}


def test_tells_a_schema_in_words_that_the_service_cannot_hold_to() -> None:
    recursive = {
        "type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}},
        "$defs": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}},
    }  # fmt: skip
    for model, schema in ((MODEL, recursive), ("claude-sonnet-4-0", PARAMETERS)):
        sent = body(model=model, output=OutputFormat("answer", schema), instructions="Be brief.")
        assert "output_config" not in sent
        assert sent["system"][0] == {**text("Be brief."), "cache_control": MARK}
        assert sent["system"][1]["text"].startswith('Answer with JSON alone that is valid against this schema: {"type"')
    with pytest.raises(SchemaError, match="recursive"):
        body(output=OutputFormat("answer", recursive, strict=True))


def test_strict_tools_stay_within_what_one_request_may_hold() -> None:
    def tool(number: int, strict: bool | None = None, optional: int = 0) -> ToolDefinition:
        names = [f"p{position}" for position in range(optional)]
        return ToolDefinition(
            f"t{number}", "", {"type": "object", "properties": {name: {"type": "string"} for name in names}}, strict
        )

    many = [tool(number) for number in range(24)] + [tool(24, strict=True)]
    sent = body(tools=tuple(many))["tools"]
    assert [entry["name"] for entry in sent if entry.get("strict")] == [f"t{n}" for n in range(19)] + ["t24"]
    wide = [tool(number, optional=10) for number in range(4)]
    sent = body(tools=tuple(wide))["tools"]
    assert [entry.get("strict", False) for entry in sent] == [True, True, False, False]
    demanding = tuple(tool(number, strict=True, optional=10) for number in range(3))
    assert notes(tools=demanding) == ("tool 't2' is sent loose: too many strict schemas in one request",)
    output = OutputFormat("answer", tool(0, optional=20).parameters)
    sent = body(tools=tuple(wide), output=output)["tools"]
    assert not any(entry.get("strict") for entry in sent)


def test_older_models_get_loose_tools() -> None:
    assert (
        "strict"
        not in body(model="claude-3-7-sonnet-20250219", tools=(ToolDefinition("f", "", PARAMETERS),))["tools"][0]
    )


def test_marks_the_ends_of_tools_instructions_and_conversation() -> None:
    sent = body(HI, AssistantMessage((Text("Hello"),)), HI, tools=(WEATHER, ToolDefinition("b", "", PARAMETERS)),
                instructions="Be brief.")  # fmt: skip
    assert [tool.get("cache_control") for tool in sent["tools"]] == [None, MARK]
    assert (sent["system"][0]["cache_control"], sent["cache_control"]) == (MARK, MARK)
    assert "cache_control" not in json.dumps(sent["messages"])


def test_marks_are_turned_off_and_lengthened_by_a_setting() -> None:
    def marked(cache: object) -> dict[str, Any]:
        settings = Settings(extra={"anthropic": {"cache": cache}})
        return body(tools=(WEATHER,), instructions="Be brief.", settings=settings)

    assert "cache" not in json.dumps(marked(False))
    assert json.dumps(marked("1h")).count('{"type": "ephemeral", "ttl": "1h"}') == 3


def test_a_single_question_is_not_written_to_the_cache() -> None:
    assert "cache_control" not in body()


def grown(steps: int) -> list[tuple[Message, ...]]:
    """The messages of each step of a run that calls tools and is spoken to again."""
    messages: list[Message] = [HI]
    requests = [tuple(messages)]
    for step in range(steps):
        messages.append(called(SIGNED, Text(f"step {step}"), call("call_0"), call("", Returned({"n": step}))))
        if step % 4 == 3:
            messages.append(user_message(f"and {step}?"))
        requests.append(tuple(messages))
    return requests


def parted(body: bytes) -> tuple[bytes, bytes, bytes]:
    """System and tools, the messages without their end, the rest."""
    head, _, messages = body.partition(b',"messages":[')
    fields, _, prefix = head.partition(b',"system":')
    return prefix, messages.removesuffix(b"}]}").removesuffix(b"]"), fields


def test_the_bytes_of_the_prefix_stay_the_same_over_a_run_of_20_steps() -> None:
    memo = Memo()
    before: tuple[bytes, bytes] | None = None
    for messages in grown(20):
        asked = request(*messages, tools=(WEATHER,), instructions="Be brief.", settings=Settings(reasoning="high"))
        wire = CODEC.encode(asked, memo)
        assert wire.body == MessagesCodec().encode(asked).body
        prefix, said, _ = parted(wire.body)
        if before is not None:
            assert prefix == before[0]
            assert said.startswith(before[1])
        before = (prefix, said)
        assert oracle("oracle_anthropic").check(json.loads(wire.body)) == []


def test_a_turn_longer_than_the_service_looks_back_is_marked_before() -> None:
    wide = called(*(call(f"c{number}") for number in range(10)))
    turns = [(HI,), (HI, wide), (HI, wide, user_message("and?")), (HI, wide, user_message("and?"), called(call()))]
    memo = Memo()
    marks: list[int] = []
    for messages in turns:
        asked = request(*messages, tools=(WEATHER,), instructions="Be brief.")
        wire = CODEC.encode(asked, memo)
        assert wire.body == CODEC.encode(asked).body
        assert oracle("oracle_anthropic").check(json.loads(wire.body)) == []
        marks.append(wire.body.count(b'"cache_control"'))
        if marks[-1] == 4:
            assert json.loads(wire.body)["messages"][0]["content"] == [{**text("hi"), "cache_control": MARK}]
    assert marks == [3, 4, 4, 3]
    off = Settings(extra={"anthropic": {"cache": False}})
    assert b"cache_control" not in CODEC.encode(request(*turns[1], settings=off), memo).body


@given(strategies.requests())
@hypothesis_settings(max_examples=100, deadline=None)
def test_a_kept_head_changes_no_byte(asked: Request) -> None:
    memo = Memo()
    for count in range(1, len(asked.messages) + 1):
        step = Request(asked.model, asked.messages[:count], asked.instructions, asked.tools)
        assert CODEC.encode(step, memo).body == CODEC.encode(step).body


def test_a_changed_history_or_model_is_written_anew() -> None:
    memo = Memo()
    CODEC.encode(request(HI, called(SIGNED, call(), model=MODEL)), memo)
    for asked in (
        request(HI, called(SIGNED, call(), model=MODEL), model="claude-opus-5-5"),
        request(user_message("other"), called(SIGNED, call(), model=MODEL)),
        request(HI, called(SIGNED, call(), model=MODEL), tools=(ToolDefinition("get.weather", "", PARAMETERS),)),
        request(HI),
    ):
        assert CODEC.encode(asked, memo).body == CODEC.encode(asked).body


def test_odd_texts_do_not_end_a_run() -> None:
    wire: WireRequest = CODEC.encode(request(user_message("half \ud83d of a pair")))
    assert json.loads(wire.body)["messages"][0]["content"] == "half ? of a pair"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"choices":[]}',
        b'{"content":[],"usage":3}',
        b'{"content":[{"type":"text","text":1}]}',
    ],
)
def test_q30_a_reply_that_is_no_message_is_a_protocol_error(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        CODEC.decode(data)


def test_extra_messages_replace_ours() -> None:
    mine = [{"role": "user", "content": "mine"}]
    assert body(settings=Settings(extra={"anthropic": {"messages": mine}}))["messages"] == mine


def test_what_adds_nothing_changes_nothing() -> None:
    memo = Memo()
    first = CODEC.encode(request(HI), memo).body
    assert CODEC.encode(request(HI), memo).body == first
    assert CODEC.encode(request(HI, user_message(" ")), memo).body == first


def test_items_of_other_providers_in_a_users_words_are_left_out() -> None:
    foreign = Opaque(ProviderData("openai:responses", {"type": "item_reference"}))
    said = UserMessage((foreign, Thinking("hm"), Text("hi")))
    assert written(said) == [{"role": "user", "content": "hi"}]
    assert notes(said) == (left_out(foreign),)


def test_a_result_of_pictures_alone_has_no_text() -> None:
    result = written(HI, called(call(outcome=Returned(None, (Image(PICTURE),)))))[2]["content"][0]
    assert [block["type"] for block in result["content"]] == ["image"]


def test_many_output_schemas_in_turn_are_each_sent() -> None:
    codec = MessagesCodec()
    for number in range(70):
        output = OutputFormat("answer", {**PARAMETERS, "description": str(number)})
        codec.encode(request(output=output))
        sent = json.loads(codec.encode(request(output=output)).body)
        assert sent["output_config"]["format"]["schema"]["description"] == str(number)
