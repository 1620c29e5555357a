"""Messages as the `messages` of the Messages format.

A call and what became of it are one record with us. Here the results of a turn's calls have to be in the very next
user message, in call order, before anything else in it; what the user said then follows in the same message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, assert_never, cast

from pydantic_core import from_json

from agentkit.errors import UnsupportedError
from agentkit.media import Audio, Document, Image, Inline, ProviderData, Remote, Uploaded, Video
from agentkit.messages import (
    AssistantMessage,
    Media,
    Message,
    Opaque,
    Outcome,
    Part,
    Returned,
    Text,
    Thinking,
    ToolCall,
    UserMessage,
)
from agentkit.providers.anthropic.messages_knobs import hears_system
from agentkit.providers.anthropic.messages_output import MALFORMED
from agentkit.providers.anthropic.outcomes import outcome_text
from agentkit.schema.names import map_names
from agentkit.switching import SYSTEM_AS_USER, left_out, not_shown, refusal_of, stand_in, system_role, unique_id

__all__ = [
    "NOTHING_SAID",
    "Block",
    "MessageWriter",
    "are_same_model",
    "input_of",
    "own_value",
    "thought_block",
]

NOTHING_SAID = "(no text)"
"""Stands where the format demands a user's words and there are none: the first message has to be a user's."""

_ILLEGAL_IN_ID = re.compile(r"[^a-zA-Z0-9_-]+")
_IMAGES = frozenset(Image.accepted)
_DATED = re.compile(r"[-@](?:20\d{6}|latest).*$|-v\d.*$|-0$")

Block = dict[str, Any]


def own_value(data: ProviderData | None, origin: str) -> Mapping[str, Any]:
    """What this format attached to a part itself; empty for what others attached."""
    return data.value if data is not None and data.origin == origin else {}


def thought_block(thought: Thinking, origin: str) -> Block | None:
    """The block of a thought, byte for byte as it came; None for one without this format's signature."""
    value = own_value(thought.provider_data, origin)
    return {"type": "thinking", "thinking": thought.text, **value} if value.get("signature") else None


def are_same_model(made_by: str, asked: str) -> bool:
    """Whether thoughts of one model may go to the other. Names that are not Anthropic's own tell nothing."""
    names = [_DATED.sub("", name[name.find("claude-") :]) for name in (made_by, asked)]
    return names[0] == names[1] or not all(name.startswith("claude-") for name in names)


