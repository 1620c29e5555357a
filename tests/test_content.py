from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from agentkit.content import MASKED, ContentWriter, default_mask
from agentkit.exchange import ToolDefinition
from agentkit.media import Audio, Document, Image, Inline, ProviderData, Remote, Uploaded
from agentkit.messages import (
    AssistantMessage,
    Cancelled,
    Denied,
    Failed,
    Lost,
    Opaque,
    Outcome,
    Returned,
    Text,
    Thinking,
    ToolCall,
    UserMessage,
    user_message,
)

PLAIN = ContentWriter(mask=lambda text: text)


@dataclass(frozen=True)
class City:
    name: str

    def __str__(self) -> str:
        return self.name


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("key sk-proj-abcdefghijklmnop1234 here", "key [masked] here"),
        ("AKIAIOSFODNN7EXAMPLE", "[masked]"),
        ("AIzaSyA1234567890abcdefghijklmnopqrs", "[masked]"),
        ("ghp_abcdefghijklmnop1234", "[masked]"),
        ("Authorization: Bearer abc.def-ghi~123", "Authorization: Bearer [masked]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "[masked]"),
        ("password=hunter2&x=1", "password=[masked]&x=1"),
        ("api_key: 12345678", "api_key: [masked]"),
        ("write to ada.lovelace+x@mail.example.org.", "write to [masked]."),
        ("a task-force of risk-averse desk-workers", "a task-force of risk-averse desk-workers"),
        ("nothing secret @ noon", "nothing secret @ noon"),
    ],
)
def test_the_default_mask_hides_keys_tokens_passwords_and_addresses(text: str, masked: str) -> None:
    assert default_mask(text) == masked


def test_a_long_text_is_cut_inside_the_json() -> None:
    (part,) = json.loads(ContentWriter().instructions("x" * 12_345))
    assert part["content"] == "x" * 10_000 + "… (12,345 characters)"


@pytest.mark.parametrize("before", [9_990, 11_990])
def test_a_secret_at_a_cut_does_not_slip_through_in_part(before: int) -> None:
    text = "x " * (before // 2) + "sk-proj-" + "s3cr3t" * 10 + " y" * 3_000
    assert "s3cr3t" not in ContentWriter().text(text)


def test_a_history_shows_calls_and_behind_them_their_results() -> None:
    outcomes: list[tuple[Outcome, object]] = [
        (Returned({"sky": "rain"}), {"sky": "rain"}),
        (Returned("rain"), "rain"),
        (Failed("no such city"), {"error": "no such city"}),
        (Denied("not today"), {"denied": "not today"}),
        (Cancelled(started=False), {"status": "cancelled"}),
        (Lost(), {"status": "lost"}),
    ]
    calls = tuple(
        ToolCall(f"call_{position}", "get_weather", '{"city": "Paris"}', outcome)
        for position, (outcome, _) in enumerate(outcomes)
    )
    message = AssistantMessage((Thinking("hm"), Text("I look."), *calls), finish="tool_calls")
    written = json.loads(PLAIN.input_messages([user_message("weather?"), message]))
    assert written == [
        {"role": "user", "parts": [{"type": "text", "content": "weather?"}]},
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "hm"},
                {"type": "text", "content": "I look."},
                *(
                    {
                        "type": "tool_call",
                        "id": f"call_{position}",
                        "name": "get_weather",
                        "arguments": {"city": "Paris"},
                    }
                    for position in range(6)
                ),
            ],
        },
        *(
            {
                "role": "tool",
                "parts": [{"type": "tool_call_response", "id": f"call_{position}", "response": response}],
            }
            for position, (_, response) in enumerate(outcomes)
        ),
    ]


def test_a_system_message_inside_a_history_keeps_its_role() -> None:
    text = Text("Mind the gap.", provider_data=ProviderData("openai:chat", {"role": "developer"}))
    assert json.loads(PLAIN.input_messages([UserMessage((text,))]))[0]["role"] == "system"


def test_an_answer_carries_its_finish_reason_in_the_spelling_of_the_conventions() -> None:
    message = AssistantMessage((ToolCall("c", "f", ""),), finish="tool_calls")
    (written,) = json.loads(PLAIN.output_messages(message))
    assert written == {
        "role": "assistant",
        "parts": [{"type": "tool_call", "id": "c", "name": "f", "arguments": {}}],
        "finish_reason": "tool_call",
    }


@pytest.mark.parametrize(
    ("arguments", "written"),
    [("null", {}), ("[1]", {"value": [1]}), ('{"a": ', {"text": '{"a": '})],
)
def test_arguments_are_objects_whatever_the_model_wrote(arguments: str, written: object) -> None:
    (message,) = json.loads(PLAIN.output_messages(AssistantMessage((ToolCall("", "f", arguments),))))
    assert message["parts"] == [{"type": "tool_call", "name": "f", "arguments": written}]


def test_media_are_blobs_addresses_and_files() -> None:
    parts = (
        Image(Inline(b"\x89PNG", "image/png")),
        Audio(Inline(b"x" * 200_000, "audio/wav")),
        Image(Remote("https://example.com/a.png?token=s3cr3t@example.com")),
        Document(Uploaded("file-1", "openai", "application/pdf")),
        Opaque(ProviderData("openai:responses", {"secret": "state"})),
    )
    (message,) = json.loads(ContentWriter().input_messages([UserMessage(parts)]))
    blob = {"type": "blob", "content": "iVBORw==", "byte_count": 4, "modality": "image", "mime_type": "image/png"}
    assert message["parts"] == [
        blob,
        {"type": "blob", "content": "", "byte_count": 200_000, "modality": "audio", "mime_type": "audio/wav"},
        {"type": "uri", "uri": f"https://example.com/a.png?token={MASKED}", "modality": "image"},
        {"type": "file", "file_id": "file-1", "modality": "document", "mime_type": "application/pdf"},
        {"type": "opaque", "origin": "openai:responses"},
    ]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"city": "Paris", "days": 3}, {"city": "Paris", "days": 3}),
        ("rain", {"result": "rain"}),
        ([1, 2.5, True, None], {"result": [1, 2.5, True, None]}),
        ({"at": City("Paris"), "raw": b"abc"}, {"at": "Paris", "raw": "(3 bytes)"}),
        ({"api_key": "whatever", "nested": {"Password": 1}}, {"api_key": MASKED, "nested": {"Password": MASKED}}),
        ({"tokens": 5, "token": "x"}, {"tokens": 5, "token": MASKED}),
        ({"mail": "ada@example.com"}, {"mail": MASKED}),
    ],
)
def test_arguments_and_results_of_tools_are_masked_objects(value: Any, written: object) -> None:
    assert json.loads(ContentWriter().tool_value(value)) == written


def test_half_of_a_surrogate_pair_does_not_stop_the_exporter() -> None:
    assert PLAIN.instructions("a\ud83d").encode("utf-8") == b'[{"type":"text","content":"a?"}]'


def test_tools_are_named_without_their_schemas() -> None:
    written = PLAIN.tool_definitions([ToolDefinition("f", "does f", {"type": "object"})])
    assert json.loads(written) == [{"type": "function", "name": "f"}]
