"""Bodies of error replies, read the way every provider's codec has to: keys masked, HTML and half a body survived.

Proxies answer with HTML, nothing, lists or half a body; providers echo keys. Nothing in here raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import unescape
from typing import Any, TypeAlias

from pydantic_core import PydanticSerializationError, from_json, to_json

from agentkit.errors import (
    AuthenticationError,
    BadRequestError,
    DeadlineError,
    ExchangeError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProtocolError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)

__all__ = [
    "PAGE_CHARACTERS",
    "Narrowing",
    "class_of_hundred",
    "class_of_status",
    "excerpt",
    "header_of",
    "json_of",
    "narrowed",
    "narrowings",
    "nothing_said",
    "one_line",
    "text_of_body",
    "text_of_page",
    "text_of_payload",
    "without_keys",
]

Kind: TypeAlias = type[ExchangeError]

Narrowing: TypeAlias = tuple[Kind, re.Pattern[str], Kind]
"""Where a status and a name are too general, words of the message tell: a general class, the words, the special one."""

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


_BY_STATUS: Mapping[int, Kind] = {
    401: AuthenticationError,
    402: QuotaExceededError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: DeadlineError,
    429: RateLimitError,
    503: OverloadedError,
    504: DeadlineError,
    529: OverloadedError,
}


def class_of_status(status: int) -> Kind:
    """The error class of a status, where nothing else tells."""
    return _BY_STATUS.get(status) or class_of_hundred(status)


def narrowings(*rows: tuple[Kind, str, Kind]) -> tuple[Narrowing, ...]:
    """Rows of a general class, the words in any case, and the special class."""
    return tuple((general, re.compile(words, re.IGNORECASE), special) for general, words, special in rows)


def narrowed(found: Kind, message: str, rows: Sequence[Narrowing]) -> Kind:
    """The special class that the words of a message tell; the general one where they tell nothing."""
    said = message[:PAGE_CHARACTERS]
    return next((special for general, words, special in rows if found is general and words.search(said)), found)


def class_of_hundred(status: int) -> type[ExchangeError]:
    """The error class of a status that says nothing more than its first digit."""
    if status >= 500:
        return ServerError
    if status >= 400:
        return BadRequestError
    return NotFoundError if status >= 300 else ProtocolError
