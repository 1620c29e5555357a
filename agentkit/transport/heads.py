"""Heads of requests and replies: what goes out beside what was asked for, what is refused, where a redirect leads."""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Mapping

from agentkit.errors import ConfigurationError
from agentkit.transport.protocol import HttpRequest
from agentkit.transport.redact import Secret
from agentkit.transport.target import Target

REDIRECTS = frozenset({301, 302, 303, 307, 308})

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PLAIN_HEADER_VALUE = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")


def wire_headers(request: HttpRequest, target: Target) -> list[tuple[bytes, bytes]]:
    """The request's headers as bytes, behind those that it needs and has not got."""
    given = [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in request.headers]
    names = {name for name, _ in given}
    defaults = [(b"host", target.host_header), *_default_headers(), (b"content-length", b"%d" % len(request.body))]
    if target.authorization is not None:
        defaults.append((b"authorization", target.authorization))
    return [header for header in defaults if header[0] not in names] + given


def refuse_unfit_headers(request: HttpRequest) -> None:
    """Before the clients do it: their errors show the value, and the value may be a key."""
    for name, value in request.headers:
        value = Secret(value)  # the locals of a traceback are shown by many tools
        if not _HEADER_NAME.fullmatch(name):
            raise ConfigurationError(f"{name!r} is no name for a header: HTTP allows letters, digits and hyphens")
        if not _PLAIN_HEADER_VALUE.fullmatch(value):
            raise ConfigurationError(
                f"the value of the header {name!r} has a character that HTTP does not allow there "
                "(often a line break or space at the end of a key, or a letter that is not ASCII)"
            )


def redirect_host(headers: Mapping[str, str], target: Target) -> str:
    """The host that a redirect names, without the rest of its address; empty when it names none."""
    location = headers.get("location", "")
    if location.startswith("/") and not location.startswith("//"):
        return target.origin[1]
    host = re.match(r"(?:https?:)?//(?:[^/?#]*@)?([^/?#]*)", location, re.IGNORECASE)
    return host[1] if host else ""


@functools.cache
def _default_headers() -> tuple[tuple[bytes, bytes], ...]:
    decoders = {"br": ("brotli", "brotlicffi"), "zstd": ("zstandard",)}  # httpx decodes these if it finds them
    found = [name for name, packages in decoders.items() if any(map(importlib.util.find_spec, packages))]
    encodings = ", ".join(["gzip", "deflate", *found])
    return ((b"accept", b"*/*"), (b"accept-encoding", encodings.encode()), (b"user-agent", b"agentkit"))
