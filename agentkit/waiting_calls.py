"""Calls of a history that is being read, until what came of them is read too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

from agentkit.messages import Lost, Part, ToolCall

__all__ = ["WaitingCalls"]


class WaitingCalls:
    """The calls without an outcome, each at its place among the parts of an answer, where the answered one is put."""

    def __init__(self) -> None:
        self._places: list[tuple[list[Part], int]] = []

    @property
    def ids(self) -> list[str]:
        """Those of the calls that wait, in their order."""
        return [cast("ToolCall", parts[at]).id for parts, at in self._places]

    def add(self, parts: list[Part]) -> None:
        """Let the last of these parts wait, when it is a call."""
        if isinstance(parts[-1], ToolCall):
            self._places.append((parts, len(parts) - 1))

    def settle(self, id: str, answered: Callable[[ToolCall], ToolCall]) -> bool:
        """Put the answered call in the place of the first that waits by this id; False where none does."""
        for place in self._places:
            parts, at = place
            call = cast("ToolCall", parts[at])
            if call.id == id:
                parts[at] = answered(call)
                self._places.remove(place)
                return True
        return False

    def lose(self) -> None:
        """What no result came for is Lost."""
        for parts, at in self._places:
            parts[at] = replace(cast("ToolCall", parts[at]), outcome=Lost())
        self._places = []
