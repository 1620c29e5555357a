"""Deltas are put together: by index, whatever the order; and what is left of an answer that was cut."""

from __future__ import annotations

from agentkit.assemble import Slots, assemble, assemble_cut, take_apart
from agentkit.exchange import (
    AttemptFailed,
    ModelSwitched,
    PartFinished,
    Response,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
)
from agentkit.media import ProviderData
from agentkit.messages import AssistantMessage, Opaque, Text, Thinking, ToolCall
from agentkit.usage import Usage

DATA = ProviderData("x", {"signature": "s"})


def test_pieces_are_joined_by_index_and_shown_in_its_order() -> None:
    response = assemble(
        [
            ResponseStarted("r", "m"),
            AttemptFailed(1, "RateLimitError", 0.5),
            ToolCallDelta('{"a"', 2, "id", "look"),
            ThinkingDelta("h", 0),
            TextDelta("wo", 1),
            ToolCallDelta(": 1}", 2),
            ThinkingDelta("m", 0),
            TextDelta("rds", 1),
            PartFinished(Thinking("hm", DATA), 0),
            PartFinished(Opaque(DATA), 3),
            ResponseFinished("tool_calls", "raw", Usage(1), {"tier": "flex"}),
        ]
    )
    parts = (Thinking("hm", DATA), Text("words"), ToolCall("id", "look", '{"a": 1}'), Opaque(DATA))
    assert response == Response(AssistantMessage(parts, "m", "r", "tool_calls", Usage(1)), "raw", {"tier": "flex"})
    assert assemble(take_apart(response)) == response


def test_what_a_model_began_is_void_when_another_one_is_asked() -> None:
    cut = [
        ResponseStarted("r1", "big"),
        ThinkingDelta("hm", 0),
        TextDelta("The an", 1),
        ToolCallDelta("{}", 2, "c", "f"),
    ]
    told = [*cut, ModelSwitched("a:big", "ServerError: x", "b:small", is_restart=True), TextDelta("Yes", 0)]
    assert assemble([*told, ResponseFinished("stop")]).message == AssistantMessage((Text("Yes"),))
    assert assemble_cut(told) == AssistantMessage((Text("Yes"),), finish="cancelled")


def test_an_answer_that_was_cut_keeps_its_text_alone() -> None:
    kept = assemble_cut(
        [
            ResponseStarted("r", "m"),
            ThinkingDelta("hm", 0),
            TextDelta("half", 1),
            ToolCallDelta("{}", 2, "id", "look"),
            PartFinished(ToolCall("id", "look", "{}"), 2),
        ]
    )
    assert kept == AssistantMessage((Text("half"),), "m", "r", "cancelled")
    assert assemble_cut([ResponseStarted("r", "m"), ThinkingDelta("hm", 0), TextDelta("", 1)]) is None
    assert assemble_cut([]) is None


def test_parts_are_known_by_id_then_by_index_then_by_order() -> None:
    slots = Slots()
    assert [slots.find(id="a", index=0), slots.find(index=0), slots.find(), slots.find(id="a")] == [0, 0, 0, 0]
    assert [slots.find(id="b", index=0), slots.find(index=0), slots.find(id="a"), slots.find()] == [1, 1, 0, 0]
    assert [slots.fresh(), slots.find(), slots.find(index=7), slots.find(index=7)] == [2, 2, 3, 3]
