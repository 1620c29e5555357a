"""Tool calls of a Chat Completions answer, told apart while they come in pieces.

OpenAI keys pieces by index. Servers that imitate it leave out the index or give 0 to every call, leave out ids or give
all calls the same one, repeat the name in every piece, send arguments as objects, or all of them again at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic_core import from_json, to_json

from agentkit.assemble import Slots
from agentkit.exchange import Delta, PartFinished, ToolCallDelta
from agentkit.media import ProviderData
from agentkit.messages import ToolCall

__all__ = ["CallReader"]

_CALL_KEYS = frozenset({"id", "index", "type", "function", "custom"})


class CallReader:
    """Reads the calls of one answer; `slots` gives their indexes among the parts."""

    __slots__ = ("_calls", "_last_call", "_slots")

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._calls: list[_Call] = []
        self._last_call: _Call | None = None

    @property
    def is_any(self) -> bool:
        """Whether the answer makes a call."""
        return any(call.slot >= 0 for call in self._calls)

    def finish(self, origin: str) -> list[Delta]:
        """The calls that carry data of the provider."""
        made = [call for call in self._calls if call.slot >= 0 and call.data]
        return [PartFinished(call.part(origin), call.slot) for call in made]

    def read(self, entry: dict[str, Any], deltas: list[Delta], *, is_whole: bool) -> None:
        """Read one entry of `tool_calls`; in a whole reply each is a call of its own."""
        if len(entry) == 2 and not is_whole and self._read_more(entry, deltas):
            return
        function = _object(entry.get("function") or entry.get("custom"))
        id = str(entry.get("id") or "")
        id = "" if id == "null" else id
        name = _text(function.get("name"))
        piece: object = function.get("arguments", function.get("input"))
        arguments = piece if isinstance(piece, str) else "" if piece is None else to_json(piece).decode()
        call = None if is_whole else self._find(id, entry.get("index"), name)
        if call is None:
            call = _Call(id, entry.get("index"))
            self._calls.append(call)
        self._last_call = call
        if not entry.keys() <= _CALL_KEYS:
            call.data.update({key: value for key, value in entry.items() if key not in _CALL_KEYS and value})
        if call.is_repeated_by(arguments):
            return
        if call.slot < 0:
            if not (name or arguments):
                return  # some servers send an empty call beside every answer; a real one will get a name
            call.slot = self._slots.fresh()
        if call.name:
            name = ""
        else:
            call.name = name
        id = call.tell_id(id)
        if arguments or name or id:
            call.texts.append(arguments)
            deltas.append(ToolCallDelta(arguments, call.slot, id, name))

    def _read_more(self, entry: dict[str, Any], deltas: list[Delta]) -> bool:
        """Take the usual piece at once: an index and more arguments of the latest call. False when it is another."""
        call, function = self._last_call, entry.get("function")
        if call is None or call.slot < 0 or entry.get("index", self) != call.index or not function:
            return False
        piece = function.get("arguments") if len(function) == 1 else None
        if piece.__class__ is not str or not piece or piece[0] == "{":
            return False
        call.texts.append(piece)
        deltas.append(ToolCallDelta(piece, call.slot))
        return True

    def _find(self, id: str, index: object, name: str) -> _Call | None:
        """The call that a streamed piece belongs to: by index unless the id says otherwise, by id, else the latest.

        Servers leave out the index, give 0 to every call, leave out the id or give all calls the same one.
        """
        if index is not None:
            for call in reversed(self._calls):
                if call.index == index:
                    is_other = (id and call.id and call.id != id) or (not id and name and call.has_ended(name))
                    return None if is_other else call
            return None
        if id:
            return next((call for call in reversed(self._calls) if call.id == id), None)
        return None if name and not (self._last_call and self._last_call.is_open(name)) else self._last_call


class _Call:
    """One call while it comes."""

    __slots__ = ("_is_id_told", "data", "id", "index", "name", "slot", "texts")

    def __init__(self, id: str, index: object) -> None:
        self.id = id
        self.index = index
        self.name = ""
        self.slot = -1
        self.texts: list[str] = []
        self.data: dict[str, Any] = {}
        self._is_id_told = False

    def tell_id(self, id: str) -> str:
        """The id, the first time it is known."""
        self.id = self.id or id
        if self._is_id_told or not self.id:
            return ""
        self._is_id_told = True
        return self.id

    def is_repeated_by(self, arguments: str) -> bool:
        """Whether these are all the arguments once more: some servers repeat them in the last event."""
        return len(arguments) > 1 and arguments[0] == "{" and self._has_all() and "".join(self.texts) == arguments

    def has_ended(self, name: str) -> bool:
        """Whether a piece with this name can only begin another call."""
        return self.slot >= 0 and (name != self.name or self._has_all())

    def is_open(self, name: str) -> bool:
        """Whether a piece with this name, and nothing else to tell it by, still belongs here."""
        return self.slot < 0 or not self.has_ended(name)

    def _has_all(self) -> bool:
        text = "".join(self.texts)
        if not text.endswith("}"):
            return False
        try:
            from_json(text)
        except ValueError:
            return False
        return True

    def part(self, origin: str) -> ToolCall:
        return ToolCall(self.id, self.name, "".join(self.texts), provider_data=ProviderData(origin, self.data))


def _object(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
