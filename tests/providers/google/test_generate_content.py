from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from providers.google.content_strategies import ORIGIN, PARAMETERS, SIGNED, own
from shared import SHARED, oracle

from agentkit.assemble import assemble
from agentkit.errors import (
    BadRequestError,
    ConfigurationError,
    ContentFilteredError,
    ExchangeError,
    ProtocolError,
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
    Returned,
    Text,
    Thinking,
    ToolCall,
    UserMessage,
)
from agentkit.providers.google.contents import SKIPPED_SIGNATURE
from agentkit.providers.google.generate_content import GenerateContentCodec
from agentkit.settings import Settings
from agentkit.usage import Usage

CODEC = GenerateContentCodec()
HI = UserMessage((Text("hi"),))
WEATHER = ToolDefinition("get_weather", "Weather.", PARAMETERS)
GEMINI_3 = "gemini-3.8-flash"
GEMINI_2 = "gemini-2.5-flash"


def sent(*messages: Message, model: str = GEMINI_3, **more: Any) -> dict[str, Any]:
    """The body of a request, which the oracle accepts where it is at hand."""
    wire = CODEC.encode(Request(model, messages or (HI,), **more))
    body = json.loads(wire.body)
    assert complaints(body) == []
    return body


def complaints(body: dict[str, Any], *, strict_signatures: str = "no") -> list[str]:
    if not SHARED.is_dir():
        return []
    return oracle("oracle_google").check(body, camel_only="yes", strict_signatures=strict_signatures)


def answered(*calls: ToolCall, model: str = "") -> AssistantMessage:
    return AssistantMessage(calls, model, finish="tool_calls")


def reply(*parts: dict[str, Any], **more: Any) -> bytes:
    candidate = {"content": {"role": "model", "parts": list(parts)}, "finishReason": "STOP", **more}
    return json.dumps({"candidates": [candidate], "modelVersion": GEMINI_3, "responseId": "id_1"}).encode()


def call(name: str, signature: str | None = None, **args: Any) -> dict[str, Any]:
    part: dict[str, Any] = {"functionCall": {"name": name, "args": args}}
    return {**part, "thoughtSignature": signature} if signature else part


def whole_body(request: Request, memo: Memo | None = None) -> bytes:
    return CODEC.encode(request, memo).body


# What is sent.


def test_the_model_stands_in_the_path_and_so_does_streaming() -> None:
    paths = [
        CODEC.encode(Request(model, (HI,), is_streamed=is_streamed)).path
        for model, is_streamed in ((GEMINI_3, False), (GEMINI_3, True), ("models/x", False), ("tunedModels/x", True))
    ]
    assert paths == [
        "/models/gemini-3.8-flash:generateContent",
        "/models/gemini-3.8-flash:streamGenerateContent?alt=sse",
        "/models/x:generateContent",
        "/tunedModels/x:streamGenerateContent?alt=sse",
    ]


def test_writes_instructions_tools_contents_then_what_changes_from_step_to_step() -> None:
    body = sent(instructions="Be brief.", tools=(WEATHER,), settings=Settings(temperature=0.5, tool_choice="auto"))
    assert list(body) == ["systemInstruction", "tools", "contents", "toolConfig", "generationConfig"]
    assert body == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "tools": [{"functionDeclarations": [
            {"name": "get_weather", "description": "Weather.", "parametersJsonSchema": PARAMETERS}
        ]}],
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
        "generationConfig": {"temperature": 0.5},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ("get_weather", {"mode": "ANY", "allowedFunctionNames": ["get_weather"]}),
    ],
)
def test_writes_tool_choices(choice: str, config: dict[str, Any]) -> None:
    body = sent(tools=(WEATHER,), settings=Settings(tool_choice=choice))
    assert body["toolConfig"] == {"functionCallingConfig": config}


def test_refuses_a_choice_that_is_no_tool() -> None:
    with pytest.raises(ConfigurationError, match="'nothing', which is no tool of this request; it offers get_weather"):
        CODEC.encode(Request(GEMINI_3, (HI,), tools=(WEATHER,), settings=Settings(tool_choice="nothing")))


