"""Which URLs may be asked for: an allow-list of hosts and prefixes, read by the same parser that makes the request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

import httpx

from agentkit import ToolError
from agentkit.errors import ConfigurationError

__all__ = ["Reach", "origin_of", "parse_url"]

PORTS = {"http": 80, "https": 443}
_UNSAFE = re.compile(r"[\\\x00-\x20\x7f]")


@dataclass(frozen=True, slots=True)
class _Rule:
    """One entry of the allow-list."""

    entry: str
    scheme: str | None
    """None for http and https."""
    host: str
    """"" for any host; with a leading dot for the hosts below it."""
    port: int | None
    """None for the usual ports."""
    path: str

    def fits(self, url: httpx.URL, ports: frozenset[int]) -> bool:
        host, port = host_of(url), port_of(url)
        if self.scheme not in (None, url.scheme):
            return False
        if self.host and host != self.host and not (self.host[0] == "." and host.endswith(self.host)):
            return False
        if (port != self.port) if self.port is not None else (port not in ports):
            return False
        return url.path == self.path or url.path.startswith(self.path.rstrip("/") + "/")


class Reach:
    """The URLs that may be asked for."""

    def __init__(self, entries: Iterable[str], *, ports: Sequence[int]) -> None:
        self._rules = [_rule(entry) for entry in entries]
        self._ports = frozenset(ports)
        if not self._rules:
            raise ConfigurationError("allow= is empty; name hosts or URL prefixes, such as 'api.example.com'")

    @property
    def entries(self) -> list[str]:
        """The allow-list as it was given."""
        return [rule.entry for rule in self._rules]

    @property
    def is_open(self) -> bool:
        """Whether hosts that nobody named are within reach."""
        return any(rule.host[:1] in ("", ".") for rule in self._rules)

    @property
    def is_plain(self) -> bool:
        """Whether no URL within reach is encrypted."""
        return all(rule.scheme == "http" for rule in self._rules)

    def check(self, url: httpx.URL) -> None:
        """Raises ToolError, saying what is allowed, for a URL out of reach."""
        if not url.scheme:
            raise ToolError("The URL has no scheme; write it whole, such as 'https://example.com/page'.")
        if url.scheme not in PORTS:
            raise ToolError(f"Only http and https work here, not {url.scheme!r}.")
        if url.userinfo:
            raise ToolError("The URL holds a user name or password before '@'; leave them out.")
        if not url.host:
            raise ToolError("The URL has no host; write it whole, such as 'https://example.com/page'.")
        if _climbs(url.path):
            raise ToolError("The URL's path contains '..'; write the path without it.")
        if not any(rule.fits(url, self._ports) for rule in self._rules):
            where = f"{url.scheme}://{url.netloc.decode()}{url.path}"
            raise ToolError(f"{where[:200]} is not allowed. Allowed: {', '.join(self.entries)}.")


def parse_url(text: str) -> httpx.URL:
    """The URL in a text. Raises ToolError for what parsers might read differently."""
    text = text.strip()
    if _UNSAFE.search(text):
        raise ToolError(
            "The URL contains a space, a backslash or a control character; encode it (%20) or leave it out."
        )
    try:
        url = httpx.URL(text)
        port_of(url)
    except (httpx.InvalidURL, ValueError, UnicodeError):
        raise ToolError("The URL is not valid; write it whole, such as 'https://example.com/page'.") from None
    return url.copy_with(fragment=None)


def origin_of(url: httpx.URL) -> tuple[str, str, int]:
    """Scheme, host and port: what credentials belong to."""
    return url.scheme, host_of(url), port_of(url)


def host_of(url: httpx.URL) -> str:
    """The host as it goes to the resolver, without the dot that may end it."""
    return url.raw_host.decode("ascii").lower().rstrip(".")


def port_of(url: httpx.URL) -> int:
    """The port that is connected to."""
    return url.port if url.port is not None else PORTS.get(url.scheme, 0)


def _rule(entry: str) -> _Rule:
    if entry == "*":
        return _Rule(entry, None, "", None, "/")
    is_below = entry.startswith("*.")
    has_scheme = "://" in entry
    try:
        url = parse_url(entry if has_scheme else f"https://{entry.removeprefix('*.')}")
    except ToolError:
        url = httpx.URL("")
    if not url.host or "*" in url.host or url.scheme not in PORTS or url.userinfo or url.query or _climbs(url.path):
        raise ConfigurationError(
            f"{entry if '@' not in entry else 'an entry with a password'!r} cannot be allowed; use a host "
            "('api.example.com', '*.example.com', 'localhost:8080'), a URL prefix ('https://example.com/docs/'), or '*'"
        )
    host = ("." if is_below else "") + host_of(url)
    if not has_scheme:
        return _Rule(entry, None, host, url.port, url.path)
    return _Rule(entry, url.scheme, host, port_of(url), url.path)


def _climbs(path: str) -> bool:
    """Whether a server might read '..' in the path, which would leave an allowed prefix."""
    for _ in range(3):  # encoded once, twice, ...
        path = unquote(path)
    return ".." in re.split(r"[/\\]", path)
