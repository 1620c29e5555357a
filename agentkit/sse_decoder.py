"""What decoders of streamed replies share where each event has a type: errors held back, plain replies, cut streams."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, cast

from agentkit.errors import ExchangeError, ProtocolError
from agentkit.exchange import Delta
from agentkit.json_value import json_value
from agentkit.transport.sse import SseSplitter

__all__ = ["SseDecoder"]

_LONGEST_PLAIN_REPLY = 32 * 2**20


class SseDecoder(ABC):
    """Decodes one streamed reply; see StreamDecoder. A format decodes its events, and says when it is done."""

    __slots__ = ("_error", "_is_done", "_last", "_plain", "_plain_bytes", "_provider", "_splitter", "events")

    def __init__(self, provider: str, *, last: str) -> None:
        self.events = 0
        """How many came."""
        self._provider = provider
        self._last = last  # the event that no whole stream is without
        self._is_done = False
        self._error: ExchangeError | None = None  # told after the deltas that came before it in the same bytes
        self._splitter = SseSplitter()
        self._plain: list[bytes] = []  # what came before the first event: servers label plain JSON as an event stream
        self._plain_bytes = 0

    def feed(self, chunk: bytes) -> list[Delta]:
        """The deltas of some more bytes. Raises the error of an error event, ProtocolError for data that is no JSON.

        Deltas that came before an error are given first; it is raised the next time, by `finish` too.
        """
        if self._error is not None:
            raise self._error
        deltas: list[Delta] = []
        try:
            for data in self._splitter.feed(chunk):
                self._decode(data, deltas)
        except ExchangeError as error:
            if not deltas:
                raise
            self._error = error
        if not self.events and self._plain_bytes < _LONGEST_PLAIN_REPLY:
            self._plain.append(chunk)
            self._plain_bytes += len(chunk)
        return deltas

    def finish(self) -> list[Delta]:
        """The last deltas. Raises ProtocolError when the last event did not come."""
        if self._error is not None:
            raise self._error
        deltas: list[Delta] = []
        for data in self._splitter.finish():
            self._decode(data, deltas)
        if not self.events:
            self._decode_plain(deltas)
        if not self._is_done:
            raise ProtocolError(
                f"the stream was cut: it ended after {self.events} events without {self._last}",
                provider=self._provider,
                model=self._model,
            )
        return deltas

    @property
    @abstractmethod
    def _model(self) -> str:
        """The model that answers, in the provider's words, once it is told."""

    @abstractmethod
    def _decode(self, data: bytes, deltas: list[Delta]) -> None:
        """Add what an event tells to the deltas, and count it."""

    @abstractmethod
    def _whole(self, reply: dict[str, Any]) -> list[Delta]:
        """The deltas of a reply that came in one piece where a stream was asked for."""

    def _decode_plain(self, deltas: list[Delta]) -> None:
        try:
            body = json_value(b"".join(self._plain))
        except ValueError:
            return
        if isinstance(body, dict):
            self.events += 1
            deltas += self._whole(cast("dict[str, Any]", body))

    def _nonsense(self, data: bytes) -> ProtocolError:
        shown = data[:200].decode("utf-8", "replace")
        problem = "an event of the stream makes no sense: it is no JSON of the expected shape"
        return ProtocolError(problem, provider=self._provider, body=shown)