def test_q12_strict_tools_are_held_to_their_schemas_in_gemini_s_own_dialect() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "exclusiveMinimum": 0}}}
    body = sent(tools=(ToolDefinition("f", "", schema, True),))
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}
    (declared,) = body["tools"][0]["functionDeclarations"]
    assert declared["parametersJsonSchema"]["properties"] == {"n": {"type": "integer", "minimum": 1}}


def test_renames_tools_that_the_wire_refuses_also_when_they_are_no_longer_offered() -> None:
    odd = ToolDefinition("get weather!", "", PARAMETERS)
    past = answered(ToolCall("", "old tool?", "{}", Returned(1)))
    wire = CODEC.encode(Request(GEMINI_3, (HI, past), tools=(odd,)))
    body = json.loads(wire.body)
    name = body["tools"][0]["functionDeclarations"][0]["name"]
    assert wire.names == {name: "get weather!"}
    assert complaints(body) == []


@pytest.mark.parametrize(
    ("model", "reasoning", "config"),
    [
        (GEMINI_3, "none", {"thinkingLevel": "MINIMAL"}),
        (GEMINI_3, "low", {"thinkingLevel": "LOW"}),
        (GEMINI_3, "max", {"thinkingLevel": "HIGH"}),
        ("gemini-4-argon", "xhigh", {"thinkingLevel": "XHIGH"}),
        ("gemini-3-pro-preview", "medium", {"thinkingLevel": "HIGH"}),
        ("gemini-3.1-pro-preview", "minimal", {"thinkingLevel": "LOW"}),
        (GEMINI_2, "none", {"thinkingBudget": 0}),
        (GEMINI_2, "high", {"thinkingBudget": 16_384}),
        ("gemini-2.5-pro", "none", {"thinkingBudget": 128}),
        ("gemini-2.5-pro", "max", {"thinkingBudget": 32_768}),
        ("gemini-2.0-flash", "high", None),
    ],
)
def test_says_how_hard_to_think_in_the_words_of_the_model(model: str, reasoning: Any, config: Any) -> None:
    body = sent(model=model, settings=Settings(reasoning=reasoning))
    assert body.get("generationConfig", {}).get("thinkingConfig") == config


def test_notes_what_has_no_knob() -> None:
    settings = Settings(verbosity="low", parallel_tool_calls=False, reasoning="max", reasoning_summary="auto")
    wire = CODEC.encode(Request(GEMINI_3, (HI,), settings=settings))
    assert wire.notes == (
        "reasoning 'max' became 'high', the nearest that gemini-3.8-flash offers",
        "left out verbosity: Gemini has no such knob",
        "left out parallel_tool_calls: Gemini has no such knob",
    )
    config = json.loads(wire.body)["generationConfig"]
    assert config == {"thinkingConfig": {"includeThoughts": True, "thinkingLevel": "HIGH"}}


def test_holds_the_answer_to_a_schema_also_beside_tools_from_the_third_generation_on() -> None:
    output = OutputFormat("answer", PARAMETERS)
    newer = sent(output=output, tools=(WEATHER,))
    assert newer["generationConfig"] == {"responseMimeType": "application/json", "responseJsonSchema": PARAMETERS}
    older = sent(output=output, tools=(WEATHER,), instructions="Be brief.", model=GEMINI_2)
    assert "generationConfig" not in older
    asked = older["systemInstruction"]["parts"][0]["text"]
    assert asked.startswith("Be brief.\n\nAnswer with one JSON object") and '"city"' in asked
    assert sent(output=output, model=GEMINI_2)["generationConfig"]["responseJsonSchema"] == PARAMETERS


def test_extra_fields_are_laid_over_ours_and_extra_tools_stand_beside_ours() -> None:
    extra: dict[str, Any] = {
        "google": {
            "tools": [{"googleSearch": {}}],
            "generationConfig": {"topK": 3, "thinkingConfig": {"includeThoughts": True}},
        },
        "other": {"x": 1},
    }
    body = sent(tools=(WEATHER,), settings=Settings(seed=1, reasoning="low", extra=extra))
    assert [list(entry) for entry in body["tools"]] == [["functionDeclarations"], ["googleSearch"]]
    assert body["toolConfig"] == {"includeServerSideToolInvocations": True}
    assert body["generationConfig"] == {
        "seed": 1, "topK": 3, "thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": True}
    }  # fmt: skip


