"""Faults of tool calls: their indexes, their ids, their arguments."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic_core import from_json, to_json

from agentkit.exchange import Delta, PartFinished, ToolCallDelta
from agentkit.messages import ToolCall
from agentkit.simulator.fault import Fault
from agentkit.simulator.formats import CallPlaces, Format, event_data, json_object, with_event_data
from agentkit.simulator.reply import Piece, Reply

__all__ = ["Arguments", "CallIds", "CallIndexes", "CallsTogether"]


@dataclass(frozen=True, slots=True)
class CallIndexes(Fault):
    """Streamed calls with wrong indexes."""

    are: Literal["zero", "missing", "shifted"] = "zero"
    """All 0, left out, or seven too large."""

    def change_deltas(self, deltas: Sequence[Delta]) -> Sequence[Delta]:
        return _whole_calls(deltas)  # with one index for all, or none, pieces could not be told apart by anybody

    def change_reply(self, reply: Reply, format: Format) -> Reply:
        return _with_calls(reply, format, self._change) if reply.is_streamed else reply

    def _change(self, call: CallPlaces) -> None:
        if call.index is None:
            return
        match self.are:
            case "zero":
                call.index.put(0)
            case "missing":
                call.index.remove()
            case "shifted":
                call.index.put(call.index.value + 7)


@dataclass(frozen=True, slots=True)
class CallIds(Fault):
    """Calls with ids that do not tell them apart."""

    are: Literal["same", "empty", "missing"] = "same"

    def change_reply(self, reply: Reply, format: Format) -> Reply:
        return _with_calls(reply, format, self._change)

    def _change(self, call: CallPlaces) -> None:
        if call.id is None:
            return
        match self.are:
            case "same":
                call.id.put("call_same")
            case "empty":
                call.id.put("")
            case "missing":
                call.id.remove()


@dataclass(frozen=True, slots=True)
class CallsTogether(Fault):
    """All calls, complete, in one event of the stream, or in one write where the format has no such event."""

    def change_deltas(self, deltas: Sequence[Delta]) -> Sequence[Delta]:
        return _whole_calls(deltas)

    def change_reply(self, reply: Reply, format: Format) -> Reply:
        if not reply.is_streamed:
            return reply
        places = [place for place, piece in enumerate(reply.pieces) if _is_call(piece, format)]
        if not places:
            return reply
        events = [piece for place in places if isinstance(piece := reply.pieces[place], bytes)]
        kept = [piece for place, piece in enumerate(reply.pieces) if place not in places]
        kept.insert(places[0], format.together(events))
        return replace(reply, pieces=tuple(kept))


@dataclass(frozen=True, slots=True)
class Arguments(Fault):
    """Calls with odd arguments: object and text in each other's place, nothing, null, or half of them."""

    are: Literal["object", "empty", "null", "truncated"] = "truncated"

    def change_deltas(self, deltas: Sequence[Delta]) -> Sequence[Delta]:
        deltas = _whole_calls(deltas)
        if self.are == "object":
            return deltas
        return [replace(delta, arguments=self._words(delta.arguments)) if isinstance(delta, ToolCallDelta) else delta
                for delta in deltas]  # fmt: skip

    def change_reply(self, reply: Reply, format: Format) -> Reply:
        return _with_calls(reply, format, self._change) if self.are in ("object", "null") else reply

    def _words(self, arguments: str) -> str:
        return arguments[: len(arguments) // 2] if self.are == "truncated" else ""

    def _change(self, call: CallPlaces) -> None:
        if call.arguments is None:
            return
        value = call.arguments.value
        if self.are == "null":
            call.arguments.put(None)
        elif isinstance(value, str):
            call.arguments.put(from_json(value) if value else {})
        else:
            call.arguments.put(json.dumps(value))


def _whole_calls(deltas: Sequence[Delta]) -> list[Delta]:
    """The same deltas with each call told at once."""
    whole: list[Delta] = []
    places: dict[int, int] = {}  # index -> where its call stands
    for delta in deltas:
        if isinstance(delta, PartFinished) and isinstance(delta.part, ToolCall):
            delta = ToolCallDelta(delta.part.arguments, delta.index, delta.part.id, delta.part.name)
            if delta.index in places:
                continue
        if not isinstance(delta, ToolCallDelta):
            whole.append(delta)
        elif delta.index in places:
            first = whole[places[delta.index]]
            assert isinstance(first, ToolCallDelta)
            whole[places[delta.index]] = replace(first, arguments=first.arguments + delta.arguments)
        else:
            places[delta.index] = len(whole)
            whole.append(delta)
    return whole


def _with_calls(reply: Reply, format: Format, change: Callable[[CallPlaces], None]) -> Reply:
    """The reply with every call changed, in all events that speak of one."""
    pieces: list[Piece] = []
    for piece in reply.pieces:
        document = _document(piece, reply)
        calls = format.calls_in(document) if document is not None else []
        if document is None or not calls or not isinstance(piece, bytes):
            pieces.append(piece)
            continue
        for call in calls:
            change(call)
        pieces.append(with_event_data(piece, document) if reply.is_streamed else to_json(document))
    return replace(reply, pieces=tuple(pieces))


def _document(piece: Piece, reply: Reply) -> dict[str, Any] | None:
    if not isinstance(piece, bytes):
        return None
    return event_data(piece) if reply.is_streamed else json_object(piece)


def _is_call(piece: Piece, format: Format) -> bool:
    if not isinstance(piece, bytes):
        return False
    document = event_data(piece)
    return document is not None and not format.is_end(piece) and bool(format.calls_in(document))
