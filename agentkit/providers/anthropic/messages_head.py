"""The messages of a request as bytes, those that were sent before taken from the run's memo.

Bytes that were sent stay as they are, so that the service finds them in its cache: the last message is kept open, and
what follows from the same role is put behind it. A message of one text has it as a string, which means the same to the
service as a list with that text alone, and is shorter by a tenth; it becomes the list when more comes behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from agentkit.exchange import Request
from agentkit.json_bytes import json_bytes
from agentkit.messages import AssistantMessage, Message, Text
from agentkit.providers.anthropic.messages_input import Block, MessageWriter

__all__ = ["Head", "Piece", "head_of"]

Piece: TypeAlias = "bytes | memoryview"
"""A long history is copied once, when the body is joined: each copy of it costs as much as writing it."""

_CONTENT = b'"content":'
_PLAIN = frozenset({"type", "text"})
_AT_ONCE = 100
"""Messages written in one go: larger buffers go back to the system after each use, and cost page faults at the next."""
_LOOK_BACK_BLOCKS = 20
"""How far before a cache mark the service looks for what it has cached."""


@dataclass(frozen=True, slots=True)
class Head:
    """Messages as bytes; the last of them is left open for more of its role."""

    names: dict[str, str]
    """Our name of a tool -> its name on the wire."""
    model: str
    messages: tuple[Message, ...] = ()
    pieces: tuple[Piece, ...] = ()
    """Joined with the rest of the body, once; each message but the first has its comma in a piece of its own."""
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

    def written(self, mark: bytes) -> tuple[Piece, ...]:
        """The messages, closed, with a cache mark where the request before ended if that would not be found else.

        The mark at the end of a request finds what lies a few blocks back; a turn of many calls is longer.
        """
        pieces = (*self.pieces, _end_of(self.pieces[-1]))
        if not mark or not self.turn_at or self.turn_blocks < _LOOK_BACK_BLOCKS:
            return pieces
        ended = _as_list(pieces[self.turn_at - 1])[:-1] + b',"cache_control":' + mark + b"}"
        return (*pieces[: self.turn_at - 1], ended, b"]},", *pieces[self.turn_at + 1 :])


def head_of(request: Request, kept: object, *, names: dict[str, str], origin: str, provider: str) -> Head:
    """All messages of the request. `kept` is the Head of an earlier request of the run, or nothing."""
    head = kept if isinstance(kept, Head) and kept.begins(request, names) else Head(names, request.model)
    rest = request.messages[len(head.messages) :]
    turn = _latest_turn(rest)
    if turn:
        head, count = _with_plain_texts(head, rest[:turn])
        if count < turn:
            head = _grown(head, rest[count:turn], request, origin=origin, provider=provider)
    return _grown(head, rest[turn:], request, origin=origin, provider=provider, is_last=True)


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
    role, written = head.role, list[dict[str, str]]()
    if not role and isinstance(messages[0], AssistantMessage):
        return head, 0
    for message in messages:
        parts, kind = message.parts, message.kind
        part = parts[0] if len(parts) == 1 else None
        if kind == role or type(part) is not Text or part.provider_data is not None:
            break
        text = part.text
        if not text or text.isspace():
            break
        written.append({"role": kind, "content": text})
        role = kind
    if not written:
        return head, 0
    pieces = head.pieces
    for at in range(0, len(written), _AT_ONCE):
        # without the list's brackets and the end of the last message
        pieces = _behind(pieces, memoryview(json_bytes(written[at : at + _AT_ONCE]))[1:-2])
    messages = (*head.messages, *messages[: len(written)])
    return replace(head, messages=messages, pieces=pieces, role=role), len(written)


def _grown(
    head: Head,
    more: Sequence[Message],
    request: Request,
    *,
    origin: str,
    provider: str,
    is_last: bool = False,
) -> Head:
    """The head with more messages of the request behind it."""
    if not more and head.role:
        return head
    messages, may_fail = request.messages, is_last and request.settings.on_unsupported != "omit"
    writer = MessageWriter(origin, provider, model=head.model, names=head.names, taken=head.taken, may_fail=may_fail)
    writer.write(more, role_before=head.role)
    written = writer.written
    if not written:
        return replace(head, messages=messages, notes=head.notes | writer.notes)
    blocks = sum(len(message["content"]) for message in written)
    is_prefill = is_last and _strip_last(written[-1]["role"], written[-1]["content"])
    goes_on = head.role == written[0]["role"]
    for message in written[1:] if goes_on else written:
        _shorten(message)
    piece = json_bytes(written)[1 : -2 if isinstance(written[-1]["content"], str) else -3]
    if goes_on:
        pieces = (*head.pieces[:-1], _as_list(head.pieces[-1]), b"," + piece[piece.index(b"[") + 1 :])
    else:
        pieces = _behind(head.pieces, piece)
    is_turn = head.role == "user" and written[0]["role"] == "assistant"
    return Head(
        head.names,
        head.model,
        messages,
        pieces,
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


def _shorten(message: dict[str, Any]) -> None:
    """Write the content as a string if it is one text and nothing else; a system message is no such string yet."""
    content = message["content"]
    if len(content) == 1 and message["role"] != "system" and content[0].keys() == _PLAIN:
        message["content"] = content[0]["text"]


def _behind(pieces: tuple[Piece, ...], piece: Piece) -> tuple[Piece, ...]:
    return (*pieces, _end_of(pieces[-1]) + b",", piece) if pieces else (piece,)


def _end_of(piece: Piece) -> bytes:
    """What closes the open message at the end of the piece: behind a string that is less than behind a block."""
    return b"}" if piece[-1:] == b'"' else b"]}"


def _as_list(piece: Piece) -> bytes:
    """The piece with the content of its open message as a list, behind which more can be put."""
    whole = bytes(piece)
    if not whole.endswith(b'"'):
        return whole
    at = whole.rindex(_CONTENT) + len(_CONTENT)  # words cannot hold these bytes: quotes in them are escaped
    return whole[:at] + b'[{"type":"text","text":' + whole[at:] + b"}"