def test_sends_nothing_twice_that_lies_in_a_cached_content() -> None:
    settings = Settings(tool_choice="required", extra={"google": {"cachedContent": "cachedContents/1"}})
    body = sent(instructions="Be brief.", tools=(WEATHER,), settings=settings)
    assert body.keys() == {"contents", "cachedContent"}


def test_sends_media_inline_or_by_address() -> None:
    resolution = {"level": "MEDIA_RESOLUTION_HIGH"}
    message = UserMessage((
        Image(Inline(b"\xfb\xff", "image/png"), "high"),
        Audio(Inline(b"a", "audio/wav")),
        Document(Remote("https://example.com/a.pdf")),
        Video(Remote("https://www.youtube.com/watch?v=1"), provider_data=own({"videoMetadata": {"fps": 1}})),
        Image(Uploaded("files/abc", "google", "image/png")),
        Text("What is that?"),
    ))  # fmt: skip
    assert sent(message)["contents"][0]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": "+/8="}, "mediaResolution": resolution},
        {"inlineData": {"mimeType": "audio/wav", "data": "YQ=="}},
        {"fileData": {"mimeType": "application/pdf", "fileUri": "https://example.com/a.pdf"}},
        {"fileData": {"mimeType": "video/mp4", "fileUri": "https://www.youtube.com/watch?v=1"},
         "videoMetadata": {"fps": 1}},
        {"fileData": {"mimeType": "image/png",
                      "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc"}},
        {"text": "What is that?"},
    ]  # fmt: skip
    with pytest.raises(UnsupportedError, match="lies at 'openai'"):
        CODEC.encode(Request(GEMINI_3, (UserMessage((Image(Uploaded("file-1", "openai")),)),)))


def test_media_of_results_stand_inside_them_or_beside_them_for_older_models() -> None:
    picture = Image(Inline(b"a", "image/png"))
    result = answered(ToolCall("", "draw", "{}", Returned("done", (picture,))))
    wire_picture = {"inlineData": {"mimeType": "image/png", "data": "YQ=="}}
    newer = sent(HI, result)["contents"][2]["parts"]
    assert newer == [{"functionResponse": {"name": "draw", "response": {"output": "done"}, "parts": [wire_picture]}}]
    older = sent(HI, result, model=GEMINI_2)["contents"][2]["parts"]
    assert older == [
        {"functionResponse": {"name": "draw", "response": {"output": "done"}}},
        {"text": "What draw returned beside its result:"},
        wire_picture,
    ]


def test_answers_all_calls_of_a_turn_in_one_content_in_order_under_output_or_error() -> None:
    outcomes = (Returned({"a": [1]}), Failed("broken"), Denied("no"), Cancelled(started=False), Lost(), Returned(None))
    calls = tuple(ToolCall(f"c{number}", f"f{number}", "{}", outcome) for number, outcome in enumerate(outcomes))
    contents = sent(HI, answered(*calls), UserMessage((Text("go on"),)))["contents"]
    answers = [part["functionResponse"] for part in contents[2]["parts"]]
    assert [(answer["id"], answer["name"]) for answer in answers] == [(f"c{n}", f"f{n}") for n in range(6)]
    assert [answer["response"] for answer in answers] == [
        {"output": {"a": [1]}},
        {"error": "broken"},
        {"error": "The call was not made, permission was denied. no"},
        {"error": "The call was not made: the run was cancelled before it began."},
        {"error": "The run was interrupted during this call. Whether the call took effect is not known."},
        {"output": None},
    ]
    assert contents[3] == {"role": "user", "parts": [{"text": "go on"}]}


@pytest.mark.parametrize("arguments", ["", "null", "{}"])
def test_q13_no_arguments_mean_an_empty_object(arguments: str) -> None:
    contents = sent(HI, answered(ToolCall("", "f", arguments, Lost()), model=GEMINI_3))["contents"]
    assert contents[1]["parts"][0]["functionCall"] == {"name": "f", "args": {}}
    bare = {"functionCall": {"name": "f"}}
    nothing = {"functionCall": {"name": "f", "args": None}}
    assert [call.arguments for call in CODEC.decode(reply(bare, nothing)).calls] == ["{}", "{}"]


