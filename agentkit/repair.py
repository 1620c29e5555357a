"""The ladder of repairs for malformed JSON that models write. Each rung is one well-known slip; nothing is guessed.

    1  code fence     ```json ... ``` around the value, or words before and after it
    2  double encoding a JSON string that holds the JSON value
    3  raw controls   line breaks and tabs inside strings that should be escaped
    4  trailing comma before } or ]
    5  Python literal single quotes, True, False, None

Text that was cut is never completed: what is missing cannot be known, and a call must not run on half its arguments.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Repaired", "repair_json"]

_FENCE = "```"
_LANGUAGE = re.compile(r"[a-zA-Z]*+\s*+")
_TRAILING_COMMA = re.compile(r",(\s*+[}\]])")
# A string that nothing closes reaches to the end: were it none, each quote inside would be tried as a beginning.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+', re.DOTALL)
_ANY_STRING = re.compile(_STRING.pattern + "|" + _STRING.pattern.replace('"', "'"), re.DOTALL)  # Python's too
_WORD = re.compile(r"\b(?:True|False|None)\b")
_WORDS = {"True": "true", "False": "false", "None": "null"}


@dataclass(frozen=True, slots=True)
class Repaired:
    """JSON text after repairs, with the names of the rungs that it took."""

    text: str
    repairs: tuple[str, ...]


def repair_json(text: str) -> Repaired | None:
    """The JSON object in `text` after the fewest repairs, or None when the ladder does not reach it."""
    repairs: list[str] = []
    current = text.strip()
    for name, rung in _LADDER:
        changed = rung(current)
        if changed is None or changed == current:
            continue
        current = changed
        repairs.append(name)
        if _is_object(current):
            return Repaired(current, tuple(repairs))
    return None


def _load(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_object(text: str) -> bool:
    return isinstance(_load(text), dict)


def _fence(text: str) -> str | None:
    if text.startswith(("{", "[", '"')):
        return None  # a value that is broken itself: what looks like a fence or an object is inside it
    _, fence, fenced = text.partition(_FENCE)
    inside, closing, _ = fenced.partition(_FENCE)
    if fence and closing:
        language = _LANGUAGE.match(inside)
        return inside[language.end() if language else 0 :].strip()
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start or (start == 0 and end == len(text) - 1):
        return None
    return text[start : end + 1] if _is_object(text[start : end + 1]) else None


def _double_encoding(text: str) -> str | None:
    value = _load(text)
    return value.strip() if isinstance(value, str) else None


def _raw_controls(text: str) -> str | None:
    escape = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return _STRING.sub(lambda match: re.sub(r"[\n\r\t]", lambda c: escape[c.group()], match.group()), text)


def _trailing_comma(text: str) -> str | None:
    strings: list[str] = []

    def hide(match: re.Match[str]) -> str:
        strings.append(match.group())
        return f'"{len(strings) - 1}"'

    hidden = _TRAILING_COMMA.sub(r"\1", _ANY_STRING.sub(hide, text))
    return re.sub(r'"(\d+)"', lambda match: strings[int(match.group(1))], hidden)


def _python_literal(text: str) -> str | None:
    # Piece by piece: Python's own parser takes exponential time for some nested brackets.
    pieces: list[str] = []
    end = 0
    try:
        for found in _ANY_STRING.finditer(text):
            pieces.append(_WORD.sub(_in_json, text[end : found.start()]))
            pieces.append(json.dumps(ast.literal_eval(found[0])))
            end = found.end()
    except (ValueError, SyntaxError):
        return None
    return "".join([*pieces, _WORD.sub(_in_json, text[end:])])


def _in_json(word: re.Match[str]) -> str:
    return _WORDS[word[0]]


_LADDER: tuple[tuple[str, Callable[[str], str | None]], ...] = (
    ("code fence", _fence),
    ("double encoding", _double_encoding),
    ("raw controls", _raw_controls),
    ("trailing comma", _trailing_comma),
    ("Python literal", _python_literal),
)
