"""Old messages of one text each are written by a path of their own, to the same messages."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from agentkit.exchange import Memo, Request
from agentkit.messages import AssistantMessage, Message, Returned, Text, ToolCall, UserMessage
from agentkit.providers.anthropic.messages import MessagesCodec
from agentkit.providers.anthropic.messages_input import NOTHING_SAID

texts = st.text(min_size=1, max_size=8).filter(lambda text: bool(text.strip()))
messages = st.lists(
    st.builds(lambda kind, text: kind((Text(text),)), st.sampled_from([UserMessage, AssistantMessage]), texts),
    min_size=1,
    max_size=12,
)


def expected(said: list[Message]) -> list[dict[str, Any]]:
    """Neighbours of one role are one message, the first is a user's, and what the model goes on with ends in a word.

    One text alone is a string, several are a list.
    """
    written: list[dict[str, Any]] = []
    if isinstance(said[0], AssistantMessage):
        written.append({"role": "user", "content": [{"type": "text", "text": NOTHING_SAID}]})
    for message in said:
        if not written or written[-1]["role"] != message.kind:
            written.append({"role": message.kind, "content": []})
        written[-1]["content"].append({"type": "text", "text": message.parts[0].text})  # type: ignore[union-attr]
    if written[-1]["role"] == "assistant":
        written[-1]["content"][-1]["text"] = written[-1]["content"][-1]["text"].rstrip()
    for message in written:
        if len(message["content"]) == 1:
            message["content"] = message["content"][0]["text"]
    return written


@given(said=messages, count=st.integers(1, 12))
@example(said=[UserMessage((Text('"content":"'),)), UserMessage((Text("b"),))], count=1)
@example(said=[UserMessage((Text('a","b\\'),)), AssistantMessage((Text("%b"),)), UserMessage((Text("é"),))], count=2)
@hypothesis_settings(max_examples=300, deadline=None)
def test_texts_are_written_as_they_were_said(said: list[Message], count: int) -> None:
    codec, memo = MessagesCodec(), Memo()
    codec.encode(Request("claude-sonnet-5", tuple(said[:count])), memo)
    request = Request("claude-sonnet-5", tuple(said))
    for body in (codec.encode(request).body, codec.encode(request, memo).body):
        assert json.loads(body)["messages"] == expected(said)


def test_a_text_with_half_of_a_surrogate_pair_is_sent_with_a_mark_in_its_place() -> None:
    said = (UserMessage((Text("a\ud800b"),)), AssistantMessage((Text("c"),)), UserMessage((Text("d"),)))
    body = json.loads(MessagesCodec().encode(Request("claude-sonnet-5", said)).body)
    assert [message["content"] for message in body["messages"]] == ["a?b", "c", "d"]


def test_a_string_becomes_a_list_when_more_is_put_behind_it_or_a_cache_mark_on_it() -> None:
    said = tuple(
        kind((Text(f'"content":"{number}'),)) for number, kind in enumerate([UserMessage, AssistantMessage] * 120)
    )
    asked = UserMessage((Text('so,"content":'),))
    codec, memo = MessagesCodec(), Memo()
    codec.encode(Request("claude-sonnet-5", (*said, asked)), memo)
    calls = AssistantMessage(tuple(ToolCall(f"c{number}", "look", "{}", Returned("x")) for number in range(20)))
    for more, last in (
        (UserMessage((Text("b"),)), [{"type": "text", "text": 'so,"content":'}, {"type": "text", "text": "b"}]),
        (calls, [{"type": "text", "text": 'so,"content":', "cache_control": {"type": "ephemeral"}}]),
    ):
        request = Request("claude-sonnet-5", (*said, asked, more))
        body = codec.encode(request, memo).body
        assert body == codec.encode(request).body
        messages = json.loads(body)["messages"]
        assert [message["content"] for message in messages[:240]] == [f'"content":"{number}' for number in range(240)]
        assert messages[240]["content"] == last
