"""Claude on Bedrock by InvokeModel: Anthropic's Messages, whose streams lie in frames.

For what Converse has no place for: tools that Anthropic defines, betas, and fields that are new. Claude is asked
through Converse otherwise.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace

from agentkit.codec import WireRequest
from agentkit.counting import count_in
from agentkit.errors import ExchangeError
from agentkit.exchange import Memo, Request, Response
from agentkit.json_bytes import json_bytes
from agentkit.json_value import json_value
from agentkit.providers.anthropic.hosting import Hosting
from agentkit.providers.anthropic.messages import MessagesCodec
from agentkit.providers.aws.errors import decode_error
from agentkit.providers.aws.families import native_id
from agentkit.providers.aws.framed import FramedDecoder

__all__ = ["BEDROCK", "InvokeClaudeCodec"]

BEDROCK = Hosting(
    path="/model/{model}/invoke",
    stream_path="/model/{model}/invoke-with-response-stream",
    count_path="/model/{model}/count-tokens",
    version="bedrock-2023-05-31",
    has_stream=False,
    has_beta_header=False,
)
"""Its version is the only one there is; whether to stream stands in the path, betas in the body."""


class InvokeClaudeCodec:
    """The client half of InvokeModel for models of Anthropic."""

    def __init__(self, provider: str = "bedrock") -> None:
        self._messages = MessagesCodec(provider, hosting=BEDROCK)
        self._provider = provider
        self.name = self._messages.name

    def encode(self, request: Request, memo: Memo | None = None) -> WireRequest:
        """The request's bytes. Raises what MessagesCodec does."""
        return self._messages.encode(request, memo)

    def decode(self, body: bytes) -> Response:
        """The answer in a whole reply. Raises ProtocolError."""
        return self._messages.decode(body)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def decoder(self) -> FramedDecoder:
        """A decoder for one streamed reply."""
        return FramedDecoder(self._messages.decoder(), _event_in, provider=self._provider)

    def encode_count(self, request: Request) -> WireRequest:
        """What asks how many tokens the request's prompt has; of the model itself, since profiles are refused there."""
        wire = self._messages.encode(replace(request, is_streamed=False))
        asked = {"input": {"invokeModel": {"body": base64.b64encode(wire.body).decode()}}}
        path = BEDROCK.count_path.replace("{model}", native_id(request.model).replace(":", "%3A"))
        return replace(wire, path=path, body=json_bytes(asked))

    def decode_count(self, body: bytes) -> int:
        """The count in a reply. Raises ProtocolError."""
        return count_in(body, "inputTokens", provider=self._provider)


def _event_in(payload: bytes) -> bytes:
    """The event in a frame, as it stands in a stream of Anthropic's own."""
    return b"data: " + base64.b64decode(json_value(payload)["bytes"], validate=True) + b"\n\n"
