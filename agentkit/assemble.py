"""Putting deltas together: deltas -> parts -> Response; and taking a Response apart again.

A decoder gives every part an index of its own; providers that name a part by id, by index, or not at all are sorted
out by `Slots`. Everything is put together once, at the end: while an answer streams nobody pays for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from agentkit.errors import ProtocolError
from agentkit.exchange import (
    AttemptFailed,
    Delta,
    ModelSwitched,
    PartFinished,
    PartialImage,
    Response,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    Waiting,
)
from agentkit.messages import AssistantMessage, Finish, Part, Text, Thinking, ToolCall, misfit
from agentkit.usage import Usage

__all__ = ["MAX_CALLS", "MAX_PARTS", "Slots", "assemble", "assemble_cut", "checked", "take_apart"]

MAX_PARTS = 10_000
"""The most parts that an answer may have."""
MAX_CALLS = 1_000
"""The most tool calls among them: each is a task, a span and a record."""


class Slots:
    """Gives each part of a streamed answer one index: by its id, then by its provider's index, then by order."""

    __slots__ = ("_by_id", "_by_index", "_last", "_next")

    def __init__(self) -> None:
        self._by_id: dict[str, int] = {}
        self._by_index: dict[object, int] = {}
        self._next = 0
        self._last = -1

    def fresh(self) -> int:
        """The index of a new part."""
        self._last = self._next
        self._next += 1
        return self._last

    def find(self, *, id: str = "", index: object = None) -> int:
        """The index of the part with this id, else this provider's index, else of the latest part.

        A new id under a known provider's index begins a new part: servers that repeat index 0 for every call do that.
        """
        if id and id in self._by_id:
            slot = self._by_id[id]
        elif id:
            slot = self.fresh()
            self._by_id[id] = slot
            if index is not None:
                self._by_index[index] = slot
        elif index is not None:
            known = self._by_index.get(index)
            slot = self.fresh() if known is None else known
            self._by_index[index] = slot
        else:
            slot = self._last if self._last >= 0 else self.fresh()
        self._last = slot
        return slot


class _Pieces:
    """The deltas of one part, in the order in which they came."""

    __slots__ = ("finished", "first", "id", "name", "texts")

    def __init__(self, first: TextDelta | ThinkingDelta | ToolCallDelta | None) -> None:
        self.first = first
        self.texts: list[str] = []
        self.id = ""
        self.name = ""
        self.finished: Part | None = None

    def part(self) -> Part:
        if self.finished is not None:
            return self.finished
        text = "".join(self.texts)
        match self.first:
            case TextDelta(is_refusal=is_refusal):
                return Text(text, is_refusal)
            case ThinkingDelta():
                return Thinking(text)
            case _:
                return ToolCall(self.id, self.name, text)


_NOT_STARTED = ResponseStarted()


def _collect(deltas: Iterable[Delta]) -> tuple[dict[int, _Pieces], ResponseStarted, ResponseFinished | None]:
    slots: dict[int, _Pieces] = {}  # index -> pieces
    started, finished = _NOT_STARTED, None
    for delta in deltas:
        if type(delta) is TextDelta:  # most are, and a pattern costs as much as all the rest
            pieces = slots.get(delta.index) or slots.setdefault(delta.index, _Pieces(delta))
            pieces.texts.append(delta.text)
            continue
        match delta:
            case TextDelta(text, index) | ThinkingDelta(text, index):
                pieces = slots.get(index) or slots.setdefault(index, _Pieces(delta))
                pieces.texts.append(text)
            case ToolCallDelta(arguments, index, id, name):
                pieces = slots.get(index) or slots.setdefault(index, _Pieces(delta))
                pieces.texts.append(arguments)
                pieces.id = pieces.id or id
                pieces.name = pieces.name or name
            case PartFinished(part, index):
                pieces = slots.get(index) or slots.setdefault(index, _Pieces(None))
                pieces.finished = part
            case ResponseStarted():
                if started is _NOT_STARTED:
                    started = delta
                else:
                    started = ResponseStarted(delta.response_id or started.response_id, delta.model or started.model)
            case ResponseFinished():
                finished = delta
            case ModelSwitched():  # what another model began is void
                slots.clear()
                started, finished = _NOT_STARTED, None
            case AttemptFailed() | PartialImage() | Waiting():
                continue
    return slots, started, finished


def assemble(deltas: Iterable[Delta]) -> Response:
    """The Response of a complete stream of deltas; it has to hold a ResponseFinished. Raises ProtocolError."""
    slots, started, finished = _collect(deltas)
    finished = finished or ResponseFinished("other")
    try:
        parts = tuple([slots[index].part() for index in sorted(slots)])
    except TypeError as error:
        raise ProtocolError("the answer makes no sense: a piece of text is none") from error
    message = AssistantMessage(parts, started.model, started.response_id, finished.finish, finished.usage)
    return checked(Response(message, finished.finish_raw, finished.details))


def checked(response: Response) -> Response:
    """The response, if it is of a size to be kept and all its texts are texts. Raises ProtocolError."""
    count = len(response.message.parts)
    if count > MAX_CALLS and len(response.calls) > MAX_CALLS:
        raise ProtocolError(f"the answer makes {len(response.calls)} calls; {MAX_CALLS} are the most that are made")
    if count > MAX_PARTS:
        raise ProtocolError(f"the answer has {count} parts; {MAX_PARTS} are the most that are taken")
    wrong = misfit(response.message) or ("" if response.finish_raw.__class__ is str else "the reason of its end")
    if wrong:
        raise ProtocolError(f"the answer makes no sense: {wrong} is no text")
    return response


def assemble_cut(deltas: Iterable[Delta], *, finish: Finish = "cancelled") -> AssistantMessage | None:
    """What can be kept of an answer that was cut: the text so far; None when that is nothing.

    Calls are dropped, finished or not: none of them was made. So is thinking, which providers refuse without its end.
    """
    slots, started, finished = _collect(deltas)
    kept: list[Part] = []
    for index in sorted(slots):
        part = slots[index].part()
        if isinstance(part, Text) and part.text:
            kept.append(Text(part.text, part.is_refusal))
    if not kept:
        return None
    usage = finished.usage if finished else Usage()
    return AssistantMessage(tuple(kept), started.model, started.response_id, finish, usage)


def take_apart(response: Response) -> Iterator[Delta]:
    """The deltas of a Response: `assemble(take_apart(response)) == response`, attempts aside."""
    message = response.message
    yield ResponseStarted(message.response_id, message.model)
    for index, part in enumerate(message.parts):
        match part:
            case Text(text, is_refusal, None) if text:
                yield TextDelta(text, index, is_refusal)
            case Thinking(text, None) if text:
                yield ThinkingDelta(text, index)
            case ToolCall(id, name, arguments, _, None):
                yield ToolCallDelta(arguments, index, id, name)
            case Text(text, is_refusal, _) if text:
                yield TextDelta(text, index, is_refusal)
                yield PartFinished(part, index)
            case Thinking(text, _) if text:
                yield ThinkingDelta(text, index)
                yield PartFinished(part, index)
            case ToolCall():
                yield ToolCallDelta(part.arguments, index, part.id, part.name)
                yield PartFinished(replace(part), index)
            case _:
                yield PartFinished(part, index)
    yield ResponseFinished(message.finish, response.finish_raw, message.usage, response.details)
