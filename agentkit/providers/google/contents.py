"""Messages as `contents` of generateContent."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, assert_never, cast

from pydantic_core import from_json

from agentkit.errors import UnsupportedError
from agentkit.media import Audio, Document, Image, Inline, ProviderData, Video
from agentkit.messages import (
    AssistantMessage,
    Media,
    Message,
    Opaque,
    Returned,
    Text,
    Thinking,
    ToolCall,
    UserMessage,
)
from agentkit.providers.google.answers import CONTINUATION, MALFORMED
from agentkit.providers.google.families import generation, is_same_model
from agentkit.providers.google.media import source_part
from agentkit.providers.google.outcomes import response_of
from agentkit.schema.names import map_names
from agentkit.switching import (
    SYSTEM_AS_USER,
    is_foreign_thought,
    left_out,
    not_shown,
    refusal_of,
    stand_in,
    system_role,
    was_answered,
)

__all__ = ["DETAILS", "SKIPPED_SIGNATURE", "ContentWriter", "call_part"]

SKIPPED_SIGNATURE = base64.b64encode(b"skip_thought_signature_validator").decode()
"""What Google documents for calls that no Gemini signed: it stands where the signature has to be."""

DETAILS = {
    "low": "MEDIA_RESOLUTION_LOW",
    "high": "MEDIA_RESOLUTION_HIGH",
    "original": "MEDIA_RESOLUTION_ULTRA_HIGH",
}
"""How closely to look at an image: our word -> the wire's."""

_IN_RESULTS = frozenset({"image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain"})
"""Media that a functionResponse may hold itself."""

Content = dict[str, Any]


