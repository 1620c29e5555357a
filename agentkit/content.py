"""What was said, written for spans: the JSON of the GenAI conventions, masked, long texts cut.

Nothing here runs unless content was asked for (see agentkit.telemetry). Values are JSON strings and not structures,
since consumers of spans read only those reliably. Texts are cut inside the parts, so that the JSON stays whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, assert_never, cast

from agentkit.exchange import ToolDefinition
from agentkit.media import Audio, Document, Image, Inline, Remote, Uploaded, Video
from agentkit.messages import (
    AssistantMessage,
    Cancelled,
    Denied,
    Failed,
    Lost,
    Message,
    Opaque,
    Outcome,
    Part,
    Pending,
    Returned,
    Text,
    Thinking,
    ToolCall,
    UserMessage,
)

__all__ = ["MASKED", "ContentWriter", "default_mask"]

MASKED = "[masked]"
"""What stands where a secret was."""

_MAX_TEXT_CHARS = 10_000
_MAX_SECRET_CHARS = 2_000
_MAX_BLOB_CHARS = 100_000

_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {MASKED}"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), MASKED),  # JSON web tokens
    (
        re.compile(
            r"\b(?:sk|pk|rk|xai|gsk|hf|pplx|ghp|gho|ghs|github_pat|glpat|xox[abeoprs])[-_][\w-]{12,}"
            r"|\b(?:AKIA|ASIA)[A-Z0-9]{12,}|\bAIza[\w-]{20,}"
        ),
        MASKED,
    ),
    (
        re.compile(
            r"(?i)\b(api[-_ ]?key|(?:access|auth)[-_ ]?token|password|passwd|secret)"
            r"(\s{0,4}[=:]\s{0,4})[^\s\"',;&]{4,}"
        ),
        rf"\1\2{MASKED}",
    ),
    (re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"), MASKED),  # e-mail addresses
)

_SECRET_NAME = re.compile(r"(?i)api[-_]?key|authorization|credential|password|passwd|secret|(?:^|[-_])token$")


def default_mask(text: str) -> str:
    """The text without API keys, bearer tokens, `password=...` and e-mail addresses.

    It knows the shapes of common secrets and cannot know yours: pass your own `mask` to tracing.configure for more.
    """
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


@dataclass(frozen=True, slots=True)
class ContentWriter:
    """Writes content for spans; every text goes through `mask` first, then it is cut."""

    mask: Callable[[str], str] = default_mask

    def text(self, text: str) -> str:
        """One text, masked and cut."""
        if len(text) <= _MAX_TEXT_CHARS:
            return self.mask(text)
        # A secret that the first cut goes through is not known as one; the second cut takes its rest away.
        masked = self.mask(text[: _MAX_TEXT_CHARS + _MAX_SECRET_CHARS])
        return f"{masked[:-_MAX_SECRET_CHARS]}… ({len(text):,} characters)"

    def instructions(self, instructions: str) -> str:
        """gen_ai.system_instructions."""
        return _dumps([{"type": "text", "content": self.text(instructions)}])

    def input_messages(self, messages: Iterable[Message]) -> str:
        """gen_ai.input.messages: in the order sent, results of tool calls behind the message that made them."""
        written: list[dict[str, Any]] = []
        for message in messages:
            if isinstance(message, UserMessage):
                written.append({"role": _role_of(message), "parts": self._parts(message.parts)})
                continue
            written.append({"role": "assistant", "parts": self._parts(message.parts)})
            written += [self._tool_message(call) for call in message.calls]
        return _dumps(written)

    def output_messages(self, message: AssistantMessage) -> str:
        """gen_ai.output.messages: one message, with the finish reason that readers of the older conventions need."""
        finish = "tool_call" if message.finish == "tool_calls" else message.finish  # the conventions' own spelling
        return _dumps([{"role": "assistant", "parts": self._parts(message.parts), "finish_reason": finish}])

    def tool_definitions(self, tools: Sequence[ToolDefinition]) -> str:
        """gen_ai.tool.definitions: names only, since schemas are large and never change."""
        return _dumps([{"type": "function", "name": tool.name} for tool in tools])

    def tool_value(self, value: object) -> str:
        """gen_ai.tool.call.arguments and .result, which have to be objects: other values stand under "result"."""
        masked = self._value(value)
        return _dumps(cast("dict[str, Any]", masked) if isinstance(masked, dict) else {"result": masked})

    def _tool_message(self, call: ToolCall) -> dict[str, Any]:
        part = {"type": "tool_call_response", **_id_of(call), "response": self._response(call.outcome)}
        return {"role": "tool", "parts": [part]}

    def _response(self, outcome: Outcome) -> object:
        match outcome:
            case Returned(content):
                return self._value(content)
            case Failed(message):
                return {"error": self.text(message)}
            case Denied(reason):
                return {"denied": self.text(reason)}
            case Cancelled() | Lost() | Pending():
                return {"status": outcome.kind}
            case _:
                assert_never(outcome)

    def _parts(self, parts: Iterable[Part]) -> list[dict[str, Any]]:
        return [self._part(part) for part in parts]

    def _part(self, part: Part) -> dict[str, Any]:
        match part:
            case Text(text):
                return {"type": "text", "content": self.text(text)}
            case Thinking(text):
                return {"type": "reasoning", "content": self.text(text)}
            case ToolCall():
                return {"type": "tool_call", **_id_of(part), "name": part.name, "arguments": self._arguments(part)}
            case Image() | Audio() | Video() | Document():
                return self._medium(part)
            case Opaque(provider_data):
                return {"type": "opaque", "origin": provider_data.origin}
            case _:
                assert_never(part)

    def _arguments(self, call: ToolCall) -> dict[str, Any]:
        try:
            value: object = json.loads(call.arguments or "{}")
        except ValueError:  # what the model wrote is no JSON; readers want an object all the same
            return {"text": self.text(call.arguments)}
        masked = self._value(value if value is not None else {})
        return cast("dict[str, Any]", masked) if isinstance(masked, dict) else {"value": masked}

    def _medium(self, part: Image | Audio | Video | Document) -> dict[str, Any]:
        source = part.source
        match source:
            case Inline(_, media_type):
                fits = len(source.data) * 4 // 3 <= _MAX_BLOB_CHARS
                content = source.base64 if fits else ""  # half of a picture is no picture
                found = {"type": "blob", "content": content, "byte_count": len(source.data)}
            case Remote(url, media_type):
                found = {"type": "uri", "uri": self.text(url)}
            case Uploaded(file_id, _, media_type):
                found = {"type": "file", "file_id": file_id}
            case _:
                assert_never(source)
        return {**found, "modality": part.family, **({"mime_type": media_type} if media_type else {})}

    def _value(self, value: object) -> object:
        match value:
            case str():
                return self.text(value)
            case None | bool() | int() | float():
                return value
            case Mapping():
                items = cast("Mapping[object, object]", value).items()
                return {
                    self.mask(str(key)): MASKED if _SECRET_NAME.search(str(key)) else self._value(item)
                    for key, item in items
                }
            case list() | tuple():
                return [self._value(item) for item in cast("Sequence[object]", value)]
            case bytes():
                return f"({len(value):,} bytes)"
            case _:
                return self.text(str(value))


def _role_of(message: UserMessage) -> str:
    """A system message inside a history travels as a user message whose text says so."""
    for part in message.parts:
        if isinstance(part, Text) and part.provider_data and "role" in part.provider_data.value:
            return "system"
    return "user"


def _id_of(call: ToolCall) -> dict[str, str]:
    return {"id": call.id} if call.id else {}


def _dumps(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace").decode("utf-8")  # half of a surrogate pair would stop the exporter
