"""Reading the requests of one connection, with h11."""

from __future__ import annotations

from dataclasses import dataclass, field

import h11

from agentkit.simulator.sockets import Connection

__all__ = ["BadHttpError", "HttpAsked", "read_request"]

_LARGEST_HEAD_BYTES = 256 * 1024
_LARGEST_BODY_BYTES = 512 * 1024 * 1024


class BadHttpError(Exception):
    """What came is not HTTP, or more than a server would read."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class HttpAsked:
    """One HTTP request as it came."""

    method: str
    target: str
    """Path and query."""
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    """Lower-case names."""
    body: bytes = field(repr=False)
    is_last: bool = False
    """Whether the client wants the connection closed after the reply."""

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    def header(self, name: str) -> str:
        """The value of a header, or nothing."""
        return next((value for found, value in self.headers if found == name), "")


async def read_request(connection: Connection) -> HttpAsked:
    """The next request. Raises ClientLeft when there is none, and BadHttpError."""
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=_LARGEST_HEAD_BYTES)
    head: h11.Request | None = None
    body: list[bytes] = []
    size = 0
    while True:
        try:
            event = parser.next_event()
        except h11.RemoteProtocolError as error:
            raise BadHttpError(str(error), error.error_status_hint) from error
        match event:
            case h11.NEED_DATA:
                if parser.they_are_waiting_for_100_continue:
                    await connection.send(parser.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
                parser.receive_data(await connection.receive())
            case h11.Request():
                head = event
            case h11.Data():
                size += len(event.data)
                if size > _LARGEST_BODY_BYTES:
                    raise BadHttpError("the body is too large", 413)
                body.append(bytes(event.data))
            case h11.EndOfMessage() if head is not None:
                connection.unread(bytes(parser.trailing_data[0]))
                return _asked(head, b"".join(body))
            case _:
                raise BadHttpError("the request has no end", 400)


def _asked(head: h11.Request, body: bytes) -> HttpAsked:
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers)
    wishes = {value.lower() for name, value in headers if name == "connection"}
    is_last = "close" in wishes or (head.http_version == b"1.0" and "keep-alive" not in wishes)
    return HttpAsked(head.method.decode("latin-1"), head.target.decode("latin-1"), headers, body, is_last)
