"""One exchange performed: a Request is encoded and sent, the reply is decoded. It alone owns retries and deadlines.

Only this floor sees decoded events and errors inside a reply of status 200, so only here can "three attempts" mean
three requests on the wire, and "silent for two minutes" mean two minutes without an event, keep-alives or not.
"""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import anyio

from agentkit.assemble import assemble, take_apart
from agentkit.codec import Codec, StreamDecoder, TokenCounter, WireRequest
from agentkit.counting import CountingCodec
from agentkit.deadlines import Timer, advice
from agentkit.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectionFailedError,
    ExchangeError,
    ProtocolError,
)
from agentkit.exchange import (
    AttemptFailed,
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
from agentkit.models import ModelIdentity, Sink
from agentkit.retry import LONGEST_WAIT_SECONDS, asked_wait, backoff, may_retry, next_step
from agentkit.retry_quotas import QUOTAS, RetryQuotas
from agentkit.settings import Deadlines, Settings
from agentkit.telemetry.attempts import tell_attempts, tell_failed_attempt
from agentkit.transport.layer import is_offline, layered
from agentkit.transport.protocol import (
    ConnectDeadlineError,
    HttpRequest,
    NotSentError,
    Reply,
    StaleConnectionError,
    Transport,
)
from agentkit.transport.redact import redacted_url

__all__ = ["Endpoint", "RemoteModel"]

_ATTEMPTS = 3
_LARGEST_REPLY_BYTES = 256 * 2**20
_LARGEST_ERROR_BYTES = 2**20
_ERROR_BODY_SECONDS = 10.0
"""The body of an error is waited for this long: its status alone says enough to go on."""
_FAREWELL_SECONDS = 0.25
"""After the last event the end of the reply is waited for this long, so that the connection can be kept."""
_CLOSE_SECONDS = 2.0

_REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-amzn-requestid", "apim-request-id", "x-ms-request-id")
_BLANKS = b"\xef\xbb\xbf \t\r\n"  # a byte order mark, and white space that some servers send to keep a connection
_EVENT_STARTS = (b"data:", b"event:", b"id:", b"retry:", b": ")


@dataclass(frozen=True, slots=True, repr=False)
class Endpoint:
    """How a provider is reached: address and credentials. Its repr shows no secrets."""

    base_url: str
    """Such as "https://api.openai.com/v1"; a query string in it is sent with every request."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Sent with every request; the API key is mostly one of these."""
    auth: Callable[[HttpRequest], HttpRequest | Awaitable[HttpRequest]] | None = None
    """Signs a complete request, or puts a token into it that expires. Called for every attempt."""
    renew: Callable[[], Awaitable[None]] | None = None
    """Fetches new credentials for `auth`. Called after a 401, at most once an exchange, which is then tried again."""

    def __post_init__(self) -> None:
        if not self.base_url.startswith(("https://", "http://")):
            raise ConfigurationError(
                f"base_url is {redacted_url(self.base_url)!r}; it has to begin with https:// or http://"
            )

    def __repr__(self) -> str:
        return f"Endpoint({redacted_url(self.base_url)}, headers: {', '.join(self.headers) or 'none'})"

    def url(self, path: str) -> str:
        """The address of `path`, which may have a query string of its own."""
        base, _, base_query = self.base_url.partition("?")
        path, _, query = path.partition("?")
        query = "&".join(part for part in (base_query, query) if part)
        return base.rstrip("/") + path + (f"?{query}" if query else "")


class RemoteModel:
    """A Model that a provider serves over HTTP: a codec, an endpoint and a transport put together."""

    def __init__(
        self,
        codec: Codec,
        endpoint: Endpoint,
        identity: ModelIdentity,
        *,
        transport: Transport,
        settings: Settings | None = None,
        random: Callable[[], float] = random.random,
        wall_clock: Callable[[], float] = time.time,
        quotas: RetryQuotas = QUOTAS,
    ) -> None:
        self.identity = identity
        self.codec = codec
        self.endpoint = endpoint
        self.transport = transport
        self.settings = None if settings == Settings() else settings
        """Lie under the settings of a request."""
        self.random = random
        """Gives numbers from 0 to 1, for waits."""
        self.wall_clock = wall_clock
        """Seconds since 1970, for dates that providers ask to wait for."""
        self.quotas = quotas
        """What may be sent again to each host."""

    def __repr__(self) -> str:
        return f"RemoteModel({self.identity.provider}:{self.identity.model}, {self.codec.name}, {self.endpoint!r})"

    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        """Answer, trying again where that may help as long as no content was shown. Raises ExchangeError."""
        return await _Exchange(self, self._completed(request), sink).perform()

    async def count_tokens(self, request: Request) -> int | None:
        """How many tokens the request's prompt has, says the provider; None where it cannot be asked.

        An exchange with retries and deadlines as `respond` has them. Raises ExchangeError.
        """
        codec = self.codec
        if not isinstance(codec, TokenCounter):
            return None
        counting = copy(self)
        counting.codec = CountingCodec(codec, codec)
        asked = replace(self._completed(request), is_streamed=False)
        response = await _Exchange(counting, asked, None).perform()
        return response.message.usage.input

    def _completed(self, request: Request) -> Request:
        """The request with this model's id and settings where it has none of its own."""
        settings = request.settings.over(self.settings)
        if request.model and settings is request.settings:
            return request
        # Not dataclasses.replace, which would look through all messages for pending calls once more.
        completed = copy(request)
        object.__setattr__(completed, "model", request.model or self.identity.model)
        object.__setattr__(completed, "settings", settings)
        return completed


class _Exchange:
    """One exchange while it is performed: as many attempts as are allowed and may help."""

    def __init__(self, model: RemoteModel, request: Request, sink: Sink | None) -> None:
        self._model = model
        self._request = request
        self._sink = sink
        self._timer = Timer(request.settings.deadlines or _DEADLINES)
        self._allowed = request.settings.attempts or _ATTEMPTS
        self._sent = 0
        self._unsent = 0  # found no connection; bounded apart, since nothing was on the wire
        self._protocol_errors = 0
        self._is_renewed = False
        self._failures: list[str] = []
        self._waited = 0.0

    async def perform(self) -> Response:
        """The answer of the first attempt that gets one."""
        model, request = self._model, self._request
        wire = model.codec.encode(request, request.memo)
        outgoing = _http_request(model.endpoint, wire, request.settings.headers)
        renew = None
        while True:
            attempt = _Attempt(model, request, sink=self._sink, timer=self._timer, names=wire.names)
            try:
                response = await attempt.perform(outgoing, renew=renew)
            except ExchangeError as error:
                self._note(error, attempt)
                renew = self._renewal(error, attempt)
                wait = self._wait_after(error, attempt) if renew is None else 0.0
                if wait is None:
                    self._give_up(error, attempt)
                    raise
                tell_failed_attempt(error, wait_seconds=wait)
                failed = AttemptFailed(error.attempts, f"{type(error).__name__}: {error}", wait)
            else:
                return self._answered(response, attempt, wire.notes)
            self._failures.append(f"attempt {failed.attempt}: {failed.error}; waited {wait:.3g} s")
            if self._sink is not None and self._sink.emit((failed,)):
                await self._timer.paused(self._sink.drain)
            if is_offline():
                wait = 0.0
            await anyio.sleep(wait)
            self._waited += wait

    def _answered(self, response: Response, attempt: _Attempt, notes: tuple[str, ...]) -> Response:
        """The response with what only this floor knows of it."""
        quotas = self._model.quotas
        attempts = self._sent + self._unsent + 1
        if quotas.spent:
            quotas.answered(_host(self._model.endpoint), was_retried=attempts > 1)
        if attempts > 1:
            tell_attempts(attempts, waited_seconds=self._waited)
        request_id = _request_id(attempt.headers) or ""
        return Response(response.message, response.finish_raw, response.details, attempts, notes, request_id)

    def _give_up(self, error: ExchangeError, attempt: _Attempt) -> None:
        """Say in the last error what happened before it, and what may help."""
        error.waited_seconds = self._waited
        for failure in self._failures:
            error.add_note(failure)
        if error.attempts > 1:
            tell_attempts(error.attempts, waited_seconds=self._waited)
        if not self._may_send and not attempt.is_shown and (advised := next_step(error)):
            _extend(error, advised)

    def _note(self, error: ExchangeError, attempt: _Attempt) -> None:
        """Count the failure, and say in the error what only this floor knows."""
        if isinstance(error, NotSentError) and not isinstance(error, StaleConnectionError):
            self._unsent += 1
        else:
            self._sent += 1
        error.attempts = self._sent + self._unsent
        error.retry_after_seconds = asked_wait(error, attempt.headers, now=self._model.wall_clock())
        error.provider = self._model.identity.provider
        error.model = self._request.model
        if error.request_id is None:
            error.request_id = _request_id(attempt.headers)
        if isinstance(error, ConnectDeadlineError):
            error.deadline, error.seconds = "connect_seconds", self._timer.deadlines.connect_seconds
            _extend(error, f"the connect deadline is {error.seconds:g} s; {advice('connect_seconds')}")
        if self._request.observe is not None:
            self._request.observe(ReplySeen(attempt.headers, error))

    @property
    def _may_send(self) -> bool:
        """Whether the number of attempts allows one more."""
        return self._sent < self._allowed and self._unsent < self._allowed

    def _may_go_on(self, attempt: _Attempt) -> bool:
        return self._may_send and not attempt.is_shown and not self._timer.is_over

    def _renewal(self, error: ExchangeError, attempt: _Attempt) -> Callable[[], Awaitable[None]] | None:
        """How to get new credentials, when that may help and was not yet done."""
        if self._is_renewed or not isinstance(error, AuthenticationError) or not self._may_go_on(attempt):
            return None
        self._is_renewed = True
        return self._model.endpoint.renew

    def _wait_after(self, error: ExchangeError, attempt: _Attempt) -> float | None:
        """The seconds to wait before the next attempt; None when this error is the last word."""
        if not self._may_go_on(attempt):
            return None
        if not may_retry(error, attempt.headers, protocol_errors=self._protocol_errors):
            return None
        if isinstance(error, ProtocolError):
            self._protocol_errors += 1
        if isinstance(error, StaleConnectionError):
            return 0.0
        asked = error.retry_after_seconds
        wait = backoff(error.attempts, chance=self._model.random()) if asked is None else asked
        if wait > LONGEST_WAIT_SECONDS:
            _extend(error, f"the provider asks to wait {wait:.4g} s; {LONGEST_WAIT_SECONDS:g} s are the most we wait")
            return None
        if not self._timer.leaves(wait):
            _extend(error, f"a wait of {wait:.3g} s would pass the exchange's deadline; {advice('exchange_seconds')}")
            return None
        return wait if self._may_retry_once_more(error) else None

    def _may_retry_once_more(self, error: ExchangeError) -> bool:
        """Whether the run and the host may be asked for one more retry, which is booked then."""
        host = _host(self._model.endpoint)
        if not is_offline() and not self._model.quotas.take(host):
            _extend(
                error,
                f"not tried again, since so many requests to {host} have failed lately that more would not help it; "
                "try later, or send it fewer at once: limited(model, concurrency=...)",
            )
            return False
        memo = self._request.memo
        if memo is None or memo.account is None or memo.account.reserve_retry():
            return True
        _extend(error, "not tried again, since the run has no retries left; allow more with Budget(retries=...)")
        return False


class _Attempt:
    """One request on the wire and what came of it."""

    def __init__(
        self, model: RemoteModel, request: Request, *, sink: Sink | None, timer: Timer, names: Mapping[str, str]
    ) -> None:
        self.headers: Mapping[str, str] = _NO_HEADERS
        """Of the reply, once its head is in."""
        self.is_shown = False
        """Whether the sink was told any content."""
        self._model = model
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
            auth = self._model.endpoint.auth
            if auth is not None and not offline:
                signed = auth(request)
                request = signed if isinstance(signed, HttpRequest) else await signed
            transport = layered(self._model.transport)
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
        return self._model.codec.decode_error(status, self.headers, b"".join(pieces))

    async def _whole(self, body: bytes) -> Response:
        """The answer in a reply that came in one piece."""
        codec = self._model.codec
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
        decoder = self._model.codec.decoder()
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


_DEADLINES = Deadlines()
_NO_HEADERS: Mapping[str, str] = {}


def _extend(error: ExchangeError, text: str) -> None:
    error.message = f"{error.message}; {text}"
    error.args = (error.message,)


def _http_request(endpoint: Endpoint, wire: WireRequest, more: Mapping[str, str] | None) -> HttpRequest:
    headers = {name.lower(): value for name, value in wire.headers}
    for name, value in endpoint.headers.items():
        headers[name.lower()] = value
    if more:
        for name, value in more.items():
            headers[name.lower()] = value
    return HttpRequest(wire.method, endpoint.url(wire.path), tuple(headers.items()), wire.body)


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


def _request_id(headers: Mapping[str, str]) -> str | None:
    for name in _REQUEST_ID_HEADERS:
        if name in headers:
            return headers[name]
    return None


def _host(endpoint: Endpoint) -> str:
    return urlsplit(endpoint.base_url).netloc.rpartition("@")[2]
