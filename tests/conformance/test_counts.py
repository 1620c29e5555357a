"""Counting tokens: every recorded count and refusal is read, and what asks for a count is accepted by the oracles."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from canaries import KEY
from conformance.recordings import Recorded, exchanges
from conformance.wires import InTurn
from shared import needs_shared, oracle

from agentkit.agent import Agent
from agentkit.budget import Budget
from agentkit.codec import TokenCounter, WireRequest
from agentkit.errors import NotFoundError, ProtocolError
from agentkit.exchange import Memo, OutputFormat, Request, ToolDefinition
from agentkit.media import Image
from agentkit.messages import AssistantMessage, Returned, ToolCall, user_message
from agentkit.providers import model
from agentkit.providers.anthropic.messages import MessagesCodec
from agentkit.providers.google.generate_content import GenerateContentCodec
from agentkit.providers.openai.chat import ChatCodec
from agentkit.providers.openai.responses import ResponsesCodec
from agentkit.settings import Settings

CountingCodecs = MessagesCodec | GenerateContentCodec | ResponsesCodec
CODECS: dict[str, Callable[[], CountingCodecs]] = {
    "anthropic": MessagesCodec,
    "google": GenerateContentCodec,
    "google_vertex": lambda: GenerateContentCodec("google_vertex"),
    "openai": ResponsesCodec,
}
MODELS = {"anthropic": "claude-sonnet-5", "google": "gemini-3.5-flash", "openai": "gpt-5.2"}
VENDORS = pytest.mark.parametrize("vendor", MODELS)

LOOK = ToolDefinition("look", "Look.", {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]})
CITY = OutputFormat("city", {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]})
SAID = (
    user_message(["hi", Image.from_bytes(b"\x89PNG\r\n\x1a\n", "image/png")]),
    AssistantMessage((ToolCall("c1", "look", '{"at": "me"}', Returned("seen")),)),
    user_message("and now?"),
)


def recorded(*, status: int) -> list[Recorded]:
    counts = [count for count in exchanges("token_count") if count.provider in CODECS]
    return [count for count in counts if (count.status == 200) == (status == 200)]


def asked(vendor: str, **knobs: Any) -> Request:
    """A request with everything that a prompt is made of, and with knobs that none is made of."""
    settings = Settings(max_output_tokens=500, service_tier="auto", **knobs)
    return Request(MODELS[vendor], SAID, "Be brief.", (LOOK,), CITY, settings, is_streamed=True)


def complaints(vendor: str, wire: WireRequest) -> list[str]:
    body = json.loads(wire.body)
    match vendor:
        case "anthropic":
            headers = {**dict(wire.headers), "x-api-key": "k"}
            sent = {"url": f"https://api.anthropic.com{wire.path}", "headers": headers, "json": body}
            return oracle("oracle_anthropic").check(sent)
        case "google":
            url = f"https://generativelanguage.googleapis.com/v1beta{wire.path}"
            check = oracle("oracle_google").check
            found = check({"url": url, "headers": {"x-goog-api-key": "k"}, "json": body}, camel_only="yes")
            inner = {key: value for key, value in body["generateContentRequest"].items() if key != "model"}
            return found + check(inner, "generateContent", strict_signatures="yes")
        case _:
            return oracle("oracle_openai").check(body, wire.path.removeprefix("/"))


@needs_shared
def test_every_recorded_count_is_read() -> None:
    counts = recorded(status=200)
    assert {count.provider for count in counts} == set(CODECS)
    for count in counts:
        assert CODECS[count.provider]().decode_count(count.body) == count.expect["tokens"], count.id


@needs_shared
def test_every_recorded_refusal_to_count_is_typed() -> None:
    refusals = recorded(status=404)
    assert len(refusals) == 2
    for refusal in refusals:
        error = CODECS[refusal.provider]().decode_error(refusal.status, {}, refusal.body)
        assert isinstance(error, NotFoundError), refusal.id
        assert refusal.expect["message"] in str(error)


@VENDORS
def test_what_asks_for_a_count_is_accepted(vendor: str) -> None:
    knobs: list[dict[str, Any]] = [{}, {"temperature": 0.5}, {"reasoning": "low"}, {"tool_choice": "required"}]
    for more in knobs:
        wire = CODECS[vendor]().encode_count(asked(vendor, **more))
        assert complaints(vendor, wire) == [], more


@VENDORS
def test_the_whole_prompt_is_counted_and_nothing_else(vendor: str) -> None:
    codec = CODECS[vendor]()
    request = asked(vendor)
    whole, counted = json.loads(codec.encode(request).body), json.loads(codec.encode_count(request).body)
    if vendor == "google":
        assert counted == {"generateContentRequest": {"model": "models/gemini-3.5-flash", **whole}}
        return
    left_out = {
        "anthropic": {"max_tokens", "stream", "service_tier"},
        "openai": {"max_output_tokens", "stream", "service_tier", "store", "include"},
    }
    assert counted == {key: value for key, value in whole.items() if key not in left_out[vendor]}


@VENDORS
def test_the_addresses_are_those_of_the_providers(vendor: str) -> None:
    paths = {
        "anthropic": "/v1/messages/count_tokens",
        "google": "/models/gemini-3.5-flash:countTokens",
        "openai": "/responses/input_tokens",
    }
    assert CODECS[vendor]().encode_count(asked(vendor)).path == paths[vendor]


@VENDORS
def test_the_exchange_after_a_count_is_written_the_same(vendor: str) -> None:
    codec, memo = CODECS[vendor](), Memo()
    request = Request(MODELS[vendor], SAID, "Be brief.", (LOOK,), memo=memo)
    codec.encode_count(request)
    assert codec.encode(request).body == CODECS[vendor]().encode(request).body


@VENDORS
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"input_tokens": "7", "totalTokens": -1}'])
def test_a_reply_without_a_count_makes_no_sense(vendor: str, body: bytes) -> None:
    with pytest.raises(ProtocolError, match="no count of tokens"):
        CODECS[vendor]().decode_count(body)


def test_a_format_without_counting_cannot_count() -> None:
    assert not isinstance(ChatCodec(), TokenCounter)
    assert all(isinstance(make(), TokenCounter) for make in CODECS.values())


@pytest.mark.anyio
async def test_a_run_counts_before_it_asks() -> None:
    answer = {
        "id": "m", "type": "message", "role": "assistant", "model": "claude-sonnet-5", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "Hi."}], "usage": {"input_tokens": 30, "output_tokens": 5},
    }  # fmt: skip
    transport = InTurn([b'{"input_tokens": 30}', json.dumps(answer).encode()])
    claude = model("anthropic:claude-sonnet-5", api_key=KEY, transport=transport)

    result = await Agent(claude, budget=Budget(usd=1, counts_exactly=True)).run("go")

    assert result.output == "Hi."
    assert [request.url for request in transport.sent] == [
        "https://api.anthropic.com/v1/messages/count_tokens",
        "https://api.anthropic.com/v1/messages",
    ]
    assert ("x-api-key", KEY) in transport.sent[0].headers
