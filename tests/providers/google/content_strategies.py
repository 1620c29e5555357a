"""Messages, requests and responses in the form that generateContent gives back as it was given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from pydantic_core import to_json

from agentkit.exchange import OutputFormat, Request, Response, ToolDefinition
from agentkit.media import Audio, Document, Image, Inline, ProviderData, Remote, Uploaded, Video
from agentkit.messages import (
    AssistantMessage,
    Cancelled,
    Denied,
    Failed,
    Finish,
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
from agentkit.providers.google.outcomes import outcome_of, response_of
from agentkit.settings import Settings
from agentkit.usage import Usage

ORIGIN = "google:generate_content"
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


def own(value: dict[str, Any]) -> ProviderData:
    return ProviderData(ORIGIN, value)


SIGNED = own({"thoughtSignature": "c2lnbmVk+/8="})

words = st.text(min_size=1, max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
blobs = st.binary(min_size=1, max_size=12)
files = "https://generativelanguage.googleapis.com/v1beta/files/abc"
images = st.builds(
    Image,
    st.builds(Inline, blobs, st.sampled_from(["image/png", "image/webp"]))
    | st.just(Remote("https://example.com/a.png", "image/png"))
    | st.just(Uploaded(files, "google", "image/png")),
    st.sampled_from([None, "low", "high", "original"]),
)
documents = st.one_of(
    st.builds(Document, st.builds(Inline, blobs, st.sampled_from(["application/pdf", "text/plain"]))),
    st.just(Document(Remote("gs://bucket/a.pdf", "application/pdf"))),
)
sounds = st.builds(Audio, st.builds(Inline, blobs, st.sampled_from(["audio/wav", "audio/mpeg"])))
clips = st.just(Remote("https://youtu.be/abc", "video/mp4")).map(
    lambda source: Video(source, provider_data=own({"videoMetadata": {"fps": 0.2}}))
)
user_messages = st.builds(
    UserMessage, st.lists(words.map(Text) | images | documents | sounds | clips, min_size=1, max_size=3).map(tuple)
)
shown = st.builds(Image, st.builds(Inline, blobs, st.just("image/png"))) | st.builds(
    Document, st.builds(Inline, blobs, st.just("application/pdf"))
)
returned = st.builds(Returned, json_values, st.lists(shown, max_size=2).map(tuple))
outcomes = st.one_of(
    returned,
    st.builds(Failed, st.text(max_size=20)).filter(lambda outcome: outcome_of(response_of(outcome)) == outcome),
    st.builds(Denied, st.text(max_size=20).map(str.strip)),
    st.builds(Cancelled, st.booleans()),
    st.just(Lost()),
)
run_code = {"executableCode": {"language": "PYTHON", "code": "print(1)"}, "thoughtSignature": "YQ=="}
code_result = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}}
search = {"toolCall": {"id": "1", "toolType": "GOOGLE_SEARCH_WEB", "args": {"queries": ["x"]}}}
opaque_parts = st.sampled_from([Opaque(own(run_code)), Opaque(own(code_result)), Opaque(own(search))])
arguments = st.dictionaries(st.text(max_size=5), json_values, max_size=3).map(lambda value: to_json(value).decode())


@st.composite
def answers(draw: st.DrawFn, first: int = 0) -> list[Part]:
    """The parts of an answer. Plain texts that follow each other are one, as a stream cannot tell them apart."""
    parts: list[Part] = []
    for number in range(first, first + draw(st.integers(1, 4))):
        part = draw(
            st.one_of(
                st.builds(Text, words),
                st.builds(Text, st.text(max_size=20), provider_data=st.just(SIGNED)),
                st.builds(Thinking, words),
                st.builds(Thinking, words, st.just(SIGNED)),
                st.builds(
                    ToolCall,
                    st.sampled_from(["", f"call_{number}"]),
                    st.sampled_from(["get_weather", "b"]),
                    arguments,
                    st.just(Pending()),
                    st.none() | st.just(SIGNED),
                ),
                opaque_parts,
                st.builds(Image, st.builds(Inline, blobs, st.just("image/png")), provider_data=st.just(SIGNED)),
            )
        )
        last = parts[-1] if parts else None
        if last is None or type(part) is not type(last) or last.provider_data or part.provider_data:
            parts.append(part)
    return parts


@st.composite
def assistant_messages(draw: st.DrawFn, first: int = 0) -> AssistantMessage:
    parts = draw(answers(first))
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
            messages.append(draw(user_messages))
    return tuple(messages)


settings = st.builds(
    Settings,
    max_output_tokens=st.none() | st.integers(1, 9999),
    temperature=st.none() | st.floats(0, 2),
    top_p=st.sampled_from([None, 0.5]),
    stop=st.sampled_from([None, ("END", "STOP")]),
    seed=st.sampled_from([None, 7]),
    reasoning=st.sampled_from([None, "minimal", "low", "medium", "high"]),
    reasoning_summary=st.sampled_from([None, "auto"]),
    tool_choice=st.sampled_from([None, "auto", "none", "required", "get_weather"]),
    service_tier=st.sampled_from([None, "flex"]),
    extra=st.sampled_from([
        None,
        {"google": {"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]}},
        {"google": {"generationConfig": {"topK": 3, "responseModalities": ["TEXT"]}}},
    ]),
)  # fmt: skip

requests = st.builds(
    Request,
    st.sampled_from(["gemini-3.8-flash", "gemini-3-flash-preview"]),
    conversations(),
    st.text(max_size=10),
    st.just((ToolDefinition("get_weather", "Weather.", PARAMETERS), ToolDefinition("b", "", PARAMETERS))),
    st.none() | st.just(OutputFormat("answer", PARAMETERS)),
    settings,
    st.booleans(),
)

_REASONS: list[tuple[Finish, str]] = [
    ("stop", "STOP"), ("length", "MAX_TOKENS"), ("content_filter", "SAFETY"), ("content_filter", "MODEL_ARMOR"),
    ("other", "LANGUAGE"),
]  # fmt: skip


@st.composite
def responses(draw: st.DrawFn) -> Response:
    parts = draw(st.just([]) | answers())
    finish, raw = draw(st.sampled_from(_REASONS))
    if any(isinstance(part, ToolCall) for part in parts) and finish in ("stop", "other"):
        finish = "tool_calls"
    counts = st.integers(0, 1000)
    usage = Usage(draw(counts), draw(counts), 0, draw(counts), draw(counts))
    details = draw(
        st.sampled_from([
            {},
            {"service_tier": "standard", "finishMessage": "Done."},
            {"groundingMetadata": {"webSearchQueries": ["x"]}, "trafficType": "ON_DEMAND"},
        ])
    )  # fmt: skip
    return Response(AssistantMessage(tuple(parts), "gemini-3.8-flash", "id_1", finish, usage), raw, details)
