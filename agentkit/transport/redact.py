"""Which headers and query values are secret, and how requests are shown without them."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

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

_SECRET_WORDS = ("secret", "password", "api-key", "apikey", "api_key")
_SECRET_ENDINGS = ("token", "credential", "credentials")  # not anywhere: "...-input-token-count" is a plain number


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
