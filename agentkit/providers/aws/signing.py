"""AWS Signature Version 4: a request is signed with credentials for a region and a service, at a moment.

Facts: AWS's reference of the signing process, checked against botocore's signer. The service S3 differs: its paths are
encoded once, and the hash of the body is a header.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from agentkit.transport.protocol import HttpRequest

__all__ = ["Credentials", "sign"]

_ALGORITHM = "AWS4-HMAC-SHA256"
_UNSIGNED = frozenset({"authorization", "connection", "expect", "transfer-encoding", "user-agent", "x-amzn-trace-id"})
"""Headers that proxies and clients may change on the way."""
_SPACES = re.compile(r"\s+")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who signs. Its repr shows no secrets."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    """Of temporary credentials."""
    expires: datetime | None = None
    """When they end; None for those that last."""


def sign(request: HttpRequest, credentials: Credentials, *, region: str, service: str, now: float) -> HttpRequest:
    """The request with its signature. `now` is seconds since 1970; AWS refuses a clock that is 5 minutes off.

    What was signed before is signed anew: a retry needs a new date.
    """
    parts = urlsplit(request.url)
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    is_s3 = service == "s3"
    digest = hashlib.sha256(request.body).hexdigest()
    own = {"authorization", "host", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"}
    headers = [(name.lower(), value) for name, value in request.headers if name.lower() not in own]
    headers += [("host", _host(parts.netloc, parts.scheme)), ("x-amz-date", stamp)]
    if credentials.token:
        headers.append(("x-amz-security-token", credentials.token))
    if is_s3:
        headers.append(("x-amz-content-sha256", digest))
    signed = _signed(headers)
    names = ";".join(name for name, _ in signed)
    path = (parts.path or "/") if is_s3 else quote(_normal(parts.path), safe="/~")
    canonical = "\n".join(
        (
            request.method,
            path,
            _query(parts.query),
            *(f"{name}:{value}" for name, value in signed),
            "",
            names,
            digest,
        )
    )
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{credentials.secret_key}".encode()
    for step in (stamp[:8], region, service, "aws4_request"):
        key = _hmac(key, step)
    authorization = (
        f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, "
        f"Signature={_hmac(key, text).hex()}"
    )
    return replace(request, headers=(*headers, ("authorization", authorization)))


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _host(netloc: str, scheme: str) -> str:
    """The host as HTTP clients send it: without user, and without the port that goes without saying."""
    host = netloc.rpartition("@")[2]
    name, colon, port = host.rpartition(":")
    return name if colon and port == str(_PORTS.get(scheme)) else host


def _signed(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Name and value of each signed header, sorted; values of a repeated one joined."""
    values: dict[str, list[str]] = {}
    for name, value in headers:
        if name not in _UNSIGNED:
            values.setdefault(name, []).append(_SPACES.sub(" ", value.strip()))
    return sorted((name, ",".join(found)) for name, found in values.items())


def _normal(path: str) -> str:
    """The path without "." and ".." and empty segments, as every service but S3 reads it."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in ("", "."):
            kept.append(segment)
    normal = "/" + "/".join(kept)
    return normal + "/" if path.endswith("/") and kept else normal


def _query(query: str) -> str:
    """The query sorted by name and value, its parts encoded as they stand in the address."""
    pairs = [part.partition("=")[::2] for part in query.split("&") if part]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))
