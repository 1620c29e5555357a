"""Counting the tokens of a prompt: an exchange like any other, whose answer is a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from agentkit.codec import Codec, StreamDecoder, TokenCounter, WireRequest
from agentkit.errors import ExchangeError, ProtocolError
from agentkit.exchange import Memo, Request, Response
from agentkit.messages import AssistantMessage
from agentkit.usage import Usage

__all__ = ["CountingCodec", "count_in"]


class CountingCodec:
    """The codec of an exchange that only counts: its answer is an empty message whose usage is the count."""

    def __init__(self, codec: Codec, counter: TokenCounter) -> None:
        self.name = codec.name
        self._codec = codec
        self._counter = counter

    def encode(self, request: Request, memo: Memo | None = None) -> WireRequest:
        """What asks for the count. The request's own memo is used, so that the exchange after it finds its head."""
        return self._counter.encode_count(request)

    def decode(self, body: bytes) -> Response:
        """The count, as the input of an empty answer."""
        return Response(AssistantMessage((), usage=Usage(self._counter.decode_count(body))))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return self._codec.decode_error(status, headers, body)

    def decoder(self) -> StreamDecoder:
        """For a server that streams unasked; it does not count."""
        return self._codec.decoder()


def count_in(body: bytes, field: str, *, provider: str) -> int:
    """The count that stands in this field of a reply. Raises ProtocolError."""
    from pydantic_core import from_json  # loaded on first use: importing agentkit stays cheap

    try:
        reply = from_json(body)
    except ValueError:
        reply = None
    count = cast("dict[str, Any]", reply).get(field) if isinstance(reply, dict) else None
    if type(count) is not int or count < 0:
        shown = body[:200].decode("utf-8", "replace")
        raise ProtocolError(f"the reply is no count of tokens ({field} was expected): {shown!r}", provider=provider)
    return count
