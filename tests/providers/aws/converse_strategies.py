"""Messages, requests and responses in the form that Converse gives back as it was given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from pydantic_core import to_json

from agentkit.exchange import OutputFormat, Request, Response, ToolDefinition
from agentkit.media import Document, Image, Inline, ProviderData, Remote, Video
from agentkit.messages import (
    AssistantMessage,
    Cancelled,
    Denied,
    Failed,
    Lost,
    Message,
    Opaque,
    Part,
    Pending,
    Returned,
    Text,
    Thinking,
    ToolCall,
    UserMessage,
)
from agentkit.providers.anthropic.outcomes import outcome_text
from agentkit.providers.aws.converse_input import NOTHING_SAID
from agentkit.providers.aws.converse_outcomes import content_in, outcome_block, outcome_in
from agentkit.providers.aws.families import family_of
from agentkit.settings import Settings
from agentkit.usage import Usage

ORIGIN = "bedrock:converse"
CLAUDE, HAIKU, NOVA, LLAMA = MODELS = (
    "global.anthropic.claude-sonnet-5-5",
    "us.anthropic.claude-haiku-4-5-20251001-v1:0",
    "us.amazon.nova-2-lite-v1:0",
    "meta.llama4-scout-17b-instruct-v1:0",
)
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


def own(value: dict[str, Any]) -> ProviderData:
    return ProviderData(ORIGIN, value)


words = st.text(min_size=1, max_size=20).filter(lambda text: bool(text.strip()) and text != NOTHING_SAID)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
json_objects = st.dictionaries(st.text(max_size=5), json_values, max_size=3)
blobs = st.binary(min_size=1, max_size=12)
images = st.builds(
    Image,
    st.builds(Inline, blobs, st.sampled_from(["image/png", "image/webp"]))
    | st.just(Remote("s3://bucket/a.png", "image/png")),
)


def documents(number: int) -> st.SearchStrategy[Document]:
    """Of names that no other has: the second of one name is sent under another."""
    return st.builds(
        Document,
        st.builds(Inline, blobs, st.just("application/pdf")) | st.builds(Inline, blobs, st.just("text/csv")),
        st.none() | st.just(f"report {number}"),
        st.none() | st.just(own({"citations": {"enabled": True}})),
    ).map(_with_ending)


def _with_ending(document: Document) -> Document:
    ending = "pdf" if isinstance(document.source, Inline) and "pdf" in document.source.media_type else "csv"
    return replace(document, filename=f"{document.filename}.{ending}") if document.filename else document


def _is_told(outcome: Returned) -> bool:
    """Whether the wire says it all: what reads as JSON is taken for that."""
    block = outcome_block(outcome)
    if block is None:
        return True
    back = content_in(block)
    is_null = outcome.media and outcome.content is not None and back is None
    return back == outcome.content and type(back) is type(outcome.content) and not is_null


outcomes = st.one_of(
    st.builds(Returned, json_values, st.lists(images, max_size=2).map(tuple)).filter(_is_told),
    st.builds(Failed, st.text(max_size=20)).filter(lambda outcome: outcome_in(outcome_text(outcome)) == outcome),
    st.builds(Denied, st.text(max_size=20).map(str.strip)),
    st.builds(Cancelled, st.booleans()),
    st.just(Lost()),
)
guarded = {"guardContent": {"text": {"text": "x", "qualifiers": ["query"]}}}
citation = {"title": "A", "location": {"documentChar": {"documentIndex": 0, "start": 0, "end": 1}}}


def _media(model: str) -> st.SearchStrategy[Part]:
    video = st.just(Video(Remote("s3://bucket/a.mp4", "video/mp4")))
    return images | video if "video" in family_of(model).media else images


@st.composite
def user_messages(draw: st.DrawFn, number: int, model: str) -> UserMessage:
    parts: list[Part] = draw(
        st.lists(st.builds(Text, words) | _media(model) | st.just(Opaque(own(guarded))), min_size=1, max_size=3)
    )
    if draw(st.booleans()):
        parts.append(draw(documents(number)))
    return UserMessage(tuple(parts))


@st.composite
def _pieces(draw: st.DrawFn, number: int, *, is_claude: bool, is_whole: bool = False) -> list[Part]:
    kinds = ["words", "cited", "call"] + (["thinking", "redacted"] if is_claude else [])
    match draw(st.sampled_from([*kinds, "search"] if is_whole else kinds)):
        case "words":
            return [Text(draw(words))]
        case "cited":
            return [Text(draw(words), provider_data=own({"citations": [citation] * draw(st.integers(1, 2))}))]
        case "call":
            arguments = to_json(draw(json_objects)).decode()
            name = draw(st.sampled_from(["get_weather", "b"]))
            return [ToolCall(f"tooluse_{number}", name, arguments, Lost())]
        case "search":
            use = {"toolUseId": f"s_{number}", "name": "nova_grounding", "type": "server_tool_use", "input": {"q": 1}}
            found = {"toolUseId": f"s_{number}", "status": "success", "content": [{"json": {"a": [1]}}]}
            return [Opaque(own({"toolUse": use})), Opaque(own({"toolResult": found}))]
        case "redacted":
            return [Opaque(own({"reasoningContent": {"redactedContent": "RW1rSw=="}}))]
        case _:
            return [Thinking(draw(st.text(max_size=10)), own({"signature": draw(words)}))]


@st.composite
def assistant_messages(draw: st.DrawFn, first: int, *, is_claude: bool) -> AssistantMessage:
    count = draw(st.integers(1, 3))
    parts = [part for number in range(count) for part in draw(_pieces(first + number, is_claude=is_claude))]
    settled = [replace(part, outcome=draw(outcomes)) if isinstance(part, ToolCall) else part for part in parts]
    has_calls = any(isinstance(part, ToolCall) for part in settled)
    return AssistantMessage(tuple(settled), finish="tool_calls" if has_calls else "stop")


@st.composite
def conversations(draw: st.DrawFn, model: str) -> tuple[Message, ...]:
    """Roles by turns; what a user says may follow the results of calls or be left out."""
    is_claude = "claude" in model
    messages: list[Message] = [draw(user_messages(0, model))]
    for turn in range(1, draw(st.integers(1, 4))):
        last = messages[-1]
        if isinstance(last, UserMessage) or (last.calls and draw(st.booleans())):
            messages.append(draw(assistant_messages(turn * 10, is_claude=is_claude)))
        else:
            messages.append(draw(user_messages(turn, model)))
    last = messages[-1]
    if isinstance(last, AssistantMessage) and not last.calls:  # an answer that stands last would be a prefill
        messages.append(draw(user_messages(9, model)))
    return tuple(messages)


@st.composite
def knobs(draw: st.DrawFn, model: str) -> Settings:
    family = family_of(model)
    efforts = {"claude": [None, "none", "low", "high"], "nova": [None, "none", "low", "medium"]}
    reasoning = draw(st.sampled_from(efforts.get(family.thinks, [None])))
    is_thinking = family.thinks == "claude" and reasoning not in (None, "none")
    forced = [] if is_thinking or not family.choices else ["required", "get_weather"]
    return Settings(
        max_output_tokens=draw(st.none() | st.integers(60_000, 64_000)),
        temperature=draw(st.none() | st.floats(0, 1)),
        top_p=draw(st.none() | st.floats(0, 1)),
        stop=draw(st.none() | st.just(("END",))),
        reasoning=reasoning,
        tool_choice=draw(st.sampled_from([None, "auto", *forced])),
        service_tier=draw(st.sampled_from([None, "flex"])),
        extra=draw(st.sampled_from([
            None,
            {"bedrock": {"guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}}},
            {"bedrock": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}},
            {"bedrock": {"additionalModelRequestFields": {"top_k": 5}, "inferenceConfig": {"topK": 1}}},
            # Behind a document no cache point may stand: where tools have none either, this may say nothing.
            *([{"bedrock": {"cache": "1h"}}, {"bedrock": {"cache": False}}] if "tools" in family.caches else []),
        ])),
    )  # fmt: skip


@st.composite
def requests(draw: st.DrawFn) -> Request:
    model = draw(st.sampled_from(MODELS))
    settings = draw(knobs(model))
    conversation = draw(conversations(model))
    answers = [message for message in conversation if isinstance(message, AssistantMessage)]
    if model == HAIKU and answers and answers[-1].calls:
        # A budget of thinking cannot be asked for in the midst of a turn that was begun without it.
        settings = replace(settings, reasoning=None)
    output = OutputFormat("answer", PARAMETERS, description="An answer.")
    is_held = family_of(model).is_held_to_schemas
    return Request(
        model,
        conversation,
        draw(words | st.just("")),
        (ToolDefinition("get_weather", "Weather.", PARAMETERS, True if "claude" in model else None),),
        draw(st.none() | st.just(output)) if is_held else None,
        settings,
        draw(st.booleans()),
    )


@st.composite
def responses(draw: st.DrawFn) -> Response:
    parts: list[Part] = []
    for number in range(draw(st.integers(0, 4))):
        drawn = draw(_pieces(number, is_claude=True, is_whole=True))
        parts += [replace(part, outcome=Pending()) if isinstance(part, ToolCall) else part for part in drawn]
    has_calls = any(isinstance(part, ToolCall) for part in parts)
    finish, raw = draw(
        st.sampled_from([
            ("stop", "end_turn"), ("stop", "stop_sequence"), ("length", "max_tokens"),
            ("content_filter", "guardrail_intervened"), ("length", "model_context_window_exceeded"),
        ])
    )  # fmt: skip
    if has_calls and finish == "stop":
        finish, raw = "tool_calls", "tool_use"
    details = draw(
        st.sampled_from(
            [
                {},
                {"service_tier": "flex", "cacheDetails": [{"ttl": "5m", "inputTokens": 7}]},
                {
                    "additionalModelResponseFields": {"stop_sequence": "END"},
                    "performanceConfig": {"latency": "optimized"},
                },
            ]
        )
    )
    counts = st.integers(0, 1000)
    usage = Usage(draw(counts), draw(counts), draw(counts), draw(counts))
    return Response(AssistantMessage(tuple(parts), "", "", finish, usage), raw, details)


__all__ = ["CLAUDE", "HAIKU", "LLAMA", "MODELS", "NOVA", "ORIGIN", "PARAMETERS", "requests", "responses"]
