"""What holds for every conversation, every journal and every answer, whatever is in them."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire import assert_encodes

from agentkit.agent import Agent
from agentkit.approvals import Approve
from agentkit.assemble import assemble, take_apart
from agentkit.errors import StateError, ToolError
from agentkit.exchange import Response
from agentkit.loop import RunState, advance, fold, fork, next_need, state_from_json, state_to_json
from agentkit.media import Audio, Document, Image, Inline, ProviderData, Remote, Uploaded, Video
from agentkit.messages import (
    AssistantMessage,
    Cancelled,
    Denied,
    Failed,
    Lost,
    Opaque,
    Returned,
    Text,
    Thinking,
    ToolCall,
    UserMessage,
    messages_from_json,
    messages_to_json,
)
from agentkit.models import Deny
from agentkit.testing import ScriptedModel, calls
from agentkit.tools import tool
from agentkit.usage import Usage

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

words = st.text(max_size=12)
said = st.text(min_size=1, max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
provider_data = st.none() | st.builds(
    ProviderData, st.sampled_from(["openai:responses", "x"]), st.dictionaries(words, json_values, max_size=2)
)
sources = st.one_of(
    st.builds(Inline, st.binary(min_size=1, max_size=20), st.just("image/png")),
    st.builds(Remote, st.just("https://example.org/x"), st.none() | st.just("image/png")),
    st.builds(Uploaded, st.just("file-1"), st.just("openai")),
)
media = st.one_of(
    st.builds(Image, sources, st.sampled_from([None, "low"]), provider_data),
    st.builds(Audio, sources),
    st.builds(Document, sources, st.none() | st.just("a.pdf")),
    st.builds(Video, sources),
)
outcomes = st.one_of(
    st.builds(Returned, json_values, st.lists(media, max_size=1).map(tuple)),
    st.builds(Failed, words),
    st.builds(Denied, words),
    st.builds(Cancelled, st.booleans()),
    st.just(Lost()),
)
usages = st.builds(Usage, *[st.integers(0, 1_000)] * 5)
finishes = st.sampled_from(["stop", "length", "tool_calls", "refusal", "cancelled", "other"])


def assistant(outcome: Any) -> st.SearchStrategy[AssistantMessage]:
    part = st.one_of(
        st.builds(Text, said, st.booleans(), provider_data),
        st.builds(Thinking, said, provider_data),
        st.builds(ToolCall, words, words, words, outcome, provider_data),
        st.builds(Opaque, st.builds(ProviderData, st.just("x"), st.just({"a": 1}))),
        media,
    )
    return st.builds(AssistantMessage, st.lists(part, max_size=4).map(tuple), words, words, finishes, usages)


messages = st.one_of(
    st.builds(UserMessage, st.lists(st.one_of(st.builds(Text, words), media), max_size=3).map(tuple)),
    assistant(outcomes),
)


@quick
@given(st.lists(messages, max_size=4))
def test_messages_survive_json(conversation: list[Any]) -> None:
    document = json.loads(json.dumps(messages_to_json(conversation)))
    assert messages_from_json(document) == conversation


@quick
@given(assistant(st.just(ToolCall("", "", "").outcome)), words, st.dictionaries(words, json_values, max_size=2))
def test_an_answer_taken_apart_is_put_together_again(message: AssistantMessage, raw: str, details: Any) -> None:
    response = Response(message, raw, details)
    assert assemble(take_apart(response)) == response


# Journals: made by runs of random scripts.


@tool
def give(value: int) -> int:
    if value % 3 == 0:
        raise ToolError("a third")
    return value


@tool(approve=True)
def ask(value: int) -> int:
    return value


@tool(max_output_chars=5)
def dump(value: int) -> str:
    return "x" * value


one_call = st.one_of(
    st.tuples(
        st.sampled_from(["give", "ask", "dump", "clerk", "nobody"]),
        st.integers(0, 20).map(lambda number: {"value": number, "prompt": "x"}),
    ),
    st.tuples(st.sampled_from(["give", "ask"]), st.sampled_from(["", "{", "null", '{"value": "7"}'])),
)
turns = st.lists(
    st.one_of(said, st.lists(one_call, min_size=1, max_size=3).map(lambda made: calls(*made))), min_size=1, max_size=3
)


def cleaned(turn: Any) -> Any:
    """Calls with only the arguments that their tool has."""
    if isinstance(turn, str):
        return turn
    made: list[Any] = []
    for call in turn.calls:
        try:
            known = json.loads(call.arguments)
        except ValueError:
            known = None
        key = "prompt" if call.name == "clerk" else "value"
        arguments = {key: known[key]} if isinstance(known, dict) and key in known else call.arguments
        made.append((call.name, arguments))
    return calls(*made)


def journal_of(script: list[Any], inner: list[Any], decisions: list[bool]) -> list[dict[str, Any]]:
    """The states of a run of this script, after each time that somebody decided on what waited."""
    script, inner = [cleaned(turn) for turn in script], [cleaned(turn) for turn in inner]

    async def run() -> list[dict[str, Any]]:
        clerk = Agent(ScriptedModel(*inner, *["inner done"] * 50), tools=[give, ask], name="clerk")
        agent = Agent(ScriptedModel(*script, *["done"] * 50), tools=[give, ask, dump, clerk.as_tool()])
        result = await agent.run("go")
        states = [result.state]
        for is_yes in decisions * 20:
            if not result.pending:
                break
            decided = {result.pending[0]: Approve() if is_yes else Deny("no")}
            result = await agent.resume(json.loads(json.dumps(result.state)), approvals=decided)
            states.append(result.state)
        assert not result.pending
        return states

    return anyio.run(run)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(turns, turns, st.lists(st.booleans(), min_size=1, max_size=3))
def test_every_journal_replays_and_every_prefix_of_it_is_valid(script: Any, inner: Any, decisions: list[bool]) -> None:
    for document in journal_of(script, inner, decisions):
        state = state_from_json(json.loads(json.dumps(document)))
        assert state_to_json(state) == document
        assert _view(fold(state.journal)) == _view(state)
        growing = RunState()
        for record in state.journal:
            advance(growing, record)
            next_need(growing)
            assert state_to_json(state_from_json(state_to_json(growing))) == state_to_json(growing)
        assert _view(growing) == _view(state)
        for step in range(1, state.step + 2):
            forked = state_from_json(fork(document, step=step))
            assert forked.step == step - 1
            assert next_need(forked) is not None
    assert_encodes(state.visible_messages)


def _view(state: RunState) -> dict[str, Any]:
    return {name: getattr(state, name) for name in RunState.__slots__}


SAMPLE = journal_of(
    [calls(("give", {"value": 1}), ("ask", {"value": 2}), ("dump", {"value": 9}))],
    [],
    [True],
)[-1]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_an_edited_state_is_read_or_refused_with_a_clear_error(data: st.DataObject) -> None:
    document = json.loads(json.dumps(SAMPLE))
    target: Any = document
    for _ in range(data.draw(st.integers(0, 5))):
        keys = list(target) if isinstance(target, dict) else list(range(len(target)))
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        if not isinstance(target[key], (dict, list)) or data.draw(st.booleans()):
            change = data.draw(st.sampled_from(["drop", "replace", "double"]))
            if change == "drop":
                del target[key]
            elif change == "replace":
                target[key] = data.draw(json_values)
            elif isinstance(target, list):
                target.insert(key, target[key])
            break
        target = target[key]
    try:
        state = state_from_json(document)
    except StateError:
        return
    next_need(state)


@pytest.mark.parametrize(
    "document", [None, [], "state", 3, {}, {"version": "1"}, {"version": 1}, {"version": 1, "journal": [{}]}]
)
def test_what_is_no_state_is_refused(document: Any) -> None:
    with pytest.raises(StateError):
        state_from_json(document)
