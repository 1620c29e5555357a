"""What moves bytes: a request goes out, a reply comes back, and the ways in which that fails."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import field
from typing import Protocol

from agentkit.errors import ConnectionFailedError, DeadlineError, ProtocolError
from agentkit.frozen import frozen
from agentkit.transport.redact import redacted_url


@frozen(repr=False)
class HttpRequest:
    """One HTTP request, complete. Its repr shows no header values and no body: they hold keys and conversations."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    stands_in_line: Callable[[bool], None] | None = field(default=None, compare=False)
    """Told True when the request waits for others to leave a connection, and False when its turn has come."""

    def __repr__(self) -> str:
        names = ", ".join(name for name, _ in self.headers)
        return f"HttpRequest({self.method} {redacted_url(self.url)}, headers: {names}, {len(self.body)} bytes)"


class Reply(Protocol):
    """A reply whose head is in. Its owner reads it to the end or closes it; both give the connection back."""

    @property
    def status(self) -> int:
        """The HTTP status; never a redirect."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Lower-case names; the values of a repeated header are joined with a comma."""
        ...

    async def read(self) -> bytes:
        """The whole decoded body; closes the reply."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The decoded bytes as they arrive; the reply is closed at their end, else call `aclose`."""
        ...

    async def aclose(self) -> None:
        """Leave the reply, read or not. A connection with an unread body is closed. May be called twice."""
        ...


class IteratedReply(ABC):
    """What replies have in common that are the iterators of their own chunks: they add `__anext__`."""

    __slots__ = ()

    async def read(self) -> bytes:
        """The whole decoded body; closes the reply."""
        return b"".join([part async for part in self])

    def chunks(self) -> AsyncIterator[bytes]:
        """The decoded bytes as they arrive."""
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    @abstractmethod
    async def __anext__(self) -> bytes: ...


class Transport(Protocol):
    """Sends one request and gives the reply; no retries, no redirects, no deadline but the one for connecting."""

    async def send(self, request: HttpRequest, *, connect_seconds: float) -> Reply:
        """Send the request and wait for the head of the reply.

        Raises `NotSentError` when the request cannot have been acted on, any other `ConnectionFailedError` when it may
        have been, `RedirectError` for a redirect and `ProtocolError` for a reply that is not HTTP.
        """
        ...


class NotSentError(ConnectionFailedError):
    """The request was not acted on (no address, no connection, no TLS): sending it again cannot run it twice."""


class StaleConnectionError(NotSentError):
    """A connection kept alive was closed by the server before a byte of the reply; a new connection will do."""


class ConnectDeadlineError(DeadlineError, NotSentError):
    """No connection was made within the time allowed for it."""


class RedirectError(ProtocolError):
    """The reply is a redirect. They are never followed: the request's key would go with it to another host."""

    is_retryable = False

    def __init__(self, status: int, host: str) -> None:
        super().__init__(
            f"the server redirects to {host or 'an unnamed place'}, and redirects are not followed; "
            "if that host is the right one, use it in base_url",
            status=status,
        )
        self.host = host
        """The host that the redirect names; empty when it names none."""
