"""The transport on httpx: its connections through httpcore by default, or a caller's own client."""

from __future__ import annotations

import functools
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, cast

import anyio

from agentkit.errors import AgentkitError, ConfigurationError, ConnectionFailedError, DeadlineError, ProtocolError
from agentkit.transport.connections import LoopConnections, httpcore_source
from agentkit.transport.heads import REDIRECTS, redirect_host, refuse_unfit_headers, wire_headers
from agentkit.transport.protocol import (
    ConnectDeadlineError,
    HttpRequest,
    IteratedReply,
    NotSentError,
    RedirectError,
    Reply,
    StaleConnectionError,
)
from agentkit.transport.sockets import NetworkStream
from agentkit.transport.target import Target, target_of

_CLOSE_SECONDS = 5.0

_CONNECTIONS = LoopConnections("agentkit_httpcore_connections", httpcore_source)


class Client(Protocol):
    """A caller's own `httpx.AsyncClient` or `httpx2.AsyncClient`."""

    def build_request(
        self,
        method: str,
        url: str,
        *,
        content: bytes,
        headers: Sequence[tuple[str, str]],
        timeout: tuple[float | None, float | None, float | None, float | None],
    ) -> Any:
        """Make a request with the client's own headers and cookies."""
        ...

    async def send(self, request: Any, *, stream: bool, follow_redirects: bool) -> Any:
        """Send it and wait for the head of the reply."""
        ...


class HttpxTransport:
    """Sends requests over connections that all agents of an event loop share, or through a client of your own.

    Proxies and certificates come from the environment (HTTP_PROXY, HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE). For anything
    else pass `client=httpx.AsyncClient(...)`; it stays yours to close.
    """

    def __init__(self, *, client: Client | None = None, max_connections: int | None = None) -> None:
        """`max_connections` is how many a host has at once, 1,000 where nothing is said and never more than half of
        the files that the process may open; further requests wait in line. A client of your own has its own bounds."""
        self._client = client
        self._max_connections = max_connections

    async def send(self, request: HttpRequest, *, connect_seconds: float) -> Reply:
        """Send the request and wait for the head of the reply; see `Transport.send`."""
        refuse_unfit_headers(request)
        target = target_of(request.url)
        if self._client is not None:
            reply = await _send_by_client(self._client, request, target=target, connect_seconds=connect_seconds)
        else:
            reply = await _send_by_socket(request, target, connect_seconds=connect_seconds, most=self._max_connections)
        if reply.status in REDIRECTS:
            await reply.aclose()
            raise RedirectError(reply.status, redirect_host(reply.headers, target))
        return reply


