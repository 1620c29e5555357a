from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from providers.openai.responses_strategies import PARAMETERS, json_values, own, requests

from agentkit.errors import (
    ContentFilteredError,
    ExchangeError,
    ProtocolError,
    RateLimitError,
    SchemaError,
    ServerError,
    UnsupportedError,
)
from agentkit.exchange import Memo, OutputFormat, Request, Response, ToolDefinition
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
    Part,
    Returned,
    Text,
    Thinking,
    ToolCall,
    UserMessage,
    user_message,
)
from agentkit.providers.openai.responses import ResponsesCodec, thinks
from agentkit.settings import Settings
from agentkit.usage import Usage

ASK = UserMessage((Text("hi"),))
ITEM_KEYS = ["type", "content", "summary", "arguments", "call_id", "name", "id", "input"]
ITEM_TYPES = ["message", "reasoning", "function_call", "custom_tool_call"]
INCOMPLETE = {"status": "incomplete"}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}


def sent(*messages: Message, model: str = "gpt-6-sol", **fields: Any) -> dict[str, Any]:
    """The body of a request."""
    return json.loads(ResponsesCodec().encode(Request(model, messages or (ASK,), **fields)).body)


def items(*parts: Part, settings: Settings = Settings()) -> list[dict[str, Any]]:
    """The items of one answer."""
    return sent(AssistantMessage(parts), ASK, settings=settings)["input"][:-1]


def tool(name: str = "get_weather", **fields: Any) -> ToolDefinition:
    return ToolDefinition(name, "Weather.", PARAMETERS, **fields)


def reply(*output: dict[str, Any], **fields: Any) -> Response:
    body = {"id": "resp_1", "object": "response", "status": "completed", "model": "gpt-6-sol", "output": output}
    return ResponsesCodec().decode(json.dumps(body | fields).encode())


def message(*content: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content, **fields}


