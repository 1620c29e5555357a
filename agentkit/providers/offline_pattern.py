"""Patterns of the offline model: a short text that a regular expression of the common kinds matches."""

from __future__ import annotations

import re

__all__ = ["sample"]

_CLASSES = {"d": "0", "w": "a", "s": " ", "D": "a", "W": "-", "S": "a"}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r"}
_COUNT = re.compile(r"\{(\d+)(?:,(\d*))?\}|[*+?]")
_CHOICES = "0aA-_.1bB /#@+:x"


def sample(pattern: str) -> str | None:
    """A text that the pattern matches; None for patterns with parts this cannot read (references, look-around)."""
    try:
        text = _Reader(pattern).alternatives()
        return text if re.search(pattern, text) else None
    except (_UnreadableError, re.error, IndexError):
        return None


class _UnreadableError(Exception):
    """A part of the pattern that is not of the common kinds."""


class _Reader:
    """Reads a pattern from left to right and writes the shortest text for each of its parts."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at: int = 0

    def alternatives(self) -> str:
        """The text of the first alternative; reads up to the end, or past the closing parenthesis."""
        found: list[str] = [""]
        while self._at < len(self._pattern):
            character = self._next()
            if character == ")":
                break
            if character == "|":
                found.append("")
                continue
            found[-1] += self._counted(self._one(character))
        return found[0]

    def _next(self) -> str:
        self._at += 1
        return self._pattern[self._at - 1]

    def _one(self, character: str) -> str:
        match character:
            case "^" | "$":
                return ""
            case "(":
                return self._group()
            case "[":
                return self._class()
            case "\\":
                return self._escaped()
            case ".":
                return "a"
            case _:
                return character

    def _group(self) -> str:
        if self._pattern.startswith("?:", self._at):
            self._at += 2
        elif name := re.compile(r"\?P?<\w+>").match(self._pattern, self._at):
            self._at = name.end()
        elif self._pattern.startswith("?", self._at):
            raise _UnreadableError
        return self.alternatives()

    def _escaped(self) -> str:
        character = self._next()
        if character in "bBAZz":
            return ""
        if character.isdigit() or character in "pPkxu":
            raise _UnreadableError
        return _CLASSES.get(character) or _CONTROLS.get(character, character)

    def _class(self) -> str:
        """A character of the class: asked of `re`, which knows ranges and negation."""
        end = self._at + 1
        while self._pattern[end] != "]" or self._pattern[end - 1] == "\\":
            end += 1
        written = self._pattern[self._at - 1 : end + 1]
        self._at = end + 1
        candidates = [*_CHOICES, *(chr(code) for code in range(33, 127))]
        for character in candidates:
            if re.fullmatch(written, character):
                return character
        raise _UnreadableError

    def _counted(self, text: str) -> str:
        count = _COUNT.match(self._pattern, self._at)
        if count is None:
            return text
        self._at = count.end()
        if self._pattern[self._at : self._at + 1] in ("?", "+"):  # lazy or possessive: the same texts
            self._at += 1
        if count[0] in ("*", "?"):
            return ""
        return text * (1 if count[0] == "+" else int(count[1]))