class ContentWriter:
    """Writes the messages of one request, in order."""

    __slots__ = (
        "_former",
        "_generation",
        "_may_fail",
        "_messages",
        "_model",
        "_names",
        "_origin",
        "_provider",
        "notes",
        "open_role",
    )

    def __init__(self, origin: str, *, model: str, names: Mapping[str, str], may_fail: bool = True) -> None:
        self._origin = origin
        self._provider = origin.partition(":")[0]
        self._may_fail = may_fail  # media in the turn at hand are refused, instead of named
        self._messages: Sequence[Message] = ()  # those being written
        self._model = model
        self._generation = generation(model)
        self._names = names  # our name of a tool -> its name on the wire
        self._former: dict[str, str] = {}  # the same for tools that are not offered any more
        self.notes: set[str] = set()
        """What could not be sent."""
        self.open_role = ""
        """Whose the last content is, when what they say next is joined with it; empty when it answers calls."""

    def contents(self, messages: Sequence[Message]) -> list[Content]:
        """The contents of these messages. Neighbouring messages of one role become one content."""
        contents: list[Content] = []
        self._messages = messages
        for message in messages:
            role = "model" if isinstance(message, AssistantMessage) else "user"
            # Nearly all old messages are one text: a thousand of them are written with every new run of a session.
            part = message.parts[0] if len(message.parts) == 1 else None
            if type(part) is Text and part.text and part.provider_data is None and role != self.open_role:
                contents.append({"role": role, "parts": [{"text": part.text}]})
                self.open_role = role
            elif isinstance(message, AssistantMessage):
                self._add(contents, role, self._assistant(message))
                if calls := message.calls:
                    contents.append({"role": "user", "parts": self._answers(calls)})
                    self.open_role = ""
            else:
                self._add(contents, role, self._user(message))
        return contents

    def _add(self, contents: list[Content], role: str, parts: list[Content]) -> None:
        if not parts:
            return
        if contents and self.open_role == role:
            contents[-1]["parts"] += parts
        else:
            contents.append({"role": role, "parts": parts})
        self.open_role = role

    def _user(self, message: UserMessage) -> list[Content]:
        parts = message.parts
        written: list[Content] = []
        for part in parts:
            match part:
                case Text(text, _, data):
                    extras = self._own(data)
                    if data is not None and system_role(part):
                        self.notes.add(SYSTEM_AS_USER)
                    if text or extras or len(parts) == 1:
                        written.append({"text": text, **extras})
                case Image() | Audio() | Document() | Video():
                    written.append(self._shown(part, message))
                case Opaque():
                    written += self._opaque(part, is_same=True)
                case Thinking() | ToolCall():
                    continue
                case _:
                    assert_never(part)
        return written

    def _assistant(self, message: AssistantMessage) -> list[Content]:
        """The parts of the model's content."""
        is_same = is_same_model(message.model, self._model)
        written: list[Content] = []
        has_calls = False
        for part in message.parts:
            match part:
                case Text(text, _, data):
                    extras = self._own(data, is_same=is_same)
                    if text or extras:
                        written.append({"text": text, **extras})
                case Thinking():
                    written += self._thought(part, made_by=message.model, is_same=is_same)
                case ToolCall():
                    written.append(self._call(part, is_first=not has_calls, is_same=is_same))
                    has_calls = True
                case Opaque():
                    written += self._opaque(part, is_same=is_same)
                case Image() | Audio() | Document() | Video():
                    written.append(self._shown(part, is_same=is_same))
                case _:
                    assert_never(part)
        return written

    def _thought(self, part: Thinking, *, made_by: str, is_same: bool) -> list[Content]:
        """Thinking of other models is left out: no Gemini thought it."""
        is_foreign = is_foreign_thought(part, made_by=made_by, asked=self._model, origin=self._origin)
        if is_foreign and "gemini-" not in made_by:
            self.notes.add(left_out(part))
            return []
        extras = self._own(part.provider_data, is_same=is_same)
        return [{"text": part.text, "thought": True, **extras}] if part.text or extras else []

    def _call(self, call: ToolCall, *, is_first: bool, is_same: bool) -> Content:
        extras = self._own(call.provider_data, is_same=is_same)
        if is_first and "thoughtSignature" not in extras and self._generation >= (3, 0):
            extras = {**extras, "thoughtSignature": SKIPPED_SIGNATURE}
        return {**call_part(call, self._name(call.name)), **extras}

    def _answers(self, calls: Sequence[ToolCall]) -> list[Content]:
        answers: list[Content] = []
        beside: list[Content] = []  # media that older models take only as parts of their own
        for call in calls:
            answer: Content = {"name": self._name(call.name), "response": response_of(call.outcome)}
            if call.id:
                answer = {"id": call.id, **answer}
            media = call.outcome.media if isinstance(call.outcome, Returned) else ()
            inside = [medium for medium in media if self._fits_inside(medium)]
            if inside:
                answer["parts"] = [self._medium(medium) for medium in inside]
            answers.append({"functionResponse": answer})
            outside = [medium for medium in media if medium not in inside]
            if outside:
                beside.append({"text": f"What {call.name} returned beside its result:"})
                beside += [self._shown(medium) for medium in outside]
        return answers + beside

    def _fits_inside(self, medium: Media) -> bool:
        source = medium.source
        return self._generation >= (3, 0) and isinstance(source, Inline) and source.media_type in _IN_RESULTS

    def _opaque(self, item: Opaque, *, is_same: bool) -> list[Content]:
        data = item.provider_data
        if data.origin != self._origin:
            self.notes.add(left_out(item))
            return []
        if data.value.keys() == {CONTINUATION}:
            return []
        part = self._own(data, is_same=is_same)
        return [part] if part else []

    def _shown(self, part: Media, message: UserMessage | None = None, *, is_same: bool = True) -> Content:
        """The part of a medium, or words in its place: files at other providers cannot be read."""
        try:
            return self._medium(part, is_same=is_same)
        except UnsupportedError as error:
            if message is not None and self._may_fail and not was_answered(message, self._messages):
                raise refusal_of(error) from error
            self.notes.add(not_shown(part))
            return {"text": stand_in(part)}

    def _medium(self, part: Media, *, is_same: bool = True) -> Content:
        written = source_part(part.source, provider=self._provider)
        if isinstance(part, Image) and part.detail in DETAILS and self._generation >= (3, 0):
            written["mediaResolution"] = {"level": DETAILS[part.detail]}
        return {**written, **self._own(part.provider_data, is_same=is_same)}

    def _own(self, data: ProviderData | None, *, is_same: bool = True) -> dict[str, Any]:
        """What this format attached to a part itself. Signatures are good for the model only that made them."""
        if data is None or data.origin != self._origin:
            return {}
        if is_same or "thoughtSignature" not in data.value:
            return dict(data.value)
        self.notes.add("left out signatures that another model made")
        return {key: value for key, value in data.value.items() if key != "thoughtSignature"}

    def _name(self, name: str) -> str:
        """The name on the wire; calls of tools that are no longer offered have to be legal too."""
        known = self._names.get(name) or self._former.get(name)
        if known is None:
            known = self._former[name] = map_names([name], "gemini")[name]
        return known


def call_part(call: ToolCall, name: str) -> Content:
    """The part of a call, without what stands beside it."""
    written: Content = {"name": name, "args": _arguments(call.arguments)}
    return {"functionCall": {"id": call.id, **written} if call.id else written}


def _arguments(text: str) -> dict[str, Any]:
    if not text or text in ("{}", "null"):
        return {}
    try:
        value = from_json(text)
    except ValueError:
        return {MALFORMED: text}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {MALFORMED: text}
