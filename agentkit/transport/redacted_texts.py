"""Secrets in the texts of JSON documents, and of streams of them; nothing here knows a wire format.

Patterns of a user's are held against texts and not against the JSON around them: a pattern for digits would break every
number. In a stream the texts at the same place of the documents are one text, as deltas are: a key that a model repeats
comes a few characters in each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TypeAlias, cast

from agentkit.transport.redact import Redactor

__all__ = ["redacted_document", "redacted_stream"]

_Place: TypeAlias = tuple[str | int, ...]

_PREFIX = "data:"


def redacted_document(document: Any, redactor: Redactor) -> bool:
    """Take the secrets out of a document's texts, in place. Whether there were any."""
    is_changed = False
    for place, text in list(_texts(document)):
        redacted = redactor.text(text)
        if redacted != text:
            _put(document, place, redacted)
            is_changed = True
    return is_changed


def redacted_stream(text: str, redactor: Redactor) -> str:
    """The text of a stream of events, or of lines of JSON, without secrets."""
    lines = re.split(r"(?<=\n)", text)
    documents: dict[int, dict[str, Any]] = {}  # line -> its document
    found: dict[_Place, list[tuple[int, _Place, str]]] = {}  # place, with indexes -> line, place in it, text
    for number, line in enumerate(lines):
        document = _document(line)
        if document is None:
            lines[number] = redactor.text(line)
            continue
        documents[number] = document
        indexes = tuple(f"{name}={value}" for name, value in document.items() if name.endswith("index"))
        for place, piece in _texts(document):
            found.setdefault((*indexes, *place), []).append((number, place, piece))
    changed: set[int] = set()
    for pieces in found.values():
        told = [piece for _, _, piece in pieces]
        for (number, place, piece), redacted in zip(pieces, redactor.pieces(told), strict=True):
            if redacted != piece:
                _put(documents[number], place, redacted)
                changed.add(number)
    for number in changed:
        lines[number] = _line(lines[number], documents[number])
    return "".join(lines)


def _document(line: str) -> dict[str, Any] | None:
    """The JSON object of a line; None for any other line."""
    text = line.removeprefix(_PREFIX).strip()
    if not text.startswith("{"):
        return None
    try:
        return cast("dict[str, Any]", json.loads(text))
    except (ValueError, RecursionError):
        return None


def _texts(value: Any, place: _Place = ()) -> Iterator[tuple[_Place, str]]:
    """Every text of a document with its place."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            yield from _texts(inner, (*place, name))
    elif isinstance(value, list):
        for position, inner in enumerate(cast("list[Any]", value)):
            yield from _texts(inner, (*place, position))


def _put(document: Any, place: _Place, text: str) -> None:
    for step in place[:-1]:
        document = document[step]
    document[place[-1]] = text


def _line(old: str, document: dict[str, Any]) -> str:
    """The line with another document; what stands around it stays."""
    begin, end = old.index("{"), len(old.rstrip())
    return old[:begin] + json.dumps(document, separators=(",", ":")) + old[end:]
