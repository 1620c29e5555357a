"""InvokeModel and SageMaker by name: which format is spoken, at which address, and what is refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from conformance.formats import aws_oracle
from providers.aws.test_bedrock_provider import Answering

from agentkit.agent import Agent
from agentkit.assemble import assemble
from agentkit.errors import ConfigurationError, MissingKeyError, ProtocolError, UnsupportedError
from agentkit.exchange import Request, ToolDefinition
from agentkit.messages import user_message
from agentkit.providers import model
from agentkit.providers.aws.credentials import CredentialSource
from agentkit.providers.aws.event_stream import encode_frame
from agentkit.providers.aws.invoke import InvokeNovaCodec, format_of, invoke_interface
from agentkit.providers.aws.invoke_families import TEXT_FORMS
from agentkit.providers.aws.signing import Credentials
from agentkit.providers.aws.text_forms import BytesForm, JsonForm, Places
from agentkit.remote import RemoteModel
from agentkit.settings import Settings
from agentkit.tools import tool
from agentkit.usage import Usage

KEYS = Credentials("AKIDCANARY", "canary-secret")
NOVA = "us.amazon.nova-2-lite-v1:0"
LOOK = ToolDefinition("look", "Look.", {"type": "object", "properties": {}})


def chunk(event: Mapping[str, Any]) -> bytes:
    payload = json.dumps({"bytes": base64.b64encode(json.dumps(event).encode()).decode(), "p": "ab"}).encode()
    return encode_frame(((":event-type", "chunk"), (":message-type", "event")), payload)


@pytest.mark.parametrize(
    ("id", "spoken"),
    [
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude"),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/eu.amazon.nova-lite-v1:0", "nova"),
        ("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", "claude"),
        ("amazon.titan-text-premier-v1:0", "titan"),
        ("us.meta.llama4-scout-17b-instruct-v1:0", "llama-4"),
        ("us.meta.llama3-3-70b-instruct-v1:0", "llama-3"),
        ("meta.llama2-70b-chat-v1", "llama-2"),
        ("mistral.mixtral-8x7b-instruct-v0:1", "mistral"),
        ("mistral.mistral-large-3-675b-instruct", "chat"),
        ("cohere.command-r-plus-v1:0", "command-r"),
        ("cohere.command-text-v14", "command"),
        ("ai21.j2-mid-v1", "jurassic"),
        ("ai21.jamba-1-5-mini-v1:0", "chat"),
        ("openai.gpt-oss-20b-1:0", "chat"),
        ("qwen.qwen3-32b-v1:0", "chat"),
    ],
)
def test_the_format_is_told_by_the_id(id: str, spoken: str) -> None:
    assert format_of(id, None) == spoken


def test_the_format_of_a_model_that_was_imported_has_to_be_said() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:imported-model/abcdefghijkl"
    with pytest.raises(ConfigurationError, match=r"does not say which model it is; .*format='llama-3'"):
        format_of(arn, None)
    assert format_of(arn, "llama-3") == "llama-3"
    with pytest.raises(ConfigurationError, match=r"ask it through Converse \(bedrock:deepseek.r1-v1:0\)"):
        format_of("deepseek.r1-v1:0", None)
    with pytest.raises(ConfigurationError, match=r"format is 'lama'; .* speaks one of claude, nova, chat, titan"):
        format_of(arn, "lama")


def test_a_format_is_for_those_who_have_several() -> None:
    with pytest.raises(UnsupportedError, match=r"has no formats to choose among: .*\(bedrock-invoke, sagemaker"):
        model("anthropic:claude-sonnet-5", api_key="k", format="chat")
    with pytest.raises(
        ConfigurationError, match=r"format is 'lama'; a container .* 'chat', 'tgi', 'pipeline', 'bytes'"
    ):
        model("sagemaker:mine", region="us-east-1", credentials=KEYS, format="lama")


def test_nova_is_sent_its_own_fields() -> None:
    settings = Settings(max_output_tokens=9, reasoning="low", service_tier="flex")
    request = Request(NOVA, (user_message("Hi"),), "Be kind.", (LOOK,), settings=settings, is_streamed=True)
    wire = InvokeNovaCodec(model=NOVA).encode(request)
    assert wire.path == "/model/us.amazon.nova-2-lite-v1%3A0/invoke-with-response-stream"
    assert dict(wire.headers)["x-amzn-bedrock-service-tier"] == "flex"
    body = json.loads(wire.body)
    assert sorted(body) == ["inferenceConfig", "messages", "reasoningConfig", "schemaVersion", "system", "toolConfig"]
    assert body["reasoningConfig"] == {"type": "enabled", "maxReasoningEffort": "low"}


def test_nova_s_pieces_of_text_are_one_text_until_a_call_comes() -> None:
    call = {"toolUseId": "c1", "name": "look"}
    events: list[Mapping[str, Any]] = [
        {"messageStart": {"role": "assistant"}},
        *(
            {"contentBlockDelta": {"delta": {"text": text}, "contentBlockIndex": n}}
            for n, text in enumerate(("I ", "l"))
        ),
        {"contentBlockStop": {"contentBlockIndex": 1}},
        {"contentBlockStart": {"start": {"toolUse": call}, "contentBlockIndex": 2}},
        {"contentBlockDelta": {"delta": {"toolUse": {"input": '{"n":1}'}}, "contentBlockIndex": 2}},
        {"contentBlockStop": {"contentBlockIndex": 2}},
        {"contentBlockDelta": {"delta": {"text": "ok"}, "contentBlockIndex": 3}},
        {"messageStop": {"stopReason": "tool_use"}},
        {"metadata": {"usage": {"inputTokens": 3, "outputTokens": 2, "cacheReadInputTokenCount": 5}}},
    ]
    decoder = InvokeNovaCodec(model=NOVA).decoder()
    deltas = [delta for event in events for delta in decoder.feed(chunk(event))]
    response = assemble([*deltas, *decoder.finish()])
    assert [part.kind for part in response.message.parts] == ["text", "tool_call", "text"]
    assert (response.text, response.calls[0].arguments) == ("I lok", '{"n":1}')
    assert response.usage == Usage(3, 5, 0, 2)


def test_chat_completions_in_frames_end_with_the_count_of_tokens() -> None:
    codec = invoke_interface("bedrock", "openai.gpt-oss-20b-1:0").codec
    request = Request("openai.gpt-oss-20b-1:0", (user_message("Hi"),), tools=(LOOK,), is_streamed=True)
    assert sorted(json.loads(codec.encode(request).body)) == ["messages", "tools"]
    decoder = codec.decoder()
    events: list[Mapping[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Fi"}}]},
        {"choices": [{"index": 0, "delta": {"content": "ne"}}]},
        {
            "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
            "amazon-bedrock-invocationMetrics": {"inputTokenCount": 7, "outputTokenCount": 2},
        },
    ]
    deltas = [delta for event in events for delta in decoder.feed(chunk(event))]
    response = assemble([*deltas, *decoder.finish()])
    assert (response.text, response.finish, response.usage) == ("Fine", "stop", Usage(7, output=2))


def test_frames_that_are_newer_than_this_code_are_passed_over() -> None:
    decoder = invoke_interface("bedrock", "meta.llama3-8b-instruct-v1:0").codec.decoder()
    assert decoder.feed(encode_frame(((":event-type", "keepAlive"), (":message-type", "event")), b"{}")) == []
    with pytest.raises(ProtocolError):
        decoder.feed(encode_frame(((":event-type", "chunk"), (":message-type", "event")), b'{"bytes":"e30"}'))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "format", "reply", "path"),
    [
        ("bedrock-invoke:meta.llama3-8b-instruct-v1:0", None, {"generation": "Hello", "stop_reason": "stop"},
         "/model/meta.llama3-8b-instruct-v1%3A0/invoke"),
        ("bedrock-invoke:arn:aws:bedrock:us-east-1:123456789012:imported-model/abcdefghijkl", "mistral",
         {"outputs": [{"text": "Hello", "stop_reason": "stop"}]},
         "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aimported-model%2Fabcdefghijkl/invoke"),
        ("sagemaker-tgi:my-endpoint", None, [{"generated_text": "Hello"}], "/endpoints/my-endpoint/invocations"),
        ("sagemaker:my-endpoint", "pipeline", [{"generated_text": "Hello"}], "/endpoints/my-endpoint/invocations"),
        ("sagemaker:my-endpoint", JsonForm(Places(("said",)), prompt="ask"), {"said": "Hello"},
         "/endpoints/my-endpoint/invocations"),
        ("sagemaker:my-endpoint", BytesForm(lambda prompt, _: json.dumps(prompt).encode(), lambda body: "Hello"), {},
         "/endpoints/my-endpoint/invocations"),
    ],
    ids=["llama", "imported", "tgi", "pipeline", "json", "bytes"],
)  # fmt: skip
async def test_a_run_is_signed_and_accepted(name: str, format: object, reply: Any, path: str) -> None:
    transport = Answering([(200, reply)])
    made = model(name, region="us-east-1", credentials=KEYS, transport=transport, format=format)
    assert (await Agent(made).run("Hi")).output == "Hello"
    (sent,) = transport.sent
    assert sent.url.endswith(f".us-east-1.amazonaws.com{path}")
    wire = {"method": "POST", "url": sent.url, "headers": dict(sent.headers), "body": sent.body.decode()}
    assert aws_oracle().check_wire(wire) == []
    assert aws_oracle().check_sigv4(wire, "AKIDCANARY", "canary-secret") == []


@pytest.mark.anyio
async def test_tools_are_refused_before_anything_is_sent() -> None:
    @tool
    def look() -> str:
        """Look."""
        return "seen"

    transport = Answering([(200, [{"generated_text": "Hello"}])])
    made = model("sagemaker-tgi:my-endpoint", region="us-east-1", credentials=KEYS, transport=transport)
    with pytest.raises(UnsupportedError, match=r"sagemaker:my-endpoint calls no tools, 1 were given \(look\)"):
        await Agent(made, tools=[look]).run("Hi")
    assert transport.sent == []


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["sagemaker:mine", "sagemaker-tgi:mine"])
async def test_an_endpoint_keeps_nothing_but_what_its_owner_captures(name: str) -> None:
    replies = {"choices": [{"message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}]}
    transport = Answering([(200, replies if name == "sagemaker:mine" else [{"generated_text": "Hello"}])])
    made = model(name, region="us-east-1", credentials=KEYS, transport=transport, settings=Settings(retain=False))
    assert (await Agent(made).run("Hi")).output == "Hello"
    assert "store" not in json.loads(transport.sent[0].body)


@pytest.mark.parametrize(
    ("name", "variables", "said"),
    [
        (
            "sagemaker",
            ("AWS_ACCESS_KEY_ID",),
            r"no credentials for sagemaker: set .* AWS_ACCESS_KEY_ID, .*credentials=\.\.\.",
        ),
        ("comprehend", ("AWS_ACCESS_KEY_ID",), "no credentials for comprehend: set"),
        ("bedrock-mantle", ("AWS_BEARER_TOKEN_BEDROCK",), r"no API key for bedrock-mantle: set .*api_key=\.\.\."),
    ],
)
def test_who_was_asked_is_named_when_there_are_no_credentials(name: str, variables: Sequence[str], said: str) -> None:
    nowhere = {"AWS_CONFIG_FILE": "no", "AWS_SHARED_CREDENTIALS_FILE": "no"}
    source = CredentialSource(environment=nowhere, explicit=lambda: None, provider=name, variables=variables)
    with pytest.raises(MissingKeyError, match=said):
        source.current()


def test_the_abilities_are_those_of_the_format() -> None:
    def able(name: str, **more: Any) -> tuple[str, bool, bool]:
        made = model(name, region="us-east-1", credentials=KEYS, **more)
        assert isinstance(made, RemoteModel)
        abilities = made.identity.capabilities
        return made.identity.api, abilities.tools, abilities.structured_output

    assert able("bedrock-invoke:us.anthropic.claude-sonnet-4-5-20250929-v1:0") == ("messages", True, True)
    assert able(f"bedrock-invoke:{NOVA}") == ("converse", True, False)
    assert able("bedrock-invoke:openai.gpt-oss-20b-1:0") == ("chat_completions", True, True)
    assert able("bedrock-invoke:meta.llama3-8b-instruct-v1:0") == ("text", False, False)
    assert able("sagemaker-tgi:mine") == ("text", False, True)
    assert able("sagemaker:mine") == ("chat_completions", True, True)
    assert set(TEXT_FORMS) <= {"titan", "llama-2", "llama-3", "llama-4", "mistral", "command", "command-r", "jurassic",
                               "claude-text"}  # fmt: skip
