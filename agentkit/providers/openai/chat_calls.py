"""Tool calls of a Chat Completions answer, told apart while they come in pieces.

OpenAI keys pieces by index. Servers that imitate it leave out the index or give 0 to every call, leave out ids or give
all calls the same one, repeat the name in every piece, send arguments as objects, or all of them again at the end.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from typing import Any, cast

from pydantic_core import from_json, to_json

from agentkit.assemble import Slots
from agentkit.exchange import Delta, PartFinished, ToolCallDelta
from agentkit.media import ProviderData
from agentkit.messages import ToolCall

__all__ = ["CallReader"]

_CALL_KEYS = frozenset({"id", "index", "type", "function", "custom"})
_MARKS = re.compile(r'[{}"]|\\.?', re.DOTALL)


class CallReader:
    """Reads the calls of one answer; `slots` gives their indexes among the parts."""

    __slots__ = ("_by_id", "_by_index", "_calls", "_last_call", "_slots")

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._calls: list[_Call] = []
        self._by_index: dict[Hashable, _Call] = {}  # the latest call of each index
        self._by_id: dict[str, _Call] = {}
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
        arguments = (
            piece
            if isinstance(piece, str)
            else ""
            if piece is None
            else to_json(piece, inf_nan_mode="strings").decode()
        )
        call = None if is_whole else self._find(id, entry.get("index"), name)
        if call is None:
            call = _Call(id, entry.get("index"))
            self._calls.append(call)
            if not is_whole and call.index is not None:
                self._by_index[call.index] = call
        if id and not is_whole:
            self._by_id[id] = call
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
            call = self._by_index.get(cast("Hashable", index))
            if call is None:
                return None
            is_other = (id and call.id and call.id != id) or (not id and name and call.has_ended(name))
            return None if is_other else call
        if id:
            return self._by_id.get(id)
        return None if name and not (self._last_call and self._last_call.is_open(name)) else self._last_call


class _Call:
    """One call while it comes."""

    __slots__ = ("_is_id_told", "_scan", "data", "id", "index", "name", "slot", "texts")

    def __init__(self, id: str, index: object) -> None:
        self.id = id
        self.index = index
        self.name = ""
        self.slot = -1
        self.texts: list[str] = []
        self.data: dict[str, Any] = {}
        self._is_id_told = False
        self._scan: _Scan | None = None  # made when somebody asks

    def tell_id(self, id: str) -> str:
        """The id, the first time it is known."""
        self.id = self.id or id
        if self._is_id_told or not self.id:
            return ""
        self._is_id_told = True
        return self.id

    def is_repeated_by(self, arguments: str) -> bool:
        """Whether these are all the arguments once more: some servers repeat them in the last event."""
        if not self.texts or len(arguments) < 2 or arguments[0] != "{" or not self._has_all():
            return False
        scan = self._scan
        return scan is not None and scan.length == len(arguments) and "".join(self.texts) == arguments

    def has_ended(self, name: str) -> bool:
        """Whether a piece with this name can only begin another call."""
        return self.slot >= 0 and (name != self.name or self._has_all())

    def is_open(self, name: str) -> bool:
        """Whether a piece with this name, and nothing else to tell it by, still belongs here."""
        return self.slot < 0 or not self.has_ended(name)

    def _has_all(self) -> bool:
        scan = self._scan = self._scan or _Scan()
        return scan.is_whole(self.texts)

    def part(self, origin: str) -> ToolCall:
        return ToolCall(self.id, self.name, "".join(self.texts), provider_data=ProviderData(origin, self.data))


class _Scan:
    """Whether texts make one JSON object so far: each is looked at once, however often that is asked."""

    __slots__ = ("_depth", "_ends", "_is_broken", "_is_escaped", "_is_inside_text", "_is_whole", "_seen", "length")

    def __init__(self) -> None:
        self.length = 0
        """Of the texts, as far as they were looked at."""
        self._seen = 0
        self._depth = 0
        self._ends = False  # with a brace
        self._is_inside_text = False
        self._is_escaped = False
        self._is_whole = False
        self._is_broken = False  # no more text can mend it

    def is_whole(self, texts: list[str]) -> bool:
        if len(texts) > self._seen:
            for text in texts[self._seen :]:
                self._look_at(text)
            self._seen = len(texts)
            self._is_whole = self._ends and not self._depth and not self._is_inside_text and self._is_read(texts)
        return self._is_whole

    def _look_at(self, text: str) -> None:
        if not text:
            return
        self.length += len(text)
        self._ends = text[-1] == "}"
        start, self._is_escaped = int(self._is_escaped), False
        for mark in _MARKS.finditer(text, start):
            match mark[0]:
                case '"':
                    self._is_inside_text = not self._is_inside_text
                case "{" if not self._is_inside_text:
                    self._depth += 1
                case "}" if not self._is_inside_text:
                    self._depth -= 1
                case "\\":
                    self._is_escaped = True
                case _:
                    pass

    def _is_read(self, texts: list[str]) -> bool:
        if self._is_broken:
            return False
        try:
            from_json("".join(texts))
        except ValueError:
            self._is_broken = True
            return False
        return True


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]  # JSON


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
