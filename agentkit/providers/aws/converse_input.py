"""Messages as the `messages` of Converse.

Roles take turns, and the first is the user's. The results of an answer's calls have to be in the very next user
message, in call order, before anything else in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, assert_never

from agentkit.errors import UnsupportedError
from agentkit.media import Audio, Document, Image, ProviderData, Video
from agentkit.messages import (
    AssistantMessage,
    Media,
    Message,
    Opaque,
    Part,
    Returned,
    Text,
    Thinking,
    ToolCall,
    UserMessage,
)
from agentkit.providers.anthropic.messages_input import are_same_model
from agentkit.providers.aws.converse_media import MediaWriter
from agentkit.providers.aws.converse_outcomes import outcome_block
from agentkit.providers.aws.converse_output import input_of
from agentkit.providers.aws.families import family_of, native_id
from agentkit.schema.names import map_names
from agentkit.switching import SYSTEM_AS_USER, left_out, not_shown, refusal_of, stand_in, system_role, unique_id

__all__ = ["NOTHING_SAID", "BlockWriter", "is_own_thought", "thought_block"]

NOTHING_SAID = "(no text)"
"""Stands where the format demands a user's words and there are none: first of all, and beside a document."""

_ILLEGAL_IN_ID = re.compile(r"[^a-zA-Z0-9_.:-]+")

Block = dict[str, Any]


def thought_block(thought: Thinking, origin: str) -> Block | None:
    """The block of a thought, byte for byte as it came; None for one without a signature of this format's models."""
    data = thought.provider_data
    if data is None or data.origin != origin or not data.value.get("signature"):
        return None
    return {"reasoningContent": {"reasoningText": {"text": thought.text, **data.value}}}


def is_own_thought(part: Part, origin: str) -> bool:
    """Whether the part is thinking that can be sent back, shown or redacted."""
    match part:
        case Thinking():
            return thought_block(part, origin) is not None
        case Opaque(ProviderData(made_by, value)):
            return made_by == origin and "reasoningContent" in value
        case _:
            return False


class BlockWriter:
    """Writes some messages behind others that were written before."""

    __slots__ = ("_may_fail", "_media", "_model", "_names", "_origin", "_thinks", "notes", "taken", "written")

    def __init__(
        self,
        origin: str,
        *,
        model: str,
        names: Mapping[str, str],
        taken: Iterable[str] = (),
        documents: Iterable[str] = (),
        may_fail: bool = True,
    ) -> None:
        family = family_of(model)
        self._origin = origin
        self._model = model
        self._names = dict(names)  # our name of a tool -> its name on the wire; those offered no more are added
        self._may_fail = may_fail  # messages that a model has read before are no reason to fail
        self._thinks = family.thinks == "claude" or not family.is_known  # others refuse what they thought
        self._media = MediaWriter(origin, model=model, media=family.media, names=set(documents))
        self.taken = set(taken)
        """The ids of calls given out so far."""
        self.written: list[dict[str, Any]] = []
        """Messages with `role` and `content`; neighbours have different roles."""
        self.notes: set[str] = set()
        """What could not be sent, for people."""

    @property
    def documents(self) -> frozenset[str]:
        """The names of documents given out so far."""
        return frozenset(self._media.names)

    def write(self, messages: Iterable[Message], *, role_before: str = "") -> None:
        """Write them in order, behind a message of `role_before`."""
        for message in messages:
            text = _plain_text(message.parts)
            if text:
                self._content(message.kind, role_before).append({"text": text})
            elif isinstance(message, UserMessage):
                self._write_user(message, role_before)
            else:
                self._write_assistant(message, role_before)
        if not self.written and not role_before:
            self._content("user", "").append({"text": NOTHING_SAID})

    def _content(self, role: str, role_before: str) -> list[Block]:
        """The content of the last message if it is this role's, else of a new one."""
        if self.written and self.written[-1]["role"] == role:
            return self.written[-1]["content"]
        if not self.written and not role_before and role != "user":
            self.written.append({"role": "user", "content": [{"text": NOTHING_SAID}]})
        content: list[Block] = []
        self.written.append({"role": role, "content": content})
        return content

    def _write_user(self, message: UserMessage, role_before: str) -> None:
        blocks: list[Block] = []
        for part in message.parts:
            match part:
                case Text(text):
                    if system_role(part):
                        self.notes.add(SYSTEM_AS_USER)
                    if text.strip():
                        blocks.append({"text": text})
                case Image() | Audio() | Document() | Video():
                    blocks.append(self._shown(part, may_fail=self._may_fail))
                case Opaque(data):
                    if data.origin == self._origin:
                        blocks.append(dict(data.value))
                    else:
                        self.notes.add(left_out(part))
                case Thinking() | ToolCall():
                    continue
                case _:
                    assert_never(part)
        if any("document" in block for block in blocks) and not any("text" in block for block in blocks):
            blocks.append({"text": NOTHING_SAID})  # a document alone is refused
        if blocks:
            self._content("user", role_before).extend(blocks)

    def _write_assistant(self, message: AssistantMessage, role_before: str) -> None:
        blocks: list[Block] = []
        results: list[Block] = []
        shown: list[Block] = []  # media that a model made: they are taken from users only
        keeps_thoughts = self._thinks and are_same_model(native_id(message.model), native_id(self._model))
        for part in message.parts:
            match part:
                case Text(text, _, data):
                    if text.strip():
                        blocks.append(self._said(text, data))
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
                    is_thought = "reasoningContent" in data.value
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

    def _said(self, text: str, data: ProviderData | None) -> Block:
        if data is None or data.origin != self._origin or "citations" not in data.value:
            return {"text": text}
        return {"citationsContent": {"content": [{"text": text}], "citations": data.value["citations"]}}

    def _call(self, call: ToolCall) -> tuple[Block, Block]:
        id = unique_id(call.id, self.taken, word="tooluse", notes=self.notes, illegal=_ILLEGAL_IN_ID)
        use = {"toolUseId": id, "name": self._name(call.name), "input": input_of(call.arguments)}
        outcome, data = call.outcome, call.provider_data
        own = data.value if data is not None and data.origin == self._origin else {}
        is_good = isinstance(outcome, Returned)
        if "result" in own and is_good:
            content: list[Block] = own["result"]  # blocks of kinds that we have no parts for
        else:
            block = outcome_block(outcome)
            content = [block] if block is not None else []
            for medium in outcome.media if is_good else ():
                content.append(self._shown(medium, is_returned=True))
        result: Block = {"toolUseId": id, "content": content, "status": "success" if is_good else "error"}
        return {"toolUse": use}, {"toolResult": result}

    def _name(self, name: str) -> str:
        sent = self._names.get(name)
        if sent is None:
            sent = self._names[name] = map_names([name], "bedrock")[name]
        return sent

    def _shown(self, part: Media, *, may_fail: bool = False, is_returned: bool = False) -> Block:
        """The block of a medium, or words in its place: a run must not end because a tool returned a sound."""
        try:
            if is_returned and isinstance(part, Audio):
                raise UnsupportedError("results of tools hold no sound in this format")
            return self._media.write(part)
        except UnsupportedError as error:
            if may_fail:
                raise refusal_of(error) from error
            self.notes.add(not_shown(part))
            return {"text": stand_in(part, is_returned=is_returned)}


def _plain_text(parts: Sequence[Part]) -> str:
    """The text of a message that is nothing but that; empty for every other."""
    if len(parts) != 1 or not isinstance(part := parts[0], Text) or part.provider_data is not None:
        return ""
    return part.text if not part.text.isspace() else ""
