"""Conversations in the forms of the official clients, as mappings and as the clients' own objects."""

from __future__ import annotations

from typing import Any

import pytest

from agentkit.media import Image, Inline, ProviderData
from agentkit.messages import AssistantMessage, Message, Returned, Text, Thinking, ToolCall, UserMessage, user_message
from agentkit.providers import read_history

CLAUDE = ProviderData("anthropic:messages", {"signature": "c2ln"})
GEMINI = ProviderData("google:generate_content", {"thoughtSignature": "c2ln"})


def looked(*before: Any, data: ProviderData | None = None) -> list[Message]:
    call = ToolCall("c1", "look", '{"n":1}', Returned("seen"), data)
    asked = AssistantMessage((*before, call), finish="tool_calls")
    return [user_message("hi"), asked, AssistantMessage((Text("Done."),))]


def test_a_history_of_the_messages_format_is_read() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
    call = {"type": "tool_use", "id": "c1", "name": "look", "input": {"n": 1}}
    history: list[Any] = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [thought, call]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "seen"}]},
        {"role": "assistant", "content": "Done."},
    ]
    assert read_history(history) == looked(Thinking("hm", CLAUDE))


def test_a_history_of_bedrock_is_read_with_the_bytes_of_boto3() -> None:
    thought = {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}}
    call = {"toolUse": {"toolUseId": "c1", "name": "look", "input": {"n": 1}}}
    result = {"toolResult": {"toolUseId": "c1", "content": [{"text": "seen"}], "status": "success"}}
    history: list[Any] = [
        {"role": "user", "content": [{"text": "hi"}, {"image": {"format": "png", "source": {"bytes": b"a"}}}]},
        {"role": "assistant", "content": [thought, call]},
        {"role": "user", "content": [result]},
        {"role": "assistant", "content": [{"text": "Done."}]},
    ]
    read = read_history(history)
    assert read[0] == UserMessage((Text("hi"), Image(Inline(b"a", "image/png"))))
    signed = ProviderData("bedrock:converse", {"signature": "c2ln"})
    assert read[1:] == looked(Thinking("hm", signed))[1:]


def test_blocks_of_anthropic_s_client_are_read() -> None:
    types = pytest.importorskip("anthropic.types")
    content = [
        types.ThinkingBlock(type="thinking", thinking="hm", signature="c2ln"),
        types.ToolUseBlock(type="tool_use", id="c1", name="look", input={"n": 1}),
    ]
    history: list[Any] = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "seen"}]},
        {"role": "assistant", "content": [types.TextBlock(type="text", text="Done.")]},
    ]
    assert read_history(history) == looked(Thinking("hm", CLAUDE))


def test_a_history_of_contents_is_read() -> None:
    call = {"functionCall": {"id": "c1", "name": "look", "args": {"n": 1}}, "thoughtSignature": "c2ln"}
    answer = {"functionResponse": {"id": "c1", "name": "look", "response": {"output": "seen"}}}
    history: list[Any] = [
        {"role": "user", "parts": [{"text": "hi"}]},
        {"role": "model", "parts": [call]},
        {"role": "user", "parts": [answer]},
        {"role": "model", "parts": [{"text": "Done."}]},
    ]
    assert read_history(history) == looked(data=GEMINI)


def test_contents_of_google_s_client_are_read() -> None:
    types = pytest.importorskip("google.genai.types")
    call = types.Part(function_call=types.FunctionCall(id="c1", name="look", args={"n": 1}), thought_signature=b"sig")
    response = types.FunctionResponse(id="c1", name="look", response={"output": "seen"})
    history = [
        types.Content(role="user", parts=[types.Part(text="hi")]),
        types.Content(role="model", parts=[call]),
        types.Content(role="user", parts=[types.Part(function_response=response)]),
        types.Content(role="model", parts=[types.Part(text="Done.")]),
    ]
    assert read_history(history) == looked(data=GEMINI)


def test_words_alone_are_the_same_in_every_form() -> None:
    history = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [{"type": "text", "text": "Hello."}]},
    ]
    assert read_history(history) == [UserMessage((Text("hi"),)), AssistantMessage((Text("Hello."),))]
