"""Messages, requests and responses in the form that the Messages format gives back as it was given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from pydantic_core import to_json

from agentkit.exchange import OutputFormat, Request, Response, ToolDefinition
from agentkit.media import Document, Image, Inline, ProviderData, Remote, Uploaded
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
from agentkit.providers.anthropic.outcomes import content_of, outcome_of, outcome_text
from agentkit.settings import Settings
from agentkit.usage import Usage

ORIGIN = "anthropic:messages"
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


def own(value: dict[str, Any]) -> ProviderData:
    return ProviderData(ORIGIN, value)


def compact(value: Any) -> str:
    return to_json(value).decode()


words = st.text(min_size=1, max_size=20).filter(lambda text: bool(text.strip()))
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
    | st.just(Remote("https://example.com/a.png"))
    | st.just(Uploaded("file_1", "anthropic")),
)
documents = st.builds(
    Document,
    st.builds(Inline, blobs, st.just("application/pdf"))
    | st.builds(lambda text: Inline(text.encode(), "text/plain"), words)
    | st.just(Remote("https://example.com/a.pdf"))
    | st.just(Uploaded("file_2", "anthropic")),
    st.sampled_from([None, "report.pdf"]),
    st.none() | st.just(own({"citations": {"enabled": True}})),
)
uploads = st.just(Opaque(own({"type": "container_upload", "file_id": "file_3"})))
user_messages = st.builds(
    UserMessage, st.lists(st.builds(Text, words) | images | documents | uploads, min_size=1, max_size=3).map(tuple)
)
system_messages = st.builds(lambda text: UserMessage((Text(text, provider_data=own({"role": "system"})),)), words)
returned = st.builds(Returned, json_values, st.lists(images | documents, max_size=2).map(tuple)).filter(
    lambda outcome: (
        content_of(outcome_text(outcome)) == outcome.content
        and type(content_of(outcome_text(outcome))) is type(outcome.content)
        and (not outcome.media or outcome.content is None or bool(outcome_text(outcome).strip()))
        and not (outcome.media and outcome_text(outcome) == "null" and outcome.content is not None)
    )
)
failures = st.builds(Failed, st.text(max_size=20)).filter(
    lambda outcome: outcome_of(outcome_text(outcome), is_error=True) == outcome
)
outcomes = st.one_of(
    returned,
    failures,
    st.builds(Denied, st.text(max_size=20).map(str.strip)),
    st.builds(Cancelled, st.booleans()),
    st.just(Lost()),
)
search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
found = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
redacted = {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix/LafPsn4a"}
citation = {
    "type": "web_search_result_location", "cited_text": "a", "url": "https://a.example", "title": "A",
    "encrypted_index": "Eo8BCio",
}  # fmt: skip


@st.composite
def _pieces(draw: st.DrawFn, number: int) -> list[Part]:
    """Some parts of an answer."""
    match draw(st.sampled_from(["words", "cited", "call", "search", "redacted", "thinking"])):
        case "words":
            return [Text(draw(words))]
        case "cited":
            return [Text(draw(words), provider_data=own({"citations": [citation] * draw(st.integers(1, 2))}))]
        case "call":
            data = draw(st.none() | st.just(own({"caller": {"type": "direct"}})))
            arguments = compact(draw(json_objects))
            name = draw(st.sampled_from(["get_weather", "b"]))
            return [ToolCall(f"toolu_{number}", name, arguments, Lost(), data)]
        case "search":
            ids = {"id": f"srvtoolu_{number}"}, {"tool_use_id": f"srvtoolu_{number}"}
            return [Opaque(own({**search, **ids[0]})), Opaque(own({**found, **ids[1]}))]
        case "redacted":
            return [Opaque(own(redacted))]
        case _:
            return [Thinking(draw(st.text(max_size=10)), own({"signature": draw(words)}))]


@st.composite
def assistant_messages(draw: st.DrawFn, first: int = 0) -> AssistantMessage:
    count = draw(st.integers(1, 3))
    parts = [part for number in range(count) for part in draw(_pieces(first + number))]
    settled = [replace(part, outcome=draw(outcomes)) if isinstance(part, ToolCall) else part for part in parts]
    has_calls = any(isinstance(part, ToolCall) for part in settled)
    return AssistantMessage(tuple(settled), finish="tool_calls" if has_calls else "stop")


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    """Roles by turns; what a user says may follow the results of calls or be left out."""
    messages: list[Message] = [draw(user_messages)]
    for turn in range(draw(st.integers(0, 3))):
        last = messages[-1]
        if isinstance(last, UserMessage) or (last.calls and draw(st.booleans())):
            messages.append(draw(assistant_messages(first=turn * 10)))
        elif last.calls:
            messages.append(draw(user_messages | system_messages))
        else:
            messages.append(draw(user_messages))
    last = messages[-1]
    if isinstance(last, AssistantMessage) and not last.calls:  # an answer that stands last would be a prefill
        messages.append(draw(user_messages))
    return tuple(messages)


def knobs(model: str) -> st.SearchStrategy[Settings]:
    reasoning = st.sampled_from([None, "none", "low", "high", "max"])
    return st.builds(
        Settings,
        max_output_tokens=st.none() | st.integers(60_000, 64_000),
        temperature=st.none() | st.floats(0, 1),
        stop=st.none() | st.just(("END",)),
        reasoning=reasoning,
        reasoning_summary=st.sampled_from([None, "auto"]),
        tool_choice=st.sampled_from([None, "none", "required", "get_weather"]),
        parallel_tool_calls=st.sampled_from([None, False]),
        service_tier=st.sampled_from([None, "standard_only"]),
        extra=st.sampled_from([
            None,
            {"anthropic": {"cache": "1h"}},
            {"anthropic": {"cache": False, "metadata": {"user_id": "u"}}},
            {"anthropic": {"tools": [{"type": "web_search_20260318", "name": "web_search"}]}},
            {"anthropic": {"betas": ["a-2026-01-01", "b"], "version": "2023-06-01"}},
        ]),
    ).filter(_is_told)  # fmt: skip


def _is_told(settings: Settings) -> bool:
    """Whether the format has a place for all of it."""
    is_thinking = settings.reasoning not in (None, "none") or settings.reasoning_summary is not None
    is_forced = settings.tool_choice in ("required", "get_weather")
    is_older = settings.temperature is not None and bool(settings.extra and "version" in settings.extra["anthropic"])
    is_lost = settings.parallel_tool_calls is False and settings.tool_choice == "none"
    has_both = settings.reasoning == "none" and settings.reasoning_summary is not None
    return not (is_thinking and is_forced) and not is_older and not is_lost and not has_both


@st.composite
def requests(draw: st.DrawFn) -> Request:
    model = draw(st.sampled_from(["claude-sonnet-5-5", "claude-haiku-4-5-20251001"]))
    settings = draw(knobs(model))
    conversation = draw(conversations())
    answers = [message for message in conversation if isinstance(message, AssistantMessage)]
    if "haiku" in model and (settings.reasoning is None or (answers and answers[-1].calls)):
        # A budget has to be said, and is then read as an effort; and it cannot be asked for in the midst of a turn
        # that was begun without thinking.
        settings = replace(settings, reasoning=None, reasoning_summary=None)
    return Request(
        model,
        conversation,
        draw(words | st.just("")),
        (ToolDefinition("get_weather", "Weather.", PARAMETERS, draw(st.booleans())),),
        draw(st.none() | st.just(OutputFormat("answer", PARAMETERS))),
        settings,
        draw(st.booleans()),
    )


@st.composite
def responses(draw: st.DrawFn) -> Response:
    parts: list[Part] = []
    for number in range(draw(st.integers(0, 4))):
        drawn = draw(_pieces(number))
        parts += [replace(part, outcome=Pending()) if isinstance(part, ToolCall) else part for part in drawn]
    has_calls = any(isinstance(part, ToolCall) for part in parts)
    finish, raw = draw(
        st.sampled_from([
            ("stop", "end_turn"), ("stop", "stop_sequence"), ("length", "max_tokens"), ("refusal", "refusal"),
            ("paused", "pause_turn"), ("length", "model_context_window_exceeded"),
        ])
    )  # fmt: skip
    if has_calls and finish == "stop":
        finish, raw = "tool_calls", "tool_use"
    details = draw(
        st.sampled_from([
            {},
            {"service_tier": "standard", "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0}},
            {"stop_sequence": "END", "container": {"id": "container_1", "expires_at": "2026-01-01"}},
            {"stop_details": {"type": "refusal", "category": "bio", "explanation": "no"}},
        ])
    )  # fmt: skip
    counts = st.integers(0, 1000)
    usage = Usage(draw(counts), draw(counts), draw(counts), draw(counts), draw(counts))
    return Response(AssistantMessage(tuple(parts), "claude-sonnet-5-5", "msg_1", finish, usage), raw, details)
