"""Messages, requests and responses in the form that the Responses format gives back as it was given."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from agentkit.exchange import OutputFormat, Request, Response, ToolDefinition
from agentkit.media import Audio, Document, Image, Inline, ProviderData, Remote, Uploaded
from agentkit.messages import (
    AssistantMessage,
    Cancelled,
    Denied,
    Failed,
    Lost,
    Opaque,
    Part,
    Pending,
    Returned,
    Text,
    Thinking,
    ToolCall,
    UserMessage,
)
from agentkit.providers.openai.chat_messages import outcome_text
from agentkit.providers.openai.responses_words import content_of, outcome_of
from agentkit.settings import Settings
from agentkit.usage import Usage

ORIGIN = "openai:responses"
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


def own(value: dict[str, Any]) -> ProviderData:
    return ProviderData(ORIGIN, value)


words = st.text(min_size=1, max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
blobs = st.binary(min_size=1, max_size=12)
images = st.builds(
    Image,
    st.builds(Inline, blobs, st.sampled_from(["image/png", "image/webp"]))
    | st.just(Remote("https://example.com/a.png"))
    | st.just(Uploaded("file-1", "openai")),
    st.sampled_from([None, "low", "high", "original"]),
)
documents = st.one_of(
    st.builds(Document, st.builds(Inline, blobs, st.just("application/pdf")), st.sampled_from([None, "report.pdf"])),
    st.just(Document(Remote("https://example.com/a.pdf"))),
)
sounds = st.builds(Audio, st.builds(Inline, blobs, st.sampled_from(["audio/wav", "audio/mpeg"])))
breakpoints = st.just(own({"part": {"prompt_cache_breakpoint": {"mode": "explicit"}}}))
user_texts = st.builds(Text, st.text(max_size=20), provider_data=st.none() | breakpoints)
user_messages = st.builds(
    UserMessage, st.lists(user_texts | images | documents | sounds, min_size=1, max_size=3).map(tuple)
)
system_messages = st.builds(
    lambda text, role: UserMessage((Text(text, provider_data=own({"role": role})),)),
    words,
    st.sampled_from(["system", "developer"]),
)
returned = st.builds(Returned, json_values, st.lists(images | documents, max_size=2).map(tuple)).filter(
    lambda outcome: (
        content_of(outcome_text(Returned(outcome.content))) == outcome.content
        and (bool(outcome.media) or outcome_of(outcome_text(outcome)) == outcome)
    )
)
outcomes = st.one_of(
    returned,
    st.builds(Failed, st.text(max_size=20)),
    st.builds(Denied, st.text(max_size=20).map(str.strip)),
    st.builds(Cancelled, st.booleans()),
    st.just(Lost()),
)
search = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "x"}}
compaction = {"type": "compaction", "id": "cmp_1", "encrypted_content": "xyz"}
opaque_parts = st.sampled_from([Opaque(own(search)), Opaque(own(compaction))])
citation = {"type": "url_citation", "url": "https://a.example", "start_index": 0, "end_index": 1, "title": "A"}
statuses = st.sampled_from(["completed", "incomplete"])


@st.composite
def _items(draw: st.DrawFn, number: int) -> list[Part]:
    """The parts of one item of an answer."""
    kind = draw(st.sampled_from(["words", "message", "call", "custom", "opaque", "thinking"]))
    match kind:
        case "words":
            return [Text(draw(words), provider_data=draw(st.none() | st.just(own({"phase": "commentary"}))))]
        case "message":
            shared = {"id": f"msg_{number}", "status": draw(statuses)}
            shared |= draw(st.sampled_from([{}, {"phase": "final_answer"}]))
            pieces: list[Part] = []
            for _ in range(draw(st.integers(1, 2))):
                is_refusal = draw(st.booleans())
                more = {"part": {"annotations": [citation]}} if not is_refusal and draw(st.booleans()) else {}
                pieces.append(Text(draw(st.text(max_size=20)), is_refusal, own({**shared, **more})))
            return pieces
        case "call":
            data = draw(st.none() | st.just(own({"id": f"fc_{number}", "status": "completed"})))
            arguments = draw(words | json_values.map(json.dumps))
            return [ToolCall(f"call_{number}", draw(st.sampled_from(["get_weather", "b"])), arguments, Lost(), data)]
        case "custom":
            data = own({"type": "custom_tool_call", "id": f"ctc_{number}"})
            text = draw(st.text(max_size=10))
            arguments = json.dumps({"input": text}, ensure_ascii=False, separators=(",", ":"))
            return [ToolCall(f"call_{number}", "write_sql", arguments, Lost(), data)]
        case "opaque":
            return [draw(opaque_parts)]
        case _:
            text = draw(st.text(max_size=10))
            summary = [{"type": "summary_text", "text": text}] if text else []
            item = {"type": "reasoning", "id": f"rs_{number}", "summary": summary, "encrypted_content": "gAAA"}
            answer = Text(draw(words), provider_data=own({"id": f"msg_{number}", "status": "completed"}))
            return [Thinking(text, own(item)), answer]


@st.composite
def assistant_messages(draw: st.DrawFn, first: int = 0) -> AssistantMessage:
    count = draw(st.integers(1, 3))
    parts = [part for number in range(count) for part in draw(_items(first + number))]
    settled = [replace(part, outcome=draw(outcomes)) if isinstance(part, ToolCall) else part for part in parts]
    has_calls = any(isinstance(part, ToolCall) for part in settled)
    return AssistantMessage(tuple(settled), finish="tool_calls" if has_calls else "stop")


@st.composite
def conversations(draw: st.DrawFn) -> tuple[UserMessage | AssistantMessage, ...]:
    messages: list[UserMessage | AssistantMessage] = [draw(user_messages)]
    for turn in range(draw(st.integers(0, 3))):
        last = messages[-1]
        follows_call = isinstance(last, AssistantMessage) and bool(last.calls)
        if isinstance(last, UserMessage) or (follows_call and draw(st.booleans())):
            messages.append(draw(assistant_messages(first=turn * 10)))
        else:
            messages.append(draw(user_messages | system_messages))
    return tuple(messages)


settings = st.builds(
    Settings,
    max_output_tokens=st.none() | st.integers(16, 9999),
    temperature=st.none() | st.floats(0, 2),
    reasoning=st.sampled_from([None, "none", "low", "max"]),
    reasoning_summary=st.sampled_from([None, "auto"]),
    verbosity=st.sampled_from([None, "low"]),
    tool_choice=st.sampled_from([None, "auto", "required", "get_weather"]),
    parallel_tool_calls=st.sampled_from([None, True, False]),
    service_tier=st.sampled_from([None, "flex"]),
    extra=st.sampled_from([
        None,
        {"openai": {"store": True, "previous_response_id": "resp_1"}},
        {"openai": {"metadata": {"a": "b"}, "tools": [{"type": "web_search"}]}},
    ]),
)  # fmt: skip

requests = st.builds(
    Request,
    st.sampled_from(["gpt-6-sol", "deepseek-v4"]),
    conversations(),
    st.text(max_size=10),
    st.just((ToolDefinition("get_weather", "Weather.", PARAMETERS, True),)),
    st.none() | st.just(OutputFormat("answer", PARAMETERS, True, "An answer.")),
    settings,
    st.booleans(),
)


@st.composite
def responses(draw: st.DrawFn) -> Response:
    count = draw(st.integers(0, 4))
    parts: list[Part] = []
    for number in range(count):
        for part in draw(_items(number)):
            if isinstance(part, Text) and not (part.provider_data and part.provider_data.value.get("id")):
                part = Text(part.text, provider_data=own({"id": f"msg_{number}", "status": "completed"}))
            parts.append(replace(part, outcome=Pending()) if isinstance(part, ToolCall) else part)
    finish, raw = draw(
        st.sampled_from([
            ("", "completed"), ("length", "max_output_tokens"), ("content_filter", "content_filter"),
            ("cancelled", "cancelled"), ("other", "queued"),
        ])
    )  # fmt: skip
    if not finish:
        finish = "stop"
        if any(isinstance(part, Text) and part.is_refusal for part in parts):
            finish = "refusal"
        if any(isinstance(part, ToolCall) for part in parts):
            finish = "tool_calls"
    counts = st.integers(0, 1000)
    usage = Usage(draw(counts), draw(counts), draw(counts), draw(counts), draw(counts))
    details = draw(st.sampled_from([{}, {"service_tier": "flex"}]))
    message = AssistantMessage(tuple(parts), "gpt-6-sol", "resp_1", finish, usage)
    return Response(message, raw, details)
