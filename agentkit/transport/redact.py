"""Which headers and query values are secret, and how requests are shown and kept without them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Sequence
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

__all__ = [
    "REDACTED",
    "SECRET_HEADERS",
    "SECRET_QUERY_KEYS",
    "Redactor",
    "Secret",
    "is_secret_header",
    "redacted_headers",
    "redacted_url",
]

REDACTED = "REDACTED"
"""What stands in the place of a secret."""

SECRET_HEADERS = frozenset(
    {
        "api-key",
        "authorization",
        "cookie",
        "ocp-apim-subscription-key",
        "openai-organization",
        "openai-project",
        "proxy-authorization",
        "set-cookie",
        "x-amz-security-token",
        "x-api-key",
        "x-auth-token",
        "x-csrf-token",
        "x-goog-api-key",
    }
)
"""Lower-case names of headers whose values are never shown: keys, and names of accounts."""

SECRET_QUERY_KEYS = frozenset(
    {
        "access_token",
        "api-key",
        "api_key",
        "apikey",
        "awsaccesskeyid",
        "code",
        "googleaccessid",
        "key",
        "key-pair-id",
        "policy",
        "sig",
        "signature",
        "subscription-key",
        "token",
        "x-amz-credential",
        "x-amz-security-token",
        "x-amz-signature",
        "x-goog-credential",
        "x-goog-signature",
    }
)
"""Lower-case names of query parameters whose values are never shown: keys, and what signs a URL."""

_SHORTEST_VALUE = 8
"""Shorter credentials are not looked for in texts: "key" and "test" are words too."""

_KEY_SHAPES = re.compile(
    r"(?<![\w-])(?:sk|pk|rk|xai|csk|pplx|nvapi|sess)-(?=[\w-]*\d)[\w-]{16,}"
    r"|(?<![\w-])(?:gsk|hf|r8|ghp|github_pat)_(?=\w*\d)\w{16,}"
    r"|(?<![\w-])AIza[\w-]{20,}|(?<![\w.-])ya29\.[\w.-]{10,}|(?<=Bearer )[\w.~+/=-]{16,}"
    # What signs an address in Azure's or Amazon's storage: whoever has it can read the file.
    r"|(?:(?<=[?&]sig=)|(?<=[?&]X-Amz-Signature=))[\w%+/=-]{16,}"
)
"""Keys as vendors write them. Narrower than what is masked in errors: a reply's ids and signatures have to survive."""

_SECRET_WORDS = ("secret", "password", "api-key", "apikey", "api_key")
_SECRET_ENDINGS = ("token", "credential", "credentials")  # not anywhere: "...-input-token-count" is a plain number


class Secret(str):
    """A text that is a key or holds one. Whatever shows what holds it shows no key: reprs, tracebacks with locals."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(REDACTED)


class Redactor:
    """Takes secrets out of texts: credentials that requests carried, what looks like a key, patterns of the user's."""

    def __init__(self, patterns: Iterable[str | re.Pattern[str]] = ()) -> None:
        self._patterns = [_KEY_SHAPES, *(re.compile(pattern) for pattern in patterns)]
        self._values: list[str] = []  # longest first
        self._seen: set[str] = set()

    def learn(self, url: str, headers: Iterable[tuple[str, str]]) -> None:
        """Remember the credentials of a request: providers repeat them in errors, programs in prompts."""
        for value in _credentials(url, headers):
            if value in self._seen:
                continue
            self._seen.add(value)
            found = {value, quote(value, safe=""), json.dumps(value)[1:-1]} - set(self._values)
            self._values = sorted([*self._values, *found], key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without them."""
        return "".join(self.pieces([text]))

    def pieces(self, pieces: Sequence[str]) -> list[str]:
        """The pieces of one text without them, also where one reaches over several pieces; as many as before."""
        whole = "".join(pieces)
        spans = self._spans(whole)
        if not spans:
            return list(pieces)
        kept: list[str] = []
        begin = 0
        for piece in pieces:
            end = begin + len(piece)
            kept.append(_without(whole, spans, begin, end))
            begin = end
        return kept

    def data(self, data: bytes) -> bytes:
        """Bytes that are no text, without the credentials that were seen."""
        for value in self._values:
            data = data.replace(value.encode(), REDACTED.encode())
        return data

    def _spans(self, text: str) -> list[tuple[int, int]]:
        """Where secrets are, in order, those that overlap as one."""
        found: list[tuple[int, int]] = []
        for value in self._values:
            start = text.find(value)
            while start >= 0:
                found.append((start, start + len(value)))
                start = text.find(value, start + len(value))
        for pattern in self._patterns:
            found += [match.span() for match in pattern.finditer(text) if match.end() > match.start()]
        merged: list[tuple[int, int]] = []
        for start, end in sorted(found):
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged


def is_secret_header(name: str) -> bool:
    """Whether a header's value must not be shown: the known ones, and names that sound secret."""
    return name.lower() in SECRET_HEADERS or _sounds_secret(name.lower())


def redacted_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers in their order, secret values replaced. Of a mapping, give the `items()`."""
    return [(name, REDACTED if is_secret_header(name) else value) for name, value in headers]


def redacted_url(url: str) -> str:
    """The URL with the values of secret query parameters replaced, and without user, password and fragment."""
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return "(a malformed URL)"
    query = "&".join(
        f"{quote(name, safe='')}={REDACTED if _is_secret_query_key(name) else quote(value, safe='')}"
        for name, value in pairs
    )
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))


def _is_secret_query_key(name: str) -> bool:
    return name.lower() in SECRET_QUERY_KEYS or _sounds_secret(name.lower())


def _sounds_secret(name: str) -> bool:
    return name.endswith(_SECRET_ENDINGS) or any(word in name for word in _SECRET_WORDS)


def _without(text: str, spans: Sequence[tuple[int, int]], begin: int, end: int) -> str:
    """text[begin:end] with each span replaced; one that begins before `begin` was replaced there."""
    shown: list[str] = []
    for start, stop in spans:
        if stop <= begin:
            continue
        if start >= end:
            break
        if start >= begin:
            shown += [text[begin:start], REDACTED]
        begin = min(stop, end)
    shown.append(text[begin:end])
    return "".join(shown)


def _credentials(url: str, headers: Iterable[tuple[str, str]]) -> set[str]:
    """The values that are secret in a request, long enough to be looked for."""
    found: set[str] = set()
    for name, value in headers:
        if is_secret_header(name):
            scheme, _, rest = value.partition(" ")
            found |= {value, rest} if rest else {value}
            if scheme.lower() == "basic":
                found |= _of_basic(rest)
    try:
        parts = urlsplit(url)
        found |= {value for name, value in parse_qsl(parts.query) if _is_secret_query_key(name)}
    except ValueError:
        return found
    userinfo = parts.netloc.rpartition("@")[0]
    found |= {unquote(part) for part in (userinfo, *userinfo.split(":"))}
    return {value for value in found if len(value) >= _SHORTEST_VALUE}


def _of_basic(encoded: str) -> set[str]:
    try:
        pair = base64.b64decode(encoded, validate=True).decode()
    except ValueError:  # no base64, or no UTF-8 in it
        return set()
    return {pair, *pair.split(":", 1)}
