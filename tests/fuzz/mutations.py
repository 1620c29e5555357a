"""Changes to what a program should read: some of its bytes, or one value in the JSON inside."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

__all__ = ["mutated"]

_ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**30, -1.5, 1e308, "", "x", "null", "{}", "\x00", "\U0001f600", [], {},
    [None], [[]], {"": None}, {"type": "text", "text": "x"}, {"type": None}, [{"index": 0}], "a" * 300,
)  # fmt: skip
_ODD_BYTES = (
    b"", b"\n", b"\r\n", b"\n\n", b"\xff", b"\x00", b"\xef\xbb\xbf", b"\\ud800", b"\\u0000", b"NaN", b"1e999",
    b"-Infinity", b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"data: ", b"event: x\n", b": x\n\n", b"1" * 5_000,
    b"[" * 300,
)  # fmt: skip
_DOCUMENT = re.compile(rb"(?<=data: )\{.*\}|^\s*[{\[].*[}\]]\s*$", re.MULTILINE)


def mutated(data: bytes, random: Random) -> bytes:
    """The bytes with a few changes."""
    for _ in range(random.choice((1, 1, 2, 4))):
        data = _with_other_value(data, random) if random.random() < 0.7 else _with_other_bytes(data, random)
    return data


def _with_other_value(data: bytes, random: Random) -> bytes:
    found = list(_DOCUMENT.finditer(data))
    if not found:
        return _with_other_bytes(data, random)
    chosen = random.choice(found)
    try:
        value = json.loads(chosen[0])
    except (ValueError, RecursionError):
        return _with_other_bytes(data, random)
    written = json.dumps(_changed(value, random)).encode()
    return data[: chosen.start()] + written + data[chosen.end() :]


def _changed(value: Any, random: Random) -> Any:
    """The value with one value inside it changed, which is found by going down at random."""
    holder = value
    while isinstance(holder, (dict, list)) and holder:
        key = random.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        inner = holder[key]
        if isinstance(inner, (dict, list)) and inner and random.random() < 0.8:
            holder = inner
            continue
        match random.randrange(6):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, list):
                holder.insert(key, inner)
            case 1:
                holder[random.choice(("index", "id", "type", "text", "name", "error", "x"))] = inner
            case 2:
                holder[key] = [inner]
            case 3 if isinstance(inner, str) and inner:
                cut = random.randrange(len(inner))
                holder[key] = inner[:cut] + random.choice(("", '"', "\\", "{", "\x00")) + inner[cut + 1 :]
            case _:
                holder[key] = random.choice(_ODD)
        return value
    return random.choice(_ODD)


def _with_other_bytes(data: bytes, random: Random) -> bytes:
    lines = data.splitlines(keepends=True) or [b""]
    start, end = sorted((random.randrange(len(data) + 1), random.randrange(len(data) + 1)))
    match random.randrange(6):
        case 0:
            return data[:start] + random.choice(_ODD_BYTES) + data[start:]
        case 1:
            return data[:start] + random.randbytes(1) + data[start + 1 :]
        case 2:
            return data[:end]
        case 3:
            return data[:start] + data[start : min(end, start + 20)] * 2 + data[end:]
        case 4:
            lines.insert(random.randrange(len(lines)), random.choice(lines))
            return b"".join(lines)
        case _:
            del lines[random.randrange(len(lines))]
            return b"".join(lines)
