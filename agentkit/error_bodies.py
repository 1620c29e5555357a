"""Bodies of error replies, read the way every provider's codec has to: keys masked, HTML and half a body survived.

Proxies answer with HTML, nothing, lists or half a body; providers echo keys. Nothing in here raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import unescape
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

from agentkit.errors import BadRequestError, ExchangeError, NotFoundError, ProtocolError, ServerError

__all__ = [
    "PAGE_CHARACTERS",
    "class_of_hundred",
    "excerpt",
    "header_of",
    "json_of",
    "nothing_said",
    "one_line",
    "text_of_body",
    "text_of_page",
    "text_of_payload",
    "without_keys",
]

PAGE_CHARACTERS = 4_000
"""How much of a text is searched for words."""
_MESSAGE_CHARACTERS = 600
_BODY_CHARACTERS = 2_000
_READ_BYTES = 200_000

_KEYS = re.compile(
    r"(?<![\w*.-])(?:sk|pk|rk|gsk|xai|csk|hf|r8|pplx|nvapi|fw|tgp|key|sess)[-_](?=[\w*.-]*[\d*])[\w*.-]{8,}"
    r"|\bAIza[\w-]{10,}|\bya29\.[\w.-]{10,}|\beyJ[\w.-]{20,}|\b[0-9a-f]{32,}\b|\b(?=\w*\d)(?=\w*[A-Za-z])\w{40,}\b"
    r"|(?<=Bearer )(?!realm\b)\S{8,}|(?<=[?&]key=)[^&\s\"]+"
    r"|(?<![\w.-])[\w.-]*\*{3,}[\w*.-]*"
)
"""Keys as vendors write them, bearer tokens, keys in addresses, long mixed words, keys masked in part by others."""


def text_of_body(body: bytes) -> str:
    """The text of a body, bounded, keys masked."""
    return without_keys(body[:_READ_BYTES].decode("utf-8", "replace")).strip()


def text_of_payload(payload: Mapping[str, Any]) -> str:
    """The JSON text of an error object that came inside a 200, keys masked."""
    try:
        return without_keys(to_json(payload).decode())
    except (PydanticSerializationError, ValueError):
        return ""


def without_keys(text: str) -> str:
    """The text with everything masked that looks like a key."""
    return _KEYS.sub("[key]", text)


def json_of(text: str) -> Any:
    """The JSON value, as far as it came when the body was cut; None when it is no JSON."""
    if not text:
        return None
    try:
        return from_json(text)
    except ValueError:
        pass
    if text[0] not in "{[":
        return None
    try:
        return from_json(text, allow_partial="trailing-strings") or None
    except ValueError:
        return None


def text_of_page(text: str) -> str:
    """Plain text as it is; of an HTML page its title, which names the fault at every proxy."""
    if not text.lstrip().startswith("<"):
        return text
    found = re.search(
        r"<title[^>]*>(.*?)</title>|<h1[^>]*>(.*?)</h1>", text[:PAGE_CHARACTERS], re.IGNORECASE | re.DOTALL
    )
    title = unescape(re.sub(r"<[^>]+>", " ", found[1] or found[2] or "")).strip() if found else ""
    return f"a web page came instead of JSON: {title}" if title else "a web page came instead of JSON"


def one_line(message: str) -> str:
    """The message on one line, cut to a sensible length."""
    line = " ".join(message.split())
    return line if len(line) <= _MESSAGE_CHARACTERS else line[: _MESSAGE_CHARACTERS - 3].rstrip() + "..."


def nothing_said(status: int) -> str:
    """What to say where the body has no message."""
    if 300 <= status < 400:
        return "the address answered with a redirect, which is not followed; set base_url to where it leads"
    return "the provider gave no reason"


def excerpt(value: Any, text: str) -> Any:
    """What an error keeps of its body: the JSON value, or the beginning of the text."""
    if value is None or len(text) > 10 * _BODY_CHARACTERS:
        return text[:_BODY_CHARACTERS]
    return value


def header_of(headers: Mapping[str, str], names: Sequence[str]) -> str | None:
    """The first of these headers that is there."""
    named = {name.lower(): value for name, value in headers.items()}
    return next((named[name] for name in names if named.get(name)), None)


def class_of_hundred(status: int) -> type[ExchangeError]:
    """The error class of a status that says nothing more than its first digit."""
    if status >= 500:
        return ServerError
    if status >= 400:
        return BadRequestError
    return NotFoundError if status >= 300 else ProtocolError
