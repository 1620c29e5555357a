"""Heads of GGUF files, written by hand: what a test wants them to say, and no weights."""

from __future__ import annotations

import struct
from pathlib import Path

Value = str | int | list[str] | list[int]


def write_gguf(path: Path, entries: dict[str, Value], *, version: int = 3) -> Path:
    """A file that is nothing but its head."""
    head = b"GGUF" + struct.pack("<IQQ", version, 0, len(entries))
    path.write_bytes(head + b"".join(_text(key) + _typed(value) for key, value in entries.items()))
    return path


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _typed(value: Value) -> bytes:
    match value:
        case str():
            return struct.pack("<I", 8) + _text(value)
        case int():
            return struct.pack("<II", 4, value)
        case []:
            return struct.pack("<IIQ", 9, 4, 0)
        case [str(), *_]:
            return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(_text(str(item)) for item in value)
        case _:
            return struct.pack("<IIQ", 9, 4, len(value)) + struct.pack(f"<{len(value)}I", *map(int, value))
