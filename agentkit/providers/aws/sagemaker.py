"""SageMaker endpoints whose containers speak Chat Completions: vLLM, LMI, and text-generation-inference since 2.0.

What stands behind the colon is the endpoint's name. The parts of a stream are cut anywhere, also inside a line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

from agentkit.codec import WireRequest
from agentkit.errors import ExchangeError
from agentkit.exchange import Memo, Request, Response
from agentkit.json_bytes import json_bytes
from agentkit.providers.aws.errors import decode_error
from agentkit.providers.aws.framed import FramedDecoder
from agentkit.providers.openai.chat import ChatCodec
from agentkit.providers.openai.chat_rules import ChatRules

__all__ = ["SageMakerCodec"]

_CONTAINERS = ChatRules(
    max_tokens_field="max_tokens", strict_tools=False, refusal_field=False, omitted=frozenset({"service_tier"})
)


class SageMakerCodec:
    """The client half of InvokeEndpoint, for containers that speak Chat Completions."""

    def __init__(self, provider: str = "sagemaker") -> None:
        self._chat = ChatCodec(provider, rules=_CONTAINERS)
        self._provider = provider
        self.name = self._chat.name

    def encode(self, request: Request, memo: Memo | None = None) -> WireRequest:
        """The request's bytes. Raises what ChatCodec does."""
        wire = self._chat.encode(request, memo)
        # A container has one model, and may not know it by the endpoint's name.
        named = b'{"model":' + json_bytes(request.model) + b","
        body = b"{" + wire.body[len(named) :] if wire.body.startswith(named) else wire.body
        function = "invocations-response-stream" if request.is_streamed else "invocations"
        return replace(wire, path=f"/endpoints/{quote(request.model, safe='')}/{function}", body=body)

    def decode(self, body: bytes) -> Response:
        """The answer in a whole reply. Raises ProtocolError."""
        return self._chat.decode(body)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def decoder(self) -> FramedDecoder:
        """A decoder for one streamed reply."""
        return FramedDecoder(self._chat.decoder(), bytes, provider=self._provider)
