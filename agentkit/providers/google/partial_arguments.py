"""Arguments of a call that come in pieces, each for one place in them (Vertex, `streamFunctionCallArguments`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

from pydantic_core import to_json

from agentkit.messages import ToolCall

__all__ = ["PartialArguments"]

_STEP = re.compile(r"""\.([^.\[\]]+)|\[(\d+)\]|\[(?:'([^']*)'|"([^"]*)")\]""")
_LARGEST_GAP = 1_000


class PartialArguments:
    """A call whose arguments are put together from pieces."""

    __slots__ = ("_call", "_pieces", "_place", "_unfinished", "_value", "index")

    def __init__(self, index: int, call: ToolCall, value: Mapping[str, Any] | None) -> None:
        self.index = index
        """Of the call among the parts of the answer."""
        self._call = call
        self._value: dict[str, Any] = dict(value or {})
        self._unfinished = ""  # the path of a text that goes on with the next piece
        self._place: tuple[Any, str | int] = ({}, "")  # where that text stands: its holder, and its key in there
        self._pieces: list[str] = []

    def add(self, piece: Mapping[str, Any]) -> None:
        """Put one piece in its place. Raises ValueError for a place that makes no sense."""
        path = piece["jsonPath"]
        value = _value_of(piece)
        goes_on = bool(piece.get("willContinue"))
        if isinstance(value, str) and path == self._unfinished and self._pieces:
            self._pieces.append(value)
            if not goes_on:
                self._end_text()
            return
        self._end_text()
        steps = _steps(path)
        holder: Any = self._value
        for step, following in pairwise(steps):
            holder = _child(holder, step, [] if isinstance(following, int) else {})
        last = steps[-1]
        _get(holder, last)  # says when there is no such place
        _put(holder, last, value)
        if goes_on and isinstance(value, str):
            self._unfinished, self._place, self._pieces = path, (holder, last), [value]

    def call(self) -> ToolCall:
        """The call with all that came."""
        self._end_text()
        return replace(self._call, arguments=to_json(self._value, inf_nan_mode="strings").decode())

    def _end_text(self) -> None:
        """Put the text that came in pieces in its place."""
        if len(self._pieces) > 1:
            holder, last = self._place
            holder[last] = "".join(self._pieces)
        self._unfinished, self._pieces = "", []


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    at = 1
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            break
        at = found.end()
        name = next((name for name in (found[1], found[3], found[4]) if name is not None), None)
        steps.append(int(found[2]) if name is None else name)
    if not path.startswith("$") or at != len(path) or not steps:
        raise ValueError(f"{path!r} names no place in the arguments")
    return steps


def _value_of(piece: Mapping[str, Any]) -> Any:
    if "stringValue" in piece:
        return piece["stringValue"]
    if "numberValue" in piece:
        number = piece["numberValue"]
        return int(number) if isinstance(number, float) and number.is_integer() else number
    return piece.get("boolValue")  # without it nullValue is meant


def _child(holder: Any, step: str | int, empty: Any) -> Any:
    known = _get(holder, step)
    if known is None:
        _put(holder, step, empty)
        return empty
    return known


def _get(holder: Any, step: str | int) -> Any:
    if isinstance(holder, dict) and isinstance(step, str):
        return cast("dict[str, Any]", holder).get(step)
    if isinstance(holder, list) and isinstance(step, int):
        items = cast("list[Any]", holder)
        return items[step] if step < len(items) else None
    raise ValueError(f"{step!r} is no place there")


def _put(holder: Any, step: str | int, value: Any) -> None:
    if isinstance(step, str):
        holder[step] = value
        return
    items = cast("list[Any]", holder)
    if step - len(items) > _LARGEST_GAP:
        raise ValueError(f"place {step} of a list that has {len(items)} items")
    items.extend([None] * (step + 1 - len(items)))
    items[step] = value
