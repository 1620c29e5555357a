"""OpenAI's embeddings: POST /embeddings, which many compatible servers offer too.

Facts: the API reference of OpenAI (at most 2,048 inputs and 300,000 tokens in a request; base64 is little-endian
float32). Vectors are asked for as base64 where the server is known to offer it: a quarter of the bytes.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any, cast

from agentkit.codec import WireRequest
from agentkit.embedding import (
    EmbeddingAnswer,
    EmbeddingLimits,
    EmbeddingRequest,
    vector_of,
    vector_of_base64,
)
from agentkit.errors import ExchangeError, ProtocolError, UnsupportedError
from agentkit.json_bytes import json_bytes
from agentkit.providers.openai.errors import decode_error, error_in_stream
from agentkit.usage import Usage

__all__ = ["EmbeddingsCodec"]

_LIMITS = EmbeddingLimits(items=2048, tokens=300_000)


class EmbeddingsCodec:
    """The client half of OpenAI's embeddings."""

    def __init__(
        self,
        provider: str = "openai",
        *,
        limits: EmbeddingLimits = _LIMITS,
        is_base64_offered: bool = True,
    ) -> None:
        self.name = f"{provider}:embeddings"
        self._provider = provider
        self._limits = limits
        self._is_base64_offered = is_base64_offered

    def limits(self, model: str) -> EmbeddingLimits:
        """What this model takes in one request."""
        return self._limits

    def encode(self, asked: EmbeddingRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for images."""
        if not all(isinstance(entry, str) for entry in asked.inputs):
            raise UnsupportedError(
                f"{self._provider}:{asked.model} embeds texts only; an image was given. Models of google, vertex, "
                "bedrock and cohere embed images"
            )
        body: dict[str, Any] = {"model": asked.model, "input": asked.inputs}
        if self._is_base64_offered:
            body["encoding_format"] = "base64"
        if asked.dimensions is not None:
            body["dimensions"] = asked.dimensions
        body |= (asked.settings.extra or {}).get(self._provider, {})
        # The purpose is left out: these models make the same vector for every purpose.
        return WireRequest("/embeddings", json_bytes(body))

    def decode(self, body: bytes) -> EmbeddingAnswer:
        """The vectors in the order of the inputs, whatever the order of the reply."""
        reply = _object_of(body, self._provider)
        data = reply.get("data")
        if not isinstance(data, list):
            if reply.get("error"):
                raise error_in_stream(reply, provider=self._provider)
            raise ProtocolError("the reply holds no embeddings ('data' is missing)", provider=self._provider)
        rows = [cast("dict[str, Any]", row) for row in cast("list[Any]", data) if isinstance(row, dict)]
        vectors = tuple(self._vector(row.get("embedding")) for row in sorted(rows, key=_index))
        return EmbeddingAnswer(vectors, _usage(reply.get("usage")), str(reply.get("model") or ""))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def _vector(self, value: Any) -> array[float]:
        if isinstance(value, str):
            return vector_of_base64(value, provider=self._provider)
        if isinstance(value, list):
            return vector_of(cast("list[float]", value), provider=self._provider)
        raise ProtocolError(f"an embedding is a {type(value).__name__}", provider=self._provider)


def _object_of(body: bytes, provider: str) -> dict[str, Any]:
    from pydantic_core import from_json  # loaded on first use: importing agentkit stays cheap

    try:
        reply = from_json(body)
    except ValueError as error:
        raise ProtocolError(f"the reply is not JSON: {error}", provider=provider) from None
    if not isinstance(reply, dict):
        raise ProtocolError(f"the reply is a JSON {type(reply).__name__}, not an object", provider=provider)
    return cast("dict[str, Any]", reply)


def _index(row: dict[str, Any]) -> int:
    index = row.get("index")
    return index if isinstance(index, int) else 0


def _usage(value: Any) -> Usage:
    usage = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    tokens = usage.get("prompt_tokens", usage.get("total_tokens"))
    return Usage(tokens) if isinstance(tokens, int) else Usage()
