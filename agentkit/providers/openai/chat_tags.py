"""Thinking between <think> tags: what models print whose server does not take it apart."""

from __future__ import annotations

from typing import Literal

__all__ = ["ThinkTags"]


class ThinkTags:
    """Splits text that begins with <think>...</think> into thinking and answer, however it is cut."""

    __slots__ = ("_held", "_state")

    def __init__(self, *, is_opened: bool) -> None:
        self._state: Literal["start", "inside", "after", "outside"] = "inside" if is_opened else "start"
        self._held: str = ""

    def feed(self, text: str) -> list[tuple[bool, str]]:
        """The pieces that are certain now; True with those that are thinking."""
        pieces: list[tuple[bool, str]] = []
        text, self._held = self._held + text, ""
        if self._state == "start":
            begun = text.lstrip()
            if "<think>".startswith(begun[:7]) and len(begun) < 7:
                self._held = text
                return pieces
            self._state = "inside" if begun.startswith("<think>") else "outside"
            text = begun[7:] if self._state == "inside" else text
        if self._state == "inside":
            thinking, tag, text = text.partition("</think>")
            if tag:
                self._state = "after"
            else:
                held = next((n for n in range(7, 0, -1) if thinking.endswith("</think>"[:n])), 0)
                thinking, self._held = thinking[: len(thinking) - held], thinking[len(thinking) - held :]
            if thinking:
                pieces.append((True, thinking))
        if self._state == "after" and (text := text.lstrip()):
            self._state = "outside"
        if self._state == "outside" and text:
            pieces.append((False, text))
        return pieces

    def finish(self) -> list[tuple[bool, str]]:
        """What was held back as the possible start of a tag."""
        held, self._held = self._held, ""
        return [(self._state == "inside", held)] if held else []
