"""The messages of a request as bytes, those that were sent before taken from the run's memo.

The last message is kept open, and what follows from the same role is put behind it. Cache points stand between blocks
and move on with the conversation, so they are no part of the kept bytes: one is put behind the last block, and one
where the request before ended, since not all models look back for what they have cached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agentkit.exchange import Request
from agentkit.json_bytes import json_bytes
from agentkit.messages import AssistantMessage, Message, Text
from agentkit.providers.aws.converse_input import BlockWriter

__all__ = ["Head", "can_be_marked", "head_of"]

_AT_ONCE = 100
"""Messages written in one go."""
_NOT_BEFORE_MARKS = frozenset({"document", "video", "audio"})
"""Behind these a cache point is refused."""
_END = b"]}"


@dataclass(frozen=True, slots=True)
class Head:
    """Messages as bytes; the last of them is left open for more of its role."""

    names: dict[str, str]
    """Our name of a tool -> its name on the wire."""
    model: str
    messages: tuple[Message, ...] = ()
    pieces: tuple[bytes, ...] = ()
    """Joined with the rest of the body, once; each but the first has what stands before it in a piece of its own."""
    role: str = ""
    """Of the open message; empty when there is none."""
    taken: frozenset[str] = frozenset()
    """The ids of calls given out."""
    documents: frozenset[str] = frozenset()
    """The names of documents given out."""
    notes: frozenset[str] = frozenset()
    is_prefill: bool = False
    """Whether words stand last that the model goes on with: they are written otherwise once more follows."""
    can_be_marked: bool = False
    """Whether a cache point may stand at the end."""
    turn_at: int = 0
    """How many pieces stand before the latest turn; 0 when no cache point may stand there, or that is not known."""
    has_calls: bool = False
    """Whether calls stand in it: then the tools have to be declared."""

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

    def written(self, mark: bytes) -> list[bytes]:
        """The messages, closed, with this block as cache point where the request before ended, and at the end."""
        if not mark:
            return [*self.pieces, _END]
        end = b"," + mark + _END if self.can_be_marked and self.role == "user" else _END
        if not self.turn_at:
            return [*self.pieces, end]
        return [*self.pieces[: self.turn_at - 1], b"," + mark, *self.pieces[self.turn_at - 1 :], end]


def head_of(request: Request, kept: object, *, names: dict[str, str], origin: str) -> Head:
    """All messages of the request. `kept` is the Head of an earlier request of the run, or nothing."""
    head = kept if isinstance(kept, Head) and kept.begins(request, names) else Head(names, request.model)
    rest = request.messages[len(head.messages) :]
    turn = next((at for at in range(len(rest) - 1, 0, -1) if isinstance(rest[at], AssistantMessage)), 0)
    if turn:
        head, count = _with_plain_texts(head, rest[:turn])
        if count < turn:
            head = _grown(head, rest[count:turn], request, origin=origin)
    return _grown(head, rest[turn:], request, origin=origin, is_last=True)


def can_be_marked(content: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a cache point may stand behind these blocks."""
    return not content or not _NOT_BEFORE_MARKS.intersection(content[-1])


def _with_plain_texts(head: Head, messages: Sequence[Message]) -> tuple[Head, int]:
    """The head with the first of these messages behind it, as long as they are one text each and take turns.

    Nearly all old messages are that, and every new run of a session writes them: this takes half the time of `_grown`.
    """
    role, written = head.role, list[dict[str, Any]]()
    if not role and isinstance(messages[0], AssistantMessage):
        return head, 0
    for message in messages:
        parts, kind = message.parts, message.kind
        part = parts[0] if len(parts) == 1 else None
        if kind == role or type(part) is not Text or part.provider_data is not None:
            break
        if not part.text or part.text.isspace():
            break
        written.append({"role": kind, "content": [{"text": part.text}]})
        role = kind
    if not written:
        return head, 0
    pieces = head.pieces
    for at in range(0, len(written), _AT_ONCE):
        pieces = _behind(pieces, json_bytes(written[at : at + _AT_ONCE])[1:-3])
    messages = (*head.messages, *messages[: len(written)])
    return replace(head, messages=messages, pieces=pieces, role=role, can_be_marked=True), len(written)


def _grown(head: Head, more: Sequence[Message], request: Request, *, origin: str, is_last: bool = False) -> Head:
    """The head with more messages of the request behind it."""
    if not more and head.role:
        return head
    may_fail = is_last and request.settings.on_unsupported != "omit"
    writer = BlockWriter(
        origin, model=head.model, names=head.names, taken=head.taken, documents=head.documents, may_fail=may_fail
    )
    writer.write(more, role_before=head.role)
    written, messages = writer.written, (*head.messages, *more)
    notes = head.notes | writer.notes
    if not written:
        return replace(head, messages=messages, notes=notes)
    role, content = written[-1]["role"], written[-1]["content"]
    is_prefill = is_last and role == "assistant"
    if is_prefill and "text" in content[-1]:
        content[-1]["text"] = content[-1]["text"].rstrip()  # the model refuses to go on behind white space
    piece = json_bytes(written)[1:-3]
    if head.role == written[0]["role"]:
        pieces = (*head.pieces, b",", piece[piece.index(b"[") + 1 :])
    else:
        pieces = _behind(head.pieces, piece)
    is_turn = head.role == "user" and written[0]["role"] == "assistant"
    return Head(
        head.names,
        head.model,
        messages,
        pieces,
        role,
        frozenset(writer.taken),
        writer.documents,
        notes,
        is_prefill=is_prefill,
        can_be_marked=can_be_marked(content),
        turn_at=len(head.pieces) + 1 if is_turn and head.can_be_marked else 0 if is_turn else head.turn_at,
        has_calls=head.has_calls or any(message.calls for message in more),
    )


def _behind(pieces: tuple[bytes, ...], piece: bytes) -> tuple[bytes, ...]:
    return (*pieces, _END + b",", piece) if pieces else (piece,)
