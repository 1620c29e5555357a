"""Messages -> the `messages` of Chat Completions.

A call and what became of it are one record with us and two or more messages here: the assistant's, then one per call,
then one user message with the media that tools returned, since tool messages hold text only.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, assert_never

from pydantic_core import from_json, to_json

from agentkit.errors import UnsupportedError
from agentkit.media import Audio, Document, Image, Inline, ProviderData, Remote, Uploaded, Video
from agentkit.messages import (
    AssistantMessage,
    Cancelled,
    Denied,
    Failed,
    Lost,
    Media,
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
from agentkit.providers.openai.chat_rules import ChatRules
from agentkit.schema.names import map_names
from agentkit.switching import (
    IDS_REWRITTEN,
    SYSTEM_AS_USER,
    is_foreign_thought,
    left_out,
    not_shown,
    refusal_of,
    stand_in,
    system_role,
    was_answered,
)

__all__ = [
    "CANCELLED_BEFORE",
    "CANCELLED_WITHIN",
    "DENIED",
    "FAILED",
    "LOST",
    "MALFORMED",
    "MessageWriter",
    "outcome_text",
]

FAILED = "Error: "
DENIED = "The call was not made, permission was denied. "
CANCELLED_BEFORE = "The call was not made: the run was cancelled before it began."
CANCELLED_WITHIN = "The call was cancelled before it ended."
LOST = "The run was interrupted during this call. Whether the call took effect is not known."
MALFORMED = "malformed_arguments"
"""Key under which arguments that are no JSON object are sent back: many servers parse the history and refuse them."""

_SIGNED_ELSEWHERE = {
    "extra_content": {"google": {"thought_signature": b64encode(b"skip_thought_signature_validator").decode()}}
}
"""What Google documents for calls that no Gemini signed."""

_SHORT_ID = re.compile(r"[a-zA-Z0-9]{9}")
_AUDIO_FORMATS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}


def outcome_text(outcome: Outcome) -> str:
    """What the model reads about a call that was settled."""
    match outcome:
        case Returned(str() as text):
            return text
        case Returned(None, media) if media:
            return "The result is in the next message."
        case Returned(content):
            return to_json(content).decode()
        case Failed(message):
            return FAILED + message
        case Denied(reason):
            return (DENIED + reason).rstrip()
        case Cancelled(started):
            return CANCELLED_WITHIN if started else CANCELLED_BEFORE
        case Lost() | Pending():  # no Request can be built while a call is pending
            return LOST
        case _:
            assert_never(outcome)


@dataclass(slots=True)
class MessageWriter:
    """Writes some messages behind others that were written before; it knows which ids of calls were used there."""

    # Bare factories: calling list[str] costs eight times as much as list, and a writer is made for every request.

    origin: str
    rules: ChatRules
    names: Mapping[str, str]
    """Names of tools -> names on the wire, where they differ."""
    used_ids: frozenset[str] | set[str] = frozenset()
    written: list[dict[str, Any]] = field(default_factory=list)
    new_ids: set[str] = field(default_factory=set)
    model: str = ""
    """The model that is asked."""
    may_fail: bool = True
    """Whether media in the turn at hand that the server does not take are refused, instead of named."""
    messages: Sequence[Message] = ()
    """Those being written."""
    notes: set[str] = field(default_factory=set)
    """What could not be sent as it was."""

    def write(self, messages: Sequence[Message]) -> None:
        """Write them in order; neighbouring user messages become one."""
        self.messages = messages
        written = self.written
        last_role = written[-1]["role"] if written else ""
        for message in messages:
            # Nearly all old messages are one text: a thousand of them are written with every new run of a session.
            parts = message.parts
            part = parts[0] if len(parts) == 1 else None
            if type(part) is Text and part.provider_data is None and not part.is_refusal and part.text:
                role = message.kind
                if role == "assistant" or last_role != "user":
                    written.append({"role": role, "content": part.text})
                    last_role = role
                    continue
            if isinstance(message, UserMessage):
                self._write_user(message)
            else:
                self._write_assistant(message)
            last_role = written[-1]["role"] if written else ""

    def _write_user(self, message: UserMessage) -> None:
        parts = message.parts
        if (text := _plain_text(parts)) is not None:
            self._add_user(text)
            return
        shown: list[dict[str, Any]] = []
        for part in parts:
            if isinstance(part, Text) and (role := self._role_of(part)):
                self._add_user(shown)
                shown = []
                self.written.append({"role": role, "content": part.text})
            else:
                shown += self._shown(part, message)
        self._add_user(shown)

    def _role_of(self, part: Text) -> str | None:
        """The role of a system message in the midst of a conversation, whichever format brought it in."""
        role = system_role(part)
        if role is None:
            return None
        if not self.rules.system_in_place:
            self.notes.add(SYSTEM_AS_USER)
            return None
        return "developer" if role == "developer" == self.rules.instructions_role else "system"

    def _add_user(self, content: str | list[dict[str, Any]]) -> None:
        if isinstance(content, list) and not content:
            return
        last = self.written[-1] if self.written else None
        if last is None or last["role"] != "user":
            self.written.append({"role": "user", "content": content})
            return
        before: str | list[dict[str, Any]] = last["content"]
        if isinstance(before, str) and isinstance(content, str):
            merged: str | list[dict[str, Any]] = f"{before}\n\n{content}"
        else:
            merged = [*_as_parts(before), *_as_parts(content)]
        self.written[-1] = {"role": "user", "content": merged}

    def _write_assistant(self, message: AssistantMessage) -> None:
        calls: list[tuple[str, ToolCall]] = []
        texts: list[str] = []
        refusals: list[str] = []
        thoughts: list[Thinking] = []
        extra: dict[str, Any] = {}  # what the provider wants back on the message, such as the id of spoken audio
        for part in message.parts:
            match part:
                case Text(text, is_refusal, data):
                    (refusals if is_refusal and self.rules.refusal_field else texts).append(text)
                    extra.update(self._own(data) or {})
                case ToolCall():
                    calls.append((self._id_of(part), part))
                case Thinking():
                    if part.provider_data is None or part.provider_data.origin == self.origin:
                        thoughts.append(part)
                    is_sent = thoughts and thoughts[-1] is part and self.rules.reasoning_field != "none"
                    if not is_sent and is_foreign_thought(
                        part, made_by=message.model, asked=self.model, origin=self.origin
                    ):
                        self.notes.add(left_out(part))
                case Opaque():
                    self.notes.add(left_out(part))
                case _:  # an audio answer goes back by the id beside its text
                    self.notes.add(f"left out {part.family} that a model made")
        content = "".join(texts)
        wire: dict[str, Any] = {"role": "assistant"}
        if self.rules.reasoning_field == "chunks" and thoughts:
            wire["content"] = self._chunks(message.parts)
        elif content or not (calls or refusals) or not self.rules.null_content:
            wire["content"] = content
        else:
            wire["content"] = None
        if refusals:
            wire["refusal"] = "".join(refusals)
        if thoughts:
            self._add_reasoning(wire, thoughts)
        wire.update(extra)
        if calls:
            wire["tool_calls"] = wire_calls = [self._call(id, call) for id, call in calls]
            if self.rules.signs_calls and "extra_content" not in wire_calls[0]:
                wire_calls[0].update(_SIGNED_ELSEWHERE)
        if len(wire) == 2 and not wire["content"]:
            return  # nothing is left to send of an answer that was empty or all thinking
        self.written.append(wire)
        for id, call in calls:
            self.written.append({"role": "tool", "tool_call_id": id, "content": outcome_text(call.outcome)})
        self._add_user(self._returned_media(calls))

    def _add_reasoning(self, wire: dict[str, Any], thoughts: list[Thinking]) -> None:
        match self.rules.reasoning_field:
            case "none" | "chunks":
                return
            case "reasoning_details":
                details: list[Any] = []
                for thought in thoughts:
                    details += (self._own(thought.provider_data) or {}).get("reasoning_details", ())
                if details:
                    wire["reasoning_details"] = details
                else:
                    wire["reasoning"] = "".join(thought.text for thought in thoughts)
            case name:
                wire[name] = "".join(thought.text for thought in thoughts)

    def _chunks(self, parts: Iterable[Part]) -> list[dict[str, Any]]:
        chunks: list[dict[str, Any]] = []
        for part in parts:
            if isinstance(part, Text) and part.text:
                chunks.append({"type": "text", "text": part.text})
            elif isinstance(part, Thinking) and (part.provider_data is None or self._own(part.provider_data)):
                thinking = [{"type": "text", "text": part.text}]
                chunks.append({"type": "thinking", "thinking": thinking, **(self._own(part.provider_data) or {})})
        return chunks

    def _call(self, id: str, call: ToolCall) -> dict[str, Any]:
        name = self.names.get(call.name) or _fitting(call.name)
        function = {"name": name, "arguments": _arguments(call.arguments)}
        return {"id": id, "type": "function", "function": function, **(self._own(call.provider_data) or {})}

    def _id_of(self, call: ToolCall) -> str:
        """The call's id, or one made from it: ids repeat across answers or are missing, and Mistral's are short."""
        number = len(self.used_ids) + len(self.new_ids)
        id = call.id or f"call_{number}"
        if self.rules.short_call_ids and not _SHORT_ID.fullmatch(id):
            id = _short_id(id)
        candidate, tries = id, 0
        while candidate in self.used_ids or candidate in self.new_ids:
            tries += 1
            candidate = f"{id}_{number + tries}"
            if self.rules.short_call_ids:
                candidate = _short_id(candidate)
        if call.id and candidate != call.id:
            self.notes.add(IDS_REWRITTEN)
        self.new_ids.add(candidate)
        return candidate

    def _returned_media(self, calls: list[tuple[str, ToolCall]]) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = []
        for id, call in calls:
            if isinstance(call.outcome, Returned) and call.outcome.media:
                parts.append({"type": "text", "text": f"Returned by {call.name} ({id}):"})
                for medium in call.outcome.media:
                    parts += self._shown(medium)
        return parts

    def _own(self, data: ProviderData | None) -> dict[str, Any] | None:
        return data.value if data is not None and data.origin == self.origin else None

    def _shown(self, part: Part, message: UserMessage | None = None) -> list[dict[str, Any]]:
        """What stands for a part of a user's message, else of a result.

        A medium that the server does not take is named in its place, but for the turn at hand: a run must not end
        because a tool returned a sound.
        """
        try:
            return self._user_part(part)
        except UnsupportedError as error:
            if not isinstance(part, Media):
                raise
            if message is not None and self.may_fail and not was_answered(message, self.messages):
                raise refusal_of(error) from error
            self.notes.add(not_shown(part))
            return [{"type": "text", "text": stand_in(part, is_returned=message is None)}]

    def _user_part(self, part: Part) -> list[dict[str, Any]]:
        match part:
            case Text(text, _, data):
                wire = {"type": "text", "text": text}
            case Image(source, detail, data):
                url = {"url": self._url(source, "image"), **({"detail": detail} if detail else {})}
                wire = {"type": "image_url", "image_url": url}
            case Audio():
                data, wire = part.provider_data, self._audio(part)
            case Document():
                data, wire = part.provider_data, self._document(part)
            case Video():
                data, wire = part.provider_data, self._video(part)
            case Opaque(data):
                if data.origin == self.origin:
                    return [data.value]
                self.notes.add(left_out(part))
                return []
            case Thinking() | ToolCall():
                return []  # they belong to assistant messages
            case _:
                assert_never(part)
        return [
            {**wire, **{key: value for key, value in own.items() if key != "role"}}
            if (own := self._own(data))
            else wire
        ]

    def _url(self, source: Inline | Remote | Uploaded, what: str) -> str:
        match source:
            case Inline():
                return source.data_url
            case Remote(url):
                if not self.rules.media_urls and not url.startswith("data:"):
                    raise UnsupportedError(
                        f"{self.origin} does not fetch addresses such as {url!r}; load the {what} and pass its bytes"
                    )
                return url
            case Uploaded(file_id):
                raise UnsupportedError(
                    f"{self.origin} takes no uploaded {what} such as {file_id!r}; pass its bytes or its address"
                )
            case _:
                assert_never(source)

    def _audio(self, part: Audio) -> dict[str, Any]:
        source = part.source
        if not isinstance(source, Inline):
            raise UnsupportedError(f"{self.origin} takes audio only as bytes; load it and pass Audio.from_bytes")
        name = _AUDIO_FORMATS.get(source.media_type)
        if name is None:
            raise UnsupportedError(
                f"{self.origin} takes audio as WAV or MP3, not {source.media_type}; convert it first"
            )
        return {"type": "input_audio", "input_audio": {"data": source.base64, "format": name}}

    def _document(self, part: Document) -> dict[str, Any]:
        source = part.source
        if isinstance(source, Uploaded):
            return {"type": "file", "file": {"file_id": source.file_id}}
        if isinstance(source, Inline) and source.media_type.startswith("text/"):
            title = f"{part.filename}:\n\n" if part.filename else ""
            return {"type": "text", "text": title + source.data.decode("utf-8", "replace")}
        if self.rules.document_part == "document_url":
            return {"type": "document_url", "document_url": self._url(source, "document")}
        if isinstance(source, Remote) and not source.url.startswith("data:"):
            raise UnsupportedError(
                f"{self.origin} does not fetch documents such as {source.url!r}; load it and pass Document.from_bytes"
            )
        return {
            "type": "file",
            "file": {"filename": part.filename or "document.pdf", "file_data": self._url(source, "")},
        }

    def _video(self, part: Video) -> dict[str, Any]:
        if not self.rules.video_url:
            raise UnsupportedError(f"{self.origin} does not take video; use a model that does, such as a Gemini model")
        return {"type": "video_url", "video_url": {"url": self._url(part.source, "video")}}


def _plain_text(parts: tuple[Part, ...]) -> str | None:
    """The text of a message that is nothing else."""
    if len(parts) != 1:
        return None
    part = parts[0]
    return part.text if isinstance(part, Text) and part.provider_data is None and not part.is_refusal else None


def _as_parts(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


@lru_cache(maxsize=1_024)  # asked for every call of a history
def _fitting(name: str) -> str:
    """What a tool is called on the wire that is not offered, or offered under its own name."""
    return map_names([name], "openai")[name]


def _short_id(id: str) -> str:
    return hashlib.sha256(id.encode()).hexdigest()[:9]


def _arguments(text: str) -> str:
    """The arguments as JSON text of an object; nothing at all means {}."""
    if not text or text == "null":
        return "{}"
    try:
        value = from_json(text)
    except ValueError:
        value = None
    return text if isinstance(value, dict) else to_json({MALFORMED: text}).decode()
