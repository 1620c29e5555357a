"""A conversation begun with one provider goes on with another, and back: every recorded request of the four formats is
read by its server half and encoded for each format and for servers that differ; the target's oracle accepts it, what
was said is all in it, and the way back gives the first provider its own bytes again."""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from canaries import KEY
from conformance.formats import CONVERSE, FORMATS, TARGETS, Format
from conformance.recordings import Recorded, exchanges
from conformance.wires import InTurn
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from shared import needs_shared

from agentkit.agent import Agent
from agentkit.codec import WireRequest
from agentkit.errors import AgentkitError, UnsupportedError
from agentkit.events import Adapted
from agentkit.exchange import Memo, Request
from agentkit.media import Image, Inline, ProviderData, Remote, Uploaded
from agentkit.messages import (
    AssistantMessage,
    Message,
    Opaque,
    Returned,
    Text,
    Thinking,
    ToolCall,
    UserMessage,
    messages_from_json,
    messages_to_json,
    user_message,
)
from agentkit.providers import model
from agentkit.providers.aws.converse_tools import DECLARED_AGAIN
from agentkit.settings import Settings
from agentkit.switching import IDS_REWRITTEN, SYSTEM_AS_USER
from agentkit.tools import Tool
from agentkit.tracing.configure import configure

pytestmark = [needs_shared, pytest.mark.slow, pytest.mark.timeout(300)]

UNREADABLE = {
    "huggingface/hfhub-TestInferenceClient.test_chat_completion_unprocessable_entity-cfd96fca.json#0": "no messages",
    "huggingface/hfhub-TestInferenceClient.test_chat_completion_unprocessable_entity.json#0": "no messages",
    "google_vertex/otelcontrib-vertexai-test_generate_content_invalid_role.json#0": "a role that there is not",
}
"""Recorded requests that their own provider refused as well, and why."""

TOO_HOT = "a temperature of 1000, which the first provider refused as well"
STORED = "no messages: it goes on from an answer that is stored at the first provider"
BY_ADDRESS = "media by their address, which the target does not fetch; we say so"
NEVER = {TOO_HOT, STORED}
"""What no setting helps: there is nothing to send, or nothing that anybody takes."""

REASONS = (
    (r"takes? no video|does not take video", "video, which the target does not take; we say so"),
    (r"takes? no audio|takes audio only|takes sound as", "sound, which the target does not take so; we say so"),
    (r"fetches no addresses", BY_ADDRESS),
    (r"takes no document of the type", "a document of a type that the target does not take; we say so"),
    (r"takes documents of PDF", "an office document, which the target does not take; we say so"),
    (r"does not fetch documents", "a document by its address, which the target does not fetch; we say so"),
    (r"lies at|takes no uploaded", "a file uploaded to the first provider; we say so"),
    (r"has no stop sequences", "stop sequences, which the target does not have; we say so"),
    (r"\$\.temperature: 1000", TOO_HOT),
    (r"\$\.messages: \[\] should be", STORED),
)
"""What keeps a recorded request from being sent elsewhere: what is said of it, and the reason."""

MOST = {"video": 16, "sound": 11, "media by their address": 20}
"""How many exceptions of a reason one format has at most; 4 where nothing is said."""

_ADDRESS = re.compile(r"(?:https|gs)://")

LEAST = {"chat_completions": 635, "responses": 496, "messages": 404, "generate_content": 369}
"""How many conversations of a format each target accepts at least, but for those with media by their address."""


@cache
def recorded_requests(source: Format) -> tuple[tuple[Recorded, Request], ...]:
    """Every recorded request of a format that holds a conversation, read by the format's server half."""
    found: list[tuple[Recorded, Request]] = []
    for recorded in exchanges(source.name):
        if recorded.sent is None or recorded.id in UNREADABLE:
            continue
        headers = tuple((recorded.request.get("headers") or {}).items())
        wire = WireRequest(recorded.request["path"], json.dumps(recorded.sent).encode(), headers=headers)
        try:
            found.append((recorded, source.make_server(recorded.provider).read(wire)))
        except AgentkitError as error:
            pytest.fail(f"{recorded.id}: {error}")
    return tuple(found)


def for_target(request: Request, target: Format) -> Request:
    """The request as the new model is asked: extra fields are those of the format they were recorded in."""
    return replace(request, model=target.model, settings=replace(request.settings, extra=None))