def test_malformed_arguments_go_back_as_they_were_written() -> None:
    contents = sent(HI, answered(ToolCall("", "f", '{"a":', Failed("bad JSON"))))["contents"]
    args = contents[1]["parts"][0]["functionCall"]["args"]
    assert args == {"malformed_arguments": '{"a":'}
    assert CODEC.decode(reply(call("f", **args))).calls[0].arguments == '{"a":'


# Signatures and histories of other models.


def test_q5_signatures_stay_in_their_places_byte_for_byte() -> None:
    parts = [
        {"text": "hm", "thought": True, "thoughtSignature": "YQ=="},
        {"text": "Let me see."},
        call("f", "c2ln+/==", a=1),
        call("f", a=2),
        {"text": "", "thoughtSignature": "Yg-_"},
    ]
    answer = CODEC.decode(reply(*parts)).message.with_outcomes({0: Returned(1), 1: Returned(2)})
    assert sent(HI, answer)["contents"][1] == {"role": "model", "parts": parts}


def test_q5_calls_that_no_gemini_signed_get_the_documented_mark_on_the_first_of_each_step() -> None:
    foreign = ProviderData("openai:responses", {"id": "fc_1"})
    step = answered(ToolCall("a", "f", "{}", Returned(1), foreign), ToolCall("b", "f", "{}", Returned(2)))
    body = sent(HI, step, step)
    assert base64.b64decode(SKIPPED_SIGNATURE) == b"skip_thought_signature_validator"
    marks = [
        [part.get("thoughtSignature") for part in content["parts"]]
        for content in body["contents"]
        if content["role"] == "model"
    ]
    assert marks == [[SKIPPED_SIGNATURE, None], [SKIPPED_SIGNATURE, None]]
    assert complaints(body, strict_signatures="yes") == []


def test_q5_older_models_need_no_mark() -> None:
    contents = sent(HI, answered(ToolCall("a", "f", "{}", Lost())), model=GEMINI_2)["contents"]
    assert contents[1]["parts"] == [{"functionCall": {"id": "a", "name": "f", "args": {}}}]


def test_q5_a_signature_goes_only_to_the_model_that_made_it() -> None:
    step = answered(ToolCall("", "f", "{}", Lost(), SIGNED), model="gemini-3.1-pro-preview")
    for model, signature in (
        ("gemini-3.1-pro-preview", SIGNED.value["thoughtSignature"]),
        ("gemini-3.1-pro", SIGNED.value["thoughtSignature"]),
        ("gemini-pro-latest", SIGNED.value["thoughtSignature"]),
        (GEMINI_3, SKIPPED_SIGNATURE),
    ):
        assert sent(HI, step, model=model)["contents"][1]["parts"][0]["thoughtSignature"] == signature, model
    vertex = GenerateContentCodec("google_vertex").encode(Request("gemini-3.1-pro-preview", (HI, step)))
    assert json.loads(vertex.body)["contents"][1]["parts"][0]["thoughtSignature"] == SKIPPED_SIGNATURE


def test_leaves_out_thinking_and_items_of_others_and_says_so() -> None:
    other = ProviderData("anthropic:messages", {"signature": "x"})
    answer = AssistantMessage((Thinking("hm", other), Opaque(other), Text("Hello.", provider_data=other)), "claude-x")
    wire = CODEC.encode(Request(GEMINI_3, (HI, answer, HI)))
    assert json.loads(wire.body)["contents"][1] == {"role": "model", "parts": [{"text": "Hello."}]}
    assert len(wire.notes) == 2 and all("anthropic:messages" in note for note in wire.notes)


def test_provider_run_tools_go_back_as_they_came() -> None:
    parts: list[dict[str, Any]] = [
        {"executableCode": {"language": "PYTHON", "code": "print(1)"}, "thoughtSignature": "YQ=="},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}},
        {"text": "One."},
    ]
    answer = CODEC.decode(reply(*parts, groundingMetadata={"webSearchQueries": ["x"]}))
    assert answer.details == {"groundingMetadata": {"webSearchQueries": ["x"]}}
    assert answer.message.parts == (Opaque(own(parts[0])), Opaque(own(parts[1])), Text("One."))
    assert sent(HI, answer.message)["contents"][1] == {"role": "model", "parts": parts}


