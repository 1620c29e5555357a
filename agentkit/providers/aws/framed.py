"""Another format under AWS's roof: addresses and errors are AWS's, bodies the format's own, streams lie in frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from agentkit.codec import Codec, StreamDecoder, WireRequest
from agentkit.errors import ExchangeError, ProtocolError
from agentkit.exchange import Delta, Memo, Request, Response
from agentkit.frozen import frozen
from agentkit.identity import Capabilities
from agentkit.providers.aws.errors import decode_error, error_in_stream
from agentkit.providers.aws.event_stream import EventStreamParser, Frame

__all__ = ["FramedDecoder", "Interface", "RoutedCodec", "error_of_frame"]


@frozen
class Interface:
    """How a model is asked."""

    codec: Codec
    api: str
    """The name of the wire format, such as "messages"."""
    capabilities: Capabilities


def error_of_frame(frame: Frame, *, provider: str, model: str = "") -> ExchangeError | None:
    """The typed error of an exception or error frame; None for an event."""
    headers = frame.headers
    match headers.get(":message-type", "event"):
        case "event":
            return None
        case "exception":
            return error_in_stream(headers.get(":exception-type", ""), frame.payload, provider=provider, model=model)
        case _:
            said = headers.get(":error-message", "").encode() or frame.payload
            return error_in_stream(headers.get(":error-code", ""), said, provider=provider, model=model)


class RoutedCodec:
    """The client half of a format whose requests are addressed, and whose streams are framed, in AWS's way."""

    def __init__(
        self, inner: Codec, path: Callable[[Request], str], opened: Callable[[bytes], bytes], *, provider: str
    ) -> None:
        """`opened` is FramedDecoder's."""
        self.name = inner.name
        self._inner = inner
        self._path = path
        self._opened = opened
        self._provider = provider

    def encode(self, request: Request, memo: Memo | None = None) -> WireRequest:
        """The request's bytes. Raises what the inner codec does."""
        return replace(self._inner.encode(request, memo), path=self._path(request))

    def decode(self, body: bytes) -> Response:
        """The answer in a whole reply. Raises what the inner codec does."""
        return self._inner.decode(body)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def decoder(self) -> FramedDecoder:
        """A decoder for one streamed reply."""
        return FramedDecoder(self._inner.decoder(), self._opened, provider=self._provider)


class FramedDecoder:
    """Decodes one streamed reply whose events lie in frames; see StreamDecoder."""

    def __init__(self, inner: StreamDecoder, opened: Callable[[bytes], bytes], *, provider: str) -> None:
        """`opened` gives what a frame's payload holds, as the inner decoder takes it. It may raise ValueError."""
        self.events = 0
        self._inner = inner
        self._opened = opened
        self._provider = provider
        self._parser = EventStreamParser()
        self._error: ExchangeError | None = None  # told after the deltas that came before it in the same bytes

    def feed(self, chunk: bytes) -> list[Delta]:
        """The deltas of some more bytes. Raises the error of an exception frame, ProtocolError for corrupted bytes."""
        if self._error is not None:
            raise self._error
        deltas: list[Delta] = []
        try:
            for frame in self._parser.feed(chunk):
                deltas += self._of(frame)
        except ExchangeError as error:
            if not deltas:
                raise
            self._error = error
        return deltas

    def finish(self) -> list[Delta]:
        """The last deltas. Raises ProtocolError when the stream was cut."""
        if self._error is not None:
            raise self._error
        if self._parser.is_inside:
            raise ProtocolError(f"the stream was cut: it ended after {self.events} events inside a frame")
        return self._inner.finish()

    def _of(self, frame: Frame) -> list[Delta]:
        error = error_of_frame(frame, provider=self._provider)
        if error is not None:
            raise error
        if frame.headers.get(":event-type", "chunk") not in ("chunk", "PayloadPart"):  # newer than this code
            return []
        try:
            data = self._opened(frame.payload)
        except (ValueError, KeyError, TypeError) as problem:
            raise ProtocolError("a frame of the stream holds nothing that makes sense") from problem
        deltas = self._inner.feed(data) if data else []
        self.events = self._inner.events
        return deltas