class MessageWriter:
    """Writes some messages behind others that were written before; it knows which ids of calls were used there."""

    __slots__ = ("_may_fail", "_model", "_names", "_origin", "_provider", "needs_files", "notes", "taken", "written")

    def __init__(
        self,
        origin: str,
        provider: str,
        *,
        model: str,
        names: Mapping[str, str],
        taken: Iterable[str] = (),
        may_fail: bool = True,
    ) -> None:
        self._origin = origin
        self._provider = provider
        self._model = model
        self._may_fail = may_fail  # messages that a model has read before are no reason to fail
        self._names = dict(names)  # our name of a tool -> its name on the wire; those offered no more are added
        self.taken = set(taken)
        """The ids of calls given out so far."""
        self.written: list[dict[str, Any]] = []
        """Messages with `role` and a list `content`; neighbours have different roles."""
        self.needs_files = False
        """Whether something refers to a file that lies at the provider."""
        self.notes: set[str] = set()
        """What could not be sent, for people."""

    def write(self, messages: Iterable[Message], *, role_before: str = "") -> None:
        """Write them in order, behind a message of `role_before`."""
        for message in messages:
            text = _plain_text(message.parts)
            if text:
                role = message.kind
                if self.written and self.written[-1]["role"] != role:
                    self.written.append({"role": role, "content": [{"type": "text", "text": text}]})
                else:
                    self._content(role, role_before).append({"type": "text", "text": text})
            elif isinstance(message, UserMessage):
                self._write_user(message, role_before)
            else:
                self._write_assistant(message, role_before)
        if not self.written and not role_before:
            self._content("user", "").append({"type": "text", "text": NOTHING_SAID})

    def _content(self, role: str, role_before: str) -> list[Block]:
        """The content of the last message if it is this role's, else of a new one."""
        if self.written and self.written[-1]["role"] == role:
            return self.written[-1]["content"]
        if not self.written and not role_before and role != "user":
            self.written.append({"role": "user", "content": [{"type": "text", "text": NOTHING_SAID}]})
        content: list[Block] = []
        self.written.append({"role": role, "content": content})
        return content

    def _write_user(self, message: UserMessage, role_before: str) -> None:
        for part in message.parts:
            match part:
                case Text(text, _, data):
                    value = own_value(data, self._origin)
                    if text.strip():
                        role = "user" if data is None else self._text_role(part, role_before)
                        self._content(role, role_before).append({"type": "text", "text": text, **_without_role(value)})
                case Image() | Audio() | Document() | Video():
                    self._content("user", role_before).append(self._shown(part, may_fail=self._may_fail))
                case Opaque(data):
                    if data.origin != self._origin:
                        self.notes.add(left_out(part))
                        continue
                    self._content(self._role_of(data.value, role_before), role_before).append(_without_role(data.value))
                    self.needs_files = self.needs_files or "file_id" in data.value
                case Thinking() | ToolCall():
                    continue
                case _:
                    assert_never(part)

    def _text_role(self, part: Text, role_before: str) -> str:
        """The role of words that may be a system message of any format."""
        said = system_role(part)
        is_own = part.provider_data is not None and part.provider_data.origin == self._origin
        is_heard = said is not None and (is_own or hears_system(self._model))
        role = self._role_of({"role": "system"}, role_before) if is_heard else "user"
        if said and role == "user":
            self.notes.add(SYSTEM_AS_USER)
        return role

    def _role_of(self, value: Mapping[str, Any], role_before: str) -> str:
        """A system message stays in its place, but for the first message, which has to be a user's."""
        is_first = not self.written and not role_before
        return "system" if value.get("role") == "system" and not is_first else "user"

    def _write_assistant(self, message: AssistantMessage, role_before: str) -> None:
        blocks: list[Block] = []
        results: list[Block] = []
        shown: list[Block] = []  # media that a model made: the wire takes them from users only
        keeps_thoughts = are_same_model(message.model, self._model)
        for part in message.parts:
            match part:
                case Text(text, _, data):
                    if text.strip():
                        blocks.append({"type": "text", "text": text, **own_value(data, self._origin)})
                case Thinking():
                    block = thought_block(part, self._origin) if keeps_thoughts else None
                    if block is None:
                        self.notes.add(left_out(part))
                    else:
                        blocks.append(block)
                case ToolCall():
                    call, result = self._call(part)
                    blocks.append(call)
                    results.append(result)
                case Opaque(data):
                    is_thought = data.value.get("type") == "redacted_thinking"
                    if data.origin == self._origin and (keeps_thoughts or not is_thought):
                        blocks.append(dict(data.value))
                    else:
                        self.notes.add(left_out(part))
                case Image() | Audio() | Document() | Video():
                    shown.append(self._shown(part))
                case _:
                    assert_never(part)
        if blocks:
            self._content("assistant", role_before).extend(blocks)
        if results or shown:
            self._content("user", role_before).extend([*results, *shown])

    def _call(self, call: ToolCall) -> tuple[Block, Block]:
        id = unique_id(call.id, self.taken, word="toolu", notes=self.notes, illegal=_ILLEGAL_IN_ID)
        own = own_value(call.provider_data, self._origin)
        value = {key: entry for key, entry in own.items() if key != "result"} if own else own
        block = {"type": "tool_use", "id": id, "name": self._name(call.name), "input": input_of(call.arguments)}
        result: Block = {"type": "tool_result", "tool_use_id": id}
        outcome = call.outcome
        if "result" in own and isinstance(outcome, Returned):
            result["content"] = own["result"]  # blocks of kinds that we have no parts for
        else:
            result["content"] = self._result(outcome)
        if not isinstance(outcome, Returned):
            result["is_error"] = True
        return {**block, **value}, result

    def _name(self, name: str) -> str:
        sent = self._names.get(name)
        if sent is None:
            sent = self._names[name] = map_names([name], "anthropic")[name]
        return sent

    def _result(self, outcome: Outcome) -> str | list[Block]:
        if not isinstance(outcome, Returned) or not outcome.media:
            return outcome_text(outcome)
        blocks: list[Block] = []
        if outcome.content is not None and (text := outcome_text(outcome)).strip():
            blocks.append({"type": "text", "text": text})
        return [*blocks, *(self._shown(medium, is_returned=True) for medium in outcome.media)]

    def _shown(self, part: Media, *, may_fail: bool = False, is_returned: bool = False) -> Block:
        """The block of a medium, or words in its place: a run must not end because a tool returned a sound."""
        try:
            return self._medium(part)
        except UnsupportedError as error:
            if may_fail:
                raise refusal_of(error) from error
            self.notes.add(not_shown(part))
            return {"type": "text", "text": stand_in(part, is_returned=is_returned)}

    def _medium(self, part: Media) -> Block:
        match part:
            case Image(source, _, data):
                return {"type": "image", "source": self._image(source), **own_value(data, self._origin)}
            case Document(source, filename, data):
                block: Block = {"type": "document", "source": self._document(source)}
                if filename:
                    block["title"] = filename
                return {**block, **own_value(data, self._origin)}
            case Audio() | Video():
                raise UnsupportedError(
                    f"Anthropic's models take no {part.family}; send "
                    + ("a transcript of it" if isinstance(part, Audio) else "single frames of it as images")
                )
            case _:
                assert_never(part)

    def _image(self, source: Inline | Remote | Uploaded) -> Block:
        if isinstance(source, Inline) and source.media_type not in _IMAGES:
            raise UnsupportedError(
                f"Anthropic takes images of PNG, JPEG, GIF and WebP, not {source.media_type}; convert it"
            )
        return self._source(source)

    def _document(self, source: Inline | Remote | Uploaded) -> Block:
        if not isinstance(source, Inline) or source.media_type == "application/pdf":
            return self._source(source)
        try:
            return {"type": "text", "media_type": "text/plain", "data": source.data.decode()}
        except UnicodeDecodeError as error:
            raise UnsupportedError(
                f"Anthropic takes documents of PDF and plain text (UTF-8), not {source.media_type}; convert it to PDF"
            ) from error

    def _source(self, source: Inline | Remote | Uploaded) -> Block:
        match source:
            case Inline(_, media_type):
                return {"type": "base64", "media_type": media_type, "data": source.base64}
            case Remote(url):
                return {"type": "url", "url": url}
            case Uploaded(file_id, provider):
                if provider != self._provider:
                    raise UnsupportedError(
                        f"the file {file_id!r} lies at {provider!r}, {self._provider!r} cannot read it; "
                        "send the bytes (from_file, from_bytes) or upload it there too"
                    )
                self.needs_files = True
                return {"type": "file", "file_id": file_id}
            case _:
                assert_never(source)


def _plain_text(parts: Sequence[Part]) -> str:
    """The text of a message that is nothing but that; empty for every other."""
    if len(parts) != 1 or not isinstance(part := parts[0], Text) or part.provider_data is not None:
        return ""
    return part.text if not part.text.isspace() else ""


def _without_role(value: Mapping[str, Any]) -> Block:
    return {key: entry for key, entry in value.items() if key != "role"}


def input_of(arguments: str) -> dict[str, Any]:
    """Arguments as the object that they have to be; "" and null mean {}."""
    if not arguments.strip():
        return {}
    try:
        value = from_json(arguments, allow_inf_nan=False)
    except ValueError:
        return {MALFORMED: arguments}
    if isinstance(value, dict):
        return cast("dict[str, Any]", value)
    return {} if value is None else {MALFORMED: arguments}
