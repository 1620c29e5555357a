"""The events of a streamed picture or transcript: server-sent JSON objects with a type, as OpenAI's APIs tell them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from agentkit.errors import ExchangeError, ProtocolError
from agentkit.exchange import Delta
from agentkit.json_value import json_value
from agentkit.providers.openai.errors import error_in_stream
from agentkit.transport.sse import SseSplitter

__all__ = ["TaskEvents", "object_of"]


class TaskEvents:
    """Splits one streamed reply into its events and asks what each of them tells.

    Deltas that came before an error are given first; it is raised the next time, by `finish` too.
    """

    __slots__ = ("_error", "_provider", "_splitter", "count")

    def __init__(self, provider: str) -> None:
        self.count = 0
        """How many events were decoded so far."""
        self._provider = provider
        self._splitter = SseSplitter()
        self._error: ExchangeError | None = None

    def feed(self, chunk: bytes, told_by: Callable[[dict[str, Any]], list[Delta]]) -> list[Delta]:
        """What the events that this chunk completes tell. Raises the error of an error event, ProtocolError."""
        return self._read(self._splitter.feed(chunk), told_by)

    def finish(self, told_by: Callable[[dict[str, Any]], list[Delta]]) -> list[Delta]:
        """What a last event tells that had no end."""
        return self._read(self._splitter.finish(), told_by)

    def _read(self, events: list[bytes], told_by: Callable[[dict[str, Any]], list[Delta]]) -> list[Delta]:
        if self._error is not None:
            raise self._error
        deltas: list[Delta] = []
        try:
            for data in events:
                if data.strip() == b"[DONE]":
                    continue
                event = object_of(data, self._provider)
                self.count += 1
                if event.get("error") or event.get("type") == "error":
                    raise error_in_stream(event, provider=self._provider)
                deltas += told_by(event)
        except ExchangeError as error:
            if not deltas:
                raise
            self._error = error
        return deltas


def object_of(data: bytes, provider: str) -> dict[str, Any]:
    """The JSON object of a reply or an event. Raises ProtocolError."""
    try:
        value = json_value(data)
    except ValueError as error:
        raise ProtocolError(f"the reply is not JSON: {error}", provider=provider) from None
    if not isinstance(value, dict):
        raise ProtocolError(f"the reply is a JSON {type(value).__name__}, not an object", provider=provider)
    return cast("dict[str, Any]", value)
