"""JSON that comes from outside, as values: bounded in depth, and read where only a letter of it is broken."""

from __future__ import annotations

import re
from typing import Any

from pydantic_core import from_json

__all__ = ["MAX_DEPTH", "json_value", "number_of"]

MAX_DEPTH = 100
"""How deep lists and objects may be nested. The parser takes 200: what it took must still be readable when it stands
inside a stored run."""

_SHORTEST_DEEP = 2 * MAX_DEPTH
"""What is nested deeper is longer: each bracket is closed again."""
_LARGEST = 1e15
_WRAPPING = b"[" * MAX_DEPTH, b"]" * MAX_DEPTH
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def json_value(data: bytes) -> Any:
    """The value that somebody sent as JSON. Raises ValueError for what is none, or is nested deeper than MAX_DEPTH.

    Bytes that are no UTF-8 and halves of surrogate pairs become U+FFFD: one of them in a long answer is no reason to
    throw the answer away.
    """
    try:
        # Nearly all events of a stream are too short to be deep, or have too few brackets.
        if len(data) <= _SHORTEST_DEEP or data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
            return from_json(data)
        return _shallow(data)
    except ValueError:
        mended = _mended(data)
        if mended == data:
            raise
        return _shallow(mended)


def number_of(value: object) -> float | None:
    """A finite number as a provider gave it; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_LARGEST < value < _LARGEST:
        return None
    return float(value)


def _shallow(data: bytes) -> Any:
    """The parser has no switch for its depth: what is over MAX_DEPTH is used up before the value begins."""
    value: Any = from_json(data.join(_WRAPPING))
    for _ in range(MAX_DEPTH):
        if len(value) != 1:
            raise ValueError("brackets that do not match")
        value = value[0]
    return value


def _mended(data: bytes) -> bytes:
    text = data.removeprefix(_BYTE_ORDER_MARK).decode("utf-8", "replace")
    if "\\u" in text:
        text = _ESCAPE.sub(lambda found: "\\ufffd" if found[1] else found[0], text)
    return text.encode()