def says(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


class TestEncode:
    def test_asks_statelessly_for_reasoning_that_can_be_sent_back(self) -> None:
        assert sent(instructions="Be brief.") == {
            "model": "gpt-6-sol",
            "store": False,
            "instructions": "Be brief.",
            "include": ["reasoning.encrypted_content"],
            "input": [{"role": "user", "content": "hi"}],
        }

    @pytest.mark.parametrize("model", ["o3", "gpt-5", "gpt-5.4-mini", "gpt-6.2-astra", "openai/gpt-5.6", "grok-4.3"])
    def test_knows_reasoning_models(self, model: str) -> None:
        assert thinks(model)

    @pytest.mark.parametrize("model", ["gpt-4o", "gpt-4.1-nano", "gpt-5-chat-latest", "gpt-3.5-turbo", "deepseek-v4"])
    def test_asks_other_models_for_no_reasoning_unless_told_to_think(self, model: str) -> None:
        assert "include" not in sent(model=model)
        assert sent(model=model, settings=Settings(reasoning="low"))["include"] == ["reasoning.encrypted_content"]

    def test_writes_every_setting_in_its_place(self) -> None:
        settings = Settings(
            max_output_tokens=5, temperature=0.5, top_p=0.9, reasoning="high", reasoning_summary="auto",
            verbosity="low", tool_choice="get_weather", parallel_tool_calls=False, service_tier="flex",
        )  # fmt: skip
        body = sent(settings=settings, tools=(tool(),), is_streamed=True)
        assert {key: value for key, value in body.items() if key not in ("model", "input", "include", "store")} == {
            "stream": True,
            "max_output_tokens": 16,
            "temperature": 0.5,
            "top_p": 0.9,
            "service_tier": "flex",
            "reasoning": {"effort": "high", "summary": "auto"},
            "text": {"verbosity": "low"},
            "tool_choice": {"type": "function", "name": "get_weather"},
            "parallel_tool_calls": False,
            "tools": [
                {
                    "type": "function",
                    "name": "get_weather",
                    "description": "Weather.",
                    "parameters": PARAMETERS,
                    "strict": True,
                }
            ],
        }

    def test_says_nothing_of_tools_where_there_are_none(self) -> None:
        body = sent(settings=Settings(tool_choice="required", parallel_tool_calls=True))
        assert not {"tools", "tool_choice", "parallel_tool_calls"} & set(body)

    def test_leaves_out_what_the_format_or_the_provider_has_not_and_says_so(self) -> None:
        settings = Settings(stop=("END",), seed=7, service_tier="standard_only", on_unsupported="omit")
        wire = ResponsesCodec().encode(Request("gpt-5.2", (user_message("hi"),), settings=settings))
        assert not {"stop", "seed", "service_tier"} & json.loads(wire.body).keys()
        assert wire.notes == (
            "left out seed: this format has none",
            "left out stop sequences: this format has none",
            "left out the service tier 'standard_only', which is another provider's",
        )

    def test_stop_sequences_are_refused_unless_they_may_be_left_out(self) -> None:
        with pytest.raises(UnsupportedError, match=r'no stop sequences, 1 were given; use .*"openai-chat:gpt-6-sol"'):
            sent(settings=Settings(stop=("END",)))

    @pytest.mark.parametrize("tier", ["flex", "a-tier-of-tomorrow"])
    def test_tiers_that_may_be_its_own_are_sent(self, tier: str) -> None:
        assert sent(settings=Settings(service_tier=tier))["service_tier"] == tier

    def test_extra_fields_win_and_objects_are_merged(self) -> None:
        extra = {"store": True, "reasoning": {"context": "all_turns"}, "metadata": {"a": "b"}, "model": "gpt-x"}
        body = sent(settings=Settings(reasoning="low", extra={"openai": extra, "azure": {"user": "x"}}))
        assert body == {
            "model": "gpt-x",
            "store": True,
            "reasoning": {"effort": "low", "context": "all_turns"},
            "metadata": {"a": "b"},
            "input": [{"role": "user", "content": "hi"}],
        }

    def test_extra_input_replaces_the_messages(self) -> None:
        assert sent(settings=Settings(extra={"openai": {"input": "other"}}))["input"] == "other"

    def test_extra_tools_join_the_agents_own_and_replace_those_of_their_name(self) -> None:
        search = {"type": "web_search"}
        deferred = {"type": "function", "name": "b", "parameters": {}, "strict": False, "defer_loading": True}
        settings = Settings(extra={"openai": {"tools": [search, deferred]}})
        tools = sent(tools=(tool("a"), tool("b")), settings=settings)["tools"]
        assert [entry.get("name") for entry in tools] == ["a", "b", None]
        assert tools[1:] == [deferred, search]

    def test_background_implies_that_the_service_stores(self) -> None:
        assert sent(settings=Settings(extra={"openai": {"background": True}}))["store"] is True

    def test_maps_tool_names_and_gives_them_back(self) -> None:
        definition = tool("weather.get")
        call = ToolCall("call_1", "weather.get", "{}", Returned(1))
        wire = ResponsesCodec().encode(Request("gpt-6-sol", (ASK, AssistantMessage((call,))), tools=(definition,)))
        body = json.loads(wire.body)
        name = body["tools"][0]["name"]
        assert wire.names == {name: "weather.get"}
        assert body["input"][1]["name"] == name

    def test_calls_of_tools_that_are_gone_have_legal_names(self) -> None:
        names = [item["name"] for item in items(ToolCall("a", "weather.get", "{}", Lost()))[:1]]
        assert names == ["weather_get"]

    def test_says_loosely_what_cannot_be_strict_and_refuses_what_has_to_be(self) -> None:
        parameters = {"type": "object", "properties": {"any": {"type": "object"}}}
        loose = ToolDefinition("f", "", parameters)
        assert sent(tools=(loose,))["tools"][0]["strict"] is False
        with pytest.raises(SchemaError):
            sent(tools=(ToolDefinition("f", "", parameters, True),))

    def test_asks_for_structured_output(self) -> None:
        output = OutputFormat("my answer", PARAMETERS, True, "An answer.")
        assert sent(output=output)["text"] == {
            "format": {
                "type": "json_schema", "name": "my_answer", "schema": PARAMETERS, "strict": True,
                "description": "An answer.",
            }
        }  # fmt: skip

    def test_writes_media(self) -> None:
        parts = (
            Text("see"),
            Image(Inline(b"png", "image/png")),
            Image(Remote("https://a.example/b.png"), "high"),
            Image(Uploaded("file-1", "openai")),
            Document(Inline(b"pdf", "application/pdf")),
            Document(Inline(b"pdf", "application/pdf"), "r.pdf"),
            Document(Remote("https://a.example/r.pdf")),
            Audio(Inline(b"wav", "audio/wav")),
        )
        assert sent(UserMessage(parts))["input"] == [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "see"},
                    {"type": "input_image", "image_url": "data:image/png;base64,cG5n", "detail": "auto"},
                    {"type": "input_image", "image_url": "https://a.example/b.png", "detail": "high"},
                    {"type": "input_image", "file_id": "file-1", "detail": "auto"},
                    {
                        "type": "input_file",
                        "filename": "document.pdf",
                        "file_data": "data:application/pdf;base64,cGRm",
                    },
                    {"type": "input_file", "filename": "r.pdf", "file_data": "data:application/pdf;base64,cGRm"},
                    {"type": "input_file", "file_url": "https://a.example/r.pdf"},
                    {"type": "input_audio", "input_audio": {"data": "d2F2", "format": "wav"}},
                ],
            }
        ]

    @pytest.mark.parametrize(
        ("part", "complaint"),
        [
            (Video(Inline(b"x", "video/mp4")), "no video"),
            (Audio(Inline(b"x", "audio/flac")), "not audio/flac; convert it"),
            (Image(Uploaded("file-1", "anthropic")), "lies at 'anthropic'"),
        ],
    )
    def test_refuses_media_that_the_format_cannot_carry(self, part: Part, complaint: str) -> None:
        with pytest.raises(UnsupportedError, match=complaint):
            sent(UserMessage((part,)))

    @pytest.mark.parametrize(
        ("outcome", "output"),
        [
            (Returned("sunny"), "sunny"),
            (Returned({"t": 20}), '{"t":20}'),
            (Returned(None), "null"),
            (Failed("no such city"), "Error: no such city"),
            (Denied("too dear"), "The call was not made, permission was denied. too dear"),
            (Denied(), "The call was not made, permission was denied."),
            (Cancelled(started=False), "The call was not made: the run was cancelled before it began."),
            (Cancelled(started=True), "The call was cancelled before it ended."),
            (Lost(), "The run was interrupted during this call. Whether the call took effect is not known."),
        ],
    )
    def test_tells_the_model_what_became_of_a_call(self, outcome: Outcome, output: str) -> None:
        assert items(ToolCall("call_1", "f", "", outcome)) == [
            {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_1", "output": output},
        ]

    def test_shows_pictures_that_a_tool_returned_and_mentions_sounds(self) -> None:
        media = (Image(Remote("https://a.example/b.png")), Audio(Inline(b"x", "audio/wav")))
        output = items(ToolCall("call_1", "f", "{}", Returned({"n": 1}, media)))[1]["output"]
        assert output == [
            {"type": "input_text", "text": '{"n":1}'},
            {"type": "input_image", "image_url": "https://a.example/b.png", "detail": "auto"},
            {"type": "input_text", "text": "(The tool also returned audio, which cannot be shown to this model.)"},
        ]

    def test_makes_call_ids_unique_the_same_in_call_and_output(self) -> None:
        calls = [ToolCall(id, "f", "{}", Returned(id)) for id in ("call_0", "call_0", "", "", "x" * 80)]
        written = items(*calls)
        ids = [item["call_id"] for item in written[:5]]
        assert ids == [item["call_id"] for item in written[5:]]
        assert len(set(ids)) == 5
        assert ids[0] == "call_0"
        assert max(map(len, ids)) <= 64

    def test_sends_reasoning_back_in_order_with_the_items_it_led_to(self) -> None:
        call = ToolCall("call_1", "f", "{}", Returned(1), own({"id": "fc_1", "status": "completed"}))
        text = Text("so", provider_data=own({"id": "msg_1", "status": "completed", "phase": "commentary"}))
        assert items(Thinking("", own(REASONING)), text, call) == [
            REASONING,
            {
                "type": "message",
                "role": "assistant",
                "id": "msg_1",
                "status": "completed",
                "phase": "commentary",
                "content": [{"type": "output_text", "text": "so", "annotations": []}],
            },
            {
                "type": "function_call",
                "call_id": "call_1",
                "name": "f",
                "arguments": "{}",
                "id": "fc_1",
                "status": "completed",
            },
            {"type": "function_call_output", "call_id": "call_1", "output": "1"},
        ]

    def test_reasoning_that_cannot_be_read_again_goes_with_the_ids_that_need_it(self) -> None:
        plain = {"type": "reasoning", "id": "rs_1", "summary": []}
        call = ToolCall("call_1", "f", "{}", Returned(1), own({"id": "fc_1"}))
        text = Text("so", provider_data=own({"id": "msg_1", "status": "completed"}))
        assert items(Thinking("", own(plain)), text, call)[:2] == [
            {"role": "assistant", "content": "so"},
            {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"},
        ]
        stored = Settings(extra={"openai": {"store": True}})
        assert items(Thinking("", own(plain)), text, call, settings=stored)[0] == plain

    def test_models_that_cannot_think_are_sent_no_reasoning(self) -> None:
        call = ToolCall("call_1", "f", "{}", Returned(1), own({"id": "fc_1"}))
        assert sent(AssistantMessage((Thinking("", own(REASONING)), call)), model="gpt-4o")["input"] == [
            {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_1", "output": "1"},
        ]

    def test_leaves_out_reasoning_that_led_to_nothing(self) -> None:
        assert items(Text("a"), Thinking("", own(REASONING))) == [{"role": "assistant", "content": "a"}]

    def test_leaves_out_what_other_providers_attached(self) -> None:
        foreign = ProviderData("anthropic:messages", {"id": "x", "signature": "y"})
        call = ToolCall("c", "f", "{}", Lost(), foreign)
        assert items(Thinking("hm", foreign), Opaque(foreign), Text("a", provider_data=foreign), call)[:2] == [
            {"role": "assistant", "content": "a"},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        ]

    def test_sends_items_that_the_provider_ran_back_as_they_came(self) -> None:
        item = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}}
        assert items(Opaque(own(item))) == [item]

    def test_answers_custom_tools_in_their_own_kind(self) -> None:
        data = own({"type": "custom_tool_call", "id": "ctc_1"})
        assert items(ToolCall("call_1", "sql", '{"input":"SELECT 1"}', Returned("1 row"), data)) == [
            {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_1", "name": "sql", "input": "SELECT 1"},
            {"type": "custom_tool_call_output", "call_id": "call_1", "output": "1 row"},
        ]

    def test_the_program_that_called_a_tool_gets_its_result(self) -> None:
        caller = {"type": "program", "id": "prog_1"}
        call = ToolCall("call_1", "f", "{}", Returned(1), own({"id": "fc_1", "caller": caller}))
        assert items(call)[1]["caller"] == caller

    def test_pictures_that_a_model_made_are_shown_to_the_next_one_after_the_results(self) -> None:
        picture = Image(Remote("https://a.example/b.png"))
        shown = {"type": "input_image", "image_url": "https://a.example/b.png", "detail": "auto"}
        assert items(picture, ToolCall("call_1", "f", "{}", Returned(1)))[1:] == [
            {"type": "function_call_output", "call_id": "call_1", "output": "1"},
            {"role": "user", "content": [shown]},
        ]

    def test_user_messages_carry_no_thoughts_and_no_calls(self) -> None:
        assert sent(UserMessage((Thinking("hm"), ToolCall("c", "f", "{}", Lost()), Text("a"), Text("b"))))["input"] == [
            {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]}
        ]

    @pytest.mark.parametrize("arguments", ["SELECT 1", "5", '{"input":5}'])
    def test_a_custom_call_whose_arguments_are_of_another_form_keeps_them(self, arguments: str) -> None:
        data = own({"type": "custom_tool_call", "id": "ctc_1"})
        assert items(ToolCall("call_1", "sql", arguments, Lost(), data))[0]["input"] == arguments

    def test_keeps_a_bounded_number_of_compiled_tools(self) -> None:
        codec = ResponsesCodec()
        for _ in range(200):
            codec.encode(Request("gpt-6-sol", (ASK,), tools=(tool(),), output=OutputFormat("a", PARAMETERS)))
        assert len(codec._tools) <= 64
        assert len(codec._formats) <= 64

    def test_later_system_messages_keep_their_role(self) -> None:
        system = UserMessage((Text("be kind", provider_data=own({"role": "developer"})),))
        assert sent(ASK, system)["input"][1] == {
            "role": "developer",
            "content": [{"type": "input_text", "text": "be kind"}],
        }

    def test_half_a_surrogate_pair_does_not_end_a_run(self) -> None:
        assert sent(UserMessage((Text("a\ud83d"),)))["input"][0]["content"] == "a?"


class TestMemo:
    @given(requests)
    @hypothesis_settings(max_examples=60, deadline=None)
    def test_requests_that_grow_are_written_as_without_a_memo(self, request: Request) -> None:
        memo, codec = Memo(), ResponsesCodec()
        for count in (1, 2, len(request.messages), 1):
            shorter = replace(request, messages=request.messages[:count])
            assert codec.encode(shorter, memo).body == ResponsesCodec().encode(shorter).body

    def test_call_ids_stay_unique_over_the_kept_messages(self) -> None:
        memo, codec = Memo(), ResponsesCodec()
        call = AssistantMessage((ToolCall("call_0", "f", "{}", Returned(1)),))
        again = AssistantMessage((ToolCall("call_0", "f", "{}", Returned(2)),))
        codec.encode(Request("gpt-6-sol", (ASK, call)), memo)
        body = json.loads(codec.encode(Request("gpt-6-sol", (ASK, call, again)), memo).body)
        assert [item["call_id"] for item in body["input"][1:]] == ["call_0", "call_0", "call_0_2", "call_0_2"]

    def test_a_change_of_tools_or_storage_is_seen(self) -> None:
        memo, codec = Memo(), ResponsesCodec()
        call = ToolCall("c", "a.b", "{}", Lost())
        asked = Request("gpt-6-sol", (ASK, AssistantMessage((Thinking("", own(REASONING)), call))))
        for request in (
            asked,
            replace(asked, tools=(tool("a.b"),)),
            replace(asked, settings=Settings(extra={"openai": {"store": True}})),
            replace(asked, model="gpt-4o"),
        ):
            assert codec.encode(request, memo).body == ResponsesCodec().encode(request).body


class TestDecode:
    def test_reads_a_whole_answer(self) -> None:
        usage = {
            "input_tokens": 100, "input_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 20},
            "output_tokens": 50, "output_tokens_details": {"reasoning_tokens": 40}, "total_tokens": 150,
        }  # fmt: skip
        reasoning = {**REASONING, "summary": [{"type": "summary_text", "text": "hm"}]}
        call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}"}
        assert reply(reasoning, message(says("so"), phase=None), call, usage=usage, service_tier="flex") == Response(
            AssistantMessage(
                (
                    Thinking("hm", own(reasoning)),
                    Text("so", provider_data=own({"id": "msg_1", "status": "completed"})),
                    ToolCall("call_1", "f", "{}", provider_data=own({"id": "fc_1"})),
                ),
                "gpt-6-sol",
                "resp_1",
                "tool_calls",
                Usage(50, 30, 20, 10, 40),
            ),
            "completed",
            {"service_tier": "flex"},
        )

    def test_keeps_citations(self) -> None:
        citation = {"type": "url_citation", "url": "https://a.example", "start_index": 0, "end_index": 1, "title": "A"}
        response = reply(message({**says("so"), "annotations": [citation]}))
        value = {"id": "msg_1", "status": "completed", "part": {"annotations": [citation]}}
        assert response.message.parts == (Text("so", provider_data=own(value)),)

    @pytest.mark.parametrize(
        ("fields", "finish", "raw"),
        [
            ({}, "stop", "completed"),
            ({**INCOMPLETE, "incomplete_details": {"reason": "max_output_tokens"}}, "length", "max_output_tokens"),
            ({**INCOMPLETE, "incomplete_details": {"reason": "content_filter"}}, "content_filter", "content_filter"),
            ({**INCOMPLETE, "incomplete_details": {"reason": "steered"}}, "other", "steered"),
            (INCOMPLETE, "other", "incomplete"),
            ({"status": "cancelled"}, "cancelled", "cancelled"),
            ({"status": "queued", "usage": None}, "other", "queued"),
            ({"status": None}, "stop", ""),
        ],
    )  # fmt: skip
    def test_says_why_an_answer_ended(self, fields: dict[str, Any], finish: str, raw: str) -> None:
        response = reply(message(says("so")), **fields)
        assert (response.finish, response.finish_raw) == (finish, raw)

    def test_a_refusal_is_marked(self) -> None:
        response = reply(message({"type": "refusal", "refusal": "No."}))
        assert (response.finish, response.message.refusal, response.text) == ("refusal", "No.", "")

    @pytest.mark.parametrize("arguments", ["", None, {}])
    def test_no_arguments_are_an_empty_text(self, arguments: Any) -> None:
        call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": arguments}
        assert reply(call).calls == (ToolCall("c", "f", ""),)

    def test_arguments_that_came_as_an_object_are_written_out(self) -> None:
        call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": {"a": 1}}
        assert reply(call).calls == (ToolCall("c", "f", '{"a":1}'),)

    def test_a_custom_tools_text_becomes_an_argument(self) -> None:
        call = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "sql", "input": "SELECT 'é'"}
        call["status"] = "completed"
        data = own({"type": "custom_tool_call", "id": "ctc_1"})
        assert reply(call).calls == (ToolCall("c", "sql", '{"input":"SELECT \'é\'"}', provider_data=data),)

    @pytest.mark.parametrize(
        ("code", "error"),
        [
            ("server_error", ServerError),
            ("rate_limit_exceeded", RateLimitError),
            ("bio_policy", ContentFilteredError),
        ],
    )
    def test_raises_the_error_of_a_failed_response(self, code: str, error: type[ExchangeError]) -> None:
        with pytest.raises(error, match="it broke"):
            reply(status="failed", error={"code": code, "message": "it broke"})

    @pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"object":"chat.completion"}', b'{"output":5}'])
    def test_says_that_other_bodies_make_no_sense(self, body: bytes) -> None:
        with pytest.raises(ProtocolError):
            ResponsesCodec().decode(body)

    @given(st.fixed_dictionaries({"output": json_values}, optional={"usage": json_values, "status": json_values}))
    @hypothesis_settings(max_examples=200, deadline=None)
    def test_odd_bodies_raise_nothing_but_our_errors(self, body: dict[str, Any]) -> None:
        with contextlib.suppress(ExchangeError):
            ResponsesCodec().decode(json.dumps(body).encode())

    @given(st.dictionaries(st.sampled_from(ITEM_KEYS), json_values | st.sampled_from(ITEM_TYPES)))
    @hypothesis_settings(max_examples=300, deadline=None)
    def test_odd_items_raise_nothing_but_our_errors(self, item: dict[str, Any]) -> None:
        with contextlib.suppress(ExchangeError):
            reply(item)
