"""Acme's wire format: POST /talk with turns, answered by one JSON object or, streamed, by one a line.

    {"model": "small", "turns": [{"who": "user", "says": "Hello"}]}
    {"id": "t1", "model": "small", "says": "Hi!", "asks": [], "end": "done", "tokens": {"in": 3, "out": 2}}

A codec is pure: it sends nothing, reads no clock, and keeps nothing between calls. What it raises and what it returns
is all that agentkit needs for retries, deadlines, streams, budgets and spans.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from agentkit.assemble import assemble
from agentkit.codec import WireRequest
from agentkit.errors import (
    AuthenticationError,
    BadRequestError,
    ExchangeError,
    OverloadedError,
    ProtocolError,
    RateLimitError,
    ServerError,
)
from agentkit.exchange import (
    Delta,
    Memo,
    Request,
    Response,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
)
from agentkit.json_bytes import json_bytes
from agentkit.json_value import json_value
from agentkit.messages import Finish, Message, Outcome, Returned, ToolCall
from agentkit.usage import Usage

__all__ = ["AcmeCodec", "AcmeDecoder"]

_NAME = "acme:talk"
_ERRORS: Mapping[int, type[ExchangeError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    429: RateLimitError,
    503: OverloadedError,
}
_ENDS: Mapping[str, Finish] = {"done": "stop", "asks": "tool_calls", "full": "length"}


class AcmeCodec:
    """The client half of Acme's format."""

    name = _NAME

    def encode(self, request: Request, memo: Memo | None = None) -> WireRequest:
        """The request's bytes. Long conversations may keep what was written before in `memo`; Acme's are short."""
        settings = request.settings
        fields: dict[str, Any] = {"model": request.model}
        if request.instructions:
            fields["instructions"] = request.instructions
        fields["turns"] = [turn for message in request.messages for turn in _turns(message)]
        if request.tools:
            fields["tools"] = [
                {"name": tool.name, "description": tool.description, "input": tool.parameters} for tool in request.tools
            ]
        if settings.max_output_tokens is not None:
            fields["max_tokens"] = settings.max_output_tokens
        if request.is_streamed:
            fields["stream"] = True
        fields |= (settings.extra or {}).get("acme", {})
        return WireRequest("/talk", json_bytes(fields))

    def decode(self, body: bytes) -> Response:
        """The answer in a reply of status 200."""
        decoder = AcmeDecoder()
        return assemble([*decoder.feed(body + b"\n"), *decoder.finish()])

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of any other reply, whatever it holds."""
        kind = _ERRORS.get(status, ServerError if status >= 500 else BadRequestError)
        try:
            told = json_value(body)["error"]
            return kind(str(told["text"]), provider="acme", status=status, code=str(told["kind"]))
        except (ValueError, KeyError, TypeError):
            return kind(f"Acme answered {status} without a reason", provider="acme", status=status)

    def decoder(self) -> AcmeDecoder:
        """A decoder for one streamed reply."""
        return AcmeDecoder()


class AcmeDecoder:
    """Turns lines of JSON into deltas, however the bytes are split."""

    def __init__(self) -> None:
        self.events = 0
        self._rest = b""
        self._calls = 0
        self._is_done = False

    def feed(self, chunk: bytes) -> list[Delta]:
        """The deltas of some more bytes."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return [delta for line in lines if line.strip() for delta in self._line(line)]

    def finish(self) -> list[Delta]:
        """The bytes have ended: was that the end of the answer?"""
        if not self._is_done:
            raise ProtocolError("the answer ended before Acme said that it is done", provider="acme")
        return []

    def _line(self, line: bytes) -> Iterator[Delta]:
        self.events += 1
        try:
            told = json_value(line)
            if "id" in told:
                yield ResponseStarted(told["id"], told.get("model", ""))
            if told.get("says"):
                yield TextDelta(told["says"])
            for ask in told.get("asks", ()):
                self._calls += 1  # text is part 0, calls come behind it
                yield ToolCallDelta(json.dumps(ask["with"]), self._calls, ask["id"], ask["tool"])
            if "end" in told:
                self._is_done = True
                tokens = told["tokens"]
                usage = Usage(input=tokens["in"], output=tokens["out"])
                yield ResponseFinished(_ENDS.get(told["end"], "other"), told["end"], usage)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            shown = line[:200].decode("utf-8", "replace")
            raise ProtocolError("the reply is no answer of Acme's", provider="acme", body=shown) from error


def _turns(message: Message) -> Iterator[dict[str, Any]]:
    """A message, and behind it what became of the calls in it: the two are one record here, and two turns at Acme."""
    if message.kind == "user":
        yield {"who": "user", "says": message.text}
        return
    asks = [{"id": call.id, "tool": call.name, "with": _arguments(call)} for call in message.calls]
    yield {"who": "model", "says": message.text, **({"asks": asks} if asks else {})}
    for call in message.calls:
        yield {"who": "tool", "id": call.id, "says": _told(call.outcome)}


def _arguments(call: ToolCall) -> Any:
    try:
        return json.loads(call.arguments or "{}")
    except ValueError:
        return {}  # the model was told in the outcome that it was no JSON


def _told(outcome: Outcome) -> str:
    match outcome:
        case Returned(str() as text):
            return text
        case Returned(content):
            return json.dumps(content)
        case _:
            return str(outcome)
