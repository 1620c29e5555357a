"""The messages of a request as bytes, those that were sent before taken from the run's memo.

Bytes that were sent stay as they are, so that the service finds them in its cache: the last message is kept open, and
what follows from the same role is put behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from pydantic_core import PydanticSerializationError, to_json

from agentkit.exchange import Request
from agentkit.json_bytes import json_bytes
from agentkit.messages import AssistantMessage, Message, Text
from agentkit.providers.anthropic.messages_input import Block, MessageWriter

__all__ = ["Head", "head_of"]

_TEXTS = {
    "user": b']},{"role":"user","content":[{"type":"text","text":%b}',
    "assistant": b']},{"role":"assistant","content":[{"type":"text","text":%b}',
}
"""A message of one text behind another message: that is closed, this one stays open."""
_LOOK_BACK_BLOCKS = 20
"""How far before a cache mark the service looks for what it has cached."""


@dataclass(frozen=True, slots=True)
class Head:
    """Messages as bytes; the last of them is left open for more of its role."""

    names: dict[str, str]
    """Our name of a tool -> its name on the wire."""
    model: str
    messages: tuple[Message, ...] = ()
    pieces: tuple[bytes, ...] = ()
    """Joined with the rest of the body, once."""
    role: str = ""
    """Of the open message; empty when there is none."""
    taken: frozenset[str] = frozenset()
    """The ids of calls given out."""
    needs_files: bool = False
    notes: frozenset[str] = frozenset()
    is_prefill: bool = False
    """Whether words stand last that the model goes on with: they are written otherwise once more follows."""
    turn_at: int = 0
    """How many pieces stand before the latest turn; 0 when that is not known."""
    turn_blocks: int = 0
    """How many blocks the latest turn has, with the results of its calls and what was said after it."""

    def begins(self, request: Request, names: dict[str, str]) -> bool:
        """Whether the request begins with these messages, and they would be written the same."""
        messages = request.messages
        return (
            self.model == request.model
            and (self.names is names or self.names == names)
            and len(messages) >= len(self.messages)
            # Compared by identity first: 5 us for 1,000 messages that are the same objects.
            and messages[: len(self.messages)] == self.messages
        )

    def marked(self, mark: bytes) -> tuple[bytes, ...]:
        """The pieces, with a cache mark where the request before this one ended if that would not be found else.

        The mark at the end of a request finds what lies a few blocks back; a turn of many calls is longer.
        """
        if not mark or not self.turn_at or self.turn_blocks < _LOOK_BACK_BLOCKS:
            return self.pieces
        last = self.pieces[self.turn_at - 1]
        ended = last[:-1] + b',"cache_control":' + mark + b"}"
        return (*self.pieces[: self.turn_at - 1], ended, *self.pieces[self.turn_at :])


def head_of(request: Request, kept: object, *, names: dict[str, str], origin: str, provider: str) -> Head:
    """All messages of the request. `kept` is the Head of an earlier request of the run, or nothing."""
    head = kept if isinstance(kept, Head) and kept.begins(request, names) else Head(names, request.model)
    rest = request.messages[len(head.messages) :]
    turn = _latest_turn(rest)
    if turn:
        head, count = _with_plain_texts(head, rest[:turn])
        if count < turn:
            head = _grown(head, rest[count:turn], request.messages, origin=origin, provider=provider)
    return _grown(head, rest[turn:], request.messages, origin=origin, provider=provider, is_last=True)


def _latest_turn(messages: Sequence[Message]) -> int:
    """Where the latest answer begins; an answer that goes on one before it belongs to that."""
    at = next((at for at in range(len(messages) - 1, 0, -1) if isinstance(messages[at], AssistantMessage)), 0)
    while at and isinstance(before := messages[at - 1], AssistantMessage) and not before.calls:
        at -= 1
    return at


def _with_plain_texts(head: Head, messages: Sequence[Message]) -> tuple[Head, int]:
    """The head with the first of these messages behind it, as long as they are one text each and take turns.

    Nearly all old messages are that, and every new run of a session writes them: this takes half the time of `_grown`.
    """
    role, written = head.role, list[bytes]()
    if not role and isinstance(messages[0], AssistantMessage):
        return head, 0
    with suppress(PydanticSerializationError):  # such a text goes the long way, which replaces what UTF-8 cannot hold
        for message in messages:
            parts, kind = message.parts, message.kind
            part = parts[0] if len(parts) == 1 else None
            if kind == role or type(part) is not Text or part.provider_data is not None:
                break
            if not part.text or part.text.isspace():
                break
            written.append(_TEXTS[kind] % to_json(part.text))
            role = kind
    if not written:
        return head, 0
    if not head.role:
        written[0] = written[0].removeprefix(b"]},")
    pieces = (*head.pieces, b"".join(written))
    return replace(head, messages=(*head.messages, *messages[: len(written)]), pieces=pieces, role=role), len(written)


def _grown(
    head: Head,
    more: Sequence[Message],
    messages: tuple[Message, ...],
    *,
    origin: str,
    provider: str,
    is_last: bool = False,
) -> Head:
    """The head with more messages behind it; `messages` are those of the whole request."""
    if not more and head.role:
        return head
    writer = MessageWriter(
        origin, provider, model=head.model, names=head.names, taken=head.taken, is_answered=not is_last
    )
    writer.write(more, role_before=head.role)
    written = writer.written
    if not written:
        return replace(head, messages=messages, notes=head.notes | writer.notes)
    is_prefill = is_last and _strip_last(written[-1]["role"], written[-1]["content"])
    piece = json_bytes(written)[1:-3]  # without the list's brackets and the end of the last message
    if head.role == written[0]["role"]:
        piece = b"," + piece[piece.index(b"[") + 1 :]
    elif head.role:
        piece = b"]}," + piece
    blocks = sum(len(message["content"]) for message in written)
    is_turn = head.role == "user" and written[0]["role"] == "assistant"
    return Head(
        head.names,
        head.model,
        messages,
        (*head.pieces, piece),
        written[-1]["role"],
        frozenset(writer.taken),
        needs_files=head.needs_files or writer.needs_files,
        notes=head.notes | writer.notes,
        is_prefill=is_prefill,
        turn_at=len(head.pieces) if is_turn else head.turn_at,
        turn_blocks=blocks if is_turn else head.turn_blocks + blocks,
    )


def _strip_last(role: str, content: list[Block]) -> bool:
    """Whether an assistant's words stand last, for the model to go on with: they may not end with white space."""
    if role != "assistant":
        return False
    if content[-1]["type"] == "text":
        content[-1]["text"] = content[-1]["text"].rstrip()
    return True
