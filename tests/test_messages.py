"""Messages: their parts, and their JSON form."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from agentkit.errors import ConfigurationError, NewerVersionError, StateError
from agentkit.media import Image, Inline, ProviderData
from agentkit.messages import (
    AssistantMessage,
    Denied,
    Returned,
    Text,
    Thinking,
    ToolCall,
    UserMessage,
    messages_from_json,
    messages_to_json,
    user_message,
)

PICTURE = Image(Inline(b"\x89PNG", "image/png"))
CALLS = (ToolCall("1", "a", "{}"), ToolCall("1", "a", "{}"))


def test_a_prompt_becomes_a_message() -> None:
    assert user_message("go") == UserMessage((Text("go"),))
    assert user_message(PICTURE) == UserMessage((PICTURE,))
    assert user_message(["see", PICTURE]) == UserMessage((Text("see"), PICTURE))
    assert user_message(["see", PICTURE, "this"]).text == "seethis"


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        (5, "got int: 5"),
        (None, "got NoneType: None"),
        (b"go", "got bytes: b'go'"),
        ({"role": "user", "content": "go"}, "got dict: {'role': 'user', 'content': 'go'}"),
        (["see", {"type": "text"}], "got dict: {'type': 'text'}"),
        ([], "the prompt is an empty list"),
    ],
)
def test_what_is_no_prompt_is_refused_with_what_came(prompt: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        user_message(prompt)


def test_an_answer_is_read_by_kind() -> None:
    message = AssistantMessage((Thinking("hm"), Text("yes"), Text("no", is_refusal=True), *CALLS, Text("!")))
    assert (message.text, message.refusal, message.thinking, message.calls) == ("yes!", "no", "hm", CALLS)


def test_outcomes_are_filled_in_by_position_whatever_the_ids_are() -> None:
    message = AssistantMessage((Text("x"), *CALLS))
    assert not message.is_settled
    half = message.with_outcomes({1: Returned(2)})
    assert [call.outcome.kind for call in half.calls] == ["pending", "returned"]
    assert not half.is_settled
    whole = half.with_outcomes({0: Denied("no")})
    assert whole.is_settled
    assert [call.outcome for call in whole.calls] == [Denied("no"), Returned(2)]


def test_the_json_form_has_a_version_and_survives() -> None:
    conversation = [
        user_message(["see", PICTURE]),
        AssistantMessage(
            (Text("ok", provider_data=ProviderData("x", {"a": [1, {"b": None}]})), *CALLS), "m", "r", "length"
        ),
    ]
    document = messages_to_json(conversation)
    assert document["version"] == 1
    assert messages_from_json(json.loads(json.dumps(document))) == conversation


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({}, "these are no agentkit messages: the version is None"),
        ({"version": 1, "messages": [{"kind": "robot"}]}, "these messages cannot be read: at 0"),
        ({"version": 1, "messages": "words"}, "these messages cannot be read"),
        ({"version": 1}, "these messages cannot be read"),
    ],
)
def test_what_is_no_conversation_is_refused(document: dict[str, Any], problem: str) -> None:
    with pytest.raises(StateError) as caught:
        messages_from_json(document)
    assert str(caught.value).startswith(problem)


def test_a_newer_form_is_refused() -> None:
    with pytest.raises(NewerVersionError, match="this list of messages has version 9, this agentkit reads up to 1"):
        messages_from_json({"version": 9, "messages": []})


def test_bytes_do_not_show_in_the_form_for_people() -> None:
    assert repr(PICTURE.source) == "Inline(4 bytes, 'image/png')"