def omitting(request: Request) -> Request:
    """The request with media in the turn at hand named where the target does not take them."""
    return replace(request, settings=replace(request.settings, on_unsupported="omit"))


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for entry in value.values():
            yield from strings(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from strings(entry)


def said(messages: tuple[Message, ...]) -> Iterator[str]:
    """What was said and shown, by users, tools and models, in words that every format keeps."""
    for message in messages:
        for part in message.parts:
            match part:
                case Text(text):
                    yield text.strip()
                case Image(Inline(data, _)):
                    yield base64.b64encode(data).decode()
                case Image(Remote(url)):
                    yield url
                case ToolCall(outcome=Returned(str() as text)):
                    yield text.strip()
                case _:
                    pass


def lost(request: Request, body: bytes, target: Format) -> list[str]:
    sent = "\n".join(strings(json.loads(body)))
    # Bedrock fetches nothing: an address is named as a medium that was not shown.
    told = (words for words in said(request.messages) if target is not CONVERSE or not _ADDRESS.match(words))
    lines = (line.strip() for words in told for line in words.splitlines())
    return [f"lost: {line[:80]!r}" for line in lines if line not in sent]


def problems_of(request: Request, target: Format, *, asks_oracle: bool) -> list[str]:
    try:
        wire = target.make_codec().encode(request)
    except AgentkitError as error:
        return [str(error)]
    return [*(target.complaints(wire) if asks_oracle else ()), *lost(request, wire.body, target)]


def reason_of(problems: list[str]) -> str | None:
    """Why it cannot be sent; None when that is no reason that we know."""
    found = [next((why for pattern, why in REASONS if re.search(pattern, problem)), None) for problem in problems]
    return found[0] if all(found) else None


@pytest.mark.parametrize("target", TARGETS, ids=str)
@pytest.mark.parametrize("source", FORMATS, ids=str)
def test_every_recorded_conversation_goes_on_elsewhere(source: Format, target: Format) -> None:
    counts: Counter[str] = Counter()
    exceptions: Counter[str] = Counter()
    impossible: Counter[str] = Counter()
    unexplained: dict[str, list[str]] = {}
    for recorded, request in recorded_requests(source):
        # What the format's own oracle has against its own recordings is in the tests of those.
        problems = problems_of(for_target(request, target), target, asks_oracle=source is not target)
        if not problems:
            counts[recorded.provider] += 1
        elif reason := reason_of(problems):
            exceptions[reason] += 1
            left = problems_of(omitting(for_target(request, target)), target, asks_oracle=source is not target)
            impossible.update([reason_of(left) or f"{recorded.id}: {left}"] if left else ())
        else:
            unexplained[recorded.id] = problems
    total = counts.total() + exceptions.total()
    for provider, count in sorted(counts.items()):
        print(f"{source} of {provider} -> {target}: {count} accepted")
    print(
        f"{source} -> {target}: {counts.total()} of {total} accepted; {dict(exceptions)}; "
        f'with on_unsupported="omit" {total - impossible.total()} of {total}; {dict(impossible)}'
    )
    assert unexplained == {}
    assert impossible.keys() <= NEVER
    assert all(count <= MOST.get(reason.partition(",")[0], 4) for reason, count in exceptions.items()), exceptions
    assert counts.total() + exceptions[BY_ADDRESS] >= LEAST[source.name]


def kept_as_json(request: Request) -> Request:
    return replace(request, messages=tuple(messages_from_json(messages_to_json(request.messages))))


def answer_of(origin: str) -> AssistantMessage:
    """An answer of another provider: with a thought and an item of its own, and a call."""
    own = ProviderData(origin, {"type": "own", "signature": "x"})
    call = ToolCall("an id: too long, and illegal " * 4, "look", "{}", Returned("seen"), own)
    return AssistantMessage((Thinking("hm", own), Opaque(own), Text("Well.", provider_data=own), call), model="other-1")


@pytest.mark.parametrize("source", FORMATS, ids=str)
def test_on_the_way_back_the_first_provider_gets_its_own_bytes_again(source: Format) -> None:
    count = 0
    others = [(target.make_codec(), target) for target in FORMATS if target.name != source.name]
    for recorded, request in recorded_requests(source):
        codec, memo = source.make_codec(recorded.provider), Memo()
        try:
            first = codec.encode(request, memo).body
        except UnsupportedError:  # video for a server whose rules are not OpenAI's
            continue
        for other, target in others:
            with contextlib.suppress(AgentkitError):  # media and settings that the other does not take
                other.encode(for_target(request, target), memo)
        assert codec.encode(request, memo).body == first, recorded.id
        assert codec.encode(kept_as_json(request)).body == first, recorded.id
        before = source.conversation(first)
        if not request.messages or not isinstance(request.messages[-1], UserMessage):
            continue
        later = replace(request, messages=(*request.messages, answer_of("elsewhere:x"), user_message("and now?")))
        after = source.conversation(codec.encode(kept_as_json(later)).body)
        assert after[: len(before)] == before, recorded.id
        assert source.conversation(codec.encode(later, memo).body) == after, recorded.id
        count += 1
    print(
        f"{source}: {len(recorded_requests(source))} sent again byte for byte, {count} behind an answer from elsewhere"
    )


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_what_cannot_be_carried_is_told(target: Format) -> None:
    system = UserMessage((Text("Be brief.", provider_data=ProviderData("elsewhere:x", {"role": "system"})),))
    messages = (user_message("hi"), answer_of("elsewhere:x"), system, user_message("and now?"))
    wire = target.make_codec().encode(Request(target.model, messages))
    notes = {
        "left out an item of the provider's own, made by elsewhere:x",
        "left out thinking, made by elsewhere:x",
    }
    notes |= {IDS_REWRITTEN} if target.name in ("responses", "messages", "converse", "mistral") else set()
    notes |= {SYSTEM_AS_USER} if target.name in ("generate_content", "converse", "gemini-openai") else set()
    notes |= {DECLARED_AGAIN} if target is CONVERSE else set()
    assert set(wire.notes) == notes
    assert lost(Request(target.model, messages), wire.body, target) == []
    assert target.complaints(wire) == []


@pytest.mark.parametrize("target", [format for format in TARGETS if format.name != "generate_content"], ids=str)
def test_system_messages_amid_a_conversation_stay_that_where_the_format_has_them(target: Format) -> None:
    for origin in ("openai:chat", "openai:responses", "anthropic:messages"):
        system = UserMessage((Text("Be brief.", provider_data=ProviderData(origin, {"role": "system"})),))
        messages = (user_message("hi"), AssistantMessage((Text("Hello."),)), system)
        body = json.loads(target.make_codec().encode(Request(target.model, messages)).body)
        last = body[target.messages_key][-1]
        assert last["role"] == ("user" if target.name in ("converse", "gemini-openai") else "system")
        assert "Be brief." in strings(last["content"])


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_media_that_the_target_does_not_take_end_the_turn_at_hand_but_no_later_one(target: Format) -> None:
    file = Image(Uploaded("file_1", "elsewhere"))
    shown = UserMessage((Text("Look at this."), file))
    codec = target.make_codec()
    at_hand = Request(target.model, (user_message("hi"), AssistantMessage((Text("Yes?"),)), shown))
    with pytest.raises(UnsupportedError, match='Settings\\(on_unsupported="omit"\\) has it named in its place'):
        codec.encode(at_hand)
    named = codec.encode(omitting(at_hand))
    assert {"Look at this.", "(There was an image here, which cannot be shown to this model.)"} <= set(
        strings(json.loads(named.body))
    )
    assert named.notes == ("left out an image that this model does not take",)
    assert target.complaints(named) == []
    look = ToolCall("call_1", "look", "{}", Returned("seen", (file,)))
    messages = (shown, AssistantMessage((Text("A cat."),)), user_message("Its name?"), AssistantMessage((look,)))
    memo = Memo()
    first = codec.encode(Request(target.model, messages), memo)
    later = codec.encode(
        Request(target.model, (*messages, AssistantMessage((Text("Tom."),)), user_message("ok"))), memo
    )
    for wire in (first, later):
        sent = list(strings(json.loads(wire.body)))
        assert {"Look at this.", "(There was an image here, which cannot be shown to this model.)"} <= set(sent)
        assert "left out an image that this model does not take" in wire.notes
        assert target.complaints(wire) == []


@pytest.mark.anyio
async def test_a_run_that_goes_on_elsewhere_tells_it_once_and_every_span_says_it() -> None:
    look = Tool.from_schema("look", "Look.", {"type": "object", "properties": {}}, lambda: "seen")
    call = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "m", "type": "message", "role": "assistant", "model": "claude-sonnet-5", "usage": usage}
    replies = [
        {**message, "content": [call], "stop_reason": "tool_use"},
        {**message, "content": [{"type": "text", "text": "Done."}], "stop_reason": "end_turn"},
    ]
    transport = InTurn([json.dumps(reply).encode() for reply in replies])
    claude = model("anthropic:claude-sonnet-5", api_key=KEY, transport=transport)
    spans, provider, told = InMemorySpanExporter(), TracerProvider(), list[Adapted]()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    configure(tracer_provider=provider)
    try:
        agent = Agent(claude, tools=[look], settings=Settings(stream=False))
        async with agent.stream("and now?", messages=[user_message("hi"), answer_of("openai:responses")]) as run:
            async for event in run:
                if isinstance(event, Adapted):
                    told.append(event)
    finally:
        configure()
    changes = (
        IDS_REWRITTEN,
        "left out an item of the provider's own, made by openai:responses",
        "left out thinking, made by openai:responses",
    )
    assert told == [Adapted(1, changes)]
    asked = [span.attributes or {} for span in spans.get_finished_spans() if span.name.startswith("chat")]
    assert [span["agentkit.adapted"] for span in asked] == [changes, changes]