def test_a_paused_answer_goes_on_with_its_token() -> None:
    paused = CODEC.decode(reply({"text": "So far"}, finishReason="CONTINUATION", continuationToken="t1"))
    assert paused.finish == "paused"
    body = sent(HI, paused.message)
    assert (body["continuationToken"], body["contents"][1]["parts"]) == ("t1", [{"text": "So far"}])
    assert "continuationToken" not in sent(HI, paused.message, HI)


# The memo.


@pytest.mark.parametrize("said", [HI, AssistantMessage((Text("hi"),))])
def test_neighbouring_messages_of_one_role_become_one_content_with_and_without_a_memo(said: Message) -> None:
    memo = Memo()
    for count in (1, 2, 3):
        request = Request(GEMINI_3, (HI, *(said,) * count))
        assert whole_body(request, memo) == whole_body(request)
    contents = json.loads(whole_body(Request(GEMINI_3, (HI, said, said))))["contents"]
    texts = [(content["role"], len(content["parts"])) for content in contents]
    assert texts == ([("user", 3)] if said is HI else [("user", 1), ("model", 2)])


def test_calls_follow_something_that_a_user_said() -> None:
    step = answered(ToolCall("", "f", "{}", Returned(1)))
    roles = [content["role"] for content in sent(step)["contents"]]
    assert roles == ["user", "model", "user"]
    paused = AssistantMessage((Text("Let me see."),))
    assert [content["role"] for content in sent(HI, paused, step)["contents"]] == ["user", "model", "user"]


def test_keeps_the_bytes_of_the_unchanged_head_over_a_run_of_twenty_steps() -> None:
    memo, messages, before = Memo(), (HI,), b""
    for step in range(20):
        choice = "required" if step == 0 else None
        request = Request(
            GEMINI_3, messages, "Be brief.", (WEATHER,), settings=Settings(tool_choice=choice, temperature=0.1)
        )
        body = whole_body(request, memo)
        assert body == whole_body(request)
        head = body[: body.index(b'],"toolConfig"' if step == 0 else b'],"generationConfig"')]
        assert head.startswith(before)
        before = head
        arguments = json.dumps({"city": f"c{step}"})
        messages = (*messages, answered(ToolCall("", "get_weather", arguments, Returned(step), SIGNED), model=GEMINI_3))
    assert len(before) > 2_000


def test_forgets_the_head_when_messages_model_or_names_change() -> None:
    memo = Memo()
    step = answered(ToolCall("", "get_weather", "{}", Returned(1), SIGNED), model=GEMINI_3)
    for request in (
        Request(GEMINI_3, (HI, step)),
        Request(GEMINI_2, (HI, step)),
        Request(GEMINI_3, (UserMessage((Text("other"),)), step)),
        Request(GEMINI_3, (HI,)),
    ):
        assert whole_body(request, memo) == whole_body(request)


# What comes back.


def test_q2_counts_thoughts_beside_the_answer_and_cached_tokens_inside_the_prompt() -> None:
    usage = {
        "promptTokenCount": 100, "cachedContentTokenCount": "60", "toolUsePromptTokenCount": 5,
        "candidatesTokenCount": 7, "thoughtsTokenCount": 20, "totalTokenCount": 132,
    }  # fmt: skip
    body = json.loads(reply({"text": "hi"}))
    found = CODEC.decode(json.dumps({**body, "usageMetadata": usage}).encode()).usage
    assert found == Usage(input=45, cache_read=60, output=7, reasoning=20)
    assert found.total == 132


