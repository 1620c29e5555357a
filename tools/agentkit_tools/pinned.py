"""An httpx transport that connects only to addresses it has checked itself.

Names are resolved in one place, where the connection is made, and the connection goes to the very address that was
checked: a second answer of the name server (rebinding) is never asked for. Host header, SNI and the certificate's check
keep using the name. Environment proxies are not used, since a proxy would resolve the name again.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterable
from typing import cast

import httpcore
import httpx

from agentkit_tools.addresses import Resolve, resolve_checked

__all__ = ["NETWORK_ERRORS", "PinnedTransport"]

NETWORK_ERRORS = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError)
"""What goes wrong on the way: raised by the transport and while a body is read."""

_CONNECT_SECONDS = 10.0


class _PinnedBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, resolve: Resolve, allow_private: bool) -> None:
        self._resolve = resolve
        self._allow_private = allow_private
        # Of httpcore's backends the one that runs on asyncio and on trio.
        self._inner = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())  # a dummy when anyio is missing

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first checked address that answers."""
        addresses = await resolve_checked(host, port, resolve=self._resolve, allow_private=self._allow_private)
        failure: Exception | None = None
        for address in addresses:
            try:
                return await self._inner.connect_tcp(
                    str(address), port, _CONNECT_SECONDS, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError("no address")


class PinnedTransport(httpx.AsyncBaseTransport):
    """HTTP/1.1 over a small pool of connections to checked addresses."""

    def __init__(self, *, resolve: Resolve, allow_private: bool, ssl_context: ssl.SSLContext | None) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context,
            max_connections=20,
            keepalive_expiry=30.0,
            network_backend=_PinnedBackend(resolve, allow_private),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request. Raises ToolError for a refused address and NETWORK_ERRORS."""
        url = request.url
        response = await self._pool.handle_async_request(
            httpcore.Request(
                request.method,
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(response.status, headers=response.headers, stream=_Body(response))

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._response.aiter_stream():
            yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()
