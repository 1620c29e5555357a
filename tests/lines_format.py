"""A wire format small enough to read, with a transport that plays replies from a script: for tests of exchanges."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

import anyio

from agentkit.codec import WireRequest
from agentkit.errors import (
    AuthenticationError,
    BadRequestError,
    ExchangeError,
    ModelLoadingError,
    OverloadedError,
    ProtocolError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)
from agentkit.exchange import (
    Delta,
    Memo,
    PartFinished,
    Request,
    Response,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
)
from agentkit.messages import AssistantMessage, Text, ToolCall
from agentkit.models import ModelIdentity
from agentkit.remote import Endpoint, RemoteModel
from agentkit.retry_quotas import RetryQuotas
from agentkit.settings import Settings
from agentkit.transport.protocol import HttpRequest


class LinesCodec:
    """A wire format small enough to read: a document is JSON, a stream has a line for each event."""

    name = "lines:test"

    def __init__(self, names: Mapping[str, str] | None = None) -> None:
        self.names = names or {}
        self.is_finished_at_the_end = False  # of the bytes, not by the last event
        self.encoded: list[Request] = []

    def encode(self, request: Request, memo: Memo | None = None) -> WireRequest:
        self.encoded.append(request)
        return WireRequest("/answers", b"{}", names=self.names)

    def decode(self, body: bytes) -> Response:
        try:
            value = json.loads(body)
        except ValueError as error:
            raise ProtocolError("the reply is not JSON") from error
        if "error" in value:
            raise OverloadedError(value["error"])
        calls = [ToolCall("c1", name, "{}") for name in value.get("calls", ())]
        return Response(AssistantMessage((Text(value["text"]), *calls)))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        kinds = {
            400: BadRequestError,
            401: AuthenticationError,
            402: QuotaExceededError,
            429: RateLimitError,
            425: ModelLoadingError,
        }
        return kinds.get(status, ServerError)(body.decode(), status=status)

    def decoder(self) -> LinesDecoder:
        return LinesDecoder(is_finished_at_the_end=self.is_finished_at_the_end)


class LinesDecoder:
    def __init__(self, *, is_finished_at_the_end: bool) -> None:
        self.is_finished_at_the_end = is_finished_at_the_end
        self.events = 0
        self.rest = b""
        self.is_done = False

    def feed(self, chunk: bytes) -> list[Delta]:
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        deltas: list[Delta] = []
        for line in lines:
            if not line or line.startswith(b":"):
                continue
            self.events += 1
            word, _, text = line.removeprefix(b"data:").decode().partition(" ")
            match word:
                case "start":
                    deltas.append(ResponseStarted("r1", "m"))
                case "text":
                    deltas.append(TextDelta(text))
                case "call":
                    deltas += [
                        ToolCallDelta("{}", 1, "c1", text),
                        PartFinished(ToolCall("c1", text, "{}"), 1),
                    ]
                case "done":
                    self.is_done = True
                    if not self.is_finished_at_the_end:
                        deltas.append(ResponseFinished("stop"))
                case _:
                    raise OverloadedError(text)
        return deltas

    def finish(self) -> list[Delta]:
        if not self.is_done:
            raise ProtocolError("the stream was cut")
        return [ResponseFinished("stop")] if self.is_finished_at_the_end else []


@dataclass
class FakeReply:
    """A reply from a script: bytes are yielded, numbers are seconds of silence, errors are raised."""

    status: int = 200
    script: Sequence[bytes | float | Exception] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    is_closed: bool = False

    async def read(self) -> bytes:
        return b"".join([chunk async for chunk in self.chunks()])

    async def chunks(self) -> AsyncIterator[bytes]:
        for item in self.script:
            if isinstance(item, bytes):
                yield item
            elif isinstance(item, Exception):
                raise item
            else:
                await anyio.sleep(item)
        self.is_closed = True

    async def aclose(self) -> None:
        await anyio.lowlevel.checkpoint()
        self.is_closed = True


@dataclass
class FakeTransport:
    """Gives what the script holds, one entry for each request; a number before a reply is how long its head takes."""

    script: Sequence[FakeReply | Exception]
    head_seconds: float = 0.0
    requests: list[HttpRequest] = field(default_factory=list[HttpRequest])
    times: list[float] = field(default_factory=list[float])
    connect_seconds: float = 0.0
    given: list[FakeReply] = field(default_factory=list[FakeReply])

    async def send(self, request: HttpRequest, *, connect_seconds: float) -> FakeReply:
        self.requests.append(request)
        self.times.append(anyio.current_time())
        self.connect_seconds = connect_seconds
        await anyio.sleep(self.head_seconds)
        entry = self.script[len(self.requests) - 1]
        if isinstance(entry, Exception):
            raise entry
        self.given.append(entry)
        return entry

    @property
    def waits(self) -> list[float]:
        """Seconds between the requests."""
        return [round(later - earlier, 3) for earlier, later in zip(self.times, self.times[1:], strict=False)]

    def assert_all_closed(self) -> None:
        assert all(reply.is_closed for reply in self.given)


class Listener:
    """A sink that keeps what it is told, and is behind for as long as it is told to be."""

    def __init__(self, *, drain_seconds: float = 0.0) -> None:
        self.batches: list[list[Delta]] = []
        self.drain_seconds = drain_seconds

    def emit(self, deltas: Sequence[Delta]) -> bool:
        self.batches.append(list(deltas))
        return self.drain_seconds > 0

    async def drain(self) -> None:
        await anyio.sleep(self.drain_seconds)

    @property
    def deltas(self) -> list[Delta]:
        return [delta for batch in self.batches for delta in batch]


IDENTITY = ModelIdentity("acme", "m-default")
ENDPOINT = Endpoint("https://api.acme.test/v1", {"authorization": "Bearer sk-secret"})
ASK = Request("m-1", ())
ASK_STREAMED = Request("m-1", (), is_streamed=True)
HELLO = Response(AssistantMessage((Text("Hello"),)))
EVENTS = {"content-type": "text/event-stream"}


def ok(text: str = "Hello") -> FakeReply:
    return FakeReply(200, [json.dumps({"text": text}).encode()])


def failing(status: int, headers: Mapping[str, str] | None = None, *, body: bytes = b"no") -> FakeReply:
    return FakeReply(status, [body], headers or {})


def streamed(*script: bytes | float | Exception) -> FakeReply:
    return FakeReply(200, script, EVENTS)


def remote(
    *script: FakeReply | Exception,
    endpoint: Endpoint = ENDPOINT,
    settings: Settings | None = None,
    codec: LinesCodec | None = None,
    head_seconds: float = 0.0,
    quotas: RetryQuotas | None = None,
) -> tuple[RemoteModel, FakeTransport]:
    transport = FakeTransport(script, head_seconds)
    model = RemoteModel(
        codec or LinesCodec(),
        endpoint,
        IDENTITY,
        transport=transport,
        settings=settings,
        random=lambda: 1.0,
        wall_clock=lambda: 1_800_000_000.0,
        quotas=quotas or RetryQuotas(),
    )
    return model, transport
