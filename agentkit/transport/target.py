"""Where a request goes: its URL read once, and the proxy that the environment names for it."""

from __future__ import annotations

import base64
import functools
import importlib.util
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import unquote

from agentkit.errors import ConfigurationError
from agentkit.transport.redact import Secret, redacted_url

_LAST_PORT = 65_535

Origin: TypeAlias = tuple[str, str, int]
"""Scheme, host and port."""


@dataclass(frozen=True, slots=True, repr=False)
class Target:
    """A URL in the form that goes on the wire."""

    url: Any
    """An `httpcore.URL`."""
    origin: Origin
    """Scheme, host and port: connections are shared within it."""
    host_header: bytes
    authorization: bytes | None
    """From a user and password in the URL."""

    @property
    def peer(self) -> str:
        """Host and port, for messages."""
        return f"{self.origin[1]}:{self.origin[2]}"


@functools.lru_cache(maxsize=512)
def target_of(url: str) -> Target:
    """Read a URL. Raises `ConfigurationError` for one that HTTP cannot reach."""
    # On first use: httpx costs 250 ms, and importing agentkit must not.
    import httpcore
    import httpx

    shown, url = redacted_url(url), Secret(url)  # the locals of a traceback are shown by many tools
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"{shown} is not a URL: {error}") from None
    scheme, host = parsed.scheme, parsed.host
    port = parsed.port or (443 if scheme == "https" else 80)
    if scheme not in ("http", "https") or not host:
        del parsed
        raise ConfigurationError(f"{shown} does not begin with http:// or https:// and a host")
    if port > _LAST_PORT:
        del parsed
        raise ConfigurationError(f"{shown} has the port {port}; the last one is {_LAST_PORT}")
    raw_url = httpcore.URL(scheme=parsed.raw_scheme, host=parsed.raw_host, port=parsed.port, target=parsed.raw_path)
    userinfo = unquote(parsed.userinfo.decode("ascii")) if parsed.userinfo else ""
    return Target(
        url=raw_url,
        origin=(parsed.scheme, parsed.raw_host.decode("ascii"), port),
        host_header=parsed.netloc,
        authorization=b"Basic " + base64.b64encode(userinfo.encode()) if userinfo else None,
    )


def environment_proxy(target: Target) -> Any:
    """The `httpcore.Proxy` for a target, by HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY; None for none."""
    import urllib.request  # it brings http.client and email; only a process that sends needs them

    import httpcore
    import httpx

    scheme, host, port = target.origin
    proxies = urllib.request.getproxies()
    address = proxies.get(scheme) or proxies.get("all")
    # The standard library's rules; asked with and without the port, for ":" in an IPv6 address reads as a port.
    if not address or urllib.request.proxy_bypass(host) or urllib.request.proxy_bypass(f"{host}:{port}"):
        return None
    try:
        proxy = httpx.Proxy(address if "://" in address else f"http://{address}")
    except (httpx.InvalidURL, ValueError):
        raise ConfigurationError(f"the proxy for {scheme} in the environment is no http, https or socks5 URL") from None
    if proxy.url.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        raise ConfigurationError(
            f"the environment names a SOCKS proxy for {scheme}, which needs the package 'socksio'; "
            "install it with: pip install 'httpx[socks]'"
        )
    return httpcore.Proxy(
        httpcore.URL(
            scheme=proxy.url.raw_scheme, host=proxy.url.raw_host, port=proxy.url.port, target=proxy.url.raw_path
        ),
        auth=proxy.raw_auth,
        headers=proxy.headers.raw,
    )