class StreamedReply(IteratedReply):
    """A reply over httpx or httpcore; also the iterator of its own chunks."""

    __slots__ = ("_close", "_failures", "_is_closed", "_is_started", "_next", "_peer", "_sources", "headers", "status")

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        *,
        sources: Sequence[AsyncIterator[bytes]],
        close: Callable[[], Awaitable[None]],
        failures: tuple[type[Exception], ...],
        peer: str,
    ) -> None:
        self.status = status
        self.headers = headers
        self._sources = sources  # the decoded bytes first, then what they are made from
        self._next = sources[0].__anext__
        self._close = close
        self._failures = failures
        self._peer = peer
        self._is_started = False
        self._is_closed = False

    async def __anext__(self) -> bytes:
        self._is_started = True
        try:
            return await self._next()
        except self._failures as error:
            await self.aclose()
            raise _translated(error, self._peer) from error
        except BaseException:  # the end, a cancel, or an error of ours: all close the reply
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Leave the reply, read or not."""
        if self._is_closed:
            return
        self._is_closed = True
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            await self._close()
            if self._is_started:
                await self._run_out()

    async def _run_out(self) -> None:
        """Let the generators under a reply that was left early come to their end.

        They are nested, and closing the outer one leaves the inner ones to the garbage collector, of which trio
        complains. The connection is closed by now, so what they still hold is short and then they fail.
        """
        for source in self._sources:
            if getattr(source, "ag_running", False):  # left by another task, in which the read now fails
                return
            with suppress(AgentkitError, *self._failures):
                async for _ in source:
                    pass


def is_compressed(headers: Mapping[str, str]) -> bool:
    """Whether the body has to be decoded."""
    return headers.get("content-encoding", "identity") not in ("identity", "")


def decoded_reply(
    status: int,
    headers: Mapping[str, str],
    *,
    parts: AsyncIterator[bytes],
    close: Callable[[], Awaitable[None]],
    failures: tuple[type[Exception], ...],
    peer: str,
) -> StreamedReply:
    """A reply whose compressed bytes are `parts`."""
    response = _response_over_parts()(200, headers={"content-encoding": headers["content-encoding"]}, content=parts)
    response.parts = parts
    return StreamedReply(
        status,
        headers,
        sources=[response.aiter_bytes(), parts],
        close=close,
        failures=(*failures, *_httpx_failures("httpx")),
        peer=peer,
    )


async def _send_by_socket(
    request: HttpRequest, target: Target, *, connect_seconds: float, most: int | None
) -> StreamedReply:
    import httpcore  # on first use: the import budget

    wire_request = httpcore.Request(
        request.method,
        target.url,
        headers=wire_headers(request, target),
        content=request.body,
        extensions={"timeout": {"connect": connect_seconds}},
    )
    connections = await _CONNECTIONS.get()
    connection = await connections.take(target, most=most, stands_in_line=request.stands_in_line)
    failures = _httpcore_failures()
    try:
        response = await connection.handle_async_request(wire_request)
        # h11 keeps bytes that came behind the last reply, and would read them as the reply to this request.
        if cast(NetworkStream, response.extensions["network_stream"]).has_unsent:
            raise StaleConnectionError(f"{target.peer} sent more over the connection than it was asked for")
    except BaseException as error:
        await connections.drop(connection)
        if isinstance(error, failures):
            raise _translated(error, target.peer) from error
        raise
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    stream = response.stream

    async def close() -> None:
        try:
            await stream.aclose()
        except BaseException:  # asyncio's own cancel passes shields; the connection's place is not to be lost by it
            await connections.drop(connection)
            raise
        await connections.give_back(connection, target)

    parts: AsyncIterator[bytes] = stream.__aiter__()
    if is_compressed(headers):
        return decoded_reply(response.status, headers, parts=parts, close=close, failures=failures, peer=target.peer)
    return StreamedReply(response.status, headers, sources=[parts], close=close, failures=failures, peer=target.peer)


async def _send_by_client(
    client: Client, request: HttpRequest, *, target: Target, connect_seconds: float
) -> StreamedReply:
    failures = _httpx_failures(_package_of(client))
    wire_request = client.build_request(
        request.method,
        request.url,
        content=request.body,
        headers=request.headers,
        timeout=(connect_seconds, None, None, None),  # connect, read, write, pool: deadlines belong to our caller
    )
    try:
        response = await client.send(wire_request, stream=True, follow_redirects=False)
    except failures as error:
        raise _translated(error, target.peer) from error
    headers = {name.lower(): value for name, value in cast("Mapping[str, str]", response.headers).items()}
    return StreamedReply(
        response.status_code,
        headers,
        sources=[response.aiter_bytes()],
        close=response.aclose,
        failures=failures,
        peer=target.peer,
    )


@functools.cache
def _response_over_parts() -> Any:
    """An httpx response that decodes our bytes, with no generator of its own beneath the decoding one."""
    import httpx  # on first use: the import budget

    class ResponseOverParts(httpx.Response):
        parts: AsyncIterator[bytes]

        def aiter_raw(self, chunk_size: int | None = None) -> Any:
            return self.parts

    return ResponseOverParts


@functools.cache
def _httpcore_failures() -> tuple[type[Exception], ...]:
    import httpcore  # on first use: the import budget

    return (
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.ProxyError,
        httpcore.TimeoutException,
        httpcore.UnsupportedProtocol,
    )


def _httpx_failures(package: str) -> tuple[type[Exception], ...]:
    return (sys.modules[package].HTTPError, sys.modules[package].StreamError)


def _package_of(client: Client) -> str:
    """httpx or httpx2, also for a subclass of its client."""
    for ancestor in type(client).__mro__:
        package = ancestor.__module__.partition(".")[0]
        if package in ("httpx", "httpx2"):
            return package
    raise ConfigurationError(
        f"client= takes an httpx.AsyncClient or httpx2.AsyncClient, not {type(client).__qualname__}"
    )


def _translated(error: Exception, peer: str) -> AgentkitError:
    """An error of httpx, httpx2 or httpcore as ours. The three name theirs alike and share no class."""
    names = {ancestor.__name__ for ancestor in type(error).__mro__}
    text = str(error) or type(error).__name__
    if "ConnectTimeout" in names or "PoolTimeout" in names:
        return ConnectDeadlineError(f"no connection to {peer} within the time allowed; is the address right?")
    if "TimeoutException" in names:
        return DeadlineError(f"{peer} did not answer in time: {text}")
    if names & {"ConnectError", "ProxyError", "UnsupportedProtocol"}:
        return NotSentError(f"no connection to {peer}: {text}; is the server running, and is the address right?")
    # A reply that was cut is no nonsense: both libraries give one class to "closed connection" and to bad bytes.
    if "NetworkError" in names or "StreamError" in names or "connect" in text:
        return ConnectionFailedError(f"the connection to {peer} was lost: {text}")
    return ProtocolError(f"{peer} sent what is not HTTP, or cut it: {text}")
