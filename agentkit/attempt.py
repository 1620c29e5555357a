"""One request on the wire and what came of it: sent, received, decoded event by event, told to who watches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TypeAlias

import anyio

from agentkit.assemble import assemble, take_apart
from agentkit.codec import Codec, StreamDecoder
from agentkit.deadlines import Timer
from agentkit.errors import (
    ConnectionFailedError,
    ExchangeError,
    ProtocolError,
)
from agentkit.exchange import (
    Delta,
    PartFinished,
    ReplySeen,
    Request,
    Response,
    ResponseFinished,
    ResponseStarted,
    ToolCallDelta,
)
from agentkit.messages import ToolCall
from agentkit.models import Sink
from agentkit.transport.layer import is_offline, layered
from agentkit.transport.protocol import (
    HttpRequest,
    Reply,
    Transport,
)

__all__ = ["Attempt", "Auth"]

Auth: TypeAlias = "Callable[[HttpRequest], HttpRequest | Awaitable[HttpRequest]]"
"""Signs a complete request, or puts a token into it that expires."""

_LARGEST_REPLY_BYTES = 256 * 2**20
_LARGEST_ERROR_BYTES = 2**20
_ERROR_BODY_SECONDS = 10.0
"""The body of an error is waited for this long: its status alone says enough to go on."""
_FAREWELL_SECONDS = 0.25
"""After the last event the end of the reply is waited for this long, so that the connection can be kept."""
_CLOSE_SECONDS = 2.0

_BLANKS = b"\xef\xbb\xbf \t\r\n"  # a byte order mark, and white space that some servers send to keep a connection
_EVENT_STARTS = (b"data:", b"event:", b"id:", b"retry:", b": ")


class Attempt:
    """One request on the wire and what came of it."""

    def __init__(
        self,
        codec: Codec,
        transport: Transport,
        request: Request,
        *,
        auth: Auth | None,
        names: Mapping[str, str],
        sink: Sink | None,
        timer: Timer,
    ) -> None:
        self.headers: Mapping[str, str] = _NO_HEADERS
        """Of the reply, once its head is in."""
        self.is_shown = False
        """Whether the sink was told any content."""
        self._codec = codec
        self._transport = transport
        self._auth = auth
        self._sink = sink
        self._timer = timer
        self._is_streamed = request.is_streamed
        self._observe = request.observe
        self._names = names
        self._chunks: AsyncIterator[bytes] | None = None
        self._is_answered = False
        self._deltas: list[Delta] = []
        self._bytes = 0
        self._events = 0

    async def perform(self, request: HttpRequest, *, renew: Callable[[], Awaitable[None]] | None) -> Response:
        """Send and receive. Raises ExchangeError; leaves no reply open, whatever happens."""
        with self._timer.begin():
            offline = is_offline()
            if renew is not None and not offline:
                await renew()
            if self._auth is not None and not offline:
                signed = self._auth(request)
                request = signed if isinstance(signed, HttpRequest) else await signed
            transport = layered(self._transport)
            reply = await transport.send(request, connect_seconds=self._timer.deadlines.connect_seconds)
            try:
                return await self._receive(reply)
            except BaseException:
                await self._close(reply)
                raise
        raise self._timer.error()

    async def _receive(self, reply: Reply) -> Response:
        self.headers = reply.headers
        chunks = self._chunks = reply.chunks()
        if not 200 <= reply.status < 300:
            raise await self._error(reply.status, chunks)
        if self._observe is not None:
            self._observe(ReplySeen(reply.headers))
        if not self._is_streamed:
            return await self._whole(await _read(chunks))
        async for chunk in chunks:
            head = chunk.lstrip(_BLANKS)
            if head:
                break
        else:
            head = b""
        if head[:1] in (b"{", b"<") and "ndjson" not in self.headers.get("content-type", ""):
            # A failed request is often answered in one piece, whatever the type of content says; so is any by
            # servers that cannot stream.
            return await self._whole(head + await _read(chunks))
        return await self._stream(reply, chunks, head)

    async def _error(self, status: int, chunks: AsyncIterator[bytes]) -> ExchangeError:
        pieces: list[bytes] = []
        left = _LARGEST_ERROR_BYTES
        with anyio.move_on_after(_ERROR_BODY_SECONDS), suppress(ExchangeError):  # the status alone says enough
            async for chunk in chunks:
                pieces.append(chunk[:left])
                left -= len(chunk)
                if left <= 0:
                    break
        return self._codec.decode_error(status, self.headers, b"".join(pieces))

    async def _whole(self, body: bytes) -> Response:
        """The answer in a reply that came in one piece."""
        codec = self._codec
        if _is_event_stream(body, self.headers):
            decoder = codec.decoder()
            response = assemble([*decoder.feed(body), *decoder.finish()])
        else:
            response = codec.decode(body)
        if self._names:
            response = _with_names(response, self._names)
        if self._sink is not None and self._tell(list(take_apart(response))):
            await self._timer.paused(self._sink.drain)
        return response

    async def _stream(self, reply: Reply, chunks: AsyncIterator[bytes], head: bytes) -> Response:
        decoder = self._codec.decoder()
        lost: ConnectionFailedError | None = None
        try:
            await self._follow(decoder, chunks, head)
        except ConnectionFailedError as error:
            lost = error
            await self._close(reply)
        if self._is_answered:
            await self._leave(reply, chunks)
            return assemble(self._deltas)
        try:
            deltas = [_renamed(delta, self._names) for delta in decoder.finish()]
        except ProtocolError as error:
            raise lost or error  # noqa: B904 -- a lost connection is the reason, not a consequence
        if deltas and self._tell(deltas) and self._sink is not None:
            await self._timer.paused(self._sink.drain)
        return assemble(self._deltas)

    async def _follow(self, decoder: StreamDecoder, chunks: AsyncIterator[bytes], head: bytes) -> None:
        """Decode and tell until the answer is complete. Clients yield a chunk for each event: this is the hot path."""
        if self._hear(decoder, head) and self._sink is not None:
            await self._timer.paused(self._sink.drain)
        if self._is_answered:
            return
        async for chunk in chunks:
            if self._hear(decoder, chunk) and self._sink is not None:
                await self._timer.paused(self._sink.drain)
            if self._is_answered:
                return

    def _hear(self, decoder: StreamDecoder, chunk: bytes) -> bool:
        """Decode and tell some more bytes; True when the reader is behind."""
        self._bytes += len(chunk)
        if self._bytes > _LARGEST_REPLY_BYTES:
            raise _too_large()
        deltas = decoder.feed(chunk)
        if self._names:
            deltas = [_renamed(delta, self._names) for delta in deltas]
        if decoder.events != self._events:
            self._events = decoder.events
            self._timer.heard()
        return bool(deltas) and self._tell(deltas)

    def _tell(self, deltas: list[Delta]) -> bool:
        self._deltas += deltas
        if type(deltas[-1]) is ResponseFinished:
            self._is_answered = True
        if self._sink is None:
            return False
        if not self.is_shown:
            self.is_shown = any(type(delta) is not ResponseStarted for delta in deltas)
        return self._sink.emit(deltas)

    async def _leave(self, reply: Reply, chunks: AsyncIterator[bytes]) -> None:
        """Read on to the end of the reply, which keeps the connection; the answer is complete whatever comes."""
        self._timer.stop()
        with anyio.move_on_after(_FAREWELL_SECONDS), suppress(ExchangeError):
            async for _ in chunks:
                continue
            return
        await self._close(reply)

    async def _close(self, reply: Reply) -> None:
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            aclose = getattr(self._chunks, "aclose", None)  # a generator left in the middle is not ours to forget
            if aclose is not None:
                await aclose()
            await reply.aclose()


_NO_HEADERS: Mapping[str, str] = {}


async def _read(chunks: AsyncIterator[bytes]) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > _LARGEST_REPLY_BYTES:
            raise _too_large()
        pieces.append(chunk)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _too_large() -> ProtocolError:
    return ProtocolError(f"the reply is larger than {_LARGEST_REPLY_BYTES >> 20} MiB; was this the right address?")


def _is_event_stream(body: bytes, headers: Mapping[str, str]) -> bool:
    """Whether a reply that should be one document is a stream: some servers stream unasked, or mislabel."""
    if body[:1] in (b"{", b"["):
        return False
    start = body.lstrip(_BLANKS)
    if start[:1] in (b"{", b"[", b"<"):
        return False
    return start.startswith(_EVENT_STARTS) or headers.get("content-type", "").startswith("text/event-stream")


def _renamed(delta: Delta, names: Mapping[str, str]) -> Delta:
    match delta:
        case ToolCallDelta(name=name) if name in names:
            return replace(delta, name=names[name])
        case PartFinished(ToolCall() as call) if call.name in names:
            return replace(delta, part=replace(call, name=names[call.name]))
        case _:
            return delta


def _with_names(response: Response, names: Mapping[str, str]) -> Response:
    parts = tuple(
        replace(part, name=names[part.name]) if isinstance(part, ToolCall) and part.name in names else part
        for part in response.message.parts
    )
    return replace(response, message=replace(response.message, parts=parts))