@pytest.mark.parametrize(
    ("raw", "finish"),
    [
        ("STOP", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter"), ("RECITATION", "content_filter"),
        ("MODEL_ARMOR", "content_filter"), ("LANGUAGE", "other"), ("SOMETHING_NEW", "other"),
    ],
)  # fmt: skip
def test_reads_reasons(raw: str, finish: str) -> None:
    response = CODEC.decode(reply({"text": "hi"}, finishReason=raw))
    assert (response.finish, response.finish_raw) == (finish, raw)


def test_q6_q14_calls_end_with_stop_and_have_no_ids() -> None:
    response = CODEC.decode(reply(call("f", a=1), call("f", a=2)))
    assert (response.finish, response.finish_raw) == ("tool_calls", "STOP")
    assert response.calls == (ToolCall("", "f", '{"a":1}'), ToolCall("", "f", '{"a":2}'))


def test_q18_ids_are_kept_where_they_were_given_and_may_repeat() -> None:
    parts = [{"functionCall": {"id": "call_0", "name": "f", "args": {}}}] * 2
    answer = CODEC.decode(reply(*parts)).message.with_outcomes({0: Returned(1), 1: Returned(2)})
    contents = sent(HI, answer)["contents"]
    assert [part["functionResponse"]["id"] for part in contents[2]["parts"]] == ["call_0", "call_0"]


def test_q1_q27_a_blocked_prompt_is_an_error_although_the_status_is_200() -> None:
    body = b'{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":5}}'
    with pytest.raises(ContentFilteredError) as whole:
        CODEC.decode(body)
    with pytest.raises(ContentFilteredError) as in_stream:
        CODEC.decoder().feed(b"data: " + body + b"\n\n")
    for caught in (whole, in_stream):
        assert (caught.value.code, caught.value.status, caught.value.is_retryable) == ("PROHIBITED_CONTENT", 200, False)


def test_q1_a_blocked_answer_keeps_what_was_said() -> None:
    response = CODEC.decode(reply({"text": "So"}, finishReason="SAFETY", safetyRatings=[{"blocked": True}]))
    assert (response.text, response.finish) == ("So", "content_filter")
    assert response.details == {"safetyRatings": [{"blocked": True}]}
    assert CODEC.decode(b'{"candidates":[{"finishReason":"SAFETY"}]}').message.parts == ()


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("MALFORMED_FUNCTION_CALL", ProtocolError),
        ("MALFORMED_RESPONSE", ProtocolError),
        ("UNEXPECTED_TOOL_CALL", ProtocolError),
        ("MISSING_THOUGHT_SIGNATURE", BadRequestError),
    ],
)
def test_an_answer_that_is_none_is_an_error(raw: str, kind: type[ExchangeError]) -> None:
    body = reply(finishReason=raw, finishMessage="Malformed function call: f(")
    decoder = CODEC.decoder()
    decoder.feed(b"data: " + body + b"\n\n")
    for decode in (lambda: CODEC.decode(body), decoder.finish):
        with pytest.raises(kind, match=r"unusable: Malformed function call: f\(") as caught:
            decode()
        assert type(caught.value) is kind
        assert caught.value.code == raw


def test_of_several_answers_the_first_is_read() -> None:
    body = json.loads(reply({"text": "one"}, index=0))
    other = {"content": {"parts": [{"text": "two"}]}, "finishReason": "MAX_TOKENS", "index": 1}
    body["candidates"].insert(0, other)
    response = CODEC.decode(json.dumps(body).encode())
    assert (response.text, response.finish) == ("one", "stop")


def test_images_come_as_media_and_go_back_with_their_signatures() -> None:
    part = {"inlineData": {"mimeType": "image/png", "data": "YQ=="}, "thoughtSignature": "Yg=="}
    answer = CODEC.decode(reply(part)).message
    assert answer.parts == (Image(Inline(b"a", "image/png"), provider_data=own({"thoughtSignature": "Yg=="})),)
    assert sent(HI, answer)["contents"][1]["parts"] == [part]


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'"x"', b"null", b'{"candidates":[]}', b'{"candidates":[3]}']
)
def test_q30_a_reply_of_another_shape_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError, match="no answer of generateContent"):
        CODEC.decode(body)


def test_reads_a_stream_and_an_array_where_a_whole_reply_was_asked_for() -> None:
    body = reply({"text": "hi"})
    expected: Response = CODEC.decode(body)
    assert CODEC.decode(b"data: " + body + b"\n\n") == expected
    assert CODEC.decode(b"[" + body + b"]") == expected


def test_the_origin_of_provider_data_is_the_codec_s_name() -> None:
    assert CODEC.name == ORIGIN
    assert GenerateContentCodec("google_vertex").name == "google_vertex:generate_content"
    decoder = CODEC.decoder()
    deltas = [*decoder.feed(b"data: " + reply({"text": "hi", "thoughtSignature": "x"}) + b"\n\n"), *decoder.finish()]
    assert assemble(deltas).message.parts == (Text("hi", provider_data=own({"thoughtSignature": "x"})),)
