"""What is sent through Converse: one request after the other as it stands on the wire."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conformance.formats import aws_oracle
from providers.aws.converse_strategies import CLAUDE, HAIKU, LLAMA, NOVA, ORIGIN, PARAMETERS
from providers.tool_zoo import ZOO
from shared import needs_shared

from agentkit.errors import ConfigurationError, ProtocolError, SchemaError, UnsupportedError
from agentkit.exchange import OutputFormat, Request, ToolDefinition
from agentkit.media import Audio, Document, Image, Inline, ProviderData, Remote, Uploaded, Video
from agentkit.messages import (
    AssistantMessage,
    Opaque,
    Part,
    Returned,
    Text,
    Thinking,
    ToolCall,
    UserMessage,
    user_message,
)
from agentkit.providers.aws.converse import ConverseCodec
from agentkit.settings import Settings

CODEC = ConverseCodec()
LOOK = ToolDefinition("look", "Look.", PARAMETERS)
POINT = {"cachePoint": {"type": "default"}}
SIGNED = Thinking("hm", ProviderData(ORIGIN, {"signature": "c2ln"}))


def sent(*messages: Any, model: str = LLAMA, **more: Any) -> dict[str, Any]:
    return json.loads(CODEC.encode(Request(model, messages or (user_message("Hi"),), **more)).body)


def notes(*messages: Any, model: str = LLAMA, **more: Any) -> tuple[str, ...]:
    return CODEC.encode(Request(model, messages or (user_message("Hi"),), **more)).notes


def content(*parts: Part, model: str = CLAUDE) -> list[dict[str, Any]]:
    return sent(UserMessage(parts), model=model)["messages"][0]["content"]


@pytest.mark.parametrize(
    ("model", "is_streamed", "path"),
    [
        ("amazon.nova-lite-v1:0", False, "/model/amazon.nova-lite-v1%3A0/converse"),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/us.x.y", True,
         "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.x.y/converse-stream"),
    ],
)  # fmt: skip
def test_the_model_stands_in_the_path(model: str, is_streamed: bool, path: str) -> None:
    assert CODEC.encode(Request(model, (user_message("Hi"),), is_streamed=is_streamed)).path == path


def test_a_plain_question_is_short() -> None:
    assert sent() == {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}


def test_results_follow_their_calls_with_the_tools_that_made_them() -> None:
    calls = (
        ToolCall("a", "look", '{"city":"Oslo"}', Returned({"sky": "grey"})),
        ToolCall("a", "look", "", Returned([1, 2])),
        ToolCall("", "look", "not JSON", Returned("")),
    )
    body = sent(user_message("Hi"), AssistantMessage(calls), user_message("And?"), tools=(LOOK,))
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": [
                {"toolUse": {"toolUseId": "a", "name": "look", "input": {"city": "Oslo"}}},
                {"toolUse": {"toolUseId": "a_2", "name": "look", "input": {}}},
                {"toolUse": {"toolUseId": "tooluse_2", "name": "look", "input": {"malformed_arguments": "not JSON"}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "a", "content": [{"json": {"sky": "grey"}}], "status": "success"}},
                {"toolResult": {"toolUseId": "a_2", "content": [{"text": "[1,2]"}], "status": "success"}},
                {"toolResult": {"toolUseId": "tooluse_2", "content": [{"text": '""'}], "status": "success"}},
                {"text": "And?"},
            ],
        },
    ]
    assert body["toolConfig"] == {
        "tools": [{"toolSpec": {"name": "look", "description": "Look.", "inputSchema": {"json": PARAMETERS}}}]
    }


def test_tools_of_earlier_calls_are_declared_when_none_is_offered() -> None:
    said = (user_message("Hi"), AssistantMessage((ToolCall("a", "look", "{}", Returned(1)),)), user_message("?"))
    assert [tool["toolSpec"]["name"] for tool in sent(*said)["toolConfig"]["tools"]] == ["look"]
    assert notes(*said) == ("tools of earlier calls are declared again: this format demands it",)


@pytest.mark.parametrize(
    ("model", "choice", "found"),
    [
        (CLAUDE, "auto", {"auto": {}}),
        (CLAUDE, "required", {"any": {}}),
        (NOVA, "look", {"tool": {"name": "look"}}),
        (LLAMA, "look", None),
        ("mistral.mistral-large-3-675b-instruct", "required", {"any": {}}),
    ],
)
def test_tools_are_chosen_as_the_model_can_be_told(model: str, choice: str, found: Any) -> None:
    settings = Settings(tool_choice=choice)
    body = sent(model=model, tools=(LOOK,), settings=settings)
    assert body["toolConfig"].get("toolChoice") == found
    if found is None:
        assert body["system"][-1] == {"text": "Call the tool look in this answer."}
        assert "is only asked for in words" in notes(model=model, tools=(LOOK,), settings=settings)[0]


def test_no_tools_are_offered_when_none_may_be_called_unless_calls_stand_in_the_conversation() -> None:
    none = Settings(tool_choice="none")
    assert "toolConfig" not in sent(tools=(LOOK,), settings=none)
    called = AssistantMessage((ToolCall("a", "look", "{}", Returned(1)),))
    body = sent(user_message("Hi"), called, tools=(LOOK,), settings=none)
    assert body["toolConfig"]["tools"] and body["system"] == [{"text": "Call no tool in this answer."}]
    with pytest.raises(ConfigurationError, match="tool_choice is 'nosuch', which is no tool of this request"):
        sent(tools=(LOOK,), settings=Settings(tool_choice="nosuch"))


def test_cache_points_stand_at_the_ends_of_what_stays() -> None:
    said = (user_message("Hi"), AssistantMessage((Text("Hello"),)), user_message("More"))
    body = sent(*said, model=CLAUDE, instructions="Be brief.", tools=(LOOK,))
    assert body["toolConfig"]["tools"][-1] == body["system"][-1] == POINT
    assert [POINT in message["content"] for message in body["messages"]] == [True, False, True]
    nova = sent(*said, model=NOVA, instructions="Be brief.", tools=(LOOK,))
    assert POINT not in nova["toolConfig"]["tools"] and nova["system"][-1] == POINT
    assert "cachePoint" not in json.dumps(sent(*said, instructions="Be brief.", tools=(LOOK,)))
    for cache, count in (("1h", 4), (False, 0)):
        extra = {"bedrock": {"cache": cache}}
        text = json.dumps(sent(*said, model=CLAUDE, instructions="x", tools=(LOOK,), settings=Settings(extra=extra)))
        assert (text.count("cachePoint"), text.count('"ttl": "1h"')) == (count, count)


def test_no_cache_point_stands_behind_a_document() -> None:
    shown = UserMessage((Text("Read"), Document(Inline(b"a", "text/plain"))))
    assert POINT not in sent(shown, model=CLAUDE, tools=(LOOK,))["messages"][0]["content"]


@pytest.mark.parametrize(
    ("model", "effort", "found"),
    [
        (CLAUDE, "high", ({"thinking": {"type": "adaptive"}}, {"effort": "high"})),
        (CLAUDE, "none", ({"thinking": {"type": "disabled"}}, None)),
        (HAIKU, "low", ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, None)),
        (NOVA, "medium", ({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}}, None)),
        (NOVA, "none", ({"reasoningConfig": {"type": "disabled"}}, None)),
        ("openai.gpt-oss-120b-1:0", "high", ({"reasoning_effort": "high"}, None)),
        (LLAMA, "high", (None, None)),
    ],
)
def test_thinking_is_asked_for_as_the_family_wants_it(model: str, effort: Any, found: Any) -> None:
    body = sent(model=model, settings=Settings(reasoning=effort))
    assert (body.get("additionalModelRequestFields"), body.get("outputConfig")) == found


def test_what_nova_refuses_while_it_thinks_hard_is_left_out() -> None:
    hard = Settings(reasoning="high", temperature=0.5, max_output_tokens=9, stop=("x",))
    assert sent(model=NOVA, settings=hard)["inferenceConfig"] == {"stopSequences": ["x"]}
    assert "refused while this model thinks hard" in notes(model=NOVA, settings=hard)[0]


def test_thoughts_go_back_to_the_model_that_signed_them_only() -> None:
    answer = AssistantMessage((SIGNED, Text("Hello")), model=HAIKU)
    redacted = Opaque(ProviderData(ORIGIN, {"reasoningContent": {"redactedContent": "RQ=="}}))
    said = (user_message("Hi"), answer, user_message("?"), AssistantMessage((redacted, Text("x")), model=HAIKU))
    mine = sent(*said, model=HAIKU)["messages"]
    assert mine[1]["content"][0] == {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}}
    assert mine[3]["content"][0] == redacted.provider_data.value
    for other in (NOVA, LLAMA, CLAUDE):
        assert "reasoningContent" not in json.dumps(sent(*said, model=other))


def test_a_budget_of_thinking_is_off_in_a_turn_that_was_begun_without() -> None:
    called = AssistantMessage((ToolCall("a", "look", "{}", Returned(1)),))
    settings = Settings(reasoning="low")
    body = sent(user_message("Hi"), called, model=HAIKU, tools=(LOOK,), settings=settings)
    assert body["additionalModelRequestFields"] == {"thinking": {"type": "disabled"}}
    begun = AssistantMessage((SIGNED, *called.parts))
    body = sent(user_message("Hi"), begun, model=HAIKU, tools=(LOOK,), settings=settings)
    assert body["additionalModelRequestFields"]["thinking"]["type"] == "enabled"


def test_a_schema_is_sent_as_text_or_told_in_words() -> None:
    output = OutputFormat("answer", PARAMETERS, description="An answer.")
    held = sent(model=CLAUDE, output=output, settings=Settings(reasoning="low"))["outputConfig"]
    structure = held["textFormat"]["structure"]["jsonSchema"]
    assert (json.loads(structure["schema"]), structure["name"], structure["description"], held["effort"]) == (
        PARAMETERS, "answer", "An answer.", "low",
    )  # fmt: skip
    told = sent(model=LLAMA, output=output)
    assert "outputConfig" not in told
    assert told["system"][0]["text"].startswith("Answer with JSON alone that is valid against this schema: {")


def test_strict_tools_are_sent_to_the_models_that_know_them() -> None:
    strict = ToolDefinition("look", "Look.", PARAMETERS, True)
    assert sent(model=CLAUDE, tools=(strict,))["toolConfig"]["tools"][0]["toolSpec"]["strict"] is True
    assert "strict" not in sent(model=NOVA, tools=(strict,))["toolConfig"]["tools"][0]["toolSpec"]
    assert notes(model=NOVA, tools=(strict,)) == (f"tool 'look' is sent loose: {NOVA} knows no strict tools",)
    with pytest.raises(SchemaError):
        sent(model=CLAUDE, tools=(ToolDefinition("f", "", {"type": "object", "additionalProperties": True}, True),))


def test_media_are_sent_by_their_bytes_or_their_place_in_s3() -> None:
    assert content(Image(Inline(b"a", "image/png")), Image(Remote("s3://b/c.jpeg"))) == [
        {"image": {"format": "png", "source": {"bytes": "YQ=="}}},
        {"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://b/c.jpeg"}}}},
    ]
    assert content(Video(Inline(b"a", "video/quicktime")), model=NOVA) == [
        {"video": {"format": "mov", "source": {"bytes": "YQ=="}}}
    ]
    assert content(Audio(Inline(b"a", "audio/wav")), model="arn:aws:bedrock:us-east-1:1:provisioned-model/x") == [
        {"audio": {"format": "wav", "source": {"bytes": "YQ=="}}}
    ]


def test_documents_have_legal_names_that_differ_and_words_beside_them() -> None:
    pdf = Inline(b"a", "application/pdf")
    blocks = content(
        Document(pdf, "Q1_report (final).pdf"),
        Document(pdf, "Q1/report (final).pdf"),
        Document(pdf),
        Document(Inline(b"{}", "application/json")),
    )
    names = [(block["document"]["name"], block["document"]["format"]) for block in blocks[:-1]]
    assert names == [
        ("Q1 report (final)", "pdf"),
        ("Q1 report (final) 2", "pdf"),
        ("Document 3", "pdf"),
        ("Document 4", "txt"),
    ]
    assert blocks[-1] == {"text": "(no text)"}


@pytest.mark.parametrize(
    ("part", "complaint"),
    [
        (Image(Remote("https://example.com/a.png?key=secret")), "fetches no addresses but those of S3"),
        (Image(Uploaded("file_1", "openai")), "lies at 'openai', Bedrock cannot read it"),
        (Image(Inline(b"a", "image/bmp")), "no image of the type image/bmp"),
        (Document(Inline(b"\xff", "application/zip")), "no document of the type application/zip"),
        (Document(Remote("s3://b/c")), "the type of 's3://b/c' is unknown"),
        (Audio(Inline(b"a", "audio/wav")), "takes no audio through Converse"),
    ],
)
def test_media_that_cannot_be_sent_are_refused_or_named(part: Any, complaint: str) -> None:
    with pytest.raises(UnsupportedError, match=complaint) as caught:
        content(part)
    assert "secret" not in str(caught.value)
    omitted = sent(UserMessage((part,)), model=CLAUDE, settings=Settings(on_unsupported="omit"))
    assert omitted["messages"][0]["content"][0]["text"].startswith("(There was ")


def test_media_that_a_tool_returned_stand_in_its_result() -> None:
    returned = Returned("seen", (Image(Inline(b"a", "image/png")), Audio(Inline(b"a", "audio/wav"))))
    said = (user_message("Hi"), AssistantMessage((ToolCall("a", "look", "{}", returned),)))
    result = sent(*said, model=CLAUDE, tools=(LOOK,))["messages"][2]["content"][0]["toolResult"]
    assert [next(iter(block)) for block in result["content"]] == ["text", "image", "text"]
    assert "cannot be shown" in result["content"][2]["text"]


def test_knobs_without_a_place_are_told() -> None:
    settings = Settings(
        temperature=1.5, seed=1, verbosity="low", parallel_tool_calls=False, service_tier="scale", reasoning="low"
    )
    assert notes(tools=(LOOK,), settings=settings) == (
        "temperature is 1 instead of 1.5: there is no higher one",
        "left out seed: this format has none",
        "left out verbosity: this format has none",
        "left out parallel_tool_calls: this format has no such switch",
        "left out the service tier 'scale', which is another provider's",
        f"left out reasoning: how {LLAMA} is asked for it is not known",
    )


def test_extra_fields_are_laid_over_ours() -> None:
    extra = {"bedrock": {"inferenceConfig": {"topP": 0.1}, "requestMetadata": {"team": "x"}}, "openai": {"store": True}}
    body = sent(settings=Settings(temperature=0.5, extra=extra))
    assert body["inferenceConfig"] == {"temperature": 0.5, "topP": 0.1}
    assert body["requestMetadata"] == {"team": "x"} and "store" not in body


def test_an_empty_conversation_and_one_that_begins_with_an_answer_begin_with_a_user() -> None:
    nothing = {"role": "user", "content": [{"text": "(no text)"}]}
    assert sent(UserMessage(()))["messages"] == [nothing]
    begun = sent(AssistantMessage((Text("Hello "),)))["messages"]
    assert begun == [nothing, {"role": "assistant", "content": [{"text": "Hello"}]}]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"message":"x"}', b'{"output":5}', b"<html>"])
def test_what_is_no_answer_is_an_error(body: bytes) -> None:
    with pytest.raises(ProtocolError, match="the reply is no answer of Converse"):
        CODEC.decode(body)


@needs_shared
@pytest.mark.parametrize("model", [CLAUDE, NOVA, LLAMA])
def test_the_oracle_accepts_every_tool_of_the_zoo(model: str) -> None:
    wire = CODEC.encode(Request(model, (user_message("Hi"),), tools=ZOO))
    url = f"https://bedrock-runtime.us-east-1.amazonaws.com{wire.path}"
    body = {"method": "POST", "url": url, "headers": {"authorization": "Bearer k"}, "json": json.loads(wire.body)}
    assert aws_oracle().check(body) == []
